//! Our Socket.IO codec against that of `socketioxide-parser-common`, in both directions.
//!
//! Theirs leaves the JSON of a packet alone, so what is compared is everything around it; it cannot read a refusal, which
//! only a server sends.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use serde_json::Value as Json;
use socketioxide_core::Value;
use socketioxide_core::packet::{Packet as Theirs, PacketData};
use socketioxide_core::parser::{Parse, ParseConfig, ParseError, ParserState};
use socketioxide_parser_common::CommonParser;
use wirecost_wire::socket_io::{Body, Decoder, Limits, Packet as Ours, encode, placeholder};

fn any_args() -> impl Strategy<Value = (Vec<Json>, Vec<Bytes>)> {
    let arg = prop_oneof![any::<String>().prop_map(Json::from), any::<i64>().prop_map(Json::from), Just(Json::Null)];
    (
        prop::collection::vec(arg, 0..4),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from), 0..4),
    )
        .prop_map(|(mut args, attachments)| {
            args.extend((0..attachments.len()).map(placeholder));
            (args, attachments)
        })
}

fn any_packet() -> impl Strategy<Value = Ours> {
    let namespace = prop_oneof![Just("/".to_owned()), "/[^,]{1,12}"];
    // Theirs keeps ids in an i64.
    let ack_id = 0..=i64::MAX as u64;
    let body = prop_oneof![
        prop::option::of("[a-z]{0,8}")
            .prop_map(|sid| Body::Connect { data: sid.map(|sid| [("sid".to_owned(), sid.into())].into_iter().collect()) }),
        Just(Body::Disconnect),
        (prop::option::of(ack_id.clone()), any::<String>(), any_args()).prop_map(|(ack_id, name, (mut args, attachments))| {
            args.insert(0, name.into());
            Body::Event { ack_id, args, attachments }
        }),
        (ack_id, any_args()).prop_map(|(ack_id, (args, attachments))| Body::Ack { ack_id, args, attachments }),
    ];
    (namespace, body).prop_map(|(namespace, body)| Ours { namespace, body })
}

/// The same packet in their words.
fn theirs(packet: &Ours) -> Theirs {
    let value = |args: &[Json], attachments: &[Bytes]| {
        let json = serde_json::to_string(args).expect("values are JSON");
        Value::Str(json.into(), (!attachments.is_empty()).then(|| attachments.iter().cloned().collect()))
    };
    let inner = match &packet.body {
        Body::Connect { data } => PacketData::Connect(
            data.as_ref().map(|data| Value::Str(serde_json::to_string(data).expect("values are JSON").into(), None)),
        ),
        Body::Disconnect => PacketData::Disconnect,
        Body::Event { ack_id, args, attachments } => {
            let mut event = Theirs::event("/", value(args, attachments)).inner;
            if let Some(ack_id) = ack_id {
                event.set_ack_id(i64::try_from(*ack_id).expect("an id that fits"));
            }
            event
        }
        Body::Ack { ack_id, args, attachments } => {
            Theirs::ack("/", value(args, attachments), i64::try_from(*ack_id).expect("an id that fits")).inner
        }
        Body::ConnectError { .. } => panic!("not generated"),
    };
    Theirs { inner, ns: packet.namespace.clone().into() }
}

fn attachments_of(packet: &Ours) -> &[Bytes] {
    match &packet.body {
        Body::Event { attachments, .. } | Body::Ack { attachments, .. } => attachments,
        _ => &[],
    }
}

proptest! {
    #[test]
    fn packets(packet in any_packet()) {
        let mut text = BytesMut::new();
        encode(&mut text, &packet).expect("a packet that can be written");
        let text = String::from_utf8(text.to_vec()).expect("packets are UTF-8");

        let Value::Str(their_text, their_attachments) = CommonParser.encode(theirs(&packet)) else {
            panic!("the common parser writes text");
        };
        prop_assert_eq!(&*their_text, text.as_str());
        prop_assert_eq!(Vec::from(their_attachments.unwrap_or_default()), attachments_of(&packet));

        let (config, state) = (ParseConfig::default(), ParserState::default());
        let mut read = CommonParser.decode_str(&config, &state, text.clone().into());
        for attachment in attachments_of(&packet) {
            prop_assert!(matches!(read, Err(ParseError::NeedsMoreBinaryData)));
            read = CommonParser.decode_bin(&config, &state, attachment.clone());
        }
        prop_assert_eq!(read.ok(), Some(theirs(&packet)));

        let mut decoder = Decoder::new(Limits::default());
        let mut read = decoder.text(their_text.as_bytes()).expect("their packet");
        for attachment in attachments_of(&packet) {
            read = decoder.binary(attachment.clone()).expect("their attachment");
        }
        prop_assert_eq!(read, Some(packet));
    }
}
