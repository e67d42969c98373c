//! `serve`: the reference server, for a person with curl and for `run`.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use wirecost_model::scenario::TlsOptions;
use wirecost_server::options::{ServerError, ServerOptions};

use super::Outcome;
use crate::args::ServeArgs;
use crate::exit;
use crate::failure::Failure;

/// Serves until told to stop.
pub fn serve(args: &ServeArgs) -> Outcome {
    let tls = match (&args.tls_options, args.tls) {
        (Some(text), _) => Some(
            wirecost_model::scenario::tls_options(text)
                .map_err(|error| Failure::new(exit::USAGE, format!("--tls-options: {error}")))?,
        ),
        (None, true) => Some(TlsOptions::default()),
        (None, false) => None,
    };
    let mut options = if args.conformance { conformance() } else { ServerOptions::default() };
    options.tls = tls;
    options.cores = args.cores.clone();
    options.control = args.control;
    options.demo = args.demo;
    options.bind = args.bind.unwrap_or(options.bind);
    options.ping_interval = args.ping_interval.unwrap_or(options.ping_interval);
    options.ping_timeout = args.ping_timeout.unwrap_or(options.ping_timeout);
    options.max_payload = args.max_payload.unwrap_or(options.max_payload);
    options.connect_timeout = args.connect_timeout.unwrap_or(options.connect_timeout);
    if let Some(ring) = args.ring {
        options.ring_messages = ring;
    }
    if let Some(most) = args.max_connections {
        options.max_connections = most;
    }
    let served = wirecost_server::control::run(options, async {
        let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(signal) => signal,
            Err(_) => return std::future::pending().await,
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    });
    match served {
        Ok(()) => Ok(exit::OK),
        Err(error @ (ServerError::AddressInUse(_) | ServerError::Bind { .. })) => {
            Err(Failure::new(exit::SERVER, error.to_string()))
        }
        Err(error) => Err(Failure::new(exit::UNEXPECTED, error.to_string())),
    }
}

/// What the Engine.IO and Socket.IO suites of the Socket.IO project expect to find.
fn conformance() -> ServerOptions {
    ServerOptions {
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, 3000)),
        // `localhost` may be either.
        both_families: true,
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        connect_timeout: Duration::from_secs(1),
        conformance: true,
        ..ServerOptions::default()
    }
}
