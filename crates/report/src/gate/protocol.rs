//! Was the protocol the one that the arm asks for, on every connection?

use wirecost_model::Cell;
use wirecost_model::record::Trial;
use wirecost_model::scenario::{KeyExchange, TlsVersion};

use super::{Blame, Finding, Gate};
use crate::format::plural;

/// Small messages leave at once.
pub const NAGLE: Gate = Gate {
    name: "nagle",
    blame: Blame::Measured,
    what: "Nagle's algorithm was off at both ends of every connection",
    check: |cell, trial| {
        if cell.config.target.is_some() && trial.nagle_connections == 0 {
            return Finding::not_measured("off at the clients' end; a target cannot be asked what it set at its own");
        }
        Finding::judge(
            trial.nagle_connections == 0,
            format!("on in {}, 0 are allowed", plural(trial.nagle_connections, "connection")),
            "set TCP_NODELAY at both ends: Nagle's algorithm adds up to 40 ms to small messages",
        )
    },
};

/// What was negotiated is what was asked.
pub const NEGOTIATED: Gate = Gate {
    name: "negotiated",
    blame: Blame::Measured,
    what: "every connection negotiated exactly the encryption that the arm asks for",
    check: negotiated,
};

/// The words that an arm's connections must all carry, in any case.
fn asked(cell: &Cell) -> Vec<&'static str> {
    let Some(tls) = &cell.config.tls else { return Vec::new() };
    let version = match tls.version {
        TlsVersion::V13 => "1.3",
        TlsVersion::V12 => "1.2",
    };
    let group = match tls.kx {
        KeyExchange::X25519 => "x25519",
        KeyExchange::X25519mlkem768 => "x25519mlkem768",
    };
    vec!["tls", version, group]
}

fn negotiated(cell: &Cell, trial: &Trial) -> Finding {
    let asked = asked(cell);
    if trial.negotiated.is_empty() {
        return if asked.is_empty() {
            Finding::not_measured("the server did not say what its connections speak")
        } else {
            Finding::failed(
                "the server did not say what its connections speak",
                "TLS must be confirmed: use the reference server",
            )
        };
    }
    let fits = |text: &str| {
        let lower = text.to_lowercase();
        let words: Vec<&str> = lower.split_whitespace().collect();
        if asked.is_empty() {
            return words.first() != Some(&"tls");
        }
        let resumed = words.contains(&"resumed");
        // A resumed session of TLS 1.2 exchanges no keys, so it has no group to check.
        let keyless = resumed && asked[1] == "1.2";
        let may_resume = cell.config.tls.is_some_and(|tls| tls.resume);
        (!resumed || may_resume) && asked.iter().enumerate().all(|(n, word)| (keyless && n == 2) || words.contains(word))
    };
    let seen: Vec<String> = trial.negotiated.iter().map(|(text, n)| format!("{text}: {n}")).collect();
    let want = if asked.is_empty() { "no TLS".to_string() } else { asked.join(" ") };
    Finding::judge(
        trial.negotiated.keys().all(|text| fits(text)),
        format!("{} (asked: {want})", seen.join(", ")),
        "the arm's option did not take effect at one of the ends",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::tests::outcome;
    use wirecost_model::record::GateOutcome::{self, Failed, NotMeasured, Passed};
    use wirecost_model::scenario::TlsOptions;

    #[test]
    fn nagle_must_be_off() {
        assert_eq!(outcome(&NAGLE, "sse", |_, _| ()), Passed);
        assert_eq!(outcome(&NAGLE, "sse", |_, t| t.nagle_connections = 1), Failed);
    }

    fn with(tls: Option<TlsOptions>, keys: &[&str]) -> GateOutcome {
        outcome(&NEGOTIATED, "sse", |cell, trial| {
            cell.config.tls = tls;
            trial.negotiated = keys.iter().map(|k| (k.to_string(), 5)).collect();
        })
    }

    #[test]
    fn plain_arms_must_be_plain() {
        assert_eq!(with(None, &["no TLS"]), Passed);
        assert_eq!(with(None, &["no TLS", "TLS 1.3 X25519 full"]), Failed);
        assert_eq!(with(None, &[]), NotMeasured);
    }

    #[test]
    fn the_group_and_the_version_must_be_the_ones_asked_for() {
        let x25519 = TlsOptions::default();
        let hybrid = TlsOptions { kx: KeyExchange::X25519mlkem768, ..x25519 };
        let old = TlsOptions { version: TlsVersion::V12, resume: true, ..x25519 };
        assert_eq!(with(Some(x25519), &["TLS 1.3 X25519 full"]), Passed);
        assert_eq!(with(Some(x25519), &["TLS 1.3 X25519MLKEM768 full"]), Failed);
        assert_eq!(with(Some(hybrid), &["TLS 1.3 X25519MLKEM768 full"]), Passed);
        assert_eq!(with(Some(hybrid), &["TLS 1.3 X25519 full"]), Failed);
        assert_eq!(with(Some(x25519), &["TLS 1.3 X25519 full", "TLS 1.3 X25519 resumed"]), Failed);
        assert_eq!(with(Some(old), &["TLS 1.2 X25519 full", "TLS 1.2 no group resumed"]), Passed);
        assert_eq!(with(Some(x25519), &["no TLS"]), Failed);
        assert_eq!(with(Some(x25519), &[]), Failed);
    }
}
