//! `serve`: the reference server, for a person with curl and for `run`.

use wirecost_model::scenario::TlsOptions;
use wirecost_server::options::{ServerError, ServerOptions};

use super::Outcome;
use crate::args::ServeArgs;
use crate::exit;
use crate::failure::Failure;

/// Serves until told to stop.
pub fn serve(args: &ServeArgs) -> Outcome {
    let tls = match (&args.tls_options, args.tls) {
        (Some(text), _) => Some(
            wirecost_model::scenario::tls_options(text)
                .map_err(|error| Failure::new(exit::USAGE, format!("--tls-options: {error}")))?,
        ),
        (None, true) => Some(TlsOptions::default()),
        (None, false) => None,
    };
    let mut options =
        ServerOptions { bind: args.bind, tls, cores: args.cores.clone(), control: args.control, ..ServerOptions::default() };
    if let Some(ring) = args.ring {
        options.ring_messages = ring;
    }
    if let Some(most) = args.max_connections {
        options.max_connections = most;
    }
    let served = wirecost_server::control::run(options, async {
        let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(signal) => signal,
            Err(_) => return std::future::pending().await,
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    });
    match served {
        Ok(()) => Ok(exit::OK),
        Err(error @ (ServerError::AddressInUse(_) | ServerError::Bind { .. })) => {
            Err(Failure::new(exit::SERVER, error.to_string()))
        }
        Err(error) => Err(Failure::new(exit::UNEXPECTED, error.to_string())),
    }
}
