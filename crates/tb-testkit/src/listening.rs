//! A server of the tests on a free loopback port, in a thread of its own.

use std::future::Future;
use std::net::SocketAddr;
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// A listener that serves until it is dropped; what it serves then is broken off.
#[derive(Debug)]
pub(crate) struct Listening {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    /// Serves each connection with `serve`, which is told the connection's number, from 0.
    ///
    /// # Panics
    /// When no port is free.
    pub(crate) fn start<F>(serve: impl Fn(TcpStream, usize) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || run(listener, stopped, serve));
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run<F>(
    listener: std::net::TcpListener,
    stopped: oneshot::Receiver<()>,
    serve: impl Fn(TcpStream, usize) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).unwrap();
        let mut connections = JoinSet::new();
        let accepting = async {
            for number in 0.. {
                if let Ok((stream, _)) = listener.accept().await {
                    connections.spawn(serve(stream, number));
                }
            }
        };
        tokio::select! { () = accepting => {}, _ = stopped => {} }
    });
}
