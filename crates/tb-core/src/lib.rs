//! Nouns and arithmetic of Tollbar.
//!
//! Everything here is plain data and pure functions: identifiers, virtual keys, networks,
//! principals, tokens, money, price tables, usage rows, and the ports (traits) behind which
//! storage back ends live. The crate knows no HTTP, no SQL, no async runtime, no environment
//! and no wall clock: time comes in as [`Timestamp`] values made by a [`Clock`].
//!
//! Entry points: [`KeyRing::authenticate`] for credentials, [`PriceTable::cost`] for money,
//! [`UsageRow`] for the one accounting record per attempt, and [`ports`] for storage.

pub mod abilities;
pub mod backoff;
pub mod breaker;
pub mod clock;
mod credential;
pub mod data_class;
pub mod ids;
pub mod key_pool;
pub mod keys;
pub mod money;
pub mod network;
pub mod ports;
pub mod prices;
pub mod retry_budget;
pub mod rules;
pub mod secret;
pub mod surface;
pub mod usage;

pub use abilities::Abilities;
pub use backoff::Backoff;
pub use clock::{Clock, Timestamp};
pub use data_class::DataClass;
pub use ids::{KeyId, ModelName, ProviderName, Purpose, RequestId, ServiceName};
pub use keys::{
    AdminRing, KeyRecord, KeyRefusal, KeyRing, KeyScope, NewAdminToken, NewKey, NoRandomness,
    Pepper,
};
pub use money::NanoUsd;
pub use network::Network;
pub use prices::{Cost, Price, PriceTable, PriceTier};
pub use secret::Secret;
pub use surface::Surface;
pub use usage::{Cause, EndReason, Rung, TokenCounts, UsageRow, UsageSource};
