//! One pass over all cases before anything is asked. It holds no case: of each id sixteen bytes.

use std::collections::HashSet;

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::{Heard, Suite};
use crate::canonical::Lines;
use crate::case::Case;
use crate::fault::{Fault, Faults, Flaw};

/// What a suite holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// How many cases.
    pub cases: u64,
    /// SHA-256, a line of canonical JSON a case in their order: `{"group", "id", "request",
    /// "slice"}`, of the request neither `prompt.version` nor `prompt.label`.
    pub data_hash: String,
    /// SHA-256, a line of canonical JSON a case in their order: `{"checks", "id"}`.
    pub checks_hash: String,
    /// What the readers left out or did not use.
    pub notes: Vec<String>,
}

/// Notes of a large file are counted, not kept.
const MOST_NOTES: usize = 20;

pub(super) fn survey(suite: &Suite, limit: Option<u64>) -> Result<Survey, Faults> {
    let mut data = Lines::new();
    let mut checks = Lines::new();
    let mut ids = HashSet::new();
    let mut faults = Vec::new();
    let mut notes = Vec::new();
    let mut more_notes = 0_u64;
    let mut cases = 0_u64;
    for heard in suite.said()? {
        if limit.is_some_and(|most| cases >= most) || faults.len() >= Faults::MOST {
            break;
        }
        match heard {
            Ok(Heard::Note(note)) if notes.len() < MOST_NOTES => notes.push(note),
            Ok(Heard::Note(_)) => more_notes = more_notes.saturating_add(1),
            Err(fault) => faults.push(fault),
            Ok(Heard::Case(case)) => {
                cases = cases.saturating_add(1);
                if !ids.insert(short_hash(&case.id)) {
                    faults.push(twice(suite, &case.id));
                }
                data.add(&question(&case));
                checks.add(&json!({ "id": case.id, "checks": case.checks }));
            }
        }
    }
    if more_notes > 0 {
        notes.push(format!("and {more_notes} more notes like these"));
    }
    if cases == 0 && faults.is_empty() {
        faults.push(Fault::of(suite.file(), Flaw::new("", "there are no cases", "")));
    }
    if !faults.is_empty() {
        return Err(Faults(faults));
    }
    Ok(Survey { cases, data_hash: data.finish(), checks_hash: checks.finish(), notes })
}

/// What two versions of a prompt have in common is the same data.
fn question(case: &Case) -> Value {
    let mut request = Value::Object(case.request.clone());
    if let Some(prompt) = request.get_mut("prompt").and_then(Value::as_object_mut) {
        prompt.remove("version");
        prompt.remove("label");
    }
    json!({ "id": case.id, "request": request, "group": case.group, "slice": case.slices })
}

fn twice(suite: &Suite, id: &str) -> Fault {
    let message = format!("the id `{id}` stands there twice");
    let help = "runs are paired by id, so each case needs one of its own";
    Fault::of(suite.file(), Flaw::new("", message, help))
}

/// Sixteen bytes that tell texts apart.
pub(crate) fn short_hash(text: &str) -> [u8; 16] {
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(digest(&SHA256, text.as_bytes()).as_ref()) {
        *to = *from;
    }
    short
}
