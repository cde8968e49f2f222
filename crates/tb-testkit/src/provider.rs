//! A provider under the test's control.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::listening::Listening;

/// A request that reached the provider.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// `POST /v1/chat/completions`
    pub request_line: String,
    /// Headers as sent, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Recorded {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// An answer: raw bytes with pauses, so that every fault can be shown.
#[derive(Debug, Clone, Default)]
pub struct FakeReply {
    pieces: Vec<(Duration, Bytes)>,
    hang: bool,
    keep_open: bool,
}

impl FakeReply {
    /// A JSON answer.
    #[must_use]
    pub fn json(status: u16, body: &str) -> Self {
        Self::body(status, "application/json", body.as_bytes())
    }

    /// An answer of any type, properly framed.
    #[must_use]
    pub fn body(status: u16, content_type: &str, body: &[u8]) -> Self {
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        let pieces = vec![(Duration::ZERO, bytes.into())];
        Self { pieces, hang: false, keep_open: true }
    }

    /// An event stream of these events, each in a chunk of its own, ended properly.
    #[must_use]
    pub fn events(events: &[&str]) -> Self {
        let mut reply = Self::stream_head();
        for event in events {
            reply = reply.chunk(Duration::ZERO, format!("data: {event}\n\n").as_bytes());
        }
        reply.end()
    }

    /// The head of an event stream; chunks follow.
    #[must_use]
    pub fn stream_head() -> Self {
        Self::raw(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
              transfer-encoding: chunked\r\n\r\n",
        )
    }

    /// Any bytes; the connection is closed after them.
    #[must_use]
    pub fn raw(bytes: &[u8]) -> Self {
        let pieces = vec![(Duration::ZERO, Bytes::copy_from_slice(bytes))];
        Self { pieces, hang: false, keep_open: false }
    }

    /// Adds a chunk after a pause.
    #[must_use]
    pub fn chunk(mut self, pause: Duration, bytes: &[u8]) -> Self {
        let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        self.pieces.push((pause, framed.into()));
        self
    }

    /// Ends a chunked body properly.
    #[must_use]
    pub fn end(mut self) -> Self {
        self.pieces.push((Duration::ZERO, Bytes::from_static(b"0\r\n\r\n")));
        self.keep_open = true;
        self
    }

    /// Sends nothing more and keeps the connection open.
    #[must_use]
    pub fn hang(mut self) -> Self {
        self.hang = true;
        self
    }
}

type Answerer = dyn Fn(&Recorded) -> FakeReply + Send + Sync;

struct State {
    answer: Box<Answerer>,
    requests: Mutex<Vec<Recorded>>,
    /// Connections that the gateway closed before an answer was over.
    abandoned: AtomicUsize,
}

/// A provider on a free loopback port, stopped when dropped.
pub struct FakeProvider {
    state: Arc<State>,
    listening: Listening,
}

impl FakeProvider {
    /// Starts a provider that answers with `answer`.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start(answer: impl Fn(&Recorded) -> FakeReply + Send + Sync + 'static) -> Self {
        let state = Arc::new(State {
            answer: Box::new(answer),
            requests: Mutex::default(),
            abandoned: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        let listening = Listening::start(move |stream, _| connection(stream, Arc::clone(&shared)));
        Self { state, listening }
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.listening.address())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listening.address()
    }

    /// What reached it so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.state.requests.lock().unwrap().clone()
    }

    /// How many connections the gateway closed in the middle of an answer.
    #[must_use]
    pub fn abandoned(&self) -> usize {
        self.state.abandoned.load(Ordering::Acquire)
    }
}

async fn connection(mut stream: TcpStream, state: Arc<State>) {
    stream.set_nodelay(true).unwrap();
    let mut held = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut held).await {
        let reply = (state.answer)(&request);
        state.requests.lock().unwrap().push(request);
        for (pause, bytes) in &reply.pieces {
            if gone(&mut stream, *pause).await || stream.write_all(bytes).await.is_err() {
                state.abandoned.fetch_add(1, Ordering::AcqRel);
                return;
            }
        }
        if reply.hang && gone(&mut stream, Duration::from_secs(60)).await {
            state.abandoned.fetch_add(1, Ordering::AcqRel);
        }
        if !reply.keep_open {
            return;
        }
    }
}

/// Waits for `pause`; true when the gateway closed the connection meanwhile.
async fn gone(stream: &mut TcpStream, pause: Duration) -> bool {
    if pause.is_zero() {
        return false;
    }
    let mut byte = [0; 1];
    tokio::select! {
        () = tokio::time::sleep(pause) => false,
        read = stream.read(&mut byte) => !matches!(read, Ok(1)),
    }
}

async fn read_request(stream: &mut TcpStream, held: &mut Vec<u8>) -> Option<Recorded> {
    loop {
        if let Some(end) = held.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&held[..end]).into_owned();
            let mut lines = head.split("\r\n");
            let request_line = lines.next()?.trim_end_matches(" HTTP/1.1").to_owned();
            let headers: Vec<(String, String)> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let length = headers
                .iter()
                .find(|(name, _)| name == "content-length")
                .map_or(0, |(_, value)| value.parse().unwrap());
            if held.len() >= end + 4 + length {
                let body = held[end + 4..end + 4 + length].to_vec();
                held.drain(..end + 4 + length);
                return Some(Recorded { request_line, headers, body });
            }
        }
        let mut buffer = vec![0; 16 * 1024];
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(read) => held.extend_from_slice(&buffer[..read]),
        }
    }
}
