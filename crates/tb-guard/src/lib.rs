//! Finds, hides and restores sensitive text. Plain text in, plain text out: the crate knows no
//! messages, no HTTP and no async runtime.
//!
//! [`Guard::scan`] looks at a text and at views of it (normalised, decoded) and gives
//! [`Finding`]s with places in the original. [`Actions`] say what to do with each kind;
//! [`Vault`] hides and keeps what may come back, [`Restorer`] brings it back, also in streams.
//!
//! Everything is linear in the length of the text. Regular expressions work on bytes in ASCII
//! mode; what is written in other scripts reaches them through the views.

mod characters;
mod composed;
mod detectors;
mod finding;
mod guard;
mod hide;
mod injection;
mod keywords;
mod kind;
mod names;
mod restore;
pub mod score;
mod secrets;
mod vault;
mod view;

pub use characters::{CharacterCounts, Characters, Cleaned, Handling};
pub use composed::composed;
pub use finding::{Finding, Found};
pub use guard::{
    Checksum, DEFAULT_THRESHOLD, DetectorFault, Guard, GuardFault, GuardSettings, OwnDetector, Scan,
};
pub use hide::{Action, Actions, Hidden};
pub use injection::{Injection, injection};
pub use keywords::{KeywordList, Keywords};
pub use kind::Kind;
pub use restore::{RestoreState, Restorer};
pub use vault::Vault;
