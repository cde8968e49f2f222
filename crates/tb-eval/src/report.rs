//! Reports: one content, a [`Page`], in three dresses (terminal, HTML, Markdown), and JUnit XML.
//!
//! Names of cases, slices, labels and reasons come from data sets and models, so every dress
//! escapes all of it.

mod comparison;
mod html;
mod junit;
mod markdown;
mod run;
mod terminal;

pub use self::comparison::page as of_comparison;
pub use self::html::render as html;
pub use self::junit::render as junit;
pub use self::markdown::render as markdown;
pub use self::run::{Summary, page as of_run, summary};
pub use self::terminal::render as terminal;

/// What a line or a page wants to say at a glance; never by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to do.
    Good,
    /// Look here.
    Bad,
    /// Not known.
    Open,
}

/// A report, before it is dressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its title.
    pub title: String,
    /// The verdict in a few words.
    pub headline: String,
    /// What the headline says.
    pub tone: Tone,
    /// What one should read first.
    pub paragraphs: Vec<String>,
    /// Tables.
    pub sections: Vec<Section>,
}

/// A table under a heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub heading: String,
    /// The names of the columns.
    pub columns: Vec<&'static str>,
    /// The rows, each as long as the columns.
    pub rows: Vec<Vec<String>>,
    /// How many rows a short report shows; the first ones.
    pub most: usize,
}

impl Section {
    fn new(heading: &str, columns: Vec<&'static str>) -> Self {
        Self { heading: heading.to_owned(), columns, rows: Vec::new(), most: usize::MAX }
    }

    /// The rows of a short report, and how many it leaves out.
    fn short(&self) -> (&[Vec<String>], usize) {
        let shown = self.rows.get(..self.most).unwrap_or(&self.rows);
        (shown, self.rows.len() - shown.len())
    }
}
