//! What was found where, so that it can be changed later without a second look.

use std::ops::Range;

use tb_api::json::{Document, LeafKind};
use tb_guard::Finding;

/// A text of the body.
pub(super) struct Item {
    /// Where it lies, quotes included.
    pub(super) range: Range<usize>,
    pub(super) writing: Writing,
    /// What it says, where its bytes do not say it as they are written.
    pub(super) decoded: Option<String>,
    pub(super) holds: Holds,
    /// Others refer to it: what would get a placeholder gets a hash.
    pub(super) hashes: bool,
}

/// How a text is written where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writing {
    /// A leaf of a JSON document.
    Json(LeafKind),
    /// As it is: a field of a form.
    Plain,
    /// A file's name among the parameters of a header.
    FileName,
}

/// What is in a text.
pub(super) enum Holds {
    /// Text.
    Text {
        /// What is to be hidden, in the order of the text.
        findings: Vec<Finding>,
        /// Characters are to be stripped first.
        is_cleaned: bool,
    },
    /// A JSON object or array.
    Json(Box<Tree>),
    /// Text in base64, behind so many bytes that are none.
    Encoded {
        /// Where the base64 begins.
        head: usize,
        /// What is to be hidden of the decoded text.
        findings: Vec<Finding>,
        /// Characters are to be stripped first.
        is_cleaned: bool,
    },
}

/// A JSON document with its texts, in order.
pub(super) struct Tree {
    pub(super) document: Document,
    pub(super) items: Vec<Item>,
}

impl Item {
    /// A text whose bytes say it as they are written.
    pub(super) fn new(range: Range<usize>, writing: Writing, holds: Holds) -> Self {
        Self { range, writing, decoded: None, holds, hashes: false }
    }

    /// The findings of a plain text.
    pub(super) fn findings(&mut self) -> Option<&mut Vec<Finding>> {
        match &mut self.holds {
            Holds::Text { findings, .. } => Some(findings),
            Holds::Json(_) | Holds::Encoded { .. } => None,
        }
    }
}
