//! Faults with their places, as text for people and as JSON for programs.

use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use crate::codes::{Code, Severity};

/// One fault or warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, as a stable code.
    pub code: Code,
    /// The file as it was named, or `variable NAME`, or `flag KEY`.
    pub file: String,
    /// Where in the file; `None` for variables, flags, and files that cannot be read.
    pub position: Option<Position>,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub help: String,
    /// The nearest valid name.
    pub nearest: Option<String>,
}

/// A place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: usize,
    /// From 1, in Unicode code points.
    pub column: usize,
    /// Byte offsets, the end excluded.
    pub span: std::ops::Range<usize>,
    /// The line, with possible secrets covered.
    pub excerpt: String,
    /// How many code points of the line the span covers, at least 1.
    pub width: usize,
}

impl Diagnostic {
    /// How bad it is.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// As one JSON object; `line`, `column` and `span` are null outside of files.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let position = self.position.as_ref();
        json!({
            "code": self.code.as_str(),
            "severity": self.severity().as_str(),
            "file": self.file,
            "line": position.map(|p| p.line),
            "column": position.map(|p| p.column),
            "span": position.map(|p| [p.span.start, p.span.end]),
            "message": self.message,
            "help": self.help,
            "nearest": self.nearest,
        })
    }
}

/// With the line of the file and a caret below the place.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = self.severity().as_str();
        writeln!(f, "{severity}[{}]: {}", self.code.as_str(), self.message)?;
        match &self.position {
            None => writeln!(f, "  --> {}", self.file)?,
            Some(at) => {
                let number = at.line.to_string();
                let gutter = " ".repeat(number.len());
                let indent = " ".repeat(at.column.saturating_sub(1));
                let line = at.excerpt.replace('\t', " ");
                writeln!(f, "{gutter}--> {}:{}:{}", self.file, at.line, at.column)?;
                writeln!(f, "{gutter} |")?;
                writeln!(f, "{number} | {line}")?;
                writeln!(f, "{gutter} | {indent}{}", "^".repeat(at.width))?;
            }
        }
        if let Some(nearest) = &self.nearest {
            writeln!(f, "  = did you mean `{nearest}`?")?;
        }
        writeln!(f, "  = help: {}", self.help)
    }
}

/// Every fault and warning of one configuration, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Sorted by position; those without one first, those of the files that it names last.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub(crate) fn new(mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by(|a, b| {
            let place = |d: &Diagnostic| {
                (d.position.as_ref().map(|p| p.span.start), d.file.clone(), d.code.as_str())
            };
            place(a).cmp(&place(b))
        });
        diagnostics.dedup();
        Self { diagnostics }
    }

    /// With the faults of other files at the end, file by file.
    pub(crate) fn and(mut self, mut elsewhere: Vec<Diagnostic>) -> Self {
        let place = |d: &Diagnostic| d.position.as_ref().map(|p| p.span.start);
        elsewhere.sort_by(|a, b| (&a.file, place(a)).cmp(&(&b.file, place(b))));
        // Two models may name the same file.
        elsewhere.dedup();
        self.diagnostics.extend(elsewhere);
        self
    }

    /// How many of that severity there are.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|d| d.severity() == severity).count()
    }

    /// For people: each fault with its line, and a last line that counts them.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        for diagnostic in &self.diagnostics {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{diagnostic}");
        }
        let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
        let errors = plural(self.count(Severity::Error), "error");
        let warnings = plural(self.count(Severity::Warning), "warning");
        let _ = writeln!(text, "{errors}, {warnings}");
        text
    }

    /// For editors and CI: `{"schema_version":1,"valid":…,"diagnostics":[…]}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let diagnostics: Vec<_> = self.diagnostics.iter().map(Diagnostic::to_json).collect();
        json!({
            "schema_version": 1,
            "valid": self.count(Severity::Error) == 0,
            "diagnostics": diagnostics,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render())
    }
}

impl std::error::Error for Report {}
