//! `workloads` of services: who may call without a key.

use std::collections::HashMap;

use crate::codes::Code;
use crate::nearest::nearest;
use crate::reader::{At, Section};
use crate::redact::quoted;
use crate::snapshot::Workload;
use crate::value::Mistake;

const SPIFFE: &str = "spiffe://";

/// The longest SPIFFE ID and trust domain, in bytes (SPIFFE-ID, sections 2.1 and 2.3).
const MAX_ID: usize = 2_048;
const MAX_TRUST_DOMAIN: usize = 255;

/// What workloads may refer to.
pub(super) struct Known<'a> {
    pub(super) issuers: &'a [String],
    /// `[server.tls] client_ca` is written.
    pub(super) client_certificates: bool,
}

/// The workloads of each service by its name. One that two services might have is reported.
pub(super) fn by_service(
    sections: &[(String, Section<'_>)],
    known: &Known<'_>,
) -> HashMap<String, Vec<Workload>> {
    let mut seen: Vec<(&str, String)> = Vec::new();
    let mut all = HashMap::new();
    for (service, section) in sections {
        let mut own = Vec::new();
        for written in section.list::<String>("workloads").unwrap_or_default() {
            match workload(&written.value, known) {
                Ok(workload) => {
                    check_certificates(section, &written, known);
                    own.push(workload);
                }
                Err(mistake) => section.reader.fault(&written.place, mistake),
            }
            check_other_services(section, service, &written, &seen);
            seen.push((service, written.value));
        }
        all.insert(service.clone(), own);
    }
    all
}

fn workload(text: &str, known: &Known<'_>) -> Result<Workload, Mistake> {
    let prefix = text.strip_suffix('*').unwrap_or(text);
    if prefix.contains('*') {
        return Err(bad("a workload has its `*` at the end"));
    }
    if let Some(id) = prefix.strip_prefix(SPIFFE) {
        return if is_spiffe(id, prefix != text) && text.len() <= MAX_ID {
            Ok(Workload::Spiffe(text.into()))
        } else {
            Err(bad("not a SPIFFE ID with a trust domain and a path"))
        };
    }
    let Some((issuer, subject)) = text.split_once(':').filter(|(_, rest)| !rest.is_empty()) else {
        return Err(bad("a workload is a SPIFFE ID or the subject of an issuer"));
    };
    if known.issuers.iter().any(|name| name == issuer) {
        return Ok(Workload::Token { issuer: issuer.into(), subject: subject.into() });
    }
    Err(Mistake::new(
        Code::UnknownIssuer,
        format!("there is no issuer {}", quoted(issuer)),
        "write `NAME:SUBJECT` with a name of [identity], or add it there",
    )
    .with_nearest(nearest(issuer, known.issuers.iter().map(String::as_str))))
}

fn bad(message: &str) -> Mistake {
    let help = "write \"spiffe://trust-domain/path\" or \"NAME:SUBJECT\", each with or without a `*` at the end";
    Mistake::new(Code::BadWorkload, message, help)
}

/// What stands after `spiffe://`: a trust domain and a path (SPIFFE-ID, section 2). Of an open
/// one, before its `*`, the trust domain at least is whole.
fn is_spiffe(id: &str, open: bool) -> bool {
    let Some((domain, path)) = id.split_once('/') else { return false };
    let in_domain =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
    let in_path = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let whole = |segment: &str| !matches!(segment, "" | "." | "..");
    let (before, last) = path.rsplit_once('/').map_or((None, path), |(b, last)| (Some(b), last));
    (1..=MAX_TRUST_DOMAIN).contains(&domain.len())
        && domain.bytes().all(in_domain)
        && path.split('/').all(|segment| segment.bytes().all(in_path))
        && before.is_none_or(|before| before.split('/').all(whole))
        && (open || whole(last))
}

/// Whoever calls as this workload must belong to one service.
fn check_other_services(
    section: &Section<'_>,
    service: &str,
    written: &At<String>,
    seen: &[(&str, String)],
) {
    let other = seen.iter().find(|(own, text)| *own != service && overlap(text, &written.value));
    if let Some((other, text)) = other {
        section.reader.report(
            &written.place,
            Code::SharedWorkload,
            format!("the service {} has {} too", quoted(other), quoted(text)),
            "a workload calls for one service: list it, and patterns that fit it, in one only",
        );
    }
}

/// Whether something fits both.
fn overlap(a: &str, b: &str) -> bool {
    match (a.strip_suffix('*'), b.strip_suffix('*')) {
        (None, None) => a == b,
        (Some(a), None) => b.starts_with(a),
        (None, Some(b)) => a.starts_with(b),
        (Some(a), Some(b)) => a.starts_with(b) || b.starts_with(a),
    }
}

fn check_certificates(section: &Section<'_>, written: &At<String>, known: &Known<'_>) {
    if written.value.starts_with(SPIFFE) && !known.client_certificates {
        section.reader.report(
            &written.place,
            Code::NoCertificates,
            "nobody can be this workload: no client certificates are asked for",
            "add `client_ca` to [server.tls]",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_spiffe_ids_with_a_path_from_others() {
        for (id, open, fits) in [
            ("td/a", false, true),
            ("prod.example.org/ns/default/sa/bot_1", false, true),
            ("td/", true, true),
            ("td/ns/", true, true),
            ("td/ns/pre", true, true),
            ("td", false, false),
            ("td", true, false),
            ("", true, false),
            ("/a", false, false),
            ("td/", false, false),
            ("td/a/", false, false),
            ("td//a", true, false),
            ("td/../a", false, false),
            ("TD/a", false, false),
            ("td/a b", false, false),
            ("td:8080/a", false, false),
        ] {
            assert_eq!(is_spiffe(id, open), fits, "{id} {open}");
        }
    }

    #[test]
    fn patterns_overlap_when_something_fits_both() {
        for (a, b, both) in [
            ("x:a", "x:a", true),
            ("x:a", "x:b", false),
            ("x:a*", "x:ab", true),
            ("x:ab", "x:a*", true),
            ("x:a*", "x:ab*", true),
            ("x:a*", "x:b*", false),
            ("x:ab*", "x:a", false),
        ] {
            assert_eq!(overlap(a, b), both, "{a} {b}");
        }
    }
}
