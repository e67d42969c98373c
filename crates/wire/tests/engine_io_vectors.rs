//! Engine.IO frames and polling bodies against the examples of the protocol documents, and against themselves.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use wirecost_wire::engine_io::v3::{BinarySupport, PayloadForm};
use wirecost_wire::engine_io::{DecodeError, EncodeError, Frame, Packet, v3, v4};

const NO_LIMIT: usize = usize::MAX;

fn message(text: &str) -> Packet {
    Packet::Message(Bytes::copy_from_slice(text.as_bytes()))
}

fn binary(data: &[u8]) -> Packet {
    Packet::Binary(Bytes::copy_from_slice(data))
}

fn text_frame(text: &str) -> Frame {
    Frame::Text(Bytes::copy_from_slice(text.as_bytes()))
}

fn v4_body(packets: &[Packet]) -> Bytes {
    let mut body = BytesMut::new();
    let appended = v4::encode_payload(&mut body, packets).expect("packets that can be written");
    assert_eq!(appended, body.len());
    let packets_bytes: usize = packets.iter().map(v4::payload_packet_bytes).sum();
    assert_eq!(appended, packets_bytes + packets.len().saturating_sub(1));
    body.freeze()
}

fn v3_body(packets: &[Packet], support: BinarySupport) -> (PayloadForm, Bytes) {
    let mut body = BytesMut::new();
    let (form, appended) = v3::encode_payload(&mut body, packets, support).expect("packets that can be written");
    assert_eq!(appended, body.len());
    (form, body.freeze())
}

fn v4_packets(body: impl Into<Bytes>) -> Result<Vec<Packet>, DecodeError> {
    v4::decode_payload(body.into(), NO_LIMIT)?.collect()
}

fn v3_packets(body: impl Into<Bytes>, form: PayloadForm) -> Result<Vec<Packet>, DecodeError> {
    v3::decode_payload(body.into(), form, NO_LIMIT)?.collect()
}

#[test]
fn v4_bodies_of_the_document() {
    let packets = [message("hello"), Packet::Ping(Bytes::new()), message("world")];
    assert_eq!(v4_body(&packets), "4hello\x1e2\x1e4world");
    assert_eq!(v4_packets("4hello\x1e2\x1e4world").as_deref(), Ok(&packets[..]));
    let packets = [message("hello"), binary(&[1, 2, 3, 4])];
    assert_eq!(v4_body(&packets), "4hello\x1ebAQIDBA==");
    assert_eq!(v4_packets("4hello\x1ebAQIDBA==").as_deref(), Ok(&packets[..]));
}

#[test]
fn v4_frames_of_the_document() {
    assert_eq!(v4::encode_frame(&message("hello")), Ok(text_frame("4hello")));
    assert_eq!(v4::encode_frame(&Packet::Ping("probe".into())), Ok(text_frame("2probe")));
    assert_eq!(v4::decode_frame(&text_frame("3probe")), Ok(Packet::Pong("probe".into())));
    assert_eq!(v4::encode_frame(&Packet::Upgrade), Ok(text_frame("5")));
    let data = Bytes::from_static(&[0, 4, 255]);
    assert_eq!(v4::encode_frame(&Packet::Binary(data.clone())), Ok(Frame::Binary(data.clone())));
    assert_eq!(v4::decode_frame(&Frame::Binary(data.clone())), Ok(Packet::Binary(data)));
    // A client without binary frames sends base64 in a text frame.
    assert_eq!(v4::decode_frame(&text_frame("bAQIDBA==")), Ok(binary(&[1, 2, 3, 4])));
}

#[test]
fn v4_what_cannot_be_written() {
    let mut body = BytesMut::from("x");
    let packets = [message("fine"), message("a\x1eb")];
    assert_eq!(v4::encode_payload(&mut body, &packets), Err(EncodeError::Separator));
    let packets = [message("fine"), Packet::Message(Bytes::from_static(b"\xff"))];
    assert!(matches!(v4::encode_payload(&mut body, &packets), Err(EncodeError::NotUtf8(_))));
    assert_eq!(&body[..], b"x");
    // In a frame and in base64 the separator is harmless.
    assert!(v4::encode_frame(&message("a\x1eb")).is_ok());
    assert!(v4::encode_payload(&mut body, &[binary(b"\x1e")]).is_ok());
}

#[test]
fn v4_what_cannot_be_read() {
    assert_eq!(v4_packets(""), Err(DecodeError::Empty));
    assert_eq!(v4_packets("4a\x1e"), Err(DecodeError::Empty));
    assert_eq!(v4_packets("\x1e4a"), Err(DecodeError::Empty));
    assert_eq!(v4_packets("4a\x1e7"), Err(DecodeError::UnknownType(b'7')));
    assert!(matches!(v4_packets("bAQIDBA"), Err(DecodeError::Base64(_))));
    assert!(matches!(v4_packets(&b"4\xff"[..]), Err(DecodeError::NotUtf8(_))));
    assert!(v4::decode_payload("4ab".into(), 3).is_ok());
    assert!(matches!(v4::decode_payload("4ab".into(), 2), Err(DecodeError::TooLong { max_bytes: 2 })));
    assert_eq!(v4::decode_frame(&text_frame("")), Err(DecodeError::Empty));
    // What stands before the offence is delivered, and nothing after it.
    let mut packets = v4::decode_payload("4a\x1e9\x1e4b".into(), NO_LIMIT).expect("UTF-8");
    assert_eq!(packets.next(), Some(Ok(message("a"))));
    assert_eq!(packets.next(), Some(Err(DecodeError::UnknownType(b'9'))));
    assert_eq!(packets.next(), None);
}

#[test]
fn v4_data_without_a_use_are_dropped() {
    assert_eq!(v4_packets("1x\x1e5x\x1e6x"), Ok(vec![Packet::Close, Packet::Upgrade, Packet::Noop]));
}

#[test]
fn v3_text_bodies_of_the_document() {
    let packets = [message("hello"), message("€")];
    assert_eq!(v3_body(&packets, BinarySupport::Octets), (PayloadForm::Text, "6:4hello2:4€".into()));
    assert_eq!(v3_packets("6:4hello2:4€", PayloadForm::Text).as_deref(), Ok(&packets[..]));
    let packets = [message("€"), binary(&[1, 2, 3, 4])];
    assert_eq!(v3_body(&packets, BinarySupport::Base64), (PayloadForm::Text, "2:4€10:b4AQIDBA==".into()));
    assert_eq!(v3_packets("2:4€10:b4AQIDBA==", PayloadForm::Text).as_deref(), Ok(&packets[..]));
}

#[test]
fn v3_lengths_are_utf16_code_units() {
    let packets = [message("😀x"), message("é"), Packet::Close];
    assert_eq!(v3_body(&packets, BinarySupport::Octets).1, "4:4😀x2:4é1:1");
    assert_eq!(v3_packets("4:4😀x2:4é1:1", PayloadForm::Text).as_deref(), Ok(&packets[..]));
    // A length that splits a surrogate pair.
    assert_eq!(v3_packets("2:4😀", PayloadForm::Text), Err(DecodeError::Length));
}

/// The document leaves out the type byte `04`; these are the bytes of the official parser.
#[test]
fn v3_octets() {
    let packets = [message("€"), binary(&[1, 2, 3, 4])];
    let octets = [0x00, 0x04, 0xff, 0x34, 0xe2, 0x82, 0xac, 0x01, 0x05, 0xff, 0x04, 0x01, 0x02, 0x03, 0x04];
    assert_eq!(v3_body(&packets, BinarySupport::Octets), (PayloadForm::Octets, octets.to_vec().into()));
    assert_eq!(v3_packets(octets.to_vec(), PayloadForm::Octets).as_deref(), Ok(&packets[..]));
    let packets = [binary(&[7; 12])];
    let (form, body) = v3_body(&packets, BinarySupport::Octets);
    assert_eq!((form, &body[..5]), (PayloadForm::Octets, &[1, 1, 3, 0xff, 4][..]));
    assert_eq!(v3_packets(body, form).as_deref(), Ok(&packets[..]));
}

#[test]
fn v3_frames() {
    assert_eq!(v3::encode_frame(&message("hello")), Ok(text_frame("4hello")));
    assert_eq!(v3::encode_frame(&binary(&[0, 1])), Ok(Frame::Binary(Bytes::from_static(&[4, 0, 1]))));
    assert_eq!(v3::decode_frame(&Frame::Binary(Bytes::from_static(&[4, 0, 1]))), Ok(binary(&[0, 1])));
    assert_eq!(v3::decode_frame(&text_frame("b4AQI=")), Ok(binary(&[1, 2])));
    assert_eq!(v3::decode_frame(&Frame::Binary(Bytes::new())), Err(DecodeError::Empty));
    assert_eq!(v3::decode_frame(&Frame::Binary(Bytes::from_static(&[2]))), Err(DecodeError::UnknownType(2)));
    // Version 4's way to write it.
    assert_eq!(v3::decode_frame(&text_frame("bAQI=")), Err(DecodeError::UnknownType(b'b')));
}

#[test]
fn v3_bodies_without_packets() {
    assert_eq!(v3_body(&[], BinarySupport::Octets), (PayloadForm::Text, "0:".into()));
    assert_eq!(v3_packets("0:", PayloadForm::Text), Ok(vec![]));
    assert_eq!(v3_packets("0:1:1", PayloadForm::Text), Ok(vec![Packet::Close]));
    assert_eq!(v3_packets("", PayloadForm::Octets), Ok(vec![]));
}

#[test]
fn v3_what_cannot_be_read() {
    for body in ["1", ":", ":4", "x:4", "2:4", "-1:4", "1 :4", " 1:4", "1.0:4", "99999999999999999999:4", "1:42", "1:4x"] {
        assert_eq!(v3_packets(body, PayloadForm::Text), Err(DecodeError::Length), "{body}");
    }
    assert_eq!(v3_packets("", PayloadForm::Text), Err(DecodeError::Empty));
    assert_eq!(v3_packets("1:7", PayloadForm::Text), Err(DecodeError::UnknownType(b'7')));
    assert!(matches!(v3_packets("5:b4AQI", PayloadForm::Text), Err(DecodeError::Base64(_))));
    assert!(matches!(v3_packets(&b"2:4\xff"[..], PayloadForm::Text), Err(DecodeError::NotUtf8(_))));
    for body in [&[0][..], &[0, 0xff], &[0, 1], &[0, 1, 0xff], &[0, 10, 0xff, b'4'], &[0, b'1', 0xff, b'4']] {
        assert_eq!(v3_packets(body, PayloadForm::Octets), Err(DecodeError::Length), "{body:?}");
    }
    assert_eq!(v3_packets(&[2, 1, 0xff, b'4'][..], PayloadForm::Octets), Err(DecodeError::UnknownType(2)));
    assert_eq!(v3_packets(&[0, 0, 0xff][..], PayloadForm::Octets), Err(DecodeError::Empty));
    assert_eq!(v3_packets(&[1, 0, 0xff][..], PayloadForm::Octets), Err(DecodeError::Empty));
    assert!(matches!(v3_packets(&[0, 2, 0xff, b'4', 0xff][..], PayloadForm::Octets), Err(DecodeError::NotUtf8(_))));
    let too_long = v3::decode_payload("1:4".into(), PayloadForm::Text, 2);
    assert!(matches!(too_long, Err(DecodeError::TooLong { max_bytes: 2 })));
    let mut body = BytesMut::from("x");
    let packets = [message("fine"), Packet::Message(Bytes::from_static(b"\xff"))];
    assert!(v3::encode_payload(&mut body, &packets, BinarySupport::Octets).is_err());
    assert_eq!(&body[..], b"x");
}

fn any_text() -> impl Strategy<Value = Bytes> {
    // 0x1e is tested above: a body of version 4 cannot carry it in text.
    prop_oneof!["[ -~]{0,20}", any::<String>()].prop_map(|text| text.replace('\x1e', "").into())
}

fn any_packet() -> impl Strategy<Value = Packet> {
    prop_oneof![
        any_text().prop_map(Packet::Open),
        Just(Packet::Close),
        any_text().prop_map(Packet::Ping),
        any_text().prop_map(Packet::Pong),
        any_text().prop_map(Packet::Message),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|data| Packet::Binary(data.into())),
        Just(Packet::Upgrade),
        Just(Packet::Noop),
    ]
}

proptest! {
    #[test]
    fn v4_bodies_round_trip(packets in prop::collection::vec(any_packet(), 1..8)) {
        prop_assert_eq!(v4_packets(v4_body(&packets)), Ok(packets));
    }

    #[test]
    fn v3_bodies_round_trip(packets in prop::collection::vec(any_packet(), 0..8), base64: bool) {
        let support = if base64 { BinarySupport::Base64 } else { BinarySupport::Octets };
        let (form, body) = v3_body(&packets, support);
        prop_assert_eq!(v3_packets(body, form), Ok(packets));
    }

    #[test]
    fn frames_round_trip(packet in any_packet()) {
        let frame = v4::encode_frame(&packet).expect("UTF-8");
        prop_assert_eq!(v4::decode_frame(&frame), Ok(packet.clone()));
        let frame = v3::encode_frame(&packet).expect("UTF-8");
        prop_assert_eq!(v3::decode_frame(&frame), Ok(packet));
    }

    #[test]
    fn garbage_never_panics(body in prop::collection::vec(
        prop_oneof![any::<u8>(), 0u8..12, Just(0xff), Just(0x1e), prop::sample::select(&b"0123456:b="[..])],
        0..100,
    )) {
        let body = Bytes::from(body);
        let _ = v4_packets(body.clone());
        for form in [PayloadForm::Text, PayloadForm::Octets] {
            let _ = v3_packets(body.clone(), form);
        }
        for frame in [Frame::Text(body.clone()), Frame::Binary(body.clone())] {
            let _ = v3::decode_frame(&frame);
            let _ = v4::decode_frame(&frame);
        }
    }

    /// Text that is read is text that would be written, so that nothing foreign slips through unnoticed.
    #[test]
    fn v3_text_is_read_only_in_one_way(body in "([1-9][:][0-9b][4é😀]{0,3}){0,4}") {
        if let Ok(packets) = v3_packets(body.clone(), PayloadForm::Text)
            && !packets.iter().any(|packet| matches!(packet, Packet::Close | Packet::Upgrade | Packet::Noop))
        {
            prop_assert_eq!(v3_body(&packets, BinarySupport::Base64).1, body);
        }
    }
}
