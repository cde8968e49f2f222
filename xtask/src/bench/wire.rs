//! As much HTTP/1.1 as a load generator and a fake provider need, and not more.
//!
//! A library would cost more than the gateway under test: both ends share one core, and what
//! they use limits how hard the gateway can be driven.

use std::io;
use std::time::Instant;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection and the bytes of the message that was read last.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Where the last message ends in `buffer`.
    end: usize,
}

/// What was read: the message lies in the [`Wire`].
pub(crate) struct Message {
    /// When the first byte of the body was there.
    pub(crate) first_body_byte: Option<Instant>,
}

/// How a body ends.
#[derive(Debug, PartialEq)]
enum Framing {
    Length(usize),
    Chunked,
}

impl Wire {
    /// Connects to a port on this machine.
    pub(crate) async fn connect(port: u16) -> io::Result<Self> {
        Self::new(TcpStream::connect(("127.0.0.1", port)).await?)
    }

    /// Takes over an accepted connection.
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024), end: 0 })
    }

    /// Sends bytes at once.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Reads one request or response; nothing when the other side closed in between.
    pub(crate) async fn message(&mut self) -> io::Result<Option<Message>> {
        self.buffer.drain(..self.end);
        self.end = 0;
        let head = loop {
            if let Some(at) = memmem::find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if self.read().await? == 0 {
                return if self.buffer.is_empty() { Ok(None) } else { Err(cut()) };
            }
        };
        let framing = framing(self.buffer.get(..head).unwrap_or_default());
        let mut first_body_byte = None;
        self.end = head;
        loop {
            if self.buffer.len() > head && first_body_byte.is_none() {
                first_body_byte = Some(Instant::now());
            }
            let rest = self.buffer.get(self.end..).unwrap_or_default();
            let complete = match framing {
                Framing::Length(length) => {
                    self.end = head + length;
                    self.buffer.len() >= self.end
                }
                Framing::Chunked => {
                    let (passed, complete) = pass_chunks(rest);
                    self.end += passed;
                    complete
                }
            };
            if complete {
                return Ok(Some(Message { first_body_byte }));
            }
            if self.read().await? == 0 {
                return Err(cut());
            }
        }
    }

    /// The bytes of the message that was read last, head included.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.end).unwrap_or_default()
    }

    /// Whether the message that was read last is a response with status 200.
    pub(crate) fn is_ok(&self) -> bool {
        self.buffer.get(9..12) == Some(b"200".as_slice())
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.stream.read_buf(&mut self.buffer).await
    }
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "closed within a message")
}

/// A head without either header has no body.
fn framing(head: &[u8]) -> Framing {
    let mut length = 0;
    for line in head.split(|byte| *byte == b'\n') {
        let Some((name, value)) =
            line.split_at_checked(line.iter().position(|b| *b == b':').unwrap_or(0))
        else {
            continue;
        };
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            return Framing::Chunked;
        }
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = value.iter().filter(|byte| byte.is_ascii_digit());
            length = digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0'));
        }
    }
    Framing::Length(length)
}

/// How many bytes of `rest` are whole chunks, and whether the last chunk is among them. A chunk
/// that is not all here yet is left for the next time.
fn pass_chunks(rest: &[u8]) -> (usize, bool) {
    let mut passed = 0;
    loop {
        let chunk = rest.get(passed..).unwrap_or_default();
        let Some(line) = memmem::find(chunk, b"\r\n") else { return (passed, false) };
        let digits = chunk.get(..line).unwrap_or_default().iter();
        let size = digits
            .map_while(|digit| char::from(*digit).to_digit(16))
            .fold(0, |size, digit| size * 16 + usize::try_from(digit).unwrap_or(0));
        // The line, its end, the bytes, their end.
        let whole = line + 2 + size + 2;
        if chunk.len() < whole {
            return (passed, false);
        }
        passed += whole;
        if size == 0 {
            return (passed, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_a_body_ends() {
        assert_eq!(framing(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"), Framing::Length(0));
        assert_eq!(framing(b"POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\n"), Framing::Length(12));
        assert_eq!(
            framing(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            Framing::Chunked
        );
    }

    #[test]
    fn passes_whole_chunks_only() {
        let body = b"5\r\nhello\r\na\r\n0123456789\r\n0\r\n\r\n";
        for cut in 0..body.len() {
            let (passed, complete) = pass_chunks(&body[..cut]);
            assert!([0, 10, 25].contains(&passed) && !complete, "{cut}");
        }
        assert_eq!(pass_chunks(body), (body.len(), true));
    }
}
