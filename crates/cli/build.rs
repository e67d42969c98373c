//! What a record says of the build: commit, compiler, profile and the versions of the libraries that are
//! measured with. Everything is optional: outside a checkout the commit is `unknown`.

use std::process::Command;

/// Libraries whose version can change a number.
const MEASURED_WITH: &[&str] = &["tokio", "hyper", "reqwest", "tokio-tungstenite", "rustls", "aws-lc-rs", "hdrhistogram"];

fn said_by(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_string())
}

fn main() {
    let commit = said_by("git", &["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".into());
    // Results do not change the program; a record written into the checkout must not make the next run "dirty".
    let changed = said_by("git", &["status", "--porcelain", "--untracked-files=no", "--", ".", ":!results"])
        .is_some_and(|text| !text.is_empty());
    println!("cargo:rustc-env=WIRECOST_COMMIT={commit}{}", if changed { "-dirty" } else { "" });
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    println!("cargo:rustc-env=WIRECOST_RUSTC={}", said_by(&rustc, &["--version"]).unwrap_or_default());
    println!("cargo:rustc-env=WIRECOST_PROFILE={}", std::env::var("PROFILE").unwrap_or_default());
    let lock = std::fs::read_to_string("../../Cargo.lock").unwrap_or_default();
    let mut versions = Vec::new();
    for package in lock.split("[[package]]") {
        let field =
            |key: &str| package.lines().find_map(|line| line.strip_prefix(&format!("{key} = ")).map(|v| v.trim_matches('"')));
        if let (Some(name), Some(version)) = (field("name"), field("version"))
            && MEASURED_WITH.contains(&name)
        {
            versions.push(format!("{name}={version}"));
        }
    }
    println!("cargo:rustc-env=WIRECOST_DEPENDENCIES={}", versions.join(","));
    for path in ["../../Cargo.lock", "../../.git/HEAD", "../../.git/index"] {
        println!("cargo:rerun-if-changed={path}");
    }
    // A program built from sources that were not committed says so, whether or not git has been asked since.
    for package in std::fs::read_dir("..").into_iter().flatten().flatten() {
        println!("cargo:rerun-if-changed={}", package.path().join("src").display());
    }
}
