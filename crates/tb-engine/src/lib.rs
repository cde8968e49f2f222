//! The life of a request, without a web server.
//!
//! [`serve`] takes a [`PublicRequest`] through the seven stages of `pipeline.rs` and gives a
//! [`Reply`] whose body streams by itself. [`Engine`] holds what requests share: the runtime
//! snapshot, the key ring, the journal, the metrics. It is the only crate that opens
//! outgoing connections, and it opens them in one place, `client.rs`.
//!
//! It does not know the web framework, SQL, or any provider by name: dialects, storage and
//! the journal are trait objects.

mod admission;
mod ask;
mod attempts;
mod bindings;
mod cache;
mod checkpoint_sender;
mod classes;
mod clearance;
mod client;
mod clock;
mod content;
mod engine;
mod estimate;
mod guarded;
pub mod headers;
mod health;
mod identity;
mod ladder;
mod local;
mod metrics;
mod models;
mod moderation;
mod pins;
mod pipeline;
mod probe;
mod quota;
mod refusal;
mod reply;
mod request;
mod restoration;
mod runtime;
mod settlement;
mod simulated;
mod stages;
mod stream;
mod subject;

pub use admission::{LimitKind, LimitReached, LimitScope, MemoryHold};
pub use cache::CacheView;
pub use checkpoint_sender::CheckpointSender;
pub use clearance::lacking;
pub use clock::SystemClock;
pub use content::ContentSink;
pub use engine::{Engine, Parts};
pub use estimate::tokens as estimate_tokens;
pub use health::{KeyHealth, ProviderKeyView, TargetState, TargetView};
pub use identity::{WorkloadId, fetch_token_keys};
pub use metrics::Metrics;
pub use models::{ModelEntry, list_models};
pub use pipeline::serve;
pub use probe::KeyVerdict;
pub use quota::{BudgetView, BudgetWarning};
pub use refusal::{GuardNote, Refusal, Refused};
pub use reply::{BodyBroken, Reply, ReplyBody};
pub use request::{BodyError, BodyFuture, Credential, PublicRequest, RequestBody, RequestHead};
pub use stages::compose::clean_variable;
