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
pub mod acts;
pub mod audit;
pub mod backoff;
pub mod breaker;
pub mod classes;
pub mod clock;
pub mod content;
mod credential;
pub mod data_class;
pub mod ids;
pub mod key_pool;
pub mod keys;
pub mod limits;
pub mod money;
pub mod network;
pub mod ports;
pub mod prices;
pub mod prompt;
pub mod quota;
pub mod retention;
pub mod retry_budget;
pub mod rules;
pub mod secret;
pub mod surface;
pub mod token;
pub mod usage;
pub mod versions;

pub use abilities::Abilities;
pub use acts::{Actor, AdminAct, Role};
pub use backoff::Backoff;
pub use classes::{ClassSet, Classes};
pub use clock::{Clock, Timestamp};
pub use data_class::DataClass;
pub use ids::{KeyId, ModelName, ProviderName, Purpose, RequestId, ServiceName};
pub use keys::{
    AdminRing, AdminTokenRecord, KeyRecord, KeyRefusal, KeyRing, KeyScope, KeySecret, KeyUse,
    NewAdminToken, NewKey, NoRandomness, Pepper, Proven, RotationRefusal, Seed,
};
pub use limits::{Budget, BudgetWindow, Limits};
pub use money::NanoUsd;
pub use network::Network;
pub use prices::{Cost, Price, PriceTable, PriceTier};
pub use secret::Secret;
pub use surface::Surface;
pub use usage::{Cause, EndReason, Rung, TokenCounts, UsageRow, UsageSource};
