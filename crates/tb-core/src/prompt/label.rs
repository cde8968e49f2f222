//! Labels: names that point to one version each.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How many moves back a label remembers.
const REMEMBERED: usize = 50;

/// Where a label points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelRecord {
    /// The name of the prompt.
    pub name: String,
    /// The label.
    pub label: String,
    /// How often it was moved.
    pub revision: u64,
    /// The number of the version.
    pub number: u32,
    /// Where it pointed to before, the last one last: what a rollback goes back to.
    pub earlier: Vec<u32>,
    /// When it was moved last.
    pub moved_at: Timestamp,
}

impl LabelRecord {
    /// A label that did not exist.
    #[must_use]
    pub fn new(name: &str, label: &str, (number, moved_at): (u32, Timestamp)) -> Self {
        let (name, label) = (name.to_owned(), label.to_owned());
        Self { name, label, revision: 0, number, earlier: Vec::new(), moved_at }
    }

    /// The same label, moved on to another version.
    #[must_use]
    pub fn moved(&self, number: u32, moved_at: Timestamp) -> Self {
        let mut earlier = self.earlier.clone();
        earlier.push(self.number);
        if earlier.len() > REMEMBERED {
            earlier.remove(0);
        }
        Self { number, earlier, revision: self.revision + 1, moved_at, ..self.clone() }
    }

    /// The same label, back where it pointed to before; `None` when it never pointed elsewhere.
    #[must_use]
    pub fn rolled_back(&self, moved_at: Timestamp) -> Option<Self> {
        let mut earlier = self.earlier.clone();
        let number = earlier.pop()?;
        Some(Self { number, earlier, revision: self.revision + 1, moved_at, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rollbacks_go_back_two_moves_and_never_forward_again() {
        let at = Timestamp(0);
        let label = LabelRecord::new("t", "production", (1, at)).moved(2, at).moved(3, at);
        let back = label.rolled_back(at).unwrap();
        assert_eq!((back.number, back.revision), (2, 3));
        let back = back.rolled_back(at).unwrap();
        assert_eq!(back.number, 1);
        assert_eq!(back.rolled_back(at), None);
    }

    #[test]
    fn a_label_remembers_its_last_moves_only() {
        let at = Timestamp(0);
        let start = LabelRecord::new("t", "production", (1, at));
        let label = (2..200).fold(start, |label, number| label.moved(number, at));
        assert_eq!((label.earlier.len(), label.earlier.first()), (50, Some(&149)));
    }
}
