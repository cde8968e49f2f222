//! The odds of tokens (`logprobs`) say the text once more, token by token with those that were
//! nearly said. Where something of the text may be hidden, they are left out.

use std::ops::Range;

use tb_api::json::{Document, Value};
use tb_core::Surface;

const ODDS: &str = "logprobs";

/// Where an answer or an event of one has odds, and what stands in their place.
pub(super) fn of(surface: Surface, document: &Document) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let without = match surface {
        Surface::ChatCompletions | Surface::Completions => {
            for choice in document.get("choices").iter().flat_map(Value::elements) {
                found.extend(choice.get(ODDS));
            }
            "null"
        }
        Surface::Messages => return Vec::new(),
        _ => {
            found.extend(document.get(ODDS));
            found.extend(document.get("part").and_then(|part| part.get(ODDS)));
            add_item(document.get("item"), &mut found);
            let response = document.get("response").and_then(|response| response.get("output"));
            for output in [response, document.get("output")].iter().flatten() {
                output.elements().for_each(|item| add_item(Some(item), &mut found));
            }
            // A list in these shapes, and never null.
            "[]"
        }
    };
    let there = found.into_iter().filter(|odds| !odds.is_null());
    there.map(|odds| (odds.start..odds.start + odds.raw.len(), without.to_owned())).collect()
}

/// The odds in the content of an item of the output.
fn add_item<'d>(item: Option<Value<'d>>, found: &mut Vec<Value<'d>>) {
    let content = item.and_then(|item| item.get("content"));
    for part in content.iter().flat_map(Value::elements) {
        found.extend(part.get(ODDS));
    }
}

/// Whether a place lies in what is left out.
pub(super) fn are_at(left_out: &[(Range<usize>, String)], place: &Range<usize>) -> bool {
    left_out.iter().any(|(range, _)| range.contains(&place.start))
}
