//! A request as the web server hands it over.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use tb_core::{RequestId, Secret, Surface, Timestamp};

use crate::admission::MemoryHold;
use crate::identity::WorkloadId;

/// Why the body of a request could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It exceeds the limit, in bytes.
    TooLarge(usize),
    /// It did not arrive in time.
    TooSlow,
    /// The client broke off.
    Broken,
    /// The gateway has no memory for it now: the budget, in bytes, is spent.
    NoMemory(usize),
}

/// A body that has arrived.
#[derive(Default)]
pub struct RequestBody {
    /// What the client sent.
    pub bytes: Bytes,
    /// Keeps the memory of `bytes` accounted until the request is settled.
    pub memory: MemoryHold,
}

/// Shows the size only: a request's text must not reach logs.
impl std::fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestBody").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// A body that nobody accounts the memory of.
impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, memory: MemoryHold::default() }
    }
}

/// Reads the body, when a stage asks for it: not before the caller is admitted.
pub type BodyFuture = Pin<Box<dyn Future<Output = Result<RequestBody, BodyError>> + Send>>;

/// The credential that the client presented.
#[derive(Debug, Clone)]
pub struct Credential(pub Secret);

/// Everything but the body.
#[derive(Debug)]
pub struct RequestHead {
    /// Its name everywhere.
    pub id: RequestId,
    /// The route.
    pub surface: Surface,
    /// The id in the path of `/v1/responses/{id}` and `/v1/models/{id}`.
    pub path_id: Option<String>,
    /// The client's headers.
    pub headers: HeaderMap,
    /// The credential, taken out of the headers.
    pub credential: Option<Credential>,
    /// Who the client is by the certificate that it proved to have on this connection. Nothing of
    /// it comes from headers, whoever sends them.
    pub workload: Option<WorkloadId>,
    /// The client's address.
    pub peer: IpAddr,
    /// When the head had arrived, on the monotonic clock.
    pub arrived: Instant,
    /// When the head had arrived, on the wall clock.
    pub arrived_at: Timestamp,
}

impl RequestHead {
    /// A header's text, when it is there and visible ASCII.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A request with its body still to come.
pub struct PublicRequest {
    /// Everything but the body.
    pub head: RequestHead,
    /// The body.
    pub body: BodyFuture,
}
