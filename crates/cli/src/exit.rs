//! Exit codes, in one place: `--help` and the man page print this table, every command returns one of these.
//! The numbers below 128 above 64 follow sysexits.h where it has a fitting one.

/// An exit code and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(pub u8, pub &'static str);

/// All went well.
pub const OK: Exit = Exit(0, "ok");
/// Something that should not happen.
pub const UNEXPECTED: Exit = Exit(1, "unexpected error");
/// The command line is wrong (clap's own code).
pub const USAGE: Exit = Exit(2, "wrong command line");
/// Two records whose machine, kernel, build or plan differ.
pub const NOT_COMPARABLE: Exit = Exit(65, "records not comparable");
/// A file or record that was named is not there, or is not what it should be.
pub const INPUT_MISSING: Exit = Exit(66, "input missing or unreadable");
/// The server could not be reached, or died.
pub const SERVER: Exit = Exit(69, "server unreachable or died");
/// Results cannot be written.
pub const CANNOT_WRITE: Exit = Exit(73, "cannot write results");
/// The scenario is wrong, or cannot run on this machine: limits, permissions, what is not installed.
pub const SCENARIO: Exit = Exit(78, "invalid scenario");
/// A threshold does not hold.
pub const THRESHOLD: Exit = Exit(99, "threshold failed");
/// A gate failed: the numbers are void.
pub const VOID: Exit = Exit(100, "gate failed, numbers void");
/// The user stopped it.
pub const INTERRUPTED: Exit = Exit(130, "stopped by SIGINT");
/// Someone stopped it.
pub const TERMINATED: Exit = Exit(143, "stopped by SIGTERM");

/// All of them, for the help text.
pub const ALL: &[Exit] = &[
    OK,
    UNEXPECTED,
    USAGE,
    NOT_COMPARABLE,
    INPUT_MISSING,
    SERVER,
    CANNOT_WRITE,
    SCENARIO,
    THRESHOLD,
    VOID,
    INTERRUPTED,
    TERMINATED,
];

/// The table as the help prints it.
pub fn table() -> String {
    let rows: Vec<String> = ALL.iter().map(|Exit(code, meaning)| format!("  {code:>3}  {meaning}")).collect();
    format!("Exit codes:\n{}", rows.join("\n"))
}
