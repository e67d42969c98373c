//! An error on its way to the user: the text, and the code to exit with.

use std::fmt;

use wirecost_runner::calibrate::CalibrateError;
use wirecost_runner::run::RunError;
use wirecost_runner::store::StoreError;

use crate::exit::{self, Exit};

/// What ends a command.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    /// One line or several, without `error:`.
    pub text: String,
}

impl Failure {
    /// With a text.
    pub fn new(exit: Exit, text: impl Into<String>) -> Self {
        Failure { exit, text: text.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wirecost: {}", self.text)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::new(exit::UNEXPECTED, format!("{error:#}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::new(exit::UNEXPECTED, error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let exit = match error {
            StoreError::Write { .. } => exit::CANNOT_WRITE,
            StoreError::Read { .. } | StoreError::Format { .. } => exit::INPUT_MISSING,
        };
        Failure::new(exit, error.to_string())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Server { .. } => Failure::new(exit::SERVER, error.to_string()),
            RunError::Store(error) => error.into(),
            RunError::Trial { .. } | RunError::Start(_) => Failure::new(exit::UNEXPECTED, error.to_string()),
        }
    }
}

impl From<CalibrateError> for Failure {
    fn from(error: CalibrateError) -> Self {
        let exit = match error {
            CalibrateError::Interrupted => exit::INTERRUPTED,
            CalibrateError::Refused(_) => exit::SCENARIO,
        };
        Failure::new(exit, error.to_string())
    }
}
