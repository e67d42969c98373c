//! Two runs of the fixture: the same plan with another commit, and one arm whose server costs a third more.

use super::*;
use crate::fixture;
use wirecost_model::record::Trial;

/// The fixture's run with every trial changed; estimates and comparisons are not used here, so they are left as they are.
fn with(change: impl Fn(&mut Trial)) -> Run {
    let mut run = Run::bare(fixture::run().record.clone());
    run.record.trials.iter_mut().for_each(change);
    run.record.provenance.commit = "fedcba987654".into();
    run.record.provenance.started_utc = "2025-02-03T04:05:06Z".into();
    run.record.provenance.dependencies.insert("tokio".into(), "1.55.0".into());
    run
}

fn base() -> Run {
    Run::bare(fixture::run().record.clone())
}

/// A third more CPU for WebSocket's server, and half the bytes of nothing else.
fn dearer() -> Run {
    with(|trial| {
        if trial.cell == 4 {
            trial.server.cpu_ns = trial.server.cpu_ns * 4 / 3;
            trial.client.cpu_ns /= 2;
        }
    })
}

fn compared(new: &Run) -> RunComparison {
    compare_runs(&base(), new, &Options::default()).unwrap()
}

#[test]
fn a_run_against_itself_is_the_same() {
    let comparison = compared(&base());
    assert!(comparison.differences.is_empty() && comparison.warnings.is_empty() && !comparison.forced);
    assert!(!comparison.is_worse() && comparison.of(Change::Better).count() == 0);
    // Bytes are the same in every trial but for a few acknowledgements.
    assert!(comparison.rows.iter().filter(|row| row.metric == "wire_bytes_per_message").all(|row| row.change == Change::Same));
    // A WebSocket has no requests in either run: no ratio, no difference.
    let none = comparison.rows.iter().find(|row| row.cell == "WebSocket" && row.metric == "requests_per_message").unwrap();
    assert_eq!((none.ratio, none.change), (None, Change::Same));
    assert_eq!(comparison, compared(&base()), "the same two runs give the same answer");
}

#[test]
fn what_became_dearer_is_worse_and_what_became_cheaper_is_better() {
    let comparison = compared(&dearer());
    let of = |change: Change| comparison.of(change).map(|row| (row.cell.as_str(), row.metric)).collect::<Vec<_>>();
    assert_eq!(of(Change::Worse), [("WebSocket", "server_cpu_us_per_message")]);
    assert_eq!(of(Change::Better), [("WebSocket", "client_cpu_us_per_message")]);
    let worst = comparison.of(Change::Worse).next().unwrap();
    let [low, high] = worst.interval.unwrap();
    assert!((worst.ratio.unwrap() - 4.0 / 3.0).abs() < 1e-3 && low < 4.0 / 3.0 && high > 4.0 / 3.0, "{worst:?}");
    let turned = compare_runs(&dearer(), &base(), &Options::default()).unwrap();
    assert_eq!(turned.of(Change::Better).next().unwrap().metric, "server_cpu_us_per_message");
}

#[test]
fn a_cell_that_counts_no_more_is_worse() {
    let new = with(|trial| {
        if trial.cell == 3 {
            trial.gates[0].outcome = wirecost_model::record::GateOutcome::Failed;
        }
    });
    let comparison = compared(&new);
    assert_eq!((comparison.broken.as_slice(), comparison.is_worse()), (&["Server-sent events".to_string()][..], true));
    assert!(comparison.warnings[0].starts_with("no trial of the new run counts for Server-sent events"), "{comparison:?}");
    assert!(junit(&comparison).contains("failures=\"1\""));
    assert!(compare_runs(&new, &base(), &Options::default()).unwrap().broken.is_empty(), "there was nothing to be broken");
}

#[test]
fn from_nothing_to_something_there_is_no_ratio_and_a_difference() {
    let requests = |comparison: &RunComparison| {
        let row = comparison.rows.iter().find(|row| row.cell == "WebSocket" && row.metric == "requests_per_message").unwrap();
        (row.ratio, row.change)
    };
    let new = with(|trial| {
        if trial.cell == 4 {
            let delivered = trial.accounting.delivered;
            trial.ledger.phases.iter_mut().for_each(|phase| phase.counters.requests = delivered);
        }
    });
    assert_eq!(requests(&compared(&new)), (None, Change::Worse));
    assert_eq!(requests(&compare_runs(&new, &base(), &Options::default()).unwrap()), (None, Change::Better));
}

#[test]
fn a_wide_margin_forgives() {
    let comparison = compare_runs(&base(), &dearer(), &Options { margin: 1.5, ..Options::default() }).unwrap();
    assert!(!comparison.is_worse());
}

#[test]
fn the_forms_of_output() {
    let mut new = dearer();
    new.record.warnings.clear();
    let comparison = compared(&new);
    insta::assert_snapshot!("text_at_110", text(&comparison, 110, false));
    // Escapes as people can review them.
    for width in [80, 120] {
        insta::assert_snapshot!(format!("colour_at_{width}"), text(&comparison, width, true).replace('\u{1b}', "␛"));
    }
    insta::assert_snapshot!("text_at_76", text(&comparison, 76, false));
    insta::assert_snapshot!("markdown", markdown(&comparison));
    insta::assert_snapshot!("junit", junit(&comparison));
    let shown: serde_json::Value = serde_json::from_str(&json(&comparison)).unwrap();
    let worst = shown["rows"].as_array().unwrap().iter().find(|row| row["change"] == "worse").unwrap();
    insta::assert_snapshot!("json_row", serde_json::to_string_pretty(worst).unwrap());
    assert!(text(&comparison, 110, true).contains("\x1b[1;31m"));
    assert!(text(&comparison, 76, false).lines().all(|line| line.chars().count() <= 76));
}

#[test]
fn other_machines_and_other_plans_are_refused_and_named() {
    type Edit = fn(&mut Record);
    let edits: [(Edit, &str); 7] = [
        (|r| r.provenance.machine.cpu_model = "Other CPU".into(), "processor: Synthetic CPU @ 3.00GHz → Other CPU"),
        (|r| r.provenance.machine.kernel = "6.19.0".into(), "kernel: 6.18.0 → 6.19.0"),
        (|r| r.provenance.profile = "dev".into(), "build profile: release → dev"),
        (|r| r.trials.iter_mut().for_each(|t| t.wire = wirecost_model::scenario::Wire::Host), "network: private → host"),
        (|r| r.plan.mtu = 9000, "MTU: 1500 → 9000"),
        (|r| r.plan.cells[2].clients = 51, "cell long_poll, clients: 50 → 51"),
        (|r| r.plan.cells[3].config.name = "events".into(), "cell sse: there → none\n  cell events: none → there"),
    ];
    for (edit, expected) in edits {
        let mut new = base();
        edit(&mut new.record);
        let refusal = compare_runs(&base(), &new, &Options::default()).unwrap_err();
        assert!(refusal.to_string().ends_with(expected), "{refusal}");
        let forced = compare_runs(&base(), &new, &Options { force: true, ..Options::default() }).unwrap();
        assert!(forced.forced && forced.warnings[0].contains("not comparable"));
        assert!(text(&forced, 100, false).contains("! the two runs are not comparable"));
    }
}

#[test]
fn a_commit_a_seed_a_target_and_libraries_are_told_and_not_refused() {
    let mut new = dearer();
    new.record.plan.seed = 8;
    new.record.provenance.target_versions.insert("nchan".into(), "1.3.8".into());
    let comparison = compared(&new);
    let told: Vec<String> = comparison.differences.iter().map(Difference::to_string).collect();
    assert_eq!(
        told,
        [
            "commit: 0123456789ab → fedcba987654",
            "seed: 7 → 8",
            "version of target nchan: none → 1.3.8",
            "library tokio: 1.54.0 → 1.55.0"
        ]
    );
}

#[test]
fn runs_without_a_cell_in_common_are_refused_even_if_forced() {
    let mut new = base();
    new.record.trials.clear();
    let refusal = compare_runs(&base(), &new, &Options { force: true, ..Options::default() }).unwrap_err();
    assert!(refusal.nothing_in_common && refusal.to_string().starts_with("the two runs have no cell"), "{refusal}");
}

#[test]
fn void_and_missing_trials_are_said_and_feed_nothing() {
    let mut new = Run::bare(fixture::run_with_a_void_trial().record.clone());
    new.record.complete = false;
    let comparison = compared(&new);
    assert_eq!(
        comparison.warnings[..2],
        ["1 of 30 trials of the new run is void and counts for nothing".to_string(), "the new run is partial".to_string()]
    );
    assert!(comparison.warnings[2].contains("have no interval"), "{:?}", comparison.warnings);
    let rows: Vec<&Row> = comparison.rows.iter().filter(|row| row.cell == "WebSocket" && row.ratio.is_some()).collect();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.change == Change::Unclear && row.new.values.len() == 5));
}
