//! The WebSocket clients of both stacks, as the Autobahn suite wants a client: ask how many cases there are, run each by
//! echoing until the server ends the connection, ask for the report. `scripts/autobahn` starts it.

use std::net::SocketAddr;

use wirecost_loadgen::Target;
use wirecost_loadgen::bare::BareWebSocket;
use wirecost_model::scenario::{Arm, ArmOptions, Stack};
use wirecost_model::{ArmConfig, TransportKind};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (address, stack) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let address: SocketAddr = address.parse()?;
    let options = ArmOptions {
        stack: Some(match stack.as_str() {
            "standard" => Stack::Standard,
            "lean" => Stack::Lean,
            _ => return Err("usage: autobahn_client ADDRESS standard|lean".into()),
        }),
        ..ArmOptions::default()
    };
    let arm = ArmConfig::resolve(&Arm { transport: TransportKind::Websocket, options }, &ArmOptions::default());
    let target = Target::new(address, arm);

    let mut count = BareWebSocket::connect_to(&target, "/getCaseCount").await?;
    let cases: u32 = std::str::from_utf8(&count.next().await?)?.trim().parse()?;
    count.close().await;
    for case in 1..=cases {
        let mut socket = BareWebSocket::connect_to(&target, &format!("/runCase?case={case}&agent={stack}")).await?;
        // That it ends, and how, is what the suite looks at.
        let _ = socket.echo_back().await;
        socket.close().await;
    }
    let report = BareWebSocket::connect_to(&target, &format!("/updateReports?agent={stack}")).await?;
    report.close().await;
    println!("{cases} cases");
    Ok(())
}
