//! The event stream parser against the rules of WHATWG HTML §9.2.5–6, one case a rule.
//!
//! The rules tried are those that the `eventsource/format-*` tests of web-platform-tests try in browsers; the inputs are
//! ours. Every case is parsed whole and cut into pieces of every size, since pieces must not matter.

use bytes::BytesMut;
use proptest::prelude::*;
use wirecost_wire::sse::{self, Limits, Outgoing, ParseError, Parser};

/// An event, kept.
#[derive(Debug, PartialEq)]
struct Event {
    id: Option<String>,
    event: String,
    data: Vec<u8>,
}

impl From<sse::Event<'_>> for Event {
    fn from(event: sse::Event<'_>) -> Event {
        Event { id: event.id.map(str::to_owned), event: event.event.to_owned(), data: event.data.to_vec() }
    }
}

/// All that a stream amounts to.
#[derive(Debug, PartialEq)]
struct Outcome {
    events: Vec<Event>,
    error: Option<ParseError>,
    last_event_id: Option<String>,
}

fn parse<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> Outcome {
    let mut parser = Parser::new(limits);
    let mut received = BytesMut::new();
    let mut events = Vec::new();
    let mut error = None;
    'stream: for piece in pieces {
        received.extend_from_slice(piece);
        loop {
            match parser.next_event(&mut received) {
                Ok(Some(event)) => events.push(event.into()),
                Ok(None) => break,
                Err(first) => {
                    assert_eq!(parser.next_event(&mut received), Err(first), "an error must stay");
                    error = Some(first);
                    break 'stream;
                }
            }
        }
    }
    Outcome { events, error, last_event_id: parser.last_event_id().map(str::to_owned) }
}

/// Parses `stream` whole and in pieces of every size, and checks that it makes no difference.
fn outcome(stream: impl AsRef<[u8]>) -> Outcome {
    let stream = stream.as_ref();
    let whole = parse([stream], Limits::default());
    for piece_bytes in 1..=stream.len().min(64) {
        assert_eq!(parse(stream.chunks(piece_bytes), Limits::default()), whole, "pieces of {piece_bytes}");
    }
    whole
}

/// The data of all events.
fn data(stream: impl AsRef<[u8]>) -> Vec<String> {
    outcome(stream).events.into_iter().map(|event| String::from_utf8(event.data).expect("data are UTF-8")).collect()
}

/// The id of each event, `""` for none.
fn ids(stream: impl AsRef<[u8]>) -> Vec<String> {
    outcome(stream).events.into_iter().map(|event| event.id.unwrap_or_default()).collect()
}

#[test]
fn one_leading_byte_order_mark_is_dropped_and_only_one() {
    assert_eq!(data("\u{feff}data:one\n\ndata:two\n\n"), ["one", "two"]);
    // A second one makes the field name one that nobody knows.
    assert_eq!(data("\u{feff}\u{feff}data:one\n\ndata:two\n\n"), ["two"]);
    // So does one that is not in front of everything.
    assert_eq!(data("data:one\n\n\u{feff}data:two\n\ndata:three\n\n"), ["one", "three"]);
    // Bytes that only begin like the mark are not it.
    assert_eq!(data(b"\xef\xbbdata:one\n\ndata:two\n\n"), ["two"]);
    assert!(data(b"\xef\xbb").is_empty());
}

#[test]
fn lines_end_with_cr_lf_or_both() {
    for end in ["\n", "\r", "\r\n"] {
        assert_eq!(data(format!("data:a{end}data:b{end}{end}data:c{end}{end}")), ["a\nb", "c"], "{end:?}");
    }
    // Mixed: CRLF ends one line, LF then CR end two.
    assert_eq!(data("data:a\r\ndata:b\n\rdata:c\r\r\n"), ["a\nb", "c"]);
}

#[test]
fn a_lone_cr_dispatches_without_waiting_for_what_follows() {
    let mut parser = Parser::new(Limits::default());
    let mut received = BytesMut::from("data:a\r\r");
    assert!(parser.next_event(&mut received).expect("no limit is near").is_some());
    received.extend_from_slice(b"\ndata:b\n\n");
    let event = parser.next_event(&mut received).expect("no limit is near").expect("a whole event");
    assert_eq!(&event.data[..], b"b");
}

#[test]
fn comments_mean_nothing_wherever_they_stand() {
    let long = "x".repeat(5000);
    let stream = format!("data:1\r:\0\n:\r\ndata:2\n:{long}\rdata:3\n:data:no\r: {long}\ndata:4\n\n");
    let whole = parse([stream.as_bytes()], Limits::default());
    assert_eq!(whole, parse(stream.as_bytes().chunks(7), Limits::default()));
    assert_eq!(&whole.events[0].data[..], b"1\n2\n3\n4");
    assert!(data(sse::KEEP_ALIVE).is_empty());
}

#[test]
fn data_lines_are_joined_and_the_last_line_feed_goes() {
    assert_eq!(data("data:\n\ndata\ndata\n\ndata:x\n\n"), ["", "\n", "x"]);
    assert_eq!(data("data:x\ndata\ndata:y\n\n"), ["x\n\ny"]);
}

#[test]
fn only_one_space_after_the_colon_goes() {
    assert_eq!(data("data: a\ndata:  b\ndata:\tc\ndata: \ndata:d:e\n\n"), ["a\n b\n\tc\n\nd:e"]);
}

#[test]
fn field_names_are_exact() {
    let stream = "data:a\nData:no\n data:no\ndata :no\ndata\0:no\n\0data:no\nda-ta:no\ndatum\nother:no\ndata:b\n\n";
    assert_eq!(data(stream), ["a\nb"]);
}

#[test]
fn a_null_character_is_data_like_any_other() {
    assert_eq!(data("data:\0\n\n"), ["\0"]);
}

#[test]
fn an_unfinished_event_is_discarded() {
    let outcome = outcome("data:one\n\nid:late\ndata:two\n");
    assert_eq!(outcome.events.len(), 1);
    assert_eq!(outcome.last_event_id, None, "the id of an event that was never dispatched does not count");
    assert!(data("data:x").is_empty());
}

#[test]
fn the_event_field_names_the_type_of_its_own_event_only() {
    let names: Vec<_> =
        outcome("event:tick\ndata:x\n\ndata:x\n\nevent:a\nevent: b\ndata:x\n\nevent:\ndata:x\n\nevent:lost\n\ndata:x\n\n")
            .events
            .into_iter()
            .map(|event| event.event)
            .collect();
    assert_eq!(names, ["tick", "message", "b", "message", "message"]);
}

#[test]
fn ids_stick_until_changed_or_reset() {
    assert_eq!(ids("data:x\n\nid: 1\ndata:x\n\ndata:x\n\nid:2\ndata:x\n\nid\ndata:x\n\ndata:x\n\n"), ["", "1", "1", "2", "", ""]);
    assert_eq!(ids("id: \u{2026}\ndata:x\n\n"), ["\u{2026}"]);
    // Two of them in one event: the last counts.
    assert_eq!(ids("id:1\nid:2\ndata:x\n\n"), ["2"]);
}

#[test]
fn an_id_with_a_null_character_is_ignored() {
    assert_eq!(ids("id:1\ndata:x\n\nid:2\0\ndata:x\n\nid:\0\0\ndata:x\n\n"), ["1", "1", "1"]);
}

#[test]
fn an_id_sticks_even_if_its_event_has_no_data() {
    let outcome = outcome("id:7\n\n");
    assert!(outcome.events.is_empty());
    assert_eq!(outcome.last_event_id.as_deref(), Some("7"));
    assert_eq!(ids("id:7\n\ndata:x\n\n"), ["7"]);
}

#[test]
fn retry_touches_no_event_whatever_its_value() {
    for value in ["3000", "0", "007", "99999999999999999999999", "", "1000x", "-1", "+1", "1.5", " 1", "1e3", "\u{661}", "\0"] {
        // Alone it is no event, and an empty line behind it dispatches none.
        assert_eq!(outcome(format!("retry: {value}\n\n")), outcome(""), "{value:?}");
        // Between the fields of an event it changes nothing about it.
        let with = format!("id:1\nretry:{value}\nevent:tick\ndata:a\nretry: {value}\ndata:b\n\nretry:{value}\n\n");
        assert_eq!(outcome(with), outcome("id:1\nevent:tick\ndata:a\ndata:b\n\n"), "{value:?}");
    }
    assert_eq!(data("retry\ndata:x\nretry\n\n"), ["x"]);
}

#[test]
fn what_is_not_utf8_is_replaced() {
    assert_eq!(data("data:ok\u{2026}\n\n"), ["ok\u{2026}"]);
    assert_eq!(data(b"data:a\xffb\xe2\x80\ndata:c\n\n"), ["a\u{fffd}b\u{fffd}\nc"]);
    assert_eq!(ids(b"id:\xff\ndata:x\n\n"), ["\u{fffd}"]);
}

#[test]
fn limits_hold_to_the_byte() {
    let limits = Limits { line_bytes: 10, event_bytes: 7 };
    let ok = |stream: &str| parse([stream.as_bytes()], limits).error;
    assert_eq!(ok(":123456789\n"), None);
    assert_eq!(ok(":1234567890\n"), Some(ParseError::LineTooLong { max_bytes: 10 }));
    // The end of the line need not be seen to know.
    assert_eq!(ok(":1234567890"), Some(ParseError::LineTooLong { max_bytes: 10 }));
    assert_eq!(ok("data:12345\ndata:1\n\n"), None);
    assert_eq!(ok("data:12345\ndata:12\n\n"), Some(ParseError::EventTooLong { max_bytes: 7 }));
    assert_eq!(ok(&"data\n".repeat(8)), None);
    assert_eq!(ok(&"data\n".repeat(9)), Some(ParseError::EventTooLong { max_bytes: 7 }));
    // What came before the offence is delivered.
    assert_eq!(parse([&b"data:1\n\n:1234567890\n"[..]], limits).events.len(), 1);
}

/// Streams made of pieces that mean something, so that rules meet in ways nobody listed.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        prop::sample::select(vec![
            "data", "data:", "data: ", "id:", "id", "event:", "retry:", ":", " ", "\0", "\n", "\n\n", "\r", "\r\n", "7", "x",
            "\u{feff}", "\u{e9}"
        ])
        .prop_map(|word| word.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn pieces_never_matter_and_nothing_panics(
        stream in any_stream(),
        cuts in prop::collection::vec(1usize..20, 1..20),
        line_bytes in 0usize..40,
        event_bytes in 0usize..40,
    ) {
        let limits = Limits { line_bytes, event_bytes };
        let mut rest = &stream[..];
        let mut pieces = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(parse(pieces, limits), parse([&stream[..]], limits));
    }

    #[test]
    fn what_is_written_is_read_back(
        events in prop::collection::vec((any::<Option<u64>>(), "[^\r\n]{0,8}", any::<String>()), 0..8),
        piece_bytes in 1usize..50,
    ) {
        let mut stream = BytesMut::new();
        for (id, name, data) in &events {
            let event = Outgoing { id: *id, event: Some(name.as_str()), data: data.as_bytes() };
            sse::encode(&mut stream, &event).expect("a good event");
            stream.extend_from_slice(sse::KEEP_ALIVE);
        }
        let outcome = parse(stream.chunks(piece_bytes), Limits::default());
        prop_assert_eq!(outcome.error, None);
        prop_assert_eq!(outcome.events.len(), events.len());
        let mut id = None;
        for (event, (sent_id, name, data)) in outcome.events.iter().zip(&events) {
            id = sent_id.or(id);
            prop_assert_eq!(&event.id, &id.map(|id| id.to_string()));
            prop_assert_eq!(&event.event[..], if name.is_empty() { "message" } else { name.as_str() });
            // The format has no CR.
            let read_back = data.replace("\r\n", "\n").replace('\r', "\n");
            prop_assert_eq!(&event.data[..], read_back.as_bytes());
        }
    }
}
