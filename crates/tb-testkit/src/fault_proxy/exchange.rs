//! One connection of the proxy: each request with its fault.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::State;
use super::plan::Fault;
use super::wire::{Client, Framing, Head, Upstream, find, forwarded};
use crate::provider::Recorded;

/// What goes on after a request.
enum After {
    /// The next request of the connection.
    Next,
    /// The connection is closed.
    Close,
    /// The connection is reset.
    Reset,
    /// The connection stays open, and nothing more is said.
    Silence,
}

/// A whole answer of the upstream: its head, and its body without framing.
struct Answer {
    head: Head,
    pieces: Vec<Bytes>,
}

/// Serves a connection until it ends. Whoever closes too early ends it too.
pub(super) async fn serve(stream: TcpStream, state: Arc<State>, connection: usize) {
    let _ = stream.set_nodelay(true);
    let mut client = Client::new(stream);
    while let Some(request) = client.head().await {
        let closes = request.header("connection").is_some_and(|value| value == "close");
        let (place, fault) = state.begin(request.clone(), connection);
        let mut exchange = Exchange { client: &mut client, state: &state, place };
        let Ok(after) = exchange.perform(request, &fault).await else { return };
        state.note(place, |record| record.finished = true);
        match after {
            After::Next if !closes => {}
            After::Next | After::Close => return,
            After::Reset => {
                let _ = client.stream.set_zero_linger();
                return;
            }
            After::Silence => {
                wait_until_closed(&mut client.stream).await;
                return;
            }
        }
    }
}

/// Waits until the other side closes; what it sends is not read meanwhile.
async fn wait_until_closed(stream: &mut TcpStream) {
    let mut byte = [0; 1];
    loop {
        match stream.peek(&mut byte).await {
            // There is something to read, which is not read: look again in a while.
            Ok(1..) => tokio::time::sleep(Duration::from_millis(20)).await,
            Ok(0) | Err(_) => return,
        }
    }
}

struct Exchange<'a> {
    client: &'a mut Client,
    state: &'a State,
    place: usize,
}

impl Exchange<'_> {
    async fn perform(&mut self, mut request: Recorded, fault: &Fault) -> io::Result<After> {
        if *fault == Fault::StopsReading {
            return Ok(After::Silence);
        }
        let body = self.client.body(&request).await;
        request.body = body.ok_or(io::ErrorKind::UnexpectedEof)?;
        let sent = request.body.clone();
        self.state.note(self.place, |record| record.request.body = sent);
        match fault {
            Fault::ResetBeforeHead => Ok(After::Reset),
            Fault::NeverAnswers => Ok(After::Silence),
            Fault::Garbage => {
                self.send(b"\x16\x03\x01\x00\xa5 nothing that anybody speaks\n\n\x00").await?;
                Ok(After::Close)
            }
            Fault::Throttled(wait) => {
                let more = format!("retry-after-ms: {}\r\n", wait.as_millis());
                self.send_error(429, &more).await
            }
            Fault::Status(status) => self.send_error(*status, "").await,
            _ => {
                let (head, upstream) = self.ask(&request).await?;
                match fault {
                    Fault::Pass => self.relay(head, upstream).await,
                    Fault::Latency(pause) => {
                        tokio::time::sleep(*pause).await;
                        self.relay(head, upstream).await
                    }
                    _ => {
                        let answer = self.collect(head, upstream).await?;
                        self.spoil(&answer, fault).await
                    }
                }
            }
        }
    }

    async fn ask(&mut self, request: &Recorded) -> io::Result<(Head, Upstream)> {
        let mut stream = TcpStream::connect(self.state.upstream).await?;
        stream.set_nodelay(true)?;
        stream.write_all(&forwarded(request)).await?;
        let (head, upstream) = Upstream::read(stream).await?;
        let length = head.bytes.len();
        self.state.note(self.place, |record| record.upstream_bytes += length);
        Ok((head, upstream))
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.client.stream.write_all(bytes).await?;
        self.state.note(self.place, |record| record.sent_bytes += bytes.len());
        Ok(())
    }

    async fn send_error(&mut self, status: u16, more: &str) -> io::Result<After> {
        let kind = if status == 429 { "rate_limit_error" } else { "server_error" };
        let body = format!(
            r#"{{"error":{{"message":"the proxy says {status}","type":"{kind}","code":null}}}}"#
        );
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{more}\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.send(head.as_bytes()).await?;
        Ok(After::Next)
    }

    /// Passes the answer on as it comes. An upstream that breaks off is shown as it is.
    async fn relay(&mut self, head: Head, mut upstream: Upstream) -> io::Result<After> {
        self.send(&head.bytes).await?;
        loop {
            match upstream.piece().await {
                Ok(Some((raw, _))) => {
                    self.state.note(self.place, |record| record.upstream_bytes += raw.len());
                    self.send(&raw).await?;
                }
                Ok(None) if head.framing == Framing::UntilClosed => return Ok(After::Close),
                Ok(None) => return Ok(After::Next),
                Err(_) => return Ok(After::Reset),
            }
        }
    }

    async fn collect(&mut self, head: Head, mut upstream: Upstream) -> io::Result<Answer> {
        let mut pieces = Vec::new();
        while let Some((raw, content)) = upstream.piece().await? {
            self.state.note(self.place, |record| record.upstream_bytes += raw.len());
            if !content.is_empty() {
                pieces.push(content);
            }
        }
        Ok(Answer { head, pieces })
    }

    async fn spoil(&mut self, answer: &Answer, fault: &Fault) -> io::Result<After> {
        let body = answer.body();
        let half = answer.half(&body);
        match fault {
            Fault::ResetAfterHead => {
                self.send(answer.chunked().as_bytes()).await?;
                self.after_pause(After::Reset).await
            }
            Fault::ResetInBody => {
                self.send_chunks(answer, &[half]).await?;
                self.after_pause(After::Reset).await
            }
            Fault::Stall => {
                self.send_chunks(answer, &[half]).await?;
                Ok(After::Silence)
            }
            Fault::Drip { bytes, pause } => {
                self.send(answer.chunked().as_bytes()).await?;
                for piece in body.chunks((*bytes).max(1)) {
                    tokio::time::sleep(*pause).await;
                    self.send(&chunk(piece)).await?;
                }
                self.end().await
            }
            Fault::Truncated => {
                self.send_chunks(answer, &[half]).await?;
                self.end().await
            }
            Fault::GarbageBody => {
                self.send_chunks(answer, &[b"{\"choi\x00\xff <<<not what was asked>>>"]).await?;
                self.end().await
            }
            Fault::LengthTooLong => {
                self.send(answer.with_length(body.len() + 40).as_bytes()).await?;
                self.send(&body).await?;
                Ok(After::Close)
            }
            Fault::LengthTooShort => {
                self.send(answer.with_length(half.len()).as_bytes()).await?;
                self.send(&body).await?;
                // Open, as a server that believes its own length would leave it.
                Ok(After::Silence)
            }
            Fault::DuplicatedChunk => {
                // The chunk before the middle.
                let from = answer.last_chunk_of(half);
                let twice = half.get(from..).unwrap_or_default();
                let rest = body.get(half.len()..).unwrap_or_default();
                self.send_chunks(answer, &[half, twice, rest]).await?;
                self.end().await
            }
            _ => Ok(After::Close),
        }
    }

    /// A reset overtakes what was sent just before it: the client is given the time to read.
    async fn after_pause(&mut self, after: After) -> io::Result<After> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Ok(after)
    }

    async fn send_chunks(&mut self, answer: &Answer, pieces: &[&[u8]]) -> io::Result<()> {
        self.send(answer.chunked().as_bytes()).await?;
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            self.send(&chunk(piece)).await?;
        }
        Ok(())
    }

    async fn end(&mut self) -> io::Result<After> {
        self.send(b"0\r\n\r\n").await?;
        Ok(After::Next)
    }
}

impl Answer {
    fn body(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    fn chunked(&self) -> String {
        format!("{}transfer-encoding: chunked\r\n\r\n", self.head.unframed())
    }

    fn with_length(&self, length: usize) -> String {
        format!("{}content-length: {length}\r\n\r\n", self.head.unframed())
    }

    /// The first half of a body; of an event stream, whole events.
    fn half<'b>(&self, body: &'b [u8]) -> &'b [u8] {
        let middle = body.len() / 2;
        if !self.head.is_event_stream() {
            return &body[..middle];
        }
        let end = find(&body[middle..], b"\n\n").map_or(body.len(), |at| middle + at + 2);
        &body[..end]
    }

    /// Where the last chunk of such a half begins; of an event stream, the last event.
    fn last_chunk_of(&self, half: &[u8]) -> usize {
        if !self.head.is_event_stream() {
            return half.len() / 2;
        }
        let before = &half[..half.len().saturating_sub(2)];
        before.windows(2).rposition(|pair| pair == b"\n\n").map_or(0, |at| at + 2)
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
    framed.extend_from_slice(bytes);
    framed.extend_from_slice(b"\r\n");
    framed
}
