//! One walk through the leaves of a JSON document.

use tb_api::json::{Document, Leaf, LeafKind, Step};
use tb_core::Surface;

use super::attached;
use super::context::{Context, Pending};
use super::digits::plain_digits;
use super::item::{Holds, Item, Writing};
use super::joined::{Border, Neighbours, split};
use super::look::{Look, Manner};
use super::place::{Ground, Hiding, Place, is_common_key, is_known_key, is_word_of_api, shown};
use super::runs::{Ended, Run};

/// Digits of the shortest number that is looked at wherever it stands: telephone numbers.
const LEAST_DIGITS: usize = 7;
/// The same where a key says what it is: the check digits of a card.
const LEAST_KEYED_DIGITS: usize = 3;

/// One document under way.
struct Walk<'d> {
    ground: Ground,
    nesting: u8,
    /// The whole of it comes from outside; `None`: the path tells.
    is_outside: Option<bool>,
    items: Vec<Item>,
    neighbours: Neighbours<'d>,
    context: Context<'d>,
    run: Run<'d>,
}

impl Look<'_> {
    /// Looks at the leaves of a document, or of a string that is one.
    pub(super) fn document(
        &mut self,
        document: &Document,
        ground: Ground,
        nesting: u8,
        is_outside: Option<bool>,
    ) -> Vec<Item> {
        let (neighbours, context) = (Neighbours::default(), Context::default());
        let (items, run) = (Vec::new(), Run::default());
        let mut walk = Walk { ground, nesting, is_outside, items, neighbours, context, run };
        document.leaves(|leaf| {
            if self.ended.is_some() || self.rules.gone.is_set() {
                return;
            }
            match leaf.kind {
                LeafKind::String => self.string(leaf, &mut walk),
                LeafKind::Number => self.number(leaf, &mut walk),
                LeafKind::Key => self.key(leaf, &mut walk),
            }
        });
        let run = walk.run.end();
        self.run(run, &mut walk);
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
        let pending = walk.context.name(leaf.path, &leaf.text, place, walk.ground);
        self.named_late(pending, &leaf.text, walk);
        let is_outside = walk.is_outside.unwrap_or_else(|| self.speakers.is_outside(leaf.path));
        let is_attachment = walk.ground == Ground::Api && attached::is_place(leaf.path);
        if is_attachment && attached::is_reference(leaf.path, &leaf.text) {
            self.attachments += 1;
        }
        let name = walk.context.name_of(leaf.path, place);
        let (own, nesting) = (place, walk.nesting);
        let place = name.as_deref().map_or(own, Place::Keyed);
        let manner = Manner { place, nesting, is_outside, is_attachment };
        let way = || shown(leaf.path, walk.ground);
        let Some((holds, text)) = self.text(&leaf.text, manner, &way) else { return };
        let writing = Writing::Json(LeafKind::String);
        let hashes = own.hiding() == Hiding::Hash;
        walk.items.push(Item { hashes, ..Item::new(leaf.range.clone(), writing, holds) });
        // Words and ids between two texts do not part them, and neither do attachments.
        if let Some(text) = text.filter(|_| !is_attachment) {
            self.beside((leaf.path, is_outside), (&text, own), walk);
        }
    }

    /// Looks at the last item, a plain text, together with what stands beside it.
    fn beside<'d>(
        &mut self,
        (path, is_outside): (&[Step<'d>], bool),
        (text, place): (&str, Place<'_>),
        walk: &mut Walk<'d>,
    ) {
        let item = walk.items.len().saturating_sub(1);
        walk.context.value(path, text, place, item);
        if matches!(place, Place::Keyed(_)) {
            let run = walk.run.add(path, text, item, false);
            self.run(run, walk);
        }
        if matches!(place, Place::Keyed(_) | Place::Text) {
            self.join((path, is_outside), text, walk);
        }
    }

    /// The name of a value came after it.
    fn named_late(&mut self, pending: Option<Pending>, name: &str, walk: &mut Walk<'_>) {
        let Some(Pending { value, item }) = pending else { return };
        if self.rules.policy.enabled
            && let Some(findings) = walk.items.get_mut(item).and_then(Item::findings)
        {
            let mut scan = self.rules.keyed(name, &value);
            let is_apart = |one: &tb_guard::Finding, other: &tb_guard::Finding| {
                one.end <= other.start || one.start >= other.end
            };
            scan.findings.retain(|one| findings.iter().all(|known| is_apart(one, known)));
            findings.extend(self.judged(&value, scan, Hiding::Placeholder));
            findings.sort_by_key(|finding| finding.start);
        }
    }

    /// Looks for values that go on from the text before; the present one is the last item.
    fn join<'d>(
        &mut self,
        (path, is_outside): (&[Step<'d>], bool),
        text: &str,
        walk: &mut Walk<'d>,
    ) {
        if self.rules.policy.enabled {
            for border in walk.neighbours.borders((path, is_outside), text).into_iter().flatten() {
                self.border(&border, text, &mut walk.items);
            }
        }
        walk.neighbours.set((path, is_outside), text, walk.items.len().saturating_sub(1));
    }

    fn border(&mut self, border: &Border, text: &str, items: &mut [Item]) {
        let mut scan = self.rules.structured(&border.text);
        scan.is_opaque = false;
        scan.findings.retain(|one| border.is_new(one, text, items));
        let found = self.judged(&border.text, scan, Hiding::Placeholder);
        split(border, &found, items);
    }

    /// Looks at groups of digits that stood beside each other.
    fn run(&mut self, run: Option<Ended>, walk: &mut Walk<'_>) {
        let Some(run) = run.filter(|_| self.rules.policy.enabled) else { return };
        let mut scan = self.rules.structured(run.text());
        scan.findings.retain(|one| run.is_new(one, &walk.items));
        let found = self.judged(run.text(), scan, Hiding::Placeholder);
        run.hide(&found, &mut walk.items);
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
        let place = Place::of(leaf.path, walk.ground);
        let name = walk.context.name_of(leaf.path, place);
        let is_keyed = matches!(place, Place::Keyed(_));
        let mut scan = match name.as_deref().map_or(place, Place::Keyed) {
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
        let may_go_on = is_keyed && plain.is_none() && findings.is_empty();
        if may_go_on || !findings.is_empty() {
            let writing = Writing::Json(LeafKind::Number);
            let holds = Holds::Text { findings, is_cleaned: false };
            walk.items.push(Item::new(leaf.range.clone(), writing, holds));
        }
        if may_go_on {
            let item = walk.items.len().saturating_sub(1);
            walk.context.value(leaf.path, &leaf.text, place, item);
            let run = walk.run.add(leaf.path, &leaf.text, item, true);
            self.run(run, walk);
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
        let has_keywords = !self.rules.policy.keywords.lists.is_empty();
        if is_known_key(leaf.path, walk.ground) || (!has_keywords && is_common_key(&leaf.text)) {
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
}
