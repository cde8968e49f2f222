//! How long something is kept.

use std::time::Duration;

use super::{Mistake, Value, Written, amount};
use crate::redact::quoted;

/// The word for no end.
pub(crate) const FOREVER: &str = "forever";

/// A duration, or for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term(pub(crate) Option<Duration>);

impl Value for Term {
    fn expected() -> String {
        "a duration such as \"90d\", or \"forever\"".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        let text = written.text()?;
        if text == FOREVER {
            return Some(Ok(Self(None)));
        }
        let read = amount::duration(text).map(|time| Self(Some(time)));
        Some(read.map_err(|mistake| Mistake {
            help: format!("{}; or \"forever\"", mistake.help),
            ..mistake
        }))
    }

    fn show(&self) -> String {
        let text = self.0.map_or_else(|| FOREVER.to_owned(), amount::show_duration);
        quoted(&text)
    }
}
