//! From polling to WebSocket within one session (`v4-current.md`, "Upgrade"). The client opens a WebSocket with the
//! session's id and probes it while polling goes on; then it lets polling come to rest, says so, and goes on there.
//!
//! ```text
//! client                      server
//!   │ ── GET …websocket&sid= ──▶ │
//!   │ ── 2probe ───────────────▶ │
//!   │ ◀─────────────── 3probe ── │
//!   │ ◀──── 6 (ends the GET) ─── │   polling has come to rest
//!   │ ── 5 ────────────────────▶ │
//! ```
//!
//! An upgrade that fails ends the client here, where the official clients stay with polling: what is measured must be
//! what the arm says.

use bytes::Bytes;
use wirecost_model::scenario::Via;
use wirecost_wire::engine_io::{Handshake, PROBE, Packet};

use super::codec::Codec;
use super::polling::{Polling, Remains};
use super::route;
use super::websocket::Websocket;
use crate::client::Context;
use crate::session::TransportError;
use crate::stack::Stages;

/// Opens a WebSocket for the session and makes sure that packets pass through it.
pub(super) async fn probe(context: Context, codec: Codec, handshake: Handshake) -> Result<(Websocket, Stages), TransportError> {
    if !handshake.upgrades.iter().any(|name| name == Via::Websocket.name()) {
        return Err(TransportError::Unexpected("the server offers no upgrade to websocket".into()));
    }
    let path = route::session(codec.version, Via::Websocket, &handshake.sid, route::mount(&context.target));
    let mut stages = Stages::new();
    let mut socket = Websocket::connect(&context.target, codec, &path, context.socket_meter.clone(), &mut stages).await?;
    socket.feed(&Packet::Ping(Bytes::from_static(PROBE))).await?;
    socket.flush().await?;
    match socket.next().await? {
        Packet::Pong(data) if data == PROBE => Ok((socket, stages)),
        _ => Err(TransportError::Unexpected("the probe of a WebSocket was not answered with its pong".into())),
    }
}

/// Moves the session over. What has come by polling and was not read yet is handed back: it comes first.
pub(super) async fn complete(polling: Polling, socket: &mut Websocket) -> Result<Remains, TransportError> {
    let remains = polling.pause().await?;
    socket.feed(&Packet::Upgrade).await?;
    for packet in &remains.queue {
        socket.feed(packet).await?;
    }
    socket.flush().await?;
    Ok(remains)
}
