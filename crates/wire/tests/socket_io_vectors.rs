//! Socket.IO packets against the examples of the protocol documents, and against themselves.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::{Value, json};
use wirecost_wire::socket_io::{
    Body, DecodeError, Decoder, EncodeError, Kind, Limits, Packet, TextEvent, encode, encode_text_event, placeholder,
    plain_text_event_framing_bytes,
};

fn packet(namespace: &str, body: Body) -> Packet {
    Packet { namespace: namespace.to_owned(), body }
}

fn args(value: Value) -> Vec<Value> {
    value.as_array().cloned().expect("arguments are an array")
}

fn event(ack_id: Option<u64>, value: Value, attachments: &[&[u8]]) -> Body {
    Body::Event { ack_id, args: args(value), attachments: owned(attachments) }
}

fn ack(ack_id: u64, value: Value, attachments: &[&[u8]]) -> Body {
    Body::Ack { ack_id, args: args(value), attachments: owned(attachments) }
}

fn owned(attachments: &[&[u8]]) -> Vec<Bytes> {
    attachments.iter().map(|data| Bytes::copy_from_slice(data)).collect()
}

fn connect(value: Value) -> Body {
    Body::Connect { data: value.as_object().cloned() }
}

fn encoded(packet: &Packet) -> String {
    let mut text = BytesMut::new();
    let appended = encode(&mut text, packet).expect("a packet that can be written");
    assert_eq!(appended, text.len());
    String::from_utf8(text.to_vec()).expect("packets are UTF-8")
}

/// Gives a decoder the text and then the attachments, as a connection would.
fn decoded(text: &str, attachments: &[Bytes], limits: Limits) -> Result<Option<Packet>, DecodeError> {
    let mut decoder = Decoder::new(limits);
    let mut packet = decoder.text(text.as_bytes())?;
    for attachment in attachments {
        assert!(packet.is_none() && decoder.is_waiting());
        packet = decoder.binary(attachment.clone())?;
    }
    assert_eq!(packet.is_none(), decoder.is_waiting());
    Ok(packet)
}

fn attachments_of(packet: &Packet) -> &[Bytes] {
    match &packet.body {
        Body::Event { attachments, .. } | Body::Ack { attachments, .. } => attachments,
        _ => &[],
    }
}

#[test]
fn examples_of_the_documents() {
    let p0 = placeholder(0);
    let p1 = placeholder(1);
    for (text, packet) in [
        ("0", packet("/", Body::Connect { data: None })),
        ("0/admin,", packet("/admin", Body::Connect { data: None })),
        ("0/admin?token=1234&uid=abcd,", packet("/admin?token=1234&uid=abcd", Body::Connect { data: None })),
        (r#"0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}"#, packet("/admin", connect(json!({"sid": "oSO0OpakMV_3jnilAAAA"})))),
        ("1", packet("/", Body::Disconnect)),
        ("1/admin,", packet("/admin", Body::Disconnect)),
        (r#"2["foo"]"#, packet("/", event(None, json!(["foo"]), &[]))),
        (r#"2/admin,["bar"]"#, packet("/admin", event(None, json!(["bar"]), &[]))),
        (r#"2["hello",1]"#, packet("/", event(None, json!(["hello", 1]), &[]))),
        (r#"212["foo"]"#, packet("/", event(Some(12), json!(["foo"]), &[]))),
        (r#"2/admin,456["project:delete",123]"#, packet("/admin", event(Some(456), json!(["project:delete", 123]), &[]))),
        ("3/admin,456[]", packet("/admin", ack(456, json!([]), &[]))),
        (r#"3/admin,13["bar"]"#, packet("/admin", ack(13, json!(["bar"]), &[]))),
        (
            r#"4{"message":"Not authorized"}"#,
            packet("/", Body::ConnectError { data: Some(json!({"message": "Not authorized"})) }),
        ),
        (r#"4/admin,"Not authorized""#, packet("/admin", Body::ConnectError { data: Some(json!("Not authorized")) })),
        (r#"51-["baz",{"_placeholder":true,"num":0}]"#, packet("/", event(None, json!(["baz", p0]), &[&[1, 2, 3, 4]]))),
        (
            r#"52-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
            packet("/admin", event(None, json!(["baz", p0, p1]), &[&[1, 2], &[3, 4]])),
        ),
        (
            r#"51-/admin,456["project:delete",{"_placeholder":true,"num":0}]"#,
            packet("/admin", event(Some(456), json!(["project:delete", p0]), &[&[1, 2, 3]])),
        ),
        (r#"61-15["bar",{"_placeholder":true,"num":0}]"#, packet("/", ack(15, json!(["bar", p0]), &[&[1, 2, 3, 4]]))),
        (r#"61-/admin,456[{"_placeholder":true,"num":0}]"#, packet("/admin", ack(456, json!([p0]), &[&[3, 2, 1]]))),
    ] {
        assert_eq!(encoded(&packet), text);
        let read = decoded(text, attachments_of(&packet), Limits::default()).expect("an example");
        assert_eq!(read, Some(packet));
    }
}

#[test]
fn what_the_official_parsers_also_accept() {
    // A namespace at the end without its comma.
    assert_eq!(decoded("1/admin", &[], Limits::default()).expect("accepted"), Some(packet("/admin", Body::Disconnect)));
    // A name that is a number.
    assert!(decoded("2[1,2]", &[], Limits::default()).is_ok());
    // A refusal without a reason.
    assert_eq!(decoded("4", &[], Limits::default()).expect("accepted"), Some(packet("/", Body::ConnectError { data: None })));
    // Placeholders in depth, out of order and repeated, and fewer than attachments.
    let text = r#"52-["a",[{"b":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":1}]]"#;
    let data = [Bytes::from_static(b"x"), Bytes::from_static(b"y")];
    assert!(decoded(text, &data, Limits::default()).expect("accepted").is_some());
}

#[test]
fn what_only_looks_like_a_placeholder_is_data() {
    let sent = packet("/", event(None, json!(["a", {"_placeholder": true, "num": 9}]), &[]));
    assert_eq!(decoded(&encoded(&sent), &[], Limits::default()).expect("data"), Some(sent));
}

#[test]
fn malformed_packets() {
    let error = |text: &str| match decoded(text, &[], Limits::default()) {
        Err(error) => error,
        Ok(packet) => panic!("{text} was read as {packet:?}"),
    };
    for text in ["", "7", "a", "\u{e9}", "-1"] {
        assert!(matches!(error(text), DecodeError::Header(_)), "{text}");
    }
    for text in [
        "5",
        "51",
        "5-[]",
        "50-[\"a\"]",
        "5x-[\"a\"]",
        "51.0-[\"a\"]",
        "5+1-[\"a\"]",
        "51[\"a\"]",
        "599999999999999999999-[\"a\"]",
    ] {
        assert!(matches!(error(text), DecodeError::Header(_)), "{text}");
    }
    assert!(matches!(error("299999999999999999999[\"a\"]"), DecodeError::Header(_)));
    for text in ["2[", "2[\"a\"]x", "0{\"a\":}", "2/admin[\"a\",1]", "4x"] {
        assert!(matches!(error(text), DecodeError::Json(_)), "{text}");
    }
    for (text, kind) in [
        ("0[]", Kind::Connect),
        ("0\"a\"", Kind::Connect),
        ("1{}", Kind::Disconnect),
        ("2", Kind::Event),
        ("2/admin", Kind::Event),
        ("2{}", Kind::Event),
        ("2[]", Kind::Event),
        ("2[null]", Kind::Event),
        ("2[{}]", Kind::Event),
        ("2\"a\"", Kind::Event),
        ("31{}", Kind::Ack),
        ("31", Kind::Ack),
        ("4[]", Kind::ConnectError),
        ("4null", Kind::ConnectError),
        ("51-[]", Kind::BinaryEvent),
        ("61-1{}", Kind::BinaryAck),
    ] {
        assert!(matches!(error(text), DecodeError::Data(found) if found == kind), "{text}: {:?}", error(text));
    }
    for text in ["3[]", "61-[]", "01", "11", "41{}", "0/a,7{}"] {
        assert!(matches!(error(text), DecodeError::AckId(_)), "{text}");
    }
    for text in [
        r#"51-["a",{"_placeholder":true,"num":1}]"#,
        r#"51-["a",{"_placeholder":true,"num":-1}]"#,
        r#"51-["a",{"_placeholder":true,"num":"0"}]"#,
        r#"51-["a",{"_placeholder":true,"num":0.5}]"#,
        r#"51-["a",{"_placeholder":true}]"#,
        r#"51-["a",[[{"b":{"_placeholder":true,"num":7}}]]]"#,
    ] {
        assert!(matches!(error(text), DecodeError::Placeholder), "{text}");
    }
    assert!(matches!(Decoder::new(Limits::default()).text(b"2[\"\xff\"]"), Err(DecodeError::NotUtf8(_))));
}

#[test]
fn attachments_and_text_in_the_wrong_place() {
    let mut decoder = Decoder::new(Limits::default());
    assert!(matches!(decoder.binary(Bytes::new()), Err(DecodeError::UnexpectedBinary)));
    assert!(decoder.text(br#"51-["a",{"_placeholder":true,"num":0}]"#).expect("announces an attachment").is_none());
    assert!(decoder.is_waiting());
    assert!(matches!(decoder.text(b"2[\"a\"]"), Err(DecodeError::UnexpectedText)));
    assert!(!decoder.is_waiting());
}

#[test]
fn limits_hold() {
    let limits = Limits { text_bytes: 60, attachments: 2, attachments_bytes: 3 };
    let text = r#"52-["a",{"_placeholder":true,"num":0}]"#;
    let (one, two) = (Bytes::from_static(&[1]), Bytes::from_static(&[1, 2]));
    assert!(decoded(text, &[one.clone(), two.clone()], limits).is_ok());
    let too_long = decoded(text, &[two.clone(), two.clone()], limits);
    assert!(matches!(too_long, Err(DecodeError::AttachmentsTooLong { max_bytes: 3 })));
    let too_many = decoded(r#"53-["a"]"#, &[], limits);
    assert!(matches!(too_many, Err(DecodeError::TooManyAttachments { max: 2 })));
    let at_limit = format!("2[\"{}\"]", "a".repeat(55));
    assert!(decoded(&at_limit, &[], limits).is_ok());
    let past_limit = format!("2[\"{}\"]", "a".repeat(56));
    assert!(matches!(decoded(&past_limit, &[], limits), Err(DecodeError::TextTooLong { max_bytes: 60 })));
}

#[test]
fn json_is_read_127_levels_deep() {
    let nested = |levels: usize| format!("2[\"a\",{}1{}]", "[".repeat(levels - 1), "]".repeat(levels - 1));
    assert!(decoded(&nested(127), &[], Limits::default()).is_ok());
    assert!(matches!(decoded(&nested(128), &[], Limits::default()), Err(DecodeError::Json(_))));
    let open = format!("2{}", "[".repeat(500_000));
    assert!(matches!(decoded(&open, &[], Limits::default()), Err(DecodeError::Json(_))));
}

#[test]
fn what_cannot_be_written_appends_nothing() {
    let mut text = BytesMut::from("x");
    for (sent, error) in [
        (packet("admin", Body::Disconnect), EncodeError::Namespace),
        (packet("", Body::Disconnect), EncodeError::Namespace),
        (packet("/a,b", Body::Disconnect), EncodeError::Namespace),
        (packet("/", event(None, json!([]), &[])), EncodeError::EventName),
        (packet("/", event(None, json!([null]), &[])), EncodeError::EventName),
        (packet("/", Body::ConnectError { data: Some(json!(1)) }), EncodeError::ErrorData),
        (packet("/", event(None, json!(["a", placeholder(1)]), &[&[1]])), EncodeError::Placeholder),
        (packet("/", ack(1, json!([placeholder(2)]), &[&[1], &[2]])), EncodeError::Placeholder),
    ] {
        assert_eq!(encode(&mut text, &sent), Err(error), "{sent:?}");
    }
    assert_eq!(encode_text_event(&mut text, "a", None, "a", b""), Err(EncodeError::Namespace));
    assert!(matches!(encode_text_event(&mut text, "/", None, "a", b"\xff"), Err(EncodeError::NotUtf8(_))));
    assert_eq!(&text[..], b"x");
}

#[test]
fn text_events_are_slices_of_the_packet() {
    let text = Bytes::from_static(br#"2/admin,12["hey","Jude, don't"]"#);
    let event = TextEvent::parse(&text).expect("a plain event");
    assert_eq!(event, TextEvent { namespace: "/admin", ack_id: Some(12), name: "hey", payload: "Jude, don't" });
    let payload = text.slice_ref(event.payload.as_bytes());
    assert!(text.as_ptr_range().contains(&payload.as_ptr()));
}

#[test]
fn what_is_no_plain_text_event() {
    for text in [
        "",
        "2",
        r#"2["a"]"#,
        r#"2["a",1]"#,
        r#"2["a","b","c"]"#,
        r#"2["a","b\n"]"#,
        r#"2["a\n","b"]"#,
        "2[\"a\",\"\u{e9}\"]",
        r#"2[ "a","b"]"#,
        r#"3["a","b"]"#,
        r#"31["a","b"]"#,
        r#"51-["a","b"]"#,
        r#"2/a["a","b"]"#,
        r#"2["a","b"]]"#,
        r#"2"]"#,
        r#"2["]"#,
        r#"2[""]"#,
        "2[\"a\",\"b\u{1}\"]",
    ] {
        assert_eq!(TextEvent::parse(text.as_bytes()), None, "{text}");
    }
    assert_eq!(TextEvent::parse(b"2[\"a\",\"\xff\"]"), None);
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = serde_json::Map<String, Value>> {
    prop::collection::btree_map(any::<String>(), any_value(), 0..4).prop_map(|fields| fields.into_iter().collect())
}

/// Arguments, and attachments that some of the arguments stand for.
fn any_args() -> impl Strategy<Value = (Vec<Value>, Vec<Bytes>)> {
    (
        prop::collection::vec(any_value(), 0..4),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from), 0..4),
    )
        .prop_map(|(mut args, attachments)| {
            args.extend((0..attachments.len()).map(placeholder));
            (args, attachments)
        })
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let namespace = prop_oneof![Just("/".to_owned()), "/[^,]{0,12}"];
    let body = prop_oneof![
        prop::option::of(any_object()).prop_map(|data| Body::Connect { data }),
        Just(Body::Disconnect),
        (any::<Option<u64>>(), any::<String>(), any_args()).prop_map(|(ack_id, name, (mut args, attachments))| {
            args.insert(0, name.into());
            Body::Event { ack_id, args, attachments }
        }),
        (any::<u64>(), any_args()).prop_map(|(ack_id, (args, attachments))| Body::Ack { ack_id, args, attachments }),
        prop_oneof![
            Just(None),
            any::<String>().prop_map(|reason| Some(reason.into())),
            any_object().prop_map(|reason| Some(Value::Object(reason))),
        ]
        .prop_map(|data| Body::ConnectError { data }),
    ];
    (namespace, body).prop_map(|(namespace, body)| Packet { namespace, body })
}

proptest! {
    #[test]
    fn packets_round_trip(packet in any_packet()) {
        let text = encoded(&packet);
        let read = decoded(&text, attachments_of(&packet), Limits::default()).expect("our own packet");
        prop_assert_eq!(read, Some(packet));
    }

    #[test]
    fn the_fast_ways_agree_with_the_whole_way(
        namespace in prop_oneof![Just("/".to_owned()), "/[a-z?=]{0,8}"],
        ack_id: Option<u64>,
        name in prop_oneof!["[a-z]{0,8}", any::<String>()],
        payload in prop_oneof!["[ -~]{0,40}", any::<String>()],
    ) {
        let mut text = BytesMut::new();
        let appended = encode_text_event(&mut text, &namespace, ack_id, &name, payload.as_bytes()).expect("UTF-8");
        prop_assert_eq!(appended, text.len());
        let whole = packet(&namespace, event(ack_id, json!([name, payload]), &[]));
        prop_assert_eq!(text.to_vec(), encoded(&whole).into_bytes());
        prop_assert_eq!(Decoder::new(Limits::default()).text(&text).expect("our own packet"), Some(whole));
        let is_plain = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\');
        let read = TextEvent::parse(&text);
        prop_assert_eq!(read.is_some(), is_plain(&name) && is_plain(&payload));
        if let Some(read) = read {
            prop_assert_eq!(read, TextEvent { namespace: &namespace, ack_id, name: &name, payload: &payload });
            prop_assert_eq!(appended, payload.len() + plain_text_event_framing_bytes(&namespace, ack_id, &name));
        }
    }

    /// What the fast way reads, the whole way reads the same.
    #[test]
    fn text_events_are_never_read_otherwise(text in r#"2(/a,|/)?[0-9]{0,2}\["[a",\\\[\]]{0,3}",?"[a",\\\[\]]{0,3}"\]"#) {
        if let Some(read) = TextEvent::parse(text.as_bytes()) {
            let whole = packet(read.namespace, event(read.ack_id, json!([read.name, read.payload]), &[]));
            let decoded = Decoder::new(Limits::default()).text(text.as_bytes()).expect("the fast way read it");
            prop_assert_eq!(decoded, Some(whole));
        }
    }

    #[test]
    fn garbage_never_panics(
        messages in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40).prop_map(Ok),
                r#"[0-6]([0-3]-)?(/a?,?)?[0-9]{0,3}[\[{]?["a,:_\]}1]{0,8}[\]}]?"#.prop_map(|text| Ok(text.into_bytes())),
                Just(Ok(br#"52-["a",{"_placeholder":true,"num":1}]"#.to_vec())),
                prop::collection::vec(any::<u8>(), 0..10).prop_map(Err),
            ],
            0..12,
        )
    ) {
        let mut decoder = Decoder::new(Limits::default());
        for message in messages {
            match message {
                Ok(text) => {
                    let _ = TextEvent::parse(&text);
                    let _ = decoder.text(&text);
                }
                Err(data) => {
                    let _ = decoder.binary(data.into());
                }
            }
        }
    }
}
