//! WebSocket frames from the client's side (RFC 6455 §5), as pure functions over a buffer: written masked, read unmasked,
//! and every rule of the receiving end kept. No extensions, because none is asked for.

use bytes::{Buf, Bytes, BytesMut};
use wirecost_wire::websocket::{MAX_CONTROL_PAYLOAD_BYTES, close};

use super::super::{MAX_BODY_BYTES, Message};

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// What has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A whole message, which [`Decoder::message`] lends and [`Decoder::take`] gives.
    Message,
    /// To be answered with the same bytes.
    Ping(Bytes),
    /// The answer to a ping, or a heartbeat.
    Pong,
    /// The other end has finished, with this code.
    Close(Option<u16>),
}

/// The other end broke a rule: the close code to tell it so with, and which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub code: u16,
    pub what: &'static str,
}

const fn fault(what: &'static str) -> Fault {
    Fault { code: close::PROTOCOL_ERROR, what }
}

const NOT_UTF8: Fault = Fault { code: close::INVALID_PAYLOAD, what: "text that is not UTF-8" };

/// Appends one frame that is a whole message, or a control frame.
pub(super) fn encode(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: [u8; 4]) {
    let mut header = [0x80 | opcode as u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mask_at = match payload.len() {
        length @ 0..=125 => {
            header[1] = 0x80 | length as u8;
            2
        }
        length @ 126..=0xFFFF => {
            header[1] = 0x80 | 126;
            header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
            4
        }
        length => {
            header[1] = 0x80 | 127;
            header[2..10].copy_from_slice(&(length as u64).to_be_bytes());
            10
        }
    };
    header[mask_at..][..4].copy_from_slice(&mask);
    out.reserve(header.len() + payload.len());
    out.extend_from_slice(&header[..mask_at + 4]);
    let begin = out.len();
    out.extend_from_slice(payload);
    apply_mask(&mut out[begin..], mask);
}

/// Masks or unmasks (RFC 6455 §5.3), eight bytes at a time.
fn apply_mask(data: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = data.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    rest.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

/// Whether a text is one. Most are ASCII, which can be seen faster.
pub(super) fn is_utf8(text: &[u8]) -> bool {
    text.is_ascii() || std::str::from_utf8(text).is_ok()
}

/// The payload of a close frame.
pub(super) fn close_payload(code: u16) -> [u8; 2] {
    code.to_be_bytes()
}

struct Header {
    fin: bool,
    opcode: Opcode,
    header_bytes: usize,
    payload_bytes: usize,
}

impl Header {
    /// The header that `input` begins with; `None` if it is not complete.
    fn read(input: &[u8]) -> Result<Option<Header>, Fault> {
        let &[first, second, ref rest @ ..] = input else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(fault("a reserved bit without an extension"));
        }
        if second & 0x80 != 0 {
            return Err(fault("a masked frame from a server"));
        }
        let (fin, opcode) = (first & 0x80 != 0, opcode(first & 0x0F).ok_or(fault("a reserved opcode"))?);
        let short = usize::from(second);
        if opcode as u8 >= Opcode::Close as u8 {
            if !fin {
                return Err(fault("a fragmented control frame"));
            }
            if short > MAX_CONTROL_PAYLOAD_BYTES {
                return Err(fault("a control frame of more than 125 bytes"));
            }
        }
        let (header_bytes, least, length) = match short {
            126 => {
                let Some(bytes) = rest.first_chunk() else { return Ok(None) };
                (4, 126, u64::from(u16::from_be_bytes(*bytes)))
            }
            127 => {
                let Some(bytes) = rest.first_chunk() else { return Ok(None) };
                (10, 1 << 16, u64::from_be_bytes(*bytes))
            }
            short => (2, 0, short as u64),
        };
        if length < least || length >> 63 != 0 {
            return Err(fault("a length that is not written the short way"));
        }
        if length > MAX_BODY_BYTES as u64 {
            return Err(Fault { code: close::MESSAGE_TOO_BIG, what: "a frame that is too big" });
        }
        Ok(Some(Header { fin, opcode, header_bytes, payload_bytes: length as usize }))
    }
}

fn opcode(bits: u8) -> Option<Opcode> {
    use Opcode::{Binary, Close, Continuation, Ping, Pong, Text};
    [Continuation, Text, Binary, Close, Ping, Pong].into_iter().find(|&opcode| opcode as u8 == bits)
}

/// A message of which not every frame has come.
#[derive(Debug)]
struct Fragments {
    text: bool,
    received: BytesMut,
    /// How much of it is known to be UTF-8, if it is text.
    checked: usize,
}

/// Where the latest message is, until the next one is asked for.
#[derive(Debug, Default)]
enum Place {
    /// It was taken, or there was none.
    #[default]
    Nowhere,
    /// In the frame at the front of the input, behind its header.
    Front { header_bytes: usize, frame_bytes: usize },
    /// It came in fragments.
    Gathered(Bytes),
}

/// Puts frames together.
///
/// A message stays where it has arrived until the next one is asked for: most are looked at and forgotten, and one that is given
/// away costs its buffer a count of who has a share in it.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    fragments: Option<Fragments>,
    place: Place,
    /// Of the latest message.
    pub text: bool,
    /// How many more bytes the frame at the front of the input needs, as far as is known.
    pub wanted_bytes: usize,
}

impl Decoder {
    /// The latest message, which lies in `input` or here.
    pub fn message<'a>(&'a self, input: &'a [u8]) -> &'a [u8] {
        match &self.place {
            Place::Nowhere => &[],
            Place::Front { header_bytes, frame_bytes } => &input[*header_bytes..*frame_bytes],
            Place::Gathered(payload) => payload,
        }
    }

    /// The same, to keep; if it is text, it is UTF-8.
    pub fn take(&mut self, input: &mut BytesMut) -> Message {
        let payload = match std::mem::take(&mut self.place) {
            Place::Nowhere => Bytes::new(),
            Place::Front { header_bytes, frame_bytes } => {
                input.advance(header_bytes);
                input.split_to(frame_bytes - header_bytes).freeze()
            }
            Place::Gathered(payload) => payload,
        };
        if self.text { Message::Text(payload) } else { Message::Binary(payload) }
    }

    /// Forgets the latest message.
    fn skip(&mut self, input: &mut BytesMut) {
        match std::mem::take(&mut self.place) {
            // From its beginning again, as long as nothing follows: nothing to move, nothing to ask for.
            Place::Front { frame_bytes, .. } if frame_bytes == input.len() => input.clear(),
            Place::Front { frame_bytes, .. } => input.advance(frame_bytes),
            Place::Nowhere | Place::Gathered(_) => {}
        }
    }

    /// Takes what is complete off the front of `input`; `None` if more must arrive. After a fault there is no going on.
    pub fn next(&mut self, input: &mut BytesMut) -> Result<Option<Event>, Fault> {
        self.skip(input);
        loop {
            self.wanted_bytes = 0;
            let Some(Header { fin, opcode, header_bytes, payload_bytes }) = Header::read(input)? else { return Ok(None) };
            self.check(opcode, payload_bytes)?;
            let frame_bytes = header_bytes + payload_bytes;
            if input.len() < frame_bytes {
                self.wanted_bytes = frame_bytes - input.len();
                return Ok(None);
            }
            if fin && matches!(opcode, Opcode::Text | Opcode::Binary) {
                self.text = opcode == Opcode::Text;
                if self.text && !is_utf8(&input[header_bytes..frame_bytes]) {
                    return Err(NOT_UTF8);
                }
                self.place = Place::Front { header_bytes, frame_bytes };
                return Ok(Some(Event::Message));
            }
            input.advance(header_bytes);
            let payload = input.split_to(payload_bytes);
            match opcode {
                Opcode::Ping => return Ok(Some(Event::Ping(payload.freeze()))),
                Opcode::Pong => return Ok(Some(Event::Pong)),
                Opcode::Close => return close_code(&payload).map(|code| Some(Event::Close(code))),
                Opcode::Text | Opcode::Binary => {
                    // Copied, so that no fragment keeps the whole input alive.
                    let received = BytesMut::from(&payload[..]);
                    let mut fragments = Fragments { text: opcode == Opcode::Text, received, checked: 0 };
                    fragments.check_text(false)?;
                    self.fragments = Some(fragments);
                }
                Opcode::Continuation => {
                    let Some(mut fragments) = self.fragments.take() else { return Err(fault("a continuation of nothing")) };
                    fragments.received.extend_from_slice(&payload);
                    fragments.check_text(fin)?;
                    if fin {
                        self.text = fragments.text;
                        self.place = Place::Gathered(fragments.received.freeze());
                        return Ok(Some(Event::Message));
                    }
                    self.fragments = Some(fragments);
                }
            }
        }
    }

    /// Whether a frame may come here; asked before its payload has come, so that nothing is waited for in vain.
    fn check(&self, opcode: Opcode, payload_bytes: usize) -> Result<(), Fault> {
        match (opcode, &self.fragments) {
            (Opcode::Continuation, None) => Err(fault("a continuation of nothing")),
            (Opcode::Text | Opcode::Binary, Some(_)) => Err(fault("a message inside a fragmented one")),
            (Opcode::Continuation, Some(fragments)) if fragments.received.len() + payload_bytes > MAX_BODY_BYTES => {
                Err(Fault { code: close::MESSAGE_TOO_BIG, what: "a message that is too big" })
            }
            _ => Ok(()),
        }
    }
}

impl Fragments {
    /// Text must be UTF-8 so far; a character may be cut between fragments, but not at the end.
    fn check_text(&mut self, end: bool) -> Result<(), Fault> {
        if !self.text {
            return Ok(());
        }
        self.checked += match std::str::from_utf8(&self.received[self.checked..]) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() && !end => error.valid_up_to(),
            Err(_) => return Err(NOT_UTF8),
        };
        Ok(())
    }
}

/// The code of a close frame (RFC 6455 §5.5.1, §7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, Fault> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        &[high, low, ref reason @ ..] => (u16::from_be_bytes([high, low]), reason),
        [_] => return Err(fault("half a close code")),
    };
    if !close::may_be_sent(code) {
        return Err(fault("a close code that may not be sent"));
    }
    std::str::from_utf8(reason).map_err(|_| NOT_UTF8)?;
    Ok(Some(code))
}
