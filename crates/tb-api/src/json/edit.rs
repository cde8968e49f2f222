//! Edits of a document by splicing: only what is named changes, all other bytes stay.

use std::ops::Range;

use bytes::Bytes;

use super::scan::Member;
use super::walk::{members, skip_space};
use super::{Document, Kind, write_string};
use crate::splice::splice;

/// Edits of a document, applied together; everything else stays byte for byte.
///
/// The result is that of applying them one after the other: a later edit of the same member
/// wins, an edit inside a member that was set before changes the new value, and a member that
/// was removed and is set again keeps its place.
pub struct Edits<'d> {
    document: &'d Document,
    /// What happens inside the root object.
    root: Node,
}

/// Shows no new values: they may be text of a request, which must not reach logs.
impl std::fmt::Debug for Edits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edits").field("document", self.document).finish_non_exhaustive()
    }
}

/// What happens to a value.
enum Node {
    /// It becomes this JSON text.
    Put(String),
    /// It goes, with its key.
    Remove,
    /// Members of it change.
    Inside {
        /// It becomes an object if it is missing or of another type.
        create: bool,
        children: Vec<(String, Node)>,
    },
}

/// Text in the place of a range of the document.
type Splice = (Range<usize>, String);

impl<'d> Edits<'d> {
    pub(super) fn new(document: &'d Document) -> Self {
        Self { document, root: Node::inside() }
    }

    /// Sets the member at `path` (keys from the root) to `raw`, which must be JSON. Missing
    /// members are added at the end of their object; missing objects are created; a parent
    /// that is not an object is replaced by one. An empty path changes nothing.
    pub fn set(&mut self, path: &[&str], raw: &str) -> &mut Self {
        if !path.is_empty() {
            self.root.record(path, Some(raw));
        }
        self
    }

    /// Removes the member at `path`, with its comma. Nothing happens when there is none.
    pub fn remove(&mut self, path: &[&str]) -> &mut Self {
        if !path.is_empty() {
            self.root.record(path, None);
        }
        self
    }

    /// The edited document; the original bytes when nothing was changed. An array at the root
    /// (see [`Document::parse_value`]) has no members and stays as it is.
    #[must_use]
    pub fn apply(&self) -> Bytes {
        let bytes = &self.document.bytes;
        let mut splices = Vec::new();
        let open = skip_space(bytes, 0);
        if let Node::Inside { children, .. } = &self.root
            && bytes.get(open) == Some(&b'{')
        {
            collect(bytes, open, &self.document.members, children, &mut splices);
        }
        splice(bytes, &splices)
    }
}

impl Node {
    fn inside() -> Self {
        Self::Inside { create: false, children: Vec::new() }
    }

    /// Adds an edit: `raw` at `path`, or the removal of what is there.
    fn record(&mut self, path: &[&str], raw: Option<&str>) {
        let mut node = self;
        let mut path = path;
        while let Some((&key, rest)) = path.split_first() {
            node = match node {
                Self::Inside { create, children } => {
                    *create |= raw.is_some();
                    let known = children.iter().position(|(name, _)| name == key);
                    let position = known.unwrap_or_else(|| {
                        children.push((key.to_owned(), Self::inside()));
                        children.len() - 1
                    });
                    let Some((_, child)) = children.get_mut(position) else { return };
                    child
                }
                Self::Put(text) => {
                    if let Some(edited) = edited(text, path, raw) {
                        *text = edited;
                    }
                    return;
                }
                removed @ Self::Remove => {
                    if let Some(raw) = raw {
                        *removed = Self::Put(nested(path, raw));
                    }
                    return;
                }
            };
            path = rest;
        }
        *node = raw.map_or(Self::Remove, |raw| Self::Put(raw.to_owned()));
    }

    /// The text of a member that did not exist; `None` when it still does not.
    fn fresh(&self) -> Option<String> {
        match self {
            Self::Put(raw) => Some(raw.clone()),
            Self::Remove | Self::Inside { create: false, .. } => None,
            Self::Inside { create: true, children } => {
                let mut text = String::from("{");
                for (key, child) in children {
                    append(key, child, &mut text);
                }
                text.push('}');
                Some(text)
            }
        }
    }
}

/// Adds a new member to `text`, which ends inside an object.
fn append(key: &str, node: &Node, text: &mut String) {
    if let Some(value) = node.fresh() {
        if !text.is_empty() && !text.ends_with('{') {
            text.push(',');
        }
        write_string(key, text);
        text.push(':');
        text.push_str(&value);
    }
}

/// The JSON text of `raw` inside objects, one for each key of `path`.
fn nested(path: &[&str], raw: &str) -> String {
    let mut text = String::new();
    for key in path {
        text.push('{');
        write_string(key, &mut text);
        text.push(':');
    }
    text.push_str(raw);
    text.extend(path.iter().map(|_| '}'));
    text
}

/// `text` with one edit inside; `None` when that changes nothing.
fn edited(text: &str, path: &[&str], raw: Option<&str>) -> Option<String> {
    let bytes = text.as_bytes();
    let open = skip_space(bytes, 0);
    if bytes.get(open) != Some(&b'{') {
        return raw.map(|raw| nested(path, raw));
    }
    let mut node = Node::inside();
    node.record(path, raw);
    let Node::Inside { children, .. } = &node else { return None };
    let found: Vec<Member> = members(bytes, open).collect();
    let mut splices = Vec::new();
    collect(bytes, open, &found, children, &mut splices);
    String::from_utf8(splice(&Bytes::copy_from_slice(bytes), &splices).into()).ok()
}

/// Adds the splices inside the object that opens at `open`, in order and without overlap. It
/// calls itself for the objects on the way of an edit, so as deep as our own paths are.
fn collect(
    bytes: &[u8],
    open: usize,
    found: &[Member],
    children: &[(String, Node)],
    splices: &mut Vec<Splice>,
) {
    let mut kept = false;
    let mut last_end = open + 1;
    let mut matched = vec![false; children.len()];
    for (position, member) in found.iter().enumerate() {
        let child = children.iter().zip(&mut matched).find(|((key, _), _)| member.is(bytes, key));
        let node = child.map(|((_, node), matched)| {
            *matched = true;
            node
        });
        if let Some(Node::Remove) = node {
            // The comma before it goes too, or the one behind it while nothing is kept before.
            let next = found.get(position + 1);
            let range = match (kept, next) {
                (true, _) => last_end..member.value.end(),
                (false, Some(next)) => key_quote(member)..key_quote(next),
                (false, None) => key_quote(member)..member.value.end(),
            };
            splices.push((range, String::new()));
        } else {
            kept = true;
            if let Some(node) = node {
                change(bytes, member, node, splices);
            }
        }
        last_end = member.value.end();
    }
    let mut text = String::new();
    for ((key, node), matched) in children.iter().zip(matched) {
        if !matched {
            append(key, node, &mut text);
        }
    }
    if !text.is_empty() {
        if kept {
            text.insert(0, ',');
        }
        splices.push((last_end..last_end, text));
    }
}

fn key_quote(member: &Member) -> usize {
    member.key.start().saturating_sub(1)
}

/// Adds the splices for a member that stays.
fn change(bytes: &[u8], member: &Member, node: &Node, splices: &mut Vec<Splice>) {
    if let (Kind::Object, Node::Inside { children, .. }) = (member.kind, node) {
        let open = member.value.start();
        let found: Vec<Member> = members(bytes, open).collect();
        collect(bytes, open, &found, children, splices);
    } else if let Some(text) = node.fresh()
        && text.as_bytes() != member.value.of(bytes)
    {
        splices.push((member.value.start()..member.value.end(), text));
    }
}
