//! The words of this page.

use crate::chart::canvas::escape;

const WORDS: &[(&str, &str)] = &[
    ("arm", "One configured competitor: a transport, its options and the client library."),
    ("cell", "An arm at one point of the axes that the scenario sweeps."),
    ("trial", "One run of one cell: a fresh server process, connect, warm up, measure, drain."),
    ("block", "One pass over all cells in a random order. Trials of one block ran close together and are compared as pairs."),
    ("delivery", "From the time at which a message was due until a client had it. A late sender cannot hide in it."),
    ("service", "From the time at which a message was sent until a client had it."),
    (
        "p50, p99, p99.9",
        "The time within which half, 99 of 100, 999 of 1,000 deliveries arrived. Shown only where ten samples lie beyond.",
    ),
    (
        "wire bytes",
        "All bytes of the measured window in both directions: payload, framing, headers, TLS, TCP and IP headers, acknowledgements. Link headers are not in it: a real Ethernet adds 14 bytes to each packet.",
    ),
    ("payload", "What the application sends. Everything else is overhead."),
    (
        "message framing",
        "What a transport wraps around a message: a WebSocket header, the lines of an event, JSON around a poll's messages.",
    ),
    (
        "interval",
        "The range in which the median would lie in 95 of 100 repetitions. By order statistics over trials, for ratios by bootstrap over blocks.",
    ),
    (
        "different, equivalent, inconclusive",
        "What is said of a ratio. Different: it is more than 5 % off 1, and chance is an unlikely reason, even among so many comparisons. Equivalent: its whole interval lies within 5 % of 1. Inconclusive: neither.",
    ),
    (
        "void",
        "A trial that failed one of the checks under Validity, for instance because a message was lost or the machine was busy. It is shown, but no number is computed from it.",
    ),
    (
        "floor",
        "The fastest median delivery of a push arm from the same server: what this machine and that server cost a message that waits for nothing.",
    ),
    (
        "private network",
        "A network namespace with nothing but the trial in it, whose interface counters must equal the sum of the layers.",
    ),
    ("set-up", "From a client's first packet until it can receive: TCP, TLS, request or upgrade."),
];

/// As a list.
pub fn body() -> String {
    let items: String =
        WORDS.iter().map(|(word, meaning)| format!("<div><dt>{}</dt><dd>{}</dd></div>", escape(word), escape(meaning))).collect();
    format!("<dl class=\"glossary\">{items}</dl>")
}
