//! A provider that keeps what reaches it.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Stops when dropped.
pub(super) struct Upstream {
    address: String,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
    accepting: JoinHandle<()>,
}

impl Upstream {
    /// Answers every request with this JSON.
    pub(super) async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bodies);
        #[expect(clippy::disallowed_methods, reason = "a test's own task, stopped on drop")]
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // One after the other: no test asks two things at once.
                serve(stream, &kept, answer).await;
            }
        });
        Self { address, bodies, accepting }
    }

    /// What reached it since the last time, as text.
    pub(super) fn taken(&self) -> Vec<String> {
        let bodies = std::mem::take(&mut *self.bodies.lock().unwrap());
        bodies.into_iter().map(|body| String::from_utf8_lossy(&body).into_owned()).collect()
    }

    /// A configuration with the model `m` at this provider.
    pub(super) fn config(&self, dialect: &str, more: &str) -> String {
        let path = if dialect == "openai" { "/v1" } else { "" };
        format!(
            "[providers.up]\ndialect = \"{dialect}\"\nbase_url = \"http://{}{path}\"\n\
             api_keys = [\"sk\"]\n[models.m]\n\
             targets = [{{ provider = \"up\", model = \"x\" }}]\nretry = {{ attempts = 1 }}\n{more}\n",
            self.address
        )
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut stream: TcpStream, kept: &Mutex<Vec<Vec<u8>>>, answer: &str) {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.unwrap();
        if count == 0 {
            return;
        }
        bytes.extend_from_slice(&piece[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.unwrap_or("0").trim().parse().unwrap();
        if bytes.len() >= end + 4 + length {
            break (end + 4, length);
        }
    };
    kept.lock().unwrap().push(bytes[head..head + length].to_vec());
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        answer.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(answer.as_bytes()).await.unwrap();
}
