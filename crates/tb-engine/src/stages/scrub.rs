//! Stage 3: the only way from a request to something that may leave.
//!
//! This version has no detectors: the class is the one that the caller declared, and nothing
//! is hidden. Every later stage takes [`Scrubbed`], so no text can pass this stage by.

use tb_core::DataClass;

use super::compose::Composed;

/// A request that may leave, to providers that may receive its class.
#[derive(Debug)]
pub(crate) struct Scrubbed {
    pub(crate) composed: Composed,
    pub(crate) data_class: DataClass,
}

/// Settles the data class.
pub(crate) fn scrub(composed: Composed) -> Scrubbed {
    let data_class = composed.admitted.data_class;
    Scrubbed { composed, data_class }
}
