//! A small HTTP/1.1 client, for the demo's sample traffic and for commands that ask a running
//! server: one request on one connection.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Both uses are answered in milliseconds; what takes longer than this hangs.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Request<'a> {
    /// In upper case.
    pub(crate) method: &'a str,
    /// Below the root, `/v1/…`.
    pub(crate) path: &'a str,
    /// The virtual key or admin token.
    pub(crate) key: &'a str,
    /// JSON, or nothing.
    pub(crate) body: &'a str,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The head, as it came.
    head: String,
    /// The body, without the framing of chunks.
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Sends it and reads the answer to its end.
pub(crate) fn send(address: SocketAddr, request: &Request<'_>) -> io::Result<Answer> {
    send_patiently(address, request, TIMEOUT)
}

/// [`send`] of what may take long: `patience` for each piece of the answer.
pub(crate) fn send_patiently(
    address: SocketAddr,
    request: &Request<'_>,
    patience: Duration,
) -> io::Result<Answer> {
    exchange(address, request, (&[], patience), &mut |_| ())
}

/// [`send_patiently`] with headers of its own; `on_piece` is shown all bytes of the answer as they
/// come, its head and the framing of chunks among them.
pub(crate) fn exchange(
    address: SocketAddr,
    request: &Request<'_>,
    (headers, patience): (&[(&str, &str)], Duration),
    on_piece: &mut dyn FnMut(&[u8]),
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    let Request { method, path, key, body } = request;
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let message = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n{more}\r\n\
         {body}",
        body.len()
    );
    stream.write_all(message.as_bytes())?;
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let read = match stream.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        match piece.get(..read) {
            None | Some([]) => break,
            Some(new) => bytes.extend_from_slice(new),
        }
        on_piece(&bytes);
    }
    let text = String::from_utf8(bytes).map_err(|_| broken("the answer is not UTF-8"))?;
    parse(&text).ok_or_else(|| broken("the answer is not whole"))
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn parse(text: &str) -> Option<Answer> {
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut answer = Answer { status, head: head.to_owned(), body: String::new() };
    answer.body = match answer.header("transfer-encoding") {
        Some(_) => without_chunks(rest)?,
        None => rest.to_owned(),
    };
    Some(answer)
}

/// `None` when the last chunk is missing.
fn without_chunks(mut rest: &str) -> Option<String> {
    let mut body = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let (chunk, after) = after.split_at_checked(size)?;
        body.push_str(chunk);
        rest = after.strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_framing_off() {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n\
                    3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let answer = parse(text).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "abcde"));
        assert_eq!(answer.header("x-a"), Some("b"));
    }

    #[test]
    fn an_answer_without_its_last_chunk_is_not_whole() {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert!(parse(&format!("{head}3\r\nabc\r\n")).is_none());
        assert!(parse(&format!("{head}5\r\nabc")).is_none());
    }
}
