//! What events do: for benchmarks, for the conformance suites, for the demonstration page.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use wirecost_wire::socket_io::{Body, MAIN_NAMESPACE, Packet, TextEvent};

use super::namespace::{Socket, send};
use super::outbox::Outbox;
use super::rooms::Shape;
use crate::context::Context;

/// The namespace that the suites connect to beside the main one.
const CUSTOM: &str = "/custom";

/// The namespace of the demonstration.
const DEMO: &str = "/test";

/// What the demonstration's broadcasts go through.
const DEMO_ROOM: &str = "demo-broadcast";

/// What a namespace is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Messages of a room down; up, `message`, `echo`, `join`, `leave`, `say`.
    Benchmark,
    /// What the conformance suites expect.
    Conformance,
    /// What the demonstration page expects.
    Demo,
}

impl Behaviour {
    /// Of a namespace; `None` if there is no such namespace.
    pub fn of(namespace: &str, conformance: bool, demo: bool) -> Option<Behaviour> {
        match namespace {
            DEMO if demo => Some(Behaviour::Demo),
            MAIN_NAMESPACE | CUSTOM if conformance => Some(Behaviour::Conformance),
            _ if conformance => None,
            _ => Some(Behaviour::Benchmark),
        }
    }
}

/// A client has connected.
pub fn connected(socket: &mut Socket, auth: Map<String, Value>, outbox: &mut Outbox, context: &Context) {
    match socket.behaviour {
        Behaviour::Benchmark => {}
        Behaviour::Conformance => emit(socket, vec![json!("auth"), Value::Object(auth)], outbox),
        Behaviour::Demo => {
            emit(socket, my_response("Connected", 0), outbox);
            // A room that is always there; what is said in it is made here.
            let _ = socket.rooms.join(DEMO_ROOM, Shape::Event, context);
        }
    }
}

/// An event of one text argument, without the detour of JSON values. `false` if it is none that is dealt with here.
pub fn plain(socket: &mut Socket, said: &TextEvent<'_>, outbox: &mut Outbox, context: &Context) -> bool {
    if socket.behaviour != Behaviour::Benchmark {
        return false;
    }
    match said.name {
        "message" => message(socket, said.ack_id, said.payload.as_bytes(), outbox, context),
        "echo" => echo(socket, said.ack_id, vec![said.payload.into()], Vec::new(), outbox, context),
        _ => return false,
    }
    true
}

/// Any event. The first argument is its name.
pub fn any(
    socket: &mut Socket,
    ack_id: Option<u64>,
    mut args: Vec<Value>,
    attachments: Vec<Bytes>,
    outbox: &mut Outbox,
    context: &Context,
) {
    if args.is_empty() {
        return;
    }
    let name = args.remove(0);
    let name = name.as_str().unwrap_or_default();
    match socket.behaviour {
        Behaviour::Benchmark => benchmark(socket, name, ack_id, args, attachments, outbox, context),
        Behaviour::Conformance => conformance(socket, name, ack_id, args, attachments, outbox, context),
        Behaviour::Demo => demo(socket, name, ack_id, &args, outbox, context),
    }
}

fn benchmark(
    socket: &mut Socket,
    name: &str,
    ack_id: Option<u64>,
    args: Vec<Value>,
    attachments: Vec<Bytes>,
    outbox: &mut Outbox,
    context: &Context,
) {
    let done = |done: Result<(), String>| match done {
        Ok(()) => Vec::new(),
        Err(error) => vec![json!({ "error": error })],
    };
    let answer = match (name, &args[..]) {
        ("message", [Value::String(payload)]) => return message(socket, ack_id, payload.as_bytes(), outbox, context),
        ("message", _) if !attachments.is_empty() => return message(socket, ack_id, &attachments[0], outbox, context),
        ("echo", _) => return echo(socket, ack_id, args, attachments, outbox, context),
        ("join", [Value::String(room)]) => {
            done(socket.rooms.join(room, Shape::Argument, context).map_err(|error| error.to_string()))
        }
        ("leave", [Value::String(room)]) => {
            socket.rooms.leave(room);
            done(Ok(()))
        }
        ("say", [Value::String(room), Value::String(payload)]) => {
            context.meter.received(payload.len() as u64);
            let said = context.hub().say(room, Bytes::from(payload.clone()));
            done(said.map(|wakes| context.shared.fan_out.wake(wakes)).map_err(|error| error.to_string()))
        }
        _ => done(Err("there is no such event".into())),
    };
    ack(socket, ack_id, answer, outbox);
}

/// Takes a message.
fn message(socket: &Socket, ack_id: Option<u64>, payload: &[u8], outbox: &mut Outbox, context: &Context) {
    context.shared.ingest.receive(payload);
    context.meter.received(payload.len() as u64);
    ack(socket, ack_id, Vec::new(), outbox);
}

/// Gives a message back.
fn echo(socket: &Socket, ack_id: Option<u64>, args: Vec<Value>, attachments: Vec<Bytes>, outbox: &mut Outbox, context: &Context) {
    let payload_bytes = payload_bytes(&args, &attachments);
    context.meter.received(payload_bytes);
    if let Some(ack_id) = ack_id {
        let body = Body::Ack { ack_id, args, attachments };
        send(outbox, &Packet { namespace: socket.namespace.clone(), body }, Some(payload_bytes));
    }
}

fn conformance(
    socket: &Socket,
    name: &str,
    ack_id: Option<u64>,
    mut args: Vec<Value>,
    attachments: Vec<Bytes>,
    outbox: &mut Outbox,
    context: &Context,
) {
    if socket.namespace != MAIN_NAMESPACE {
        return;
    }
    let payload_bytes = payload_bytes(&args, &attachments);
    let body = match (name, ack_id) {
        ("message", _) => {
            args.insert(0, "message-back".into());
            Body::Event { ack_id: None, args, attachments }
        }
        ("message-with-ack", Some(ack_id)) => Body::Ack { ack_id, args, attachments },
        _ => return,
    };
    context.meter.received(payload_bytes);
    send(outbox, &Packet { namespace: socket.namespace.clone(), body }, Some(payload_bytes));
}

fn demo(socket: &mut Socket, name: &str, ack_id: Option<u64>, args: &[Value], outbox: &mut Outbox, context: &Context) {
    let data = args.first().and_then(|arg| arg.get("data")).cloned().unwrap_or(Value::Null);
    match name {
        "my_event" => {
            socket.count += 1;
            emit(socket, my_response(data, socket.count), outbox);
        }
        "my_broadcast_event" => {
            socket.count += 1;
            let event = Value::from(my_response(data, socket.count)).to_string();
            if let Ok(wakes) = context.hub().say(DEMO_ROOM, event.into()) {
                context.shared.fan_out.wake(wakes);
            }
        }
        "disconnect_request" => {
            socket.count += 1;
            // The client's answer says that it has read this, so nothing is lost by disconnecting then.
            let ack_id = socket.count;
            socket.last_ack = Some(ack_id);
            let args = my_response("Disconnected!", socket.count);
            let body = Body::Event { ack_id: Some(ack_id), args, attachments: Vec::new() };
            send(outbox, &Packet { namespace: socket.namespace.clone(), body }, None);
        }
        _ => {}
    }
    ack(socket, ack_id, Vec::new(), outbox);
}

fn my_response(data: impl Into<Value>, count: u64) -> Vec<Value> {
    let data: Value = data.into();
    vec![json!("my_response"), json!({ "data": data, "count": count })]
}

/// Sends an event of the protocol's own, or of the demonstration.
fn emit(socket: &Socket, args: Vec<Value>, outbox: &mut Outbox) {
    let body = Body::Event { ack_id: None, args, attachments: Vec::new() };
    send(outbox, &Packet { namespace: socket.namespace.clone(), body }, None);
}

/// Answers, if an answer is asked for.
fn ack(socket: &Socket, ack_id: Option<u64>, args: Vec<Value>, outbox: &mut Outbox) {
    if let Some(ack_id) = ack_id {
        let body = Body::Ack { ack_id, args, attachments: Vec::new() };
        send(outbox, &Packet { namespace: socket.namespace.clone(), body }, None);
    }
}

/// What of some arguments the application calls its message: the text of texts and the bytes of attachments; quotation marks,
/// escapes and placeholders are framing. Anything else is what it is as JSON.
fn payload_bytes(args: &[Value], attachments: &[Bytes]) -> u64 {
    let text = |arg: &Value| match arg {
        Value::String(text) => text.len(),
        Value::Object(fields) if !attachments.is_empty() && fields.contains_key("_placeholder") => 0,
        other => other.to_string().len(),
    };
    let bytes = args.iter().map(text).sum::<usize>() + attachments.iter().map(Bytes::len).sum::<usize>();
    bytes as u64
}
