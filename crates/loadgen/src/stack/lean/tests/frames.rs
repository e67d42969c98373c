//! Frames as pure functions: against tungstenite's codec, cut at every byte, and every rule broken once.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, FrameHeader};

use crate::stack::lean::frame::{Decoder, Event, Fault, Opcode, encode};
use crate::stack::{MAX_BODY_BYTES, Message};

/// What has come, and a message whole.
#[derive(Debug, Clone, PartialEq)]
enum Came {
    Event(Event),
    Message(Message),
}

/// Reads `wire` in parts that end at `cuts`. Of the messages, one is taken and one is only looked at, in turns.
fn decode(wire: &[u8], cuts: &[usize]) -> Result<Vec<Came>, Fault> {
    let (mut decoder, mut input, mut events, mut from) = (Decoder::default(), BytesMut::new(), Vec::new(), 0);
    for &to in cuts.iter().chain([&wire.len()]) {
        input.extend_from_slice(&wire[from..to]);
        from = to;
        while let Some(event) = decoder.next(&mut input)? {
            events.push(match event {
                Event::Message if events.len() % 2 == 0 => Came::Message(decoder.take(&mut input)),
                Event::Message => {
                    let payload = Bytes::copy_from_slice(decoder.message(&input));
                    Came::Message(if decoder.text { Message::Text(payload) } else { Message::Binary(payload) })
                }
                other => Came::Event(other),
            });
        }
    }
    Ok(events)
}

/// A server's frame, written by tungstenite.
fn frame(fin: bool, opcode: OpCode, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader { is_final: fin, opcode, ..FrameHeader::default() };
    let mut out = Vec::new();
    Frame::from_payload(header, payload.to_vec().into()).format(&mut out).expect("written");
    out
}

const CONTINUE: OpCode = OpCode::Data(Data::Continue);
const TEXT: OpCode = OpCode::Data(Data::Text);
const BINARY: OpCode = OpCode::Data(Data::Binary);
const CLOSE: OpCode = OpCode::Control(Control::Close);
const PING: OpCode = OpCode::Control(Control::Ping);
const PONG: OpCode = OpCode::Control(Control::Pong);

fn text(payload: &[u8]) -> Came {
    Came::Message(Message::Text(Bytes::copy_from_slice(payload)))
}

fn binary(payload: &[u8]) -> Came {
    Came::Message(Message::Binary(Bytes::copy_from_slice(payload)))
}

#[test]
fn a_conversation_cut_at_every_byte() {
    let wire = [
        frame(true, TEXT, "grüße".as_bytes()),
        frame(false, TEXT, &"é".as_bytes()[..1]),
        frame(true, PING, b"p"),
        frame(false, CONTINUE, b""),
        frame(true, CONTINUE, &"é".as_bytes()[1..]),
        frame(true, BINARY, &[0xFF; 126]),
        frame(true, PONG, b""),
        frame(true, BINARY, b""),
        frame(true, CLOSE, b"\x03\xE8bye"),
    ]
    .concat();
    let events = [
        text("grüße".as_bytes()),
        Came::Event(Event::Ping(Bytes::from_static(b"p"))),
        text("é".as_bytes()),
        binary(&[0xFF; 126]),
        Came::Event(Event::Pong),
        binary(b""),
        Came::Event(Event::Close(Some(1000))),
    ];
    for cut in 0..wire.len() {
        assert_eq!(decode(&wire, &[cut]).expect("well-formed"), events, "{cut}");
    }
    assert_eq!(decode(&wire, &(0..wire.len()).collect::<Vec<_>>()).expect("well-formed"), events);
    assert_eq!(decode(&frame(true, CLOSE, b""), &[]).unwrap(), [Came::Event(Event::Close(None))]);
}

#[test]
fn every_rule_broken_once() {
    let too_big = [&[0x82, 127][..], &(MAX_BODY_BYTES as u64 + 1).to_be_bytes()].concat();
    let half = vec![b'x'; MAX_BODY_BYTES / 2 + 1];
    let too_big_in_parts = [frame(false, BINARY, &half), frame(true, CONTINUE, &half)].concat();
    let cases: [(u16, &str, Vec<u8>); 23] = [
        (1002, "RSV1", vec![0xC1, 0]),
        (1002, "RSV2", vec![0xA1, 0]),
        (1002, "RSV3", vec![0x91, 0]),
        (1002, "opcode 3", vec![0x83, 0]),
        (1002, "opcode 11", vec![0x8B, 0]),
        (1002, "a mask", vec![0x81, 0x80, 0, 0, 0, 0]),
        (1002, "a fragmented ping", vec![0x09, 0]),
        (1002, "a long ping", vec![0x89, 126, 0, 126]),
        (1002, "125 in two bytes", vec![0x82, 126, 0, 125]),
        (1002, "65535 in eight bytes", vec![0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
        (1002, "the top bit of a length", vec![0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        (1002, "a continuation of nothing", frame(true, CONTINUE, b"")),
        (1002, "a message in a message", [frame(false, TEXT, b"a"), frame(true, TEXT, b"b")].concat()),
        (1002, "half a close code", frame(true, CLOSE, b"\x03")),
        (1002, "close code 1005", frame(true, CLOSE, b"\x03\xED")),
        (1002, "close code 999", frame(true, CLOSE, b"\x03\xE7")),
        (1007, "a reason that is not UTF-8", frame(true, CLOSE, b"\x03\xE8\xFF")),
        (1007, "text that is not UTF-8", frame(true, TEXT, b"\xFF")),
        (1007, "text that ends in a character", frame(true, TEXT, "é".as_bytes().split_last().unwrap().1)),
        (1007, "a fragment that cannot become UTF-8", frame(false, TEXT, b"\xC3\x28")),
        (1007, "fragments that end in a character", [frame(false, TEXT, b"a"), frame(true, CONTINUE, b"\xC3")].concat()),
        (1009, "a frame that is too big", too_big),
        (1009, "a message that is too big", too_big_in_parts),
    ];
    for (code, rule, wire) in cases {
        assert_eq!(decode(&wire, &[]).map_err(|fault| fault.code), Err(code), "{rule}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_by_tungstenite(
        payload in prop_oneof![prop::collection::vec(any::<u8>(), 0..300), prop::collection::vec(any::<u8>(), 65_530..65_540)],
        mask: [u8; 4],
        kind in prop::sample::select(&[(Opcode::Text, TEXT), (Opcode::Binary, BINARY), (Opcode::Ping, PING), (Opcode::Pong, PONG)][..]),
    ) {
        let mut wire = Vec::new();
        encode(&mut wire, kind.0, &payload, mask);
        let expected_bytes = wirecost_wire::websocket::header_bytes(payload.len(), wirecost_wire::websocket::Sender::Client) + payload.len();
        prop_assert_eq!(wire.len(), expected_bytes);
        let mut reader = std::io::Cursor::new(&wire[..]);
        let (header, length) = FrameHeader::parse(&mut reader).unwrap().unwrap();
        prop_assert_eq!((header.is_final, header.opcode, header.mask, length), (true, kind.1, Some(mask), payload.len() as u64));
        let body = &wire[reader.position() as usize..];
        let unmasked: Vec<u8> = body.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        prop_assert_eq!(unmasked, payload);
    }

    #[test]
    fn messages_however_fragmented_and_cut(
        messages in prop::collection::vec(("\\PC{0,200}", any::<bool>(), 1usize..90), 0..5),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let mut wire = Vec::new();
        for (payload, is_binary, step) in &messages {
            let mut parts = payload.as_bytes().chunks(*step).peekable();
            let first = parts.next().unwrap_or_default();
            wire.extend(frame(parts.peek().is_none(), if *is_binary { BINARY } else { TEXT }, first));
            while let Some(part) = parts.next() {
                wire.extend(frame(true, PING, b"between"));
                wire.extend(frame(parts.peek().is_none(), CONTINUE, part));
            }
        }
        let mut cuts: Vec<usize> = cuts.drain(..).map(|cut| cut.index(wire.len() + 1)).collect();
        cuts.sort_unstable();
        let mut events = decode(&wire, &cuts).unwrap();
        events.retain(|event| !matches!(event, Came::Event(Event::Ping(_))));
        let of_kind = |is_binary: bool| if is_binary { binary } else { text };
        let expected: Vec<Came> = messages.iter().map(|(payload, is_binary, _)| of_kind(*is_binary)(payload.as_bytes())).collect();
        prop_assert_eq!(events, expected);
    }

    /// Bytes near to frames: random bytes alone would hardly ever get past the first header.
    #[test]
    fn garbage_never_panics_and_how_it_is_cut_changes_nothing(
        bytes in prop::collection::vec(
            prop_oneof![prop::sample::select(&[0u8, 1, 2, 3, 5, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8A, 0xC3, 126, 127][..]), any::<u8>()], 0..120),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(bytes.len() + 1);
        prop_assert_eq!(decode(&bytes, &[]), decode(&bytes, &[cut]));
    }
}
