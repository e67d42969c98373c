//! `validate`: everything that is wrong with a scenario, each with file, line and column.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use wirecost_model::scenario::{self, Loaded, Problem};
use wirecost_model::trace::MOST_BYTES;

use super::Outcome;
use crate::args::ValidateArgs;
use crate::exit;
use crate::failure::Failure;
use crate::ui::say;

/// Checks every file before it says anything of any.
pub fn validate(args: &ValidateArgs) -> Outcome {
    let loaded = load_all(&args.files)?;
    for (file, (_, loaded)) in args.files.iter().zip(&loaded) {
        say!("{}: ok, {} cells", file.display(), loaded.variants.len());
    }
    Ok(exit::OK)
}

/// Reads and checks the text of a scenario file, and the files beside it that it names.
pub fn load_beside(file: &Path, text: &str) -> Result<Loaded, Vec<Problem>> {
    let read = |name: &str| {
        let path = file.parent().unwrap_or(Path::new("")).join(name);
        let told = |error: std::io::Error| format!("{}: {error}", path.display());
        let mut text = String::new();
        File::open(&path).and_then(|opened| opened.take(MOST_BYTES + 1).read_to_string(&mut text)).map_err(told)?;
        if text.len() as u64 > MOST_BYTES {
            return Err(format!(
                "{}: more than {} KiB; a trace is repeated, so a shorter one will do",
                path.display(),
                MOST_BYTES >> 10
            ));
        }
        Ok(text)
    };
    scenario::load_with(text, &read)
}

/// Reads and checks scenario files: the text and what it says, or all problems of all files.
pub fn load_all(files: &[impl AsRef<Path>]) -> Result<Vec<(String, Loaded)>, Failure> {
    let mut loaded = Vec::new();
    let mut problems = Vec::new();
    for file in files {
        let file = file.as_ref();
        let text = std::fs::read_to_string(file).map_err(|error| {
            Failure::new(
                exit::INPUT_MISSING,
                format!("{}: {error}; `wirecost list scenarios` shows what there is", file.display()),
            )
        })?;
        match load_beside(file, &text) {
            Ok(scenario) => loaded.push((text, scenario)),
            Err(found) => problems.extend(found.iter().map(|problem| format!("{}:{problem}", file.display()))),
        }
    }
    match problems.len() {
        0 => Ok(loaded),
        1 => Err(Failure::new(exit::SCENARIO, format!("1 problem; nothing was started\n  {}", problems[0]))),
        n => Err(Failure::new(exit::SCENARIO, format!("{n} problems; nothing was started\n  {}", problems.join("\n  ")))),
    }
}
