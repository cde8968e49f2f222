//! A small HTTP/1.1 client for tests: one connection a request, everything visible.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A request to the gateway.
#[derive(Debug, Clone)]
pub struct TestRequest {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct TestResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, its chunks put together.
    pub body: Vec<u8>,
    /// Whether the body ended as its framing promised.
    pub complete: bool,
}

impl TestRequest {
    /// A request without a body.
    #[must_use]
    pub fn new(method: &'static str, path: &str) -> Self {
        Self { method, path: path.to_owned(), headers: Vec::new(), body: Vec::new() }
    }

    /// A `POST` of JSON.
    #[must_use]
    pub fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::form(path, "application/json", body)
    }

    /// A `POST` of any other type.
    #[must_use]
    pub fn form(path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut request = Self::new("POST", path).header("content-type", content_type);
        request.body = body.into();
        request
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds the credential.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    /// Whether it sends anything but a head.
    #[must_use]
    pub fn has_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// Opens a connection and sends the request.
    ///
    /// # Panics
    /// When the gateway cannot be reached.
    #[must_use]
    pub fn start(&self, address: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(address).expect("the gateway listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {address}\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\nconnection: close\r\n\r\n", self.body.len()));
        stream.write_all(head.as_bytes()).unwrap();
        // A refusal may arrive before the body is sent and close the connection.
        let _ = stream.write_all(&self.body);
        stream
    }

    /// Sends the request and reads the whole answer.
    #[must_use]
    pub fn send(&self, address: SocketAddr) -> TestResponse {
        let mut stream = self.start(address);
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        TestResponse::parse(&bytes)
    }
}

impl TestResponse {
    /// Reads an answer.
    ///
    /// # Panics
    /// When the bytes are no HTTP answer.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let end = find(bytes, b"\r\n\r\n").unwrap_or_else(|| {
            panic!("no answer: {:?}", String::from_utf8_lossy(bytes));
        });
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let rest = &bytes[end + 4..];
        let chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
        let length = headers
            .iter()
            .find(|(name, _)| name == "content-length")
            .and_then(|(_, value)| value.parse::<usize>().ok());
        let (body, complete) = if chunked {
            unchunk(rest)
        } else {
            (rest.to_vec(), length.is_none_or(|length| length == rest.len()))
        };
        Self { status: status.parse().unwrap(), headers, body, complete }
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }

    /// `error.code` of the body.
    #[must_use]
    pub fn error_code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = find(rest, b"\r\n") else { return (body, false) };
        let size = std::str::from_utf8(&rest[..end]).unwrap_or_default();
        let Ok(size) = usize::from_str_radix(size, 16) else { return (body, false) };
        rest = &rest[end + 2..];
        if size == 0 {
            return (body, true);
        }
        if rest.len() < size + 2 {
            body.extend_from_slice(rest);
            return (body, false);
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
