//! Posts signed checkpoints of the audit log to a witness, from a thread that may wait. It is
//! here because only this crate opens connections.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use tb_providers::{BaseUrl, WireRequest};
use tokio::runtime::{Builder, Runtime};
use tokio_util::task::TaskTracker;

use crate::clearance::{Clearance, Errand, Recipient};
use crate::client::{HttpClient, Place};

/// The longest that one posting may take. A later checkpoint vouches for all that this one does.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where checkpoints are posted to.
pub struct CheckpointSender {
    base_url: BaseUrl,
    host: HeaderValue,
    client: Arc<HttpClient>,
    runtime: Runtime,
}

impl CheckpointSender {
    /// For an address, `https://witness.example/checkpoints`. Nothing is connected to yet.
    ///
    /// # Errors
    /// What is wrong with the address or with the machine.
    pub fn new(address: &str) -> Result<Self, String> {
        let base_url = BaseUrl::parse(address)?;
        let host = HeaderValue::try_from(base_url.authority()).map_err(|e| e.to_string())?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let client = Arc::new(HttpClient::new(TaskTracker::new()));
        Ok(Self { base_url, host, client, runtime })
    }

    /// Posts a checkpoint as `text/plain` and waits for the answer, whose status says whether it
    /// was taken.
    ///
    /// # Errors
    /// When there is no answer in time, or none of 200 to 299.
    pub fn send(&self, note: &str) -> io::Result<()> {
        let posted =
            self.runtime.block_on(async { tokio::time::timeout(TIMEOUT, self.post(note)).await });
        match posted {
            Ok(Ok(status)) if status.is_success() => Ok(()),
            Ok(Ok(status)) => Err(io::Error::other(format!("it answered with {status}"))),
            Ok(Err(failure)) => Err(io::Error::other(format!("no answer: {failure:?}"))),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time")),
        }
    }

    async fn post(&self, note: &str) -> Result<StatusCode, crate::client::SendFailure> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let path = if self.base_url.path.is_empty() { "/" } else { &self.base_url.path };
        let wire = WireRequest {
            method: Method::POST,
            path: path.to_owned(),
            headers,
            body: Bytes::copy_from_slice(note.as_bytes()),
            dropped: Vec::new(),
        };
        let place = Place {
            recipient: Recipient::Errand(Errand::Checkpoint),
            base_url: &self.base_url,
            host: &self.host,
            connect_timeout: TIMEOUT,
        };
        let clearance = Clearance::without_text(Errand::Checkpoint, &self.base_url);
        let answer = self.client.send(clearance, place, wire).await?;
        // The body says nothing; the connection closes with it.
        StatusCode::from_u16(answer.status).map_err(|_| crate::client::SendFailure::Broken)
    }
}

impl std::fmt::Debug for CheckpointSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("CheckpointSender").field(&self.base_url.host).finish()
    }
}
