//! What signals ask for.

use anyhow::Context;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A runtime that waits for signals, and tries new keys at a reload.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("cannot start the signal loop")
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Read the configuration again.
    Reload,
    /// Drain and end.
    End,
}

/// SIGTERM, SIGINT and SIGHUP.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Begins to receive them, in place of what they do by themselves.
    pub(crate) fn listen(runtime: &Runtime) -> anyhow::Result<Self> {
        let _entered = runtime.enter();
        let receive = |kind| signal(kind).context("cannot receive signals");
        Ok(Self {
            terminate: receive(SignalKind::terminate())?,
            interrupt: receive(SignalKind::interrupt())?,
            hang_up: receive(SignalKind::hangup())?,
        })
    }

    /// Waits for one.
    pub(crate) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.terminate.recv() => Wish::End,
            _ = self.interrupt.recv() => Wish::End,
            _ = self.hang_up.recv() => Wish::Reload,
        }
    }

    /// The next signal that asks for the end.
    pub(crate) async fn end(&mut self) {
        while self.next().await == Wish::Reload {}
    }
}
