//! `echo`: each client sends and gets it back, a stated number outstanding. Closed loop: the latency is a
//! round trip and the rate is a result. HTTP transports answer a POST; WebSocket answers a message.

use wirecost_model::scenario::Echo;

use super::Script;

/// Nothing is published and nobody subscribes.
pub fn script(echo: &Echo) -> Script {
    Script { outstanding: Some(echo.outstanding), payload_bytes: echo.payload.0 as usize, ..Script::default() }
}
