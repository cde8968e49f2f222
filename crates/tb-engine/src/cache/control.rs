//! What a request says of the cache: `x-tollbar-cache` and its kin, and `cache-control` as
//! RFC 9111 section 5.2.1 has it.

use std::time::Duration;

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName};
use tb_config::CacheMode;
use tb_core::Timestamp;

use super::entry::Times;
use crate::headers as names;
use crate::refusal::Refusal;

/// The most tags of one request, and the most characters of one.
const MAX_TAGS: usize = 8;
const MAX_TAG_BYTES: usize = 64;

/// For ever, as far as a cache is concerned.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

/// The wishes of one request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Control {
    wish: Option<Wish>,
    no_cache: bool,
    no_store: bool,
    max_age: Option<Duration>,
    /// How long past its time to live an answer may be.
    max_stale: Option<Duration>,
    min_fresh: Option<Duration>,
    /// Nothing may be asked of a provider.
    pub(crate) only_if_cached: bool,
    /// What the answer can be purged by.
    pub(crate) tags: Vec<String>,
}

/// `x-tollbar-cache`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    On,
    Off,
    ReadOnly,
    WriteOnly,
}

/// Whether a kept answer will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is fresh.
    Fresh,
    /// It is past its time, and the request takes that.
    Stale,
    /// It is too old for this request.
    TooOld,
}

impl Control {
    /// Reads the headers.
    ///
    /// # Errors
    /// When one of our own headers has no known value; what is wrong in `cache-control` counts
    /// as the strictest value.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut control = Self { wish: wish(headers)?, ..Self::default() };
        for value in headers.get_all(CACHE_CONTROL) {
            value.to_str().unwrap_or_default().split(',').for_each(|part| control.directive(part));
        }
        if let Some(text) = text(headers, &names::CACHE_MAX_AGE)? {
            let seconds: u64 = text
                .parse()
                .map_err(|_| wrong(&names::CACHE_MAX_AGE, "takes a whole number of seconds"))?;
            control.limit_age(Duration::from_secs(seconds));
        }
        control.tags = tags(headers)?;
        Ok(control)
    }

    fn directive(&mut self, part: &str) {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().trim_matches('"'))),
            None => (part.trim(), None),
        };
        let seconds = value.map(|value| value.parse().map(Duration::from_secs));
        match name.to_ascii_lowercase().as_str() {
            "no-cache" => self.no_cache = true,
            "no-store" => self.no_store = true,
            "only-if-cached" => self.only_if_cached = true,
            "max-age" => self.limit_age(seconds.and_then(Result::ok).unwrap_or_default()),
            "min-fresh" => self.min_fresh = Some(seconds.and_then(Result::ok).unwrap_or(FOREVER)),
            "max-stale" => {
                self.max_stale = Some(seconds.map_or(FOREVER, Result::unwrap_or_default));
            }
            _ => {}
        }
    }

    fn limit_age(&mut self, limit: Duration) {
        self.max_age = Some(self.max_age.map_or(limit, |other| other.min(limit)));
    }

    /// Whether the cache has to do with this request at all, in this mode of the model.
    pub(crate) fn takes_part(&self, mode: CacheMode) -> bool {
        let asked = match mode {
            CacheMode::Off => false,
            CacheMode::OptIn => !matches!(self.wish, None | Some(Wish::Off)),
            CacheMode::On => self.wish != Some(Wish::Off),
        };
        asked && !self.no_store
    }

    /// Whether a kept answer may serve.
    pub(crate) fn reads(&self) -> bool {
        self.wish != Some(Wish::WriteOnly) && !self.no_cache
    }

    /// Whether the answer may be kept.
    pub(crate) fn writes(&self) -> bool {
        self.wish != Some(Wish::ReadOnly)
    }

    /// Whether an answer of this age serves the request.
    pub(super) fn judge(&self, times: &Times, now: Timestamp) -> Verdict {
        if !self.accepts_age(times, now) {
            return Verdict::TooOld;
        }
        if times.is_fresh(now) {
            let left = Duration::from_secs(u64::try_from(times.ttl_seconds(now)).unwrap_or(0));
            let enough = self.min_fresh.is_none_or(|least| left >= least);
            return if enough { Verdict::Fresh } else { Verdict::TooOld };
        }
        let most = self.max_stale.filter(|_| self.min_fresh.is_none());
        let accepted = most.is_some_and(|most| times.staleness(now) <= most);
        if accepted { Verdict::Stale } else { Verdict::TooOld }
    }

    /// Whether `max-age` allows an answer of this age.
    pub(super) fn accepts_age(&self, times: &Times, now: Timestamp) -> bool {
        self.max_age.is_none_or(|most| times.age(now) <= most)
    }
}

fn wish(headers: &HeaderMap) -> Result<Option<Wish>, Refusal> {
    Ok(Some(match text(headers, &names::CACHE)? {
        None => return Ok(None),
        Some("on") => Wish::On,
        Some("off") => Wish::Off,
        Some("read_only") => Wish::ReadOnly,
        Some("write_only") => Wish::WriteOnly,
        Some(_) => return Err(wrong(&names::CACHE, "is on, off, read_only or write_only")),
    }))
}

fn tags(headers: &HeaderMap) -> Result<Vec<String>, Refusal> {
    let Some(list) = text(headers, &names::CACHE_TAG)? else { return Ok(Vec::new()) };
    let mut tags: Vec<String> = list.split(',').map(|tag| tag.trim().to_owned()).collect();
    if tags.len() > MAX_TAGS || !tags.iter().all(|tag| is_tag(tag)) {
        return Err(wrong(
            &names::CACHE_TAG,
            "takes at most 8 tags of letters, digits and _ . : -, each of at most 64, with commas",
        ));
    }
    tags.sort_unstable();
    tags.dedup();
    Ok(tags)
}

/// Whether `text` can be a tag of a kept answer: 1 to 64 of `[A-Za-z0-9_.:-]`.
fn is_tag(text: &str) -> bool {
    (1..=MAX_TAG_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-'))
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Refusal> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    value.to_str().map(Some).map_err(|_| wrong(name, "must be visible ASCII"))
}

fn wrong(name: &HeaderName, right: &str) -> Refusal {
    Refusal::caller(400, "invalid_request", name.as_str(), format!("`{name}` {right}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(headers: &[(&'static str, &str)]) -> Result<Control, Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Control::read(&map)
    }

    fn cc(directives: &str) -> Control {
        control(&[("cache-control", directives)]).unwrap()
    }

    /// Stored at 0 s, fresh until 100 s, kept until 1000 s.
    fn judged(control: &Control, at_s: i64) -> Verdict {
        let start = Timestamp::from_unix_ms(0);
        let times = Times::starting(start, Duration::from_secs(100), Duration::from_secs(900));
        control.judge(&times, start.plus_ms(at_s * 1_000))
    }

    #[test]
    fn the_modes_and_wishes_decide_who_takes_part() {
        let plain = Control::default();
        let on = control(&[("x-tollbar-cache", "on")]).unwrap();
        let off = control(&[("x-tollbar-cache", "off")]).unwrap();
        let reading = control(&[("x-tollbar-cache", "read_only")]).unwrap();
        let writing = control(&[("x-tollbar-cache", "write_only")]).unwrap();
        let part = |control: &Control| {
            [CacheMode::Off, CacheMode::OptIn, CacheMode::On].map(|mode| control.takes_part(mode))
        };
        assert_eq!(part(&plain), [false, false, true]);
        assert_eq!(part(&on), [false, true, true]);
        assert_eq!(part(&off), [false, false, false]);
        assert_eq!(part(&reading), [false, true, true]);
        assert_eq!((on.reads(), on.writes()), (true, true));
        assert_eq!((reading.reads(), reading.writes()), (true, false));
        assert_eq!((writing.reads(), writing.writes()), (false, true));
        assert!(!cc("no-store").takes_part(CacheMode::On));
        assert_eq!((cc("No-Cache").reads(), cc("no-cache").writes()), (false, true));
    }

    #[test]
    fn an_answers_age_is_judged_as_the_request_says() {
        assert_eq!(judged(&Control::default(), 99), Verdict::Fresh);
        assert_eq!(judged(&Control::default(), 100), Verdict::TooOld);
        assert_eq!(judged(&cc("max-age=50"), 50), Verdict::Fresh);
        assert_eq!(judged(&cc("max-age=50"), 51), Verdict::TooOld);
        assert_eq!(judged(&cc("max-age=\"50\", max-age=70"), 51), Verdict::TooOld);
        assert_eq!(judged(&cc("max-age=soon"), 1), Verdict::TooOld);
        assert_eq!(judged(&cc("min-fresh=40"), 60), Verdict::Fresh);
        assert_eq!(judged(&cc("min-fresh=40"), 61), Verdict::TooOld);
        assert_eq!(judged(&cc("max-stale"), 900), Verdict::Stale);
        assert_eq!(judged(&cc("max-stale=10"), 110), Verdict::Stale);
        assert_eq!(judged(&cc("max-stale=10"), 111), Verdict::TooOld);
        assert_eq!(judged(&cc("max-stale=x"), 101), Verdict::TooOld);
        assert_eq!(judged(&cc("max-stale, max-age=105"), 106), Verdict::TooOld);
        let own = control(&[("x-tollbar-cache-max-age", "30"), ("cache-control", "max-age=90")]);
        assert_eq!(judged(&own.unwrap(), 31), Verdict::TooOld);
    }

    #[test]
    fn refuses_values_that_it_does_not_know() {
        let long = "t".repeat(65);
        let many = "a,b,c,d,e,f,g,h,i";
        for (name, value) in [
            ("x-tollbar-cache", "yes"),
            ("x-tollbar-cache-max-age", "-1"),
            ("x-tollbar-cache-max-age", "1.5"),
            ("x-tollbar-cache-tag", ""),
            ("x-tollbar-cache-tag", "a,,b"),
            ("x-tollbar-cache-tag", "a b"),
            ("x-tollbar-cache-tag", long.as_str()),
            ("x-tollbar-cache-tag", many),
        ] {
            let refusal = control(&[(name, value)]).unwrap_err();
            let error = refusal.api_error();
            assert_eq!((error.status, error.param.as_deref()), (400, Some(name)), "{value}");
        }
        let tags = control(&[("x-tollbar-cache-tag", "b:2, a_1.x-y,b:2")]).unwrap().tags;
        assert_eq!(tags, ["a_1.x-y", "b:2"]);
        assert!(cc("only-if-cached").only_if_cached && !cc("private, foo=1").only_if_cached);
    }
}
