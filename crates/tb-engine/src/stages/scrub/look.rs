//! The one look at every text of a request. It changes nothing and notes what is to be changed.

use std::borrow::Cow;

use bytes::Bytes;
use ring::hmac;
use tb_api::json::Document;
use tb_config::{OnTrouble, Reaction};
use tb_guard::{Action, Finding, Scan};

use super::Rules;
use super::attached::{self, Payload};
use super::item::{Holds, Item, Tree};
use super::place::{Ground, Hiding, Place};
use super::refused::Ended;
use super::speakers::Speakers;
use super::tally::{Tallies, list_of};

/// A string that is JSON is looked into, and a string in there too; further below it is text.
const MAX_NESTING: u8 = 2;
/// The shortest text that can try to command a model, in bytes.
const LEAST_COMMAND_BYTES: usize = 12;

/// What was seen so far.
pub(super) struct Look<'r> {
    pub(super) rules: &'r Rules,
    pub(super) speakers: Speakers,
    pub(super) tallies: Tallies,
    /// The vault's tag, made of the first value that gets a placeholder.
    pub(super) tag: Option<u64>,
    /// Something is to be hidden or stripped.
    pub(super) changes: bool,
    /// The request ends here.
    pub(super) ended: Option<Ended>,
    is_blocked: bool,
    pub(super) attachments: u64,
}

/// How a text is to be looked at.
#[derive(Clone, Copy)]
pub(super) struct Manner<'p> {
    pub(super) place: Place<'p>,
    pub(super) nesting: u8,
    pub(super) is_outside: bool,
    /// Attachments stand here.
    pub(super) is_attachment: bool,
}

impl<'r> Look<'r> {
    pub(super) fn new(rules: &'r Rules, speakers: Speakers) -> Self {
        Self {
            rules,
            speakers,
            tallies: Tallies::default(),
            tag: None,
            changes: false,
            ended: None,
            is_blocked: false,
            attachments: 0,
        }
    }

    /// Looks at the body of a request.
    pub(super) fn request(&mut self, document: &Document) -> Vec<Item> {
        self.document(document, Ground::Api, 0, None)
    }

    /// What the look as a whole says of the request.
    ///
    /// # Errors
    /// When the request ends here.
    pub(super) fn verdict(&mut self) -> Result<(), Ended> {
        let policy = &self.rules.policy;
        if let Some(ended) = self.ended.take() {
            return Err(ended);
        }
        if self.rules.gone.is_set() {
            return Err(Ended::failed());
        }
        if policy.enabled && self.attachments > 0 && policy.attachments == OnTrouble::Block {
            return Err(Ended::attachment());
        }
        if self.is_blocked {
            return Err(Ended::found(&self.tallies));
        }
        if policy.enabled && self.tallies.opaque > 0 && policy.opaque == OnTrouble::Block {
            return Err(Ended::opaque());
        }
        let blocked = |list: &&usize| list_of(policy, **list).1 == Reaction::Block;
        if let Some(list) = self.tallies.keywords.keys().find(blocked) {
            return Err(Ended::keyword(list_of(policy, *list).0));
        }
        if self.tallies.injections > 0 && policy.injection.reaction == Reaction::Block {
            return Err(Ended::injection());
        }
        Ok(())
    }

    /// Looks at a text; gives what is in it and, where it is plain, the text itself, stripped.
    /// Nothing where it need not be changed whatever else is found.
    pub(super) fn text<'t>(
        &mut self,
        text: &'t str,
        manner: Manner<'_>,
        way: &dyn Fn() -> String,
    ) -> Option<(Holds, Option<Cow<'t, str>>)> {
        if manner.nesting < MAX_NESTING
            && !matches!(manner.place, Place::Exact | Place::Name | Place::Setting)
            && let Some(tree) = self.nested(text, manner)
        {
            return Some((Holds::Json(Box::new(tree)), None));
        }
        match attached::payload(text, manner.is_attachment) {
            Payload::None => {}
            Payload::Unreadable { head, is_known } => {
                self.attachments += 1;
                // Letters and digits that only might be an attachment are text like others.
                let begin = if is_known { text.get(..head).unwrap_or_default() } else { text };
                let mut scan = self.rules.structured(begin);
                scan.is_opaque &= is_known;
                let findings = self.judged(begin, scan, manner.place.hiding());
                return Some((Holds::Text { findings, is_cleaned: false }, None));
            }
            Payload::Text { head, decoded, is_exact } => {
                let (cleaned, is_cleaned) = if is_exact {
                    self.cleaned(&decoded, way)?
                } else {
                    (Cow::Borrowed(decoded.as_str()), false)
                };
                let findings = self.found(&cleaned, manner);
                return Some((Holds::Encoded { head, findings, is_cleaned }, None));
            }
        }
        let (cleaned, is_cleaned) = self.cleaned(text, way)?;
        let findings = self.found(&cleaned, manner);
        Some((Holds::Text { findings, is_cleaned }, Some(cleaned)))
    }

    /// The JSON that a text is; nothing when it is none.
    fn nested(&mut self, text: &str, manner: Manner<'_>) -> Option<Tree> {
        let trimmed = text.trim_matches(|symbol: char| symbol.is_ascii_whitespace());
        let ends = (trimmed.bytes().next()?, trimmed.bytes().next_back()?);
        if !matches!(ends, (b'{', b'}') | (b'[', b']')) {
            return None;
        }
        let document = Document::parse_value(Bytes::copy_from_slice(text.as_bytes())).ok()?;
        let (nesting, outside) = (manner.nesting + 1, Some(manner.is_outside));
        let items = self.document(&document, Ground::Free, nesting, outside);
        Some(Tree { document, items })
    }

    /// The text without what is stripped, and whether that is less; nothing when it is refused.
    pub(super) fn cleaned<'t>(
        &mut self,
        text: &'t str,
        way: &dyn Fn() -> String,
    ) -> Option<(Cow<'t, str>, bool)> {
        if !self.rules.policy.enabled {
            return Some((Cow::Borrowed(text), false));
        }
        let cleaned = self.rules.policy.characters.clean(text);
        self.tallies.note_characters(&cleaned.counts);
        if cleaned.is_rejected {
            self.ended = Some(Ended::characters(&cleaned.counts, &way()));
            return None;
        }
        let is_cleaned = cleaned.text.len() != text.len();
        self.changes |= is_cleaned;
        Some((cleaned.text, is_cleaned))
    }

    /// What is in a plain text.
    pub(super) fn found(&mut self, text: &str, manner: Manner<'_>) -> Vec<Finding> {
        let policy = &self.rules.policy;
        if !policy.keywords.lists.is_empty() {
            for (list, count) in policy.keywords.keywords.find(text) {
                if list_of(policy, list).1 != Reaction::Off {
                    *self.tallies.keywords.entry(list).or_default() += count;
                }
            }
        }
        if !policy.enabled {
            return Vec::new();
        }
        let injection = policy.injection;
        if manner.is_outside
            && injection.reaction != Reaction::Off
            && text.len() >= LEAST_COMMAND_BYTES
            && tb_guard::injection(text).score >= injection.threshold
        {
            self.tallies.injections += 1;
        }
        let hiding = manner.place.hiding();
        match manner.place {
            Place::Text | Place::Who => self.judged(text, self.rules.guard.scan(text), hiding),
            Place::Setting | Place::Exact | Place::Name | Place::Model => {
                self.judged(text, self.rules.structured(text), hiding)
            }
            Place::Keyed(key) => self.judged(text, self.rules.keyed(key, text), hiding),
        }
    }

    /// Counts what was found with what is done, and keeps what is to be hidden.
    pub(super) fn judged(&mut self, text: &str, scan: Scan, hiding: Hiding) -> Vec<Finding> {
        let rules = self.rules;
        self.tallies.opaque += u64::from(scan.is_opaque);
        let mut findings = scan.findings;
        findings.retain(|finding| {
            if rules.policy.not_ours.contains(&finding.kind) {
                return false;
            }
            let action = hiding.action(rules.policy.actions.of(&finding.kind));
            self.tallies.note(&finding.kind, action);
            self.is_blocked |= action == Action::Block;
            let hides = !matches!(action, Action::Allow | Action::Report);
            if action == Action::Tokenize && self.tag.is_none() {
                let value = text.get(finding.start..finding.end).unwrap_or_default();
                self.tag = Some(tag(rules, finding.kind.as_str(), value));
            }
            hides
        });
        self.changes |= !findings.is_empty();
        findings
    }

    /// The name of a model cannot be changed. One that the configuration knows holds nothing.
    pub(super) fn model(&mut self, name: &str) {
        if self.rules.policy.enabled && !self.rules.knows_model {
            let findings = self.judged(name, self.rules.structured(name), Hiding::Hash);
            if !findings.is_empty() {
                let types = findings.iter().map(|one| (one.kind.to_string(), 1_u64.into()));
                self.ended = Some(Ended::found_in("the name of the model", types.collect()));
            }
        }
    }

    /// Notes a part of a form that the guard cannot read.
    pub(super) fn note_attachment(&mut self) {
        self.attachments += 1;
    }

    /// Notes text in a writing that the guard does not know.
    pub(super) fn note_opaque(&mut self) {
        self.tallies.opaque += 1;
    }
}

/// The tag of a vault: the same for the same first value after the same stored response, and
/// unguessable without the key.
fn tag(rules: &Rules, kind: &str, value: &str) -> u64 {
    let memory = rules.goes_on_from.as_deref().unwrap_or_default();
    let mut context = hmac::Context::with_key(&rules.key);
    for part in ["tag", "\0", memory, "\0", kind, "\0", value] {
        context.update(part.as_bytes());
    }
    let signed = context.sign();
    signed.as_ref().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}
