//! What leaves beside the texts of the body and cannot be rewritten: headers, and the frame of a
//! form.

use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};
use tb_api::multipart::Form;
use tb_guard::Action;
use tb_providers::OUTPUT_HEADERS;

use super::Rules;
use super::refused::Ended;

/// Headers that only name or repeat a request, and are forwarded too.
const NAMING_HEADERS: [HeaderName; 2] =
    [HeaderName::from_static("idempotency-key"), HeaderName::from_static("x-client-request-id")];

/// The forwarded headers of a request, as text.
pub(super) fn forwarded(headers: &HeaderMap) -> Vec<(HeaderName, String)> {
    let names = OUTPUT_HEADERS.into_iter().chain(NAMING_HEADERS);
    let values = names.flat_map(|name| {
        let values = headers.get_all(&name).iter();
        values.map(move |value| {
            (name.clone(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
    });
    values.collect()
}

/// Refuses headers with something that must not leave.
pub(super) fn check(rules: &Rules, headers: &[(HeaderName, String)]) -> Result<(), Ended> {
    for (name, text) in headers {
        check_text(rules, text, &format!("the header `{name}`"))?;
    }
    Ok(())
}

/// Refuses a form whose boundary or part headers hold something that must not leave. What the
/// parts contain, and their files' names, is looked at elsewhere.
pub(super) fn check_frame(rules: &Rules, form: &Form) -> Result<(), Ended> {
    let body = form.body();
    let mut at = 0;
    let mut frame = String::new();
    for part in form.parts() {
        let names = part.file_name.iter().chain(&part.extended_file_name);
        let mut ranges: Vec<_> = names.map(|(_, range)| range).chain([&part.content]).collect();
        ranges.sort_by_key(|range| range.start);
        for range in ranges {
            let between = body.get(at..range.start).unwrap_or_default();
            frame.push_str(&String::from_utf8_lossy(between));
            at = range.end;
        }
    }
    frame.push_str(&String::from_utf8_lossy(body.get(at..).unwrap_or_default()));
    check_text(rules, &frame, "the frame of the form")
}

fn check_text(rules: &Rules, text: &str, place: &str) -> Result<(), Ended> {
    let mut types: Map<String, Value> = Map::new();
    for finding in rules.guard.scan_structured(text).findings {
        let action = rules.policy.actions.of(&finding.kind);
        let must_not =
            matches!(action, Action::Mask | Action::Redact | Action::Hash | Action::Block);
        if must_not && !rules.policy.not_ours.contains(&finding.kind) {
            let count = types.entry(finding.kind.to_string()).or_insert_with(|| 0_u64.into());
            *count = (count.as_u64().unwrap_or(0) + 1).into();
        }
    }
    if types.is_empty() { Ok(()) } else { Err(Ended::found_in(place, types)) }
}
