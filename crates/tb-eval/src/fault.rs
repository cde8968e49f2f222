//! What is wrong with a suite or its data, and where.

use std::fmt;
use std::path::Path;

/// One fault with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The file, as it was named.
    pub file: Box<str>,
    /// From 1; absent where the whole file is meant.
    pub line: Option<u64>,
    /// From 1, in code points.
    pub column: Option<u64>,
    /// The place inside the document, such as `tests[2].assert[0]`; empty for none.
    pub path: Box<str>,
    /// What is wrong, without a full stop.
    pub message: Box<str>,
    /// What to do about it; empty for nothing.
    pub help: Box<str>,
}

impl Fault {
    /// A fault of a file.
    pub(crate) fn of(file: &Path, flaw: Flaw) -> Self {
        let Flaw { path, message, help } = flaw;
        Self {
            file: file.display().to_string().into(),
            line: None,
            column: None,
            path: path.into(),
            message: message.into(),
            help: help.into(),
        }
    }

    /// The same at a line.
    pub(crate) const fn at(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// The file cannot be read.
    pub(crate) fn unreadable(file: &Path, error: &std::io::Error) -> Self {
        let message = format!("the file cannot be read: {error}");
        Self::of(file, Flaw::new("", message, "paths are taken from the folder of the suite"))
    }
}

/// `file:line:column: message`, and the help on a line of its own.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        f.write_str(": ")?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        if !self.help.is_empty() {
            write!(f, "\n  = help: {}", self.help)?;
        }
        Ok(())
    }
}

/// All faults that were found; a reader stops after [`Faults::MOST`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// A data file of the wrong form has one in every line.
    pub const MOST: usize = 20;
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// A fault inside a document, before its file and line are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// Members with dots, places of lists in brackets.
    pub(crate) path: String,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: String,
}

impl Flaw {
    /// By its parts.
    pub(crate) fn new(
        path: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), message: message.into(), help: help.into() }
    }
}

/// `a` and `b` as `a.b`.
pub(crate) fn join(path: &str, member: &str) -> String {
    if path.is_empty() { member.to_owned() } else { format!("{path}.{member}") }
}
