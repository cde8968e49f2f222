//! A client's socket, with what HTTP itself does not guard against: a client that stops
//! reading, and one that still sends when its answer is written.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// A client that takes nothing for this long has left, whatever its connection says.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Silent connections are probed after this time, and then at this pace; a few probes
/// without an answer end them.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// After a refusal so much of what the client still sends is read and thrown away, and no
/// longer than this. Most clients read no answer before they have sent everything, and
/// closing a connection with unread bytes resets it under the answer.
const DISCARDED_BYTES: usize = 64 * 1024 * 1024;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that sends nothing for this long has sent everything.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes thrown away at a time.
const DISCARD_STEP: usize = 16 * 1024;

/// Whether a request was answered before its body was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Unread(Arc<AtomicBool>);

impl Unread {
    pub(super) fn set(&self, is_unread: bool) {
        self.0.store(is_unread, Ordering::Relaxed);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Sets a socket up to notice clients that are gone.
///
/// # Errors
/// When the socket is gone already, or the system refuses.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    // Without it the last piece of a stream waits for an acknowledgement (40 ms).
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_INTERVAL);
    socket.set_tcp_keepalive(&keepalive)?;
    // For bytes that the kernel took and the client never acknowledges.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(STALL_TIMEOUT))?;
    Ok(())
}

/// See the module.
pub(super) struct ClientStream<S> {
    stream: S,
    unread: Unread,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Runs once the writing side is shut down and the client still sends.
    discarding: Option<Discard>,
}

struct Discard {
    silence: Pin<Box<Sleep>>,
    ends: Instant,
    left: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ClientStream<S> {
    pub(super) const fn new(stream: S, unread: Unread) -> Self {
        Self { stream, unread, stalled: None, discarding: None }
    }

    /// What a write came to; one that waits too long fails.
    fn guarded(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL_TIMEOUT)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Reads on without keeping anything, until the client has ended.
    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Self { stream, discarding, .. } = self;
        let discard = discarding.get_or_insert_with(|| Discard {
            silence: Box::pin(sleep(SILENCE_TIMEOUT)),
            ends: Instant::now() + DISCARD_TIMEOUT,
            left: DISCARDED_BYTES,
        });
        let mut bytes = [0; DISCARD_STEP];
        while discard.left > 0 && discard.silence.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {
                    discard.left = discard.left.saturating_sub(buffer.filled().len());
                    let until = discard.ends.min(Instant::now() + SILENCE_TIMEOUT);
                    discard.silence.as_mut().reset(until);
                }
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.guarded(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.guarded(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.discarding.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        if self.unread.is_set() {
            ready!(self.poll_discard(cx));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    fn paused<T>(test: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
    }

    #[test]
    fn a_client_that_takes_nothing_is_given_up() {
        paused(async {
            let (ours, _theirs) = duplex(8);
            let mut stream = ClientStream::new(ours, Unread::default());
            let began = Instant::now();
            let fault = stream.write_all(&[0; 64]).await.unwrap_err();
            assert_eq!(fault.kind(), io::ErrorKind::TimedOut);
            assert_eq!(began.elapsed().as_secs(), STALL_TIMEOUT.as_secs());
        });
    }

    #[test]
    fn a_client_that_takes_little_at_a_time_is_served() {
        paused(async {
            let (ours, mut theirs) = duplex(8);
            let mut stream = ClientStream::new(ours, Unread::default());
            let reading = async {
                let mut taken = [0; 8];
                for _ in 0..8 {
                    sleep(STALL_TIMEOUT / 2).await;
                    theirs.read_exact(&mut taken).await.unwrap();
                }
            };
            let (written, ()) = tokio::join!(stream.write_all(&[0; 64]), reading);
            written.unwrap();
        });
    }

    #[test]
    fn what_a_refused_client_still_sends_is_read_before_the_end() {
        paused(async {
            let (ours, mut theirs) = duplex(1024);
            let unread = Unread::default();
            unread.set(true);
            let mut stream = ClientStream::new(ours, unread);
            let sending = async move {
                theirs.write_all(&[0; 100_000]).await.unwrap();
                drop(theirs);
            };
            let (ended, ()) = tokio::join!(stream.shutdown(), sending);
            ended.unwrap();
        });
    }

    #[test]
    fn a_refused_client_that_falls_silent_or_never_ends_is_cut_off() {
        paused(async {
            for (pause, limit) in
                [(DISCARD_TIMEOUT, SILENCE_TIMEOUT), (SILENCE_TIMEOUT / 2, DISCARD_TIMEOUT)]
            {
                let (ours, mut theirs) = duplex(1024);
                let unread = Unread::default();
                unread.set(true);
                let mut stream = ClientStream::new(ours, unread);
                let began = Instant::now();
                let sending = async {
                    loop {
                        sleep(pause).await;
                        theirs.write_all(b"x").await.unwrap();
                    }
                };
                tokio::select! {
                    ended = stream.shutdown() => ended.unwrap(),
                    () = sending => {}
                }
                assert_eq!(began.elapsed().as_secs(), limit.as_secs());
            }
        });
    }
}
