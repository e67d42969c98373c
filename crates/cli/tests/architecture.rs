//! The architecture as a test: who may depend on whom, and that every file says what lives in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crate → the crates of the workspace it may use, then the others. Whatever is not listed is forbidden.
/// `benches` and the development dependencies of any crate are outside: they may look at everything.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    (
        "wirecost-model",
        &[],
        &["base64", "crc32fast", "hdrhistogram", "schemars", "serde", "serde-saphyr", "serde_json", "thiserror"],
    ),
    ("wirecost-wire", &[], &["bytes", "memchr", "serde", "serde_json", "thiserror"]),
    ("wirecost-probe", &["wirecost-model"], &["libc", "rustix", "thiserror", "tokio"]),
    (
        "wirecost-server",
        &["wirecost-model", "wirecost-wire", "wirecost-probe"],
        &[
            "bytes",
            "futures-util",
            "http",
            "http-body-util",
            "hyper",
            "hyper-util",
            "rcgen",
            "rustls",
            "serde_json",
            "socket2",
            "thiserror",
            "tokio",
            "tokio-rustls",
            "tokio-tungstenite",
        ],
    ),
    (
        "wirecost-loadgen",
        &["wirecost-model", "wirecost-wire", "wirecost-probe"],
        &["bytes", "futures-util", "httparse", "reqwest", "rustls", "thiserror", "tokio", "tokio-rustls", "tokio-tungstenite"],
    ),
    ("wirecost-runner", &["wirecost-model", "wirecost-probe", "wirecost-loadgen"], &["jiff", "serde", "serde_json", "thiserror"]),
    ("wirecost-report", &["wirecost-model"], &["plotters", "resvg", "serde", "serde_json"]),
    (
        "wirecost",
        &["wirecost-model", "wirecost-probe", "wirecost-report", "wirecost-runner", "wirecost-server"],
        &[
            "anyhow",
            "bytes",
            "clap",
            "clap_complete",
            "clap_mangen",
            "console",
            "http-body-util",
            "hyper",
            "hyper-util",
            "indicatif",
            "schemars",
            "serde_json",
            "tokio",
        ],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace exists")
}

#[test]
fn no_crate_depends_on_what_it_must_not_know() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let mut forbidden = Vec::new();
    let mut seen = BTreeSet::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        seen.insert(name.to_string());
        if name == "wirecost-benches" {
            continue;
        }
        let Some((_, ours, others)) = ARROWS.iter().find(|(crate_name, _, _)| *crate_name == name) else {
            forbidden.push(format!("{name} has no row in ARROWS"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let to = dependency["name"].as_str().unwrap_or_default();
            if dependency["kind"].is_null() && !ours.contains(&to) && !others.contains(&to) {
                forbidden.push(format!("{name} -> {to}"));
            }
        }
    }
    assert_eq!(forbidden, Vec::<String>::new(), "forbidden arrows; see ARCHITECTURE.md");
    for (name, _, _) in ARROWS {
        assert!(seen.contains(*name), "{name} is in ARROWS and not in the workspace");
    }
}

#[test]
fn every_source_file_says_what_lives_in_it() {
    fn visit(dir: &Path, silent: &mut Vec<PathBuf>, files: &mut usize) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("target") {
                    visit(&path, silent, files);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                *files += 1;
                if !std::fs::read_to_string(&path).unwrap_or_default().starts_with("//!") {
                    silent.push(path);
                }
            }
        }
    }
    let (mut silent, mut files) = (Vec::new(), 0);
    for folder in ["crates", "benches"] {
        visit(&root().join(folder), &mut silent, &mut files);
    }
    assert!(files > 50, "only {files} files were looked at");
    assert_eq!(silent, Vec::<PathBuf>::new(), "these do not open with //!");
}
