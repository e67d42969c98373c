//! Files that follow from the code and are committed all the same, because people read them where no binary is: schemas, scenario
//! reference, manual page, completions. Each must be what the binary prints.

use std::path::Path;
use std::process::Command;

/// Arguments, and the file with their output. `scripts/generate` has the same list.
const GENERATED: &[(&[&str], &str)] = &[
    (&["schema", "scenario"], "scenarios/scenario.schema.json"),
    (&["schema", "record"], "results/record.schema.json"),
    (&["schema", "reference"], "docs/scenario.md"),
    (&["man"], "docs/man/wirecost.1"),
    (&["completions", "bash"], "docs/completions/wirecost.bash"),
    (&["completions", "zsh"], "docs/completions/wirecost.zsh"),
    (&["completions", "fish"], "docs/completions/wirecost.fish"),
];

#[test]
fn what_is_committed_is_what_the_binary_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut stale = Vec::new();
    for (args, path) in GENERATED {
        let output = Command::new(env!("CARGO_BIN_EXE_wirecost")).args(*args).output().unwrap();
        assert!(output.status.success(), "wirecost {args:?}");
        let committed = std::fs::read(root.join(path)).unwrap_or_default();
        if committed != output.stdout {
            stale.push(*path);
        }
    }
    assert_eq!(stale, Vec::<&str>::new(), "these are stale; `scripts/generate` writes them anew");
}
