//! Health data and a provider without an agreement, under random faults: not a single connection
//! may be opened to it.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::task::JoinSet;

use super::gateway::Gateway;
use crate::bench::wire::Wire;

/// Requests under way at the same time.
const LANES: usize = 32;

/// How long one may take: far above its deadline.
const PATIENCE: Duration = Duration::from_secs(15);

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Requests with the class `health`.
    pub(crate) requests: u64,
    /// Of those, answered with 200.
    pub(crate) answered: u64,
    /// Connections to the provider without an agreement.
    pub(crate) connections: u64,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Outcome {
    /// The promise, when it is broken.
    pub(crate) fn broken(&self) -> Option<String> {
        if self.connections > 0 {
            let count = self.connections;
            return Some(format!("{count} connections to a provider without an agreement"));
        }
        // Otherwise nothing was shown.
        (self.answered * 2 < self.requests)
            .then(|| format!("only {} of {} were answered", self.answered, self.requests))
    }
}

const ALL: &str = r#"data_classes = ["public", "internal", "personal", "health"]"#;

/// The models' targets: `bare`, which has no agreement, stands first everywhere.
pub(crate) fn configuration(bare: u16, failures: &str) -> String {
    let model = |name: &str, more: &str| {
        format!(
            "[models.{name}]\ntargets = [{{ provider = \"bare\", model = \"x\", weight = 1000 }}, \
             {{ provider = \"sworn\", model = \"{name}\", weight = 0 }}]\ndeadline = \"3s\"\n\
             first_byte_timeout = \"150ms\"\nidle_timeout = \"150ms\"\n\
             retry = {{ attempts = 3, backoff = \"5ms\" }}\n{more}\n"
        )
    };
    format!(
        "{}{}{}\
         [providers.bare]\ndialect = \"openai\"\nbase_url = \"http://127.0.0.1:{bare}/v1\"\n{ALL}\n\
         [providers.sworn]\ndialect = \"simulated\"\nlatency = \"1ms\"\n{ALL}\n\
         baa = {{ reference = \"BAA-1\", expires = \"2099-01-01\" }}\n{failures}\n\
         [guard]\ndata_classes = {{ email = \"health\" }}\n\
         [services.chaos]\npurposes = [\"testing\"]\nmodels = [\"*\"]\n{ALL}\n\
         [services.chaos.guard.moderation]\nmodel = \"judge\"\nbefore = true\nafter = true\n\
         on_failure = \"allow\"\n",
        model("chat", "fallbacks = [\"small\"]"),
        model("small", ""),
        model("judge", ""),
    )
}

/// Sends the requests and counts the connections.
pub(crate) async fn run(
    program: std::path::PathBuf,
    folder: &Path,
    requests: u64,
) -> anyhow::Result<Outcome> {
    let doorbell = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
    doorbell.set_nonblocking(true)?;
    let bare = doorbell.local_addr()?.port();
    let mut gateway = Gateway::with(
        program,
        folder,
        Box::new(move |percent| configuration(bare, &super::gateway::failures(percent))),
    )
    .await?;
    gateway.start(50).await?;
    let began = Instant::now();
    let connections = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&connections);
    // The system takes only so many in by itself.
    let mut bell = JoinSet::new();
    bell.spawn(async move {
        loop {
            count(&doorbell, &counted);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let answered = send_all(&gateway, requests).await?;
    // What was opened last is seen too.
    tokio::time::sleep(Duration::from_millis(50)).await;
    bell.shutdown().await;
    let connections = connections.load(Ordering::Acquire);
    Ok(Outcome { requests, answered, connections, took: began.elapsed() })
}

fn count(doorbell: &TcpListener, counted: &AtomicU64) {
    loop {
        match doorbell.accept() {
            Ok(_) => {
                counted.fetch_add(1, Ordering::AcqRel);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(_) => {}
        }
    }
}

async fn send_all(gateway: &Gateway, requests: u64) -> anyhow::Result<u64> {
    let next = Arc::new(Mutex::new(0..requests));
    let mut lanes = JoinSet::new();
    for _ in 0..LANES {
        let (port, key, next) = (gateway.port, gateway.key.clone(), Arc::clone(&next));
        lanes.spawn(lane(port, key, next));
    }
    let mut answered = 0;
    while let Some(lane) = lanes.join_next().await {
        answered += lane.context("a connection of the harness broke")??;
    }
    Ok(answered)
}

async fn lane(
    port: u16,
    key: String,
    next: Arc<Mutex<std::ops::Range<u64>>>,
) -> anyhow::Result<u64> {
    let (mut wire, mut answered) = (None::<Wire>, 0);
    loop {
        let number = next.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(number) = number else { return Ok(answered) };
        let mut open = match wire.take() {
            Some(open) => open,
            None => Wire::connect(port).await.context("cannot connect")?,
        };
        let request = request(number, &key);
        let sent = async {
            open.send(request.as_bytes()).await?;
            Ok::<_, anyhow::Error>(open.message().await?.is_some())
        };
        // A stream that breaks off takes its connection with it.
        let whole = matches!(tokio::time::timeout(PATIENCE, sent).await, Ok(Ok(true)));
        let status = open.bytes().get(9..12).unwrap_or_default().to_vec();
        ensure!(
            status != b"403",
            "request {number} was refused: {}",
            String::from_utf8_lossy(open.bytes())
        );
        answered += u64::from(status == b"200");
        if whole {
            wire = Some(open);
        }
    }
}

/// A request on one of the routes, with the class from its header or from what is found in it.
fn request(number: u64, key: &str) -> String {
    let is_found = number.is_multiple_of(2);
    let text = if is_found { "write to ann@example.org" } else { "hello" };
    let header = if is_found { "" } else { "x-tollbar-data-class: health\r\n" };
    let messages = format!(r#""messages":[{{"role":"user","content":"{text} {number}"}}]"#);
    let (path, body) = match number / 2 % 6 {
        0 => ("/v1/chat/completions", format!(r#"{{"model":"chat",{messages}}}"#)),
        1 => ("/v1/chat/completions", format!(r#"{{"model":"chat","stream":true,{messages}}}"#)),
        2 => ("/v1/embeddings", format!(r#"{{"model":"chat","input":"{text} {number}"}}"#)),
        3 => ("/v1/moderations", format!(r#"{{"model":"chat","input":"{text} {number}"}}"#)),
        4 => ("/v1/responses", format!(r#"{{"model":"chat","input":"{text} {number}"}}"#)),
        _ => ("/v1/messages", format!(r#"{{"model":"chat","max_tokens":9,{messages}}}"#)),
    };
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n{header}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}
