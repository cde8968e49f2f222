//! The second step: what was found is hidden, and only those leaves change.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use memchr::memmem;
use ring::hmac;
use tb_api::json::{Kind, LeafKind, Value, write_string};
use tb_api::multipart::file_name_text;
use tb_guard::{Actions, Finding, Vault};

use super::Rules;
use super::attached::{Payload, encode, payload};
use super::item::{Holds, Item, Tree, Writing};
use super::place::Hiding;

/// Writes texts anew.
pub(super) struct Rewrite<'r> {
    pub(super) rules: &'r Rules,
    pub(super) vault: Vault,
    /// Some value gets a placeholder: look-alikes must be escaped everywhere.
    pub(super) has_placeholders: bool,
    /// Keys that were written anew, by document and text: what they begin with, and how many.
    keys: HashMap<(usize, String), (String, u64)>,
}

impl<'r> Rewrite<'r> {
    pub(super) fn new(rules: &'r Rules, tag: Option<u64>) -> Self {
        let vault = Vault::keyed(tag.unwrap_or(0), rules.key.clone());
        Self { rules, vault, has_placeholders: tag.is_some(), keys: HashMap::new() }
    }

    /// What is to be written in the place of the items that change.
    pub(super) fn splices(&mut self, bytes: &[u8], items: &[Item]) -> Vec<(Range<usize>, String)> {
        let mut splices = Vec::new();
        for item in items {
            let Some(text) = original(bytes, item) else { continue };
            let changed = match &item.holds {
                Holds::Text { findings, is_cleaned } if item.hashes => {
                    self.hashed(&text, findings, *is_cleaned)
                }
                Holds::Text { findings, is_cleaned } => self.text(&text, findings, *is_cleaned),
                Holds::Json(tree) => self.tree(tree),
                Holds::Encoded { head, findings, is_cleaned } => {
                    self.encoded(&text, *head, findings, *is_cleaned)
                }
            };
            if let Some(changed) = changed {
                splices.push((item.range.clone(), self.written(changed, item.writing, bytes)));
            }
        }
        splices
    }

    /// The text with hashes in the place of placeholders.
    fn hashed(&mut self, text: &str, findings: &[Finding], is_cleaned: bool) -> Option<String> {
        let mut actions = self.rules.policy.actions.clone();
        for Finding { kind, .. } in findings {
            let action = Hiding::Hash.action(actions.of(kind));
            actions.by_kind.insert(kind.clone(), action);
        }
        self.rewritten(text, findings, (is_cleaned, &actions))
    }

    fn text(&mut self, text: &str, findings: &[Finding], is_cleaned: bool) -> Option<String> {
        self.rewritten(text, findings, (is_cleaned, &self.rules.policy.actions))
    }

    fn rewritten(
        &mut self,
        text: &str,
        findings: &[Finding],
        (is_cleaned, actions): (bool, &Actions),
    ) -> Option<String> {
        if findings.is_empty() && !is_cleaned && !(self.has_placeholders && may_look_alike(text)) {
            return None;
        }
        let cleaned = if is_cleaned {
            self.rules.policy.characters.clean(text).text
        } else {
            Cow::Borrowed(text)
        };
        let hidden = if findings.is_empty() && !self.has_placeholders {
            cleaned.into_owned()
        } else {
            actions.hide(&cleaned, findings, &mut self.vault).text
        };
        (hidden != text).then_some(hidden)
    }

    fn tree(&mut self, tree: &Tree) -> Option<String> {
        let splices = self.splices(tree.document.bytes(), &tree.items);
        if splices.is_empty() {
            return None;
        }
        String::from_utf8(tree.document.spliced(&splices).into()).ok()
    }

    fn encoded(
        &mut self,
        text: &str,
        head: usize,
        findings: &[Finding],
        is_cleaned: bool,
    ) -> Option<String> {
        let Payload::Text { decoded, .. } = payload(text, true) else { return None };
        let changed = self.text(&decoded, findings, is_cleaned)?;
        Some([text.get(..head).unwrap_or_default(), &encode(&changed)].concat())
    }

    fn written(&mut self, text: String, writing: Writing, bytes: &[u8]) -> String {
        match writing {
            Writing::Plain => text,
            Writing::FileName => file_name_text(&text),
            Writing::Json(LeafKind::Key) => self.key(&text, bytes),
            // A number that is hidden becomes a string.
            Writing::Json(LeafKind::String | LeafKind::Number) => quoted(&text),
        }
    }

    /// A key that no other key of the document is. The document is searched once for each text:
    /// where a key could begin like it, the tenant's mark makes it another one.
    fn key(&mut self, text: &str, bytes: &[u8]) -> String {
        let place = (bytes.as_ptr().addr(), text.to_owned());
        let key = &self.rules.key;
        let (base, count) = self.keys.entry(place).or_insert_with(|| {
            let beginning = quoted(text);
            let beginning = beginning.strip_suffix('"').unwrap_or_default();
            let is_free = memmem::find(bytes, beginning.as_bytes()).is_none();
            let base =
                if is_free { text.to_owned() } else { format!("{text}_{}", mark(key, bytes)) };
            (base, 0)
        });
        *count += 1;
        if *count == 1 { quoted(base) } else { quoted(&format!("{base}_{count}")) }
    }
}

/// What nobody can have written into a document beforehand.
fn mark(key: &hmac::Key, bytes: &[u8]) -> String {
    let signed = hmac::sign(key, bytes);
    signed.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The text of an item as it was.
fn original<'b>(bytes: &'b [u8], item: &'b Item) -> Option<Cow<'b, str>> {
    if let Some(decoded) = &item.decoded {
        return Some(Cow::Borrowed(decoded));
    }
    let raw = bytes.get(item.range.clone())?;
    match item.writing {
        Writing::Json(LeafKind::String | LeafKind::Key) => {
            Value { raw, start: item.range.start, kind: Kind::String }.as_str()
        }
        Writing::Json(LeafKind::Number) | Writing::Plain | Writing::FileName => {
            std::str::from_utf8(raw).ok().map(Cow::Borrowed)
        }
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_string(text, &mut out);
    out
}

/// Whether a text has a sign that placeholders begin with, in any writing.
fn may_look_alike(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'<' | b'[' | b'&' | b'\\'))
}
