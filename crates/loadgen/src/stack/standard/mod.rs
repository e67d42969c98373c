//! The `standard` stack: what an application would use. reqwest for HTTP, tokio-tungstenite for WebSocket.

pub mod http;
pub mod websocket;
