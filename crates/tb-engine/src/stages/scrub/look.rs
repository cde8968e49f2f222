//! The one look at every text of a request. It changes nothing and notes what is to be changed.

use std::borrow::Cow;

use bytes::Bytes;
use ring::hmac;
use tb_api::json::{Document, Leaf, LeafKind, Step};
use tb_config::{OnTrouble, Reaction};
use tb_core::Surface;
use tb_guard::{Action, Finding, Scan};

use super::Rules;
use super::attached::{self, Payload};
use super::item::{Holds, Item, Tree, Writing};
use super::joined::{Neighbour, split};
use super::place::{Ground, Hiding, Place, is_known_key, is_word_of_api, shown};
use super::refused::Ended;
use super::speakers::Speakers;
use super::tally::{Tallies, list_of};

/// A string that is JSON is looked into, and a string in there too; further below it is text.
const MAX_NESTING: u8 = 2;
/// Digits of the shortest number that is looked at wherever it stands: telephone numbers.
const LEAST_DIGITS: usize = 7;
/// The same where a key says what it is: the check digits of a card.
const LEAST_KEYED_DIGITS: usize = 3;
/// The shortest text that can try to command a model, in bytes.
const LEAST_COMMAND_BYTES: usize = 12;

/// What was seen so far.
pub(super) struct Look<'r> {
    rules: &'r Rules,
    speakers: Speakers,
    pub(super) tallies: Tallies,
    /// The vault's tag, made of the first value that gets a placeholder.
    pub(super) tag: Option<u64>,
    /// Something is to be hidden or stripped.
    pub(super) changes: bool,
    /// The request ends here.
    pub(super) ended: Option<Ended>,
    is_blocked: bool,
    attachments: u64,
}

/// One document under way.
struct Walk<'d> {
    ground: Ground,
    nesting: u8,
    /// The whole of it comes from outside; `None`: the path tells.
    is_outside: Option<bool>,
    items: Vec<Item>,
    neighbour: Neighbour<'d>,
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

    fn document(
        &mut self,
        document: &Document,
        ground: Ground,
        nesting: u8,
        is_outside: Option<bool>,
    ) -> Vec<Item> {
        let (items, neighbour) = (Vec::new(), Neighbour::default());
        let mut walk = Walk { ground, nesting, is_outside, items, neighbour };
        document.leaves(|leaf| {
            if self.ended.is_some() {
                return;
            }
            match leaf.kind {
                LeafKind::String => self.string(leaf, &mut walk),
                LeafKind::Number => self.number(leaf, &mut walk),
                LeafKind::Key => self.key(leaf, &mut walk),
            }
        });
        walk.items
    }

    fn string<'d>(&mut self, leaf: &Leaf<'_, 'd>, walk: &mut Walk<'d>) {
        let place = Place::of(leaf.path, walk.ground);
        if place == Place::Model {
            self.model(&leaf.text);
            return;
        }
        if matches!(place, Place::Exact | Place::Name | Place::Setting)
            && is_word_of_api(&leaf.text)
        {
            return;
        }
        let is_outside = walk.is_outside.unwrap_or_else(|| self.speakers.is_outside(leaf.path));
        let is_attachment = walk.ground == Ground::Api && attached::is_place(leaf.path);
        if is_attachment && attached::is_reference(leaf.path, &leaf.text) {
            self.attachments += 1;
        }
        let manner = Manner { place, nesting: walk.nesting, is_outside, is_attachment };
        let way = || shown(leaf.path, walk.ground);
        let Some((holds, text)) = self.text(&leaf.text, manner, &way) else { return };
        let writing = Writing::Json(LeafKind::String);
        let hashes = place.hiding() == Hiding::Hash;
        let item = Item { hashes, ..Item::new(leaf.range.clone(), writing, holds) };
        walk.items.push(item);
        // Words and ids between two texts do not part them.
        if let Some(text) = text
            && place == Place::Text
        {
            self.join(leaf.path, &text, walk);
        }
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
    fn cleaned<'t>(
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
    fn judged(&mut self, text: &str, scan: Scan, hiding: Hiding) -> Vec<Finding> {
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

    /// Looks for values that go on from the text before; the present one is the last item.
    fn join<'d>(&mut self, path: &[Step<'d>], text: &str, walk: &mut Walk<'d>) {
        if self.rules.policy.enabled
            && let Some(border) = walk.neighbour.border(path, text)
        {
            let mut scan = self.rules.structured(&border.text);
            scan.is_opaque = false;
            scan.findings.retain(|one| border.is_new(one, text, &walk.items));
            let found = self.judged(&border.text, scan, Hiding::Placeholder);
            split(&border, &found, &mut walk.items);
        }
        walk.neighbour.set(path, text, walk.items.len().saturating_sub(1));
    }

    fn number<'d>(&mut self, leaf: &Leaf<'_, 'd>, walk: &mut Walk<'d>) {
        if !self.rules.policy.enabled {
            return;
        }
        self.count_tokens(leaf.path);
        let digits = leaf.text.bytes().filter(u8::is_ascii_digit).count();
        if digits < LEAST_KEYED_DIGITS {
            return;
        }
        let plain = plain_digits(&leaf.text);
        let text = plain.as_deref().unwrap_or(&leaf.text);
        let mut scan = match Place::of(leaf.path, walk.ground) {
            Place::Keyed(key) => self.rules.keyed(key, text),
            _ if digits >= LEAST_DIGITS => self.rules.structured(text),
            _ => return,
        };
        if plain.is_some() {
            // What is found in another writing of the number is all of it.
            scan.findings.truncate(1);
            for one in &mut scan.findings {
                (one.start, one.end, one.is_encoded) = (0, leaf.text.len(), true);
            }
        }
        let findings = self.judged(&leaf.text, scan, Hiding::Placeholder);
        if !findings.is_empty() {
            let writing = Writing::Json(LeafKind::Number);
            let holds = Holds::Text { findings, is_cleaned: false };
            walk.items.push(Item::new(leaf.range.clone(), writing, holds));
        }
    }

    /// Numbers in the place of texts are tokens: words that the guard cannot read.
    fn count_tokens(&mut self, path: &[Step<'_>]) {
        let takes_tokens = matches!(self.rules.surface, Surface::Embeddings | Surface::Completions);
        if takes_tokens
            && let [Step::Key(key), Step::Index(_), ..] = path
            && (key == "input" || key == "prompt")
        {
            self.attachments += 1;
        }
    }

    fn key<'d>(&mut self, leaf: &Leaf<'_, 'd>, walk: &mut Walk<'d>) {
        if is_known_key(leaf.path, walk.ground) {
            return;
        }
        let (text, way) = (leaf.text.as_ref(), || shown(leaf.path, walk.ground));
        let Some((cleaned, is_cleaned)) = self.cleaned(text, &way) else { return };
        let (place, nesting) = (Place::Name, walk.nesting);
        let manner = Manner { place, nesting, is_outside: false, is_attachment: false };
        let findings = self.found(&cleaned, manner);
        if is_cleaned || !findings.is_empty() {
            let writing = Writing::Json(LeafKind::Key);
            let holds = Holds::Text { findings, is_cleaned };
            walk.items.push(Item::new(leaf.range.clone(), writing, holds));
        }
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

/// The tag of a vault: the same for the same first value after the same stored response, and unguessable without the key.
fn tag(rules: &Rules, kind: &str, value: &str) -> u64 {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &rules.key);
    let memory = rules.goes_on_from.as_deref().unwrap_or_default();
    let mut context = hmac::Context::with_key(&key);
    for part in ["tag", "\0", memory, "\0", kind, "\0", value] {
        context.update(part.as_bytes());
    }
    let signed = context.sign();
    signed.as_ref().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// A number without exponent and fraction: the digits that it means before the point. Nothing
/// where it is written so already, or has more digits than any identifier.
fn plain_digits(number: &str) -> Option<String> {
    const MOST_DIGITS: usize = 64;
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = whole.trim_start_matches('-');
    if fraction.is_empty() && exponent == 0 {
        return None;
    }
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let length = usize::try_from(point).ok().filter(|length| *length <= MOST_DIGITS)?;
    let digits: String =
        whole.chars().chain(fraction.chars()).chain(std::iter::repeat('0')).take(length).collect();
    Some(digits.trim_start_matches('0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::plain_digits;

    #[test]
    fn every_writing_of_a_number_gives_its_digits() {
        for number in ["4.1e2", "410.0", "-4.1E+2", "0.41e3", "4100e-1", "410.00"] {
            assert_eq!(plain_digits(number).as_deref(), Some("410"), "{number}");
        }
        for number in ["410", "-410", "4.1e99999", "4.1e-9", "1e9223372036854775807"] {
            assert_eq!(plain_digits(number), None, "{number}");
        }
    }
}
