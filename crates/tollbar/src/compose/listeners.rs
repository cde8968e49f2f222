//! The two listening sockets. They are opened before anything slow, so that clients wait in
//! the queue instead of being refused while the process starts.

use std::net::{SocketAddr, TcpListener};

use anyhow::Context;
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait to be accepted; the kernel caps it at `somaxconn`.
const BACKLOG: i32 = 1024;

/// Open listeners.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// For the public API.
    pub(crate) public: TcpListener,
    /// For the admin API.
    pub(crate) admin: TcpListener,
}

impl Listeners {
    /// Opens both.
    pub(crate) fn open(public: SocketAddr, admin: SocketAddr) -> anyhow::Result<Self> {
        let open = |address, what| {
            listen(address).with_context(|| format!("cannot listen on {address} for the {what}"))
        };
        Ok(Self { public: open(public, "public API")?, admin: open(admin, "admin API")? })
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // After a restart the old connections may still be in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
