//! What the headers of an answer say of the cache.

use std::fmt::Write;
use std::time::Duration;

use http::header::AGE;
use http::{HeaderMap, HeaderValue};

use crate::headers as names;

/// What the headers of an answer say of the cache.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CacheNote {
    /// The word of `x-tollbar-cache`.
    pub(crate) word: CacheWord,
    /// Of an answer from the cache: since when it is there.
    pub(crate) age: Option<Duration>,
    /// Of an answer from the cache: how long it is still fresh, in seconds; negative = stale.
    pub(crate) ttl_seconds: Option<i64>,
    /// It came from an identical request in flight.
    pub(crate) coalesced: bool,
    /// Why the request went to a provider; `None` where the model has no cache.
    pub(crate) forwarded: Option<Forwarded>,
    /// The answer is kept by now.
    pub(crate) stored: bool,
}

/// `x-tollbar-cache`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum CacheWord {
    /// The cache was not asked.
    #[default]
    Bypass,
    /// It had no answer.
    Miss,
    /// It had one.
    Hit,
    /// It had one past its time to live.
    Stale,
}

/// `fwd` of RFC 9211: why a provider was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forwarded {
    /// The cache does not handle such requests.
    Bypass,
    /// There was no answer.
    Miss,
    /// There was one past its time to live.
    Stale,
    /// The request did not allow a kept answer.
    Request,
}

impl CacheNote {
    /// Why the request goes to a provider.
    pub(super) fn forwarded(forwarded: Forwarded) -> Self {
        let word = match forwarded {
            Forwarded::Bypass | Forwarded::Request => CacheWord::Bypass,
            Forwarded::Miss | Forwarded::Stale => CacheWord::Miss,
        };
        Self { word, forwarded: Some(forwarded), ..Self::default() }
    }

    /// Writes `x-tollbar-cache`, and where the model has a cache `Cache-Status` (RFC 9211); of
    /// answers from it also `Age`.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let word = match self.word {
            CacheWord::Bypass => "bypass",
            CacheWord::Miss => "miss",
            CacheWord::Hit => "hit",
            CacheWord::Stale => "stale",
        };
        headers.insert(names::CACHE, HeaderValue::from_static(word));
        if let Some(age) = self.age {
            headers.insert(AGE, HeaderValue::from(age.as_secs()));
        }
        if let Some(status) = self.status()
            && let Ok(status) = HeaderValue::try_from(status)
        {
            headers.insert(names::CACHE_STATUS, status);
        }
    }

    fn status(&self) -> Option<String> {
        let mut status = "tollbar".to_owned();
        match (self.forwarded, self.age) {
            // A request that shared another's way counts as forwarded in RFC 9211.
            (_, Some(_)) if self.coalesced => status.push_str("; fwd=miss; collapsed"),
            (_, Some(_)) => status.push_str("; hit"),
            (Some(forwarded), None) => {
                status.push_str("; fwd=");
                status.push_str(match forwarded {
                    Forwarded::Bypass => "bypass",
                    Forwarded::Miss => "miss",
                    Forwarded::Stale => "stale",
                    Forwarded::Request => "request",
                });
            }
            (None, None) => return None,
        }
        if self.stored {
            status.push_str("; stored");
        }
        if let Some(ttl) = self.ttl_seconds {
            // Writing to a String cannot fail.
            let _ = write!(status, "; ttl={ttl}");
        }
        Some(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(note: &CacheNote) -> [Option<String>; 3] {
        let mut headers = HeaderMap::new();
        note.write(&mut headers);
        ["x-tollbar-cache", "cache-status", "age"]
            .map(|name| headers.get(name).map(|value| value.to_str().unwrap().to_owned()))
    }

    #[test]
    fn says_what_the_cache_did() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(written(&CacheNote::default()), [text("bypass"), None, None]);
        let miss = CacheNote::forwarded(Forwarded::Miss);
        assert_eq!(written(&miss), [text("miss"), text("tollbar; fwd=miss"), None]);
        let stored = CacheNote { stored: true, ..CacheNote::forwarded(Forwarded::Stale) };
        assert_eq!(written(&stored), [text("miss"), text("tollbar; fwd=stale; stored"), None]);
        let unwanted = CacheNote::forwarded(Forwarded::Request);
        assert_eq!(written(&unwanted), [text("bypass"), text("tollbar; fwd=request"), None]);
        let hit = CacheNote {
            word: CacheWord::Hit,
            age: Some(Duration::from_millis(2_900)),
            ttl_seconds: Some(35),
            ..CacheNote::default()
        };
        assert_eq!(written(&hit), [text("hit"), text("tollbar; hit; ttl=35"), text("2")]);
        let shared = CacheNote { coalesced: true, ..hit };
        let status = text("tollbar; fwd=miss; collapsed; ttl=35");
        assert_eq!(written(&shared), [text("hit"), status, text("2")]);
        let stale = CacheNote { word: CacheWord::Stale, ttl_seconds: Some(-120), ..hit };
        assert_eq!(written(&stale), [text("stale"), text("tollbar; hit; ttl=-120"), text("2")]);
    }
}
