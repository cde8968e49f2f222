//! The keyword filter: whole words and phrases, without regard to case. It knows no meaning and
//! says so by its name.

/// A list of words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeywordList {
    /// Its name, for reports.
    pub name: String,
    /// Words and phrases.
    pub words: Vec<String>,
}

/// Compiled lists.
#[derive(Debug, Default)]
pub struct Keywords {}

impl Keywords {
    /// Compiles lists.
    ///
    /// # Errors
    /// The index of the first list that is empty, has an empty word, or is too large (8 MiB).
    pub fn new(lists: &[KeywordList]) -> Result<Self, usize> {
        let _ = lists;
        Ok(Self {})
    }

    /// Which lists have a word in the text, and how often: indices into the lists, rising.
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<(usize, u64)> {
        let _ = text;
        Vec::new()
    }
}
