//! Renders records without the command line: `cargo run -p wirecost-report --example render -- DIR… OUT.html`.

use std::path::PathBuf;
use std::process::ExitCode;

use wirecost_report::{html, load};

fn main() -> ExitCode {
    let mut paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let Some(out) = paths.pop().filter(|_| !paths.is_empty()) else {
        eprintln!("usage: render DIR… OUT.html");
        return ExitCode::from(2);
    };
    let result = paths.iter().map(|dir| load::read_dir(dir).map_err(|e| e.to_string())).collect::<Result<Vec<_>, _>>();
    match result.and_then(|runs| std::fs::write(&out, html::render(&runs)).map_err(|e| format!("{}: {e}", out.display()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}
