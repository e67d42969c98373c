//! A client in a process of its own, which is there to be killed.

use std::{
    env,
    io::{self, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command},
    thread,
    time::Duration,
};

use wirecost_probe::process;

const ROLE: &str = "victim";

/// Where to connect to, if this process was started to be the victim.
pub fn address() -> Option<SocketAddr> {
    match env::args().collect::<Vec<_>>().as_slice() {
        [_, role, address] if role == ROLE => Some(address.parse().unwrap()),
        _ => None,
    }
}

/// Connects, sends a request of 100 bytes, and does nothing more.
pub fn play(address: SocketAddr) -> ! {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(&[7; 100]).unwrap();
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// Starts a victim and accepts its connection.
pub fn start() -> io::Result<(Child, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut command = Command::new(env::current_exe()?);
    command.arg(ROLE).arg(listener.local_addr()?.to_string());
    process::die_with_parent(&mut command);
    let child = command.spawn()?;
    let (server, _) = listener.accept()?;
    server.set_nodelay(true)?;
    Ok((child, server))
}
