//! As much of HTTP/1.1 as the proxy needs to know where a message ends.

use std::io;

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::provider::Recorded;

/// The client's side of a connection.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    held: Vec<u8>,
}

impl Client {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, held: Vec::new() }
    }

    /// The next request without its body; none when the client closed.
    pub(super) async fn head(&mut self) -> Option<Recorded> {
        loop {
            if let Some(end) = find(&self.held, b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.held[..end]).into_owned();
                self.held.drain(..end + 4);
                let mut lines = head.split("\r\n");
                let request_line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
                let headers = lines
                    .filter_map(|line| line.split_once(": "))
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
                return Some(Recorded {
                    request_line,
                    headers: headers.collect(),
                    body: Vec::new(),
                });
            }
            if self.stream.read_buf(&mut self.held).await.ok()? == 0 {
                return None;
            }
        }
    }

    /// The body of a request whose head was read; none when the client closed before its end.
    /// Bodies have a `content-length` here.
    pub(super) async fn body(&mut self, head: &Recorded) -> Option<Vec<u8>> {
        let length = head.header("content-length").map_or(0, |value| value.parse().unwrap());
        while self.held.len() < length {
            if self.stream.read_buf(&mut self.held).await.ok()? == 0 {
                return None;
            }
        }
        Some(self.held.drain(..length).collect())
    }
}

/// A request as bytes for the upstream, on a connection of its own.
pub(super) fn forwarded(request: &Recorded) -> Vec<u8> {
    let mut bytes = format!("{} HTTP/1.1\r\n", request.request_line).into_bytes();
    for (name, value) in &request.headers {
        if !matches!(name.as_str(), "connection" | "content-length" | "transfer-encoding") {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
    }
    let length = request.body.len();
    bytes.extend_from_slice(
        format!("content-length: {length}\r\nconnection: close\r\n\r\n").as_bytes(),
    );
    bytes.extend_from_slice(&request.body);
    bytes
}

/// How an answer's body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
    UntilClosed,
}

/// An answer that is read as it comes.
pub(super) struct Upstream {
    stream: TcpStream,
    held: Vec<u8>,
    left: Framing,
}

/// The head of an answer.
pub(super) struct Head {
    /// With the empty line at its end.
    pub(super) bytes: Bytes,
    pub(super) framing: Framing,
}

impl Head {
    /// The head without its framing.
    pub(super) fn unframed(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes).into_owned();
        let framed = |line: &&str| {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            !matches!(name.as_str(), "content-length" | "transfer-encoding" | "connection" | "")
        };
        text.split("\r\n").filter(framed).flat_map(|line| [line, "\r\n"]).collect()
    }

    pub(super) fn is_event_stream(&self) -> bool {
        String::from_utf8_lossy(&self.bytes).to_ascii_lowercase().contains("text/event-stream")
    }
}

impl Upstream {
    /// Takes over a connection on which a request was sent, and reads the answer's head.
    pub(super) async fn read(mut stream: TcpStream) -> io::Result<(Head, Self)> {
        let mut held = Vec::new();
        let end = loop {
            if let Some(at) = find(&held, b"\r\n\r\n") {
                break at + 4;
            }
            if stream.read_buf(&mut held).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let rest = held.split_off(end);
        let framing = framing(&held);
        let head = Head { bytes: held.into(), framing };
        Ok((head, Self { stream, held: rest, left: framing }))
    }

    /// The next piece of the body as it stands on the wire, and the same without framing; none
    /// at the end, an error when the upstream breaks off.
    pub(super) async fn piece(&mut self) -> io::Result<Option<(Bytes, Bytes)>> {
        loop {
            let found = match self.left {
                Framing::Length(0) => return Ok(None),
                Framing::Length(left) => {
                    let taken = self.held.len().min(left);
                    self.left = Framing::Length(left - taken);
                    (taken > 0).then_some((taken, 0..taken))
                }
                Framing::UntilClosed => {
                    let taken = self.held.len();
                    (taken > 0).then_some((taken, 0..taken))
                }
                Framing::Chunked => {
                    let found = first_chunk(&self.held);
                    if found.as_ref().is_some_and(|(_, content)| content.is_empty()) {
                        self.left = Framing::Length(0);
                    }
                    found
                }
            };
            if let Some((taken, content)) = found {
                let raw = Bytes::from(self.held.drain(..taken).collect::<Vec<u8>>());
                let content = raw.slice(content);
                return Ok(Some((raw, content)));
            }
            if self.stream.read_buf(&mut self.held).await? == 0 {
                return match self.left {
                    Framing::UntilClosed => Ok(None),
                    _ => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }
}

/// The length of the first chunk on the wire and where its content stands.
fn first_chunk(held: &[u8]) -> Option<(usize, std::ops::Range<usize>)> {
    let line = find(held, b"\r\n")?;
    let size = std::str::from_utf8(&held[..line]).ok()?;
    let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
    let content = line + 2..line + 2 + size;
    let whole = content.end + 2;
    (held.len() >= whole).then_some((whole, content))
}

fn framing(head: &[u8]) -> Framing {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let value = |name: &str| {
        let mut lines = text.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.find(|(own, _)| *own == name).map(|(_, value)| value.trim().to_owned())
    };
    if value("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        return Framing::Chunked;
    }
    match value("content-length").and_then(|value| value.parse().ok()) {
        Some(length) => Framing::Length(length),
        None => Framing::UntilClosed,
    }
}

pub(super) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
