//! Stage 4: is there an answer already? This version keeps no answers, so every request is
//! fresh; the reply says `x-tollbar-cache: bypass`.

use super::scrub::Scrubbed;

/// A request that needs a provider.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) scrubbed: Scrubbed,
}

/// Looks for a kept answer.
pub(crate) fn lookup(scrubbed: Scrubbed) -> Fresh {
    Fresh { scrubbed }
}
