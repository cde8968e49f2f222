//! The answer is one of some texts.

use super::Finding;

pub(super) fn find(text: &str, any: &[String], lenient: bool) -> Finding {
    let same = |wanted: &String| {
        if lenient { plain(text) == plain(wanted) } else { text == wanted.trim() }
    };
    Finding::holds(any.iter().any(same), || "equals: another text".into())
}

/// Without case, punctuation at the ends and more than one blank between words.
pub(super) fn plain(text: &str) -> String {
    let bare = text.trim_matches(|c: char| !c.is_alphanumeric());
    bare.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
