//! A TOML text, parsed as far as it goes, with the places of what is wrong in it.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, Error};

use crate::codes::Code;
use crate::keys::Table;
use crate::reader::{Fault, Lines, Place};
use crate::redact::covered;
use crate::report::Diagnostic;
use crate::value::Mistake;

/// A parsed text.
pub(crate) struct Document<'a> {
    text: &'a str,
    /// The text with possible secrets covered.
    covered: String,
    parsed: Spanned<DeTable<'a>>,
    errors: Vec<Error>,
}

impl<'a> Document<'a> {
    /// Parses a text that may hold what `rules` says; the rest may be a secret.
    pub(crate) fn parse(text: &'a str, rules: &Table) -> Self {
        let (parsed, errors) = DeTable::parse_recoverable(text);
        let broken: Vec<_> = errors.iter().map(span).collect();
        let covered = covered(text, parsed.get_ref(), rules, &broken);
        Self { text, covered, parsed, errors }
    }

    /// What was understood of it.
    pub(crate) fn table(&self) -> &DeTable<'a> {
        self.parsed.get_ref()
    }

    pub(crate) fn lines(&self) -> Lines<'_> {
        Lines::new(self.text, &self.covered)
    }

    /// The faults with their places in the file of that name, syntax errors among them.
    pub(crate) fn diagnostics(&self, name: &str, mut faults: Vec<Fault>) -> Vec<Diagnostic> {
        let lines = self.lines();
        if !self.errors.is_empty() {
            self.keep_certain(&mut faults, &lines);
            faults.extend(self.errors.iter().map(syntax_fault));
        }
        faults.into_iter().map(|fault| fault.resolved(name, &lines)).collect()
    }

    /// After syntax errors parts of the document are missing, so only faults that need no other
    /// part are certain, and only in lines that were understood.
    fn keep_certain(&self, faults: &mut Vec<Fault>, lines: &Lines<'_>) {
        let broken: Vec<_> = self.errors.iter().map(|e| lines.line(span(e).start)).collect();
        faults.retain(|fault| {
            let certain = matches!(
                fault.mistake.code,
                Code::UnknownKey
                    | Code::UnknownWord
                    | Code::NotEnforced
                    | Code::BadDuration
                    | Code::BadSize
                    | Code::BadMoney
                    | Code::BadNetwork
                    | Code::BadAddress
                    | Code::BadUrl
                    | Code::BadDate
                    | Code::UnknownTimeZone
                    | Code::BadWorkload
            );
            let understood = match &fault.place {
                Place::File(span) => !broken.contains(&lines.line(span.start)),
                _ => true,
            };
            certain && understood
        });
    }
}

fn span(error: &Error) -> Range<usize> {
    error.span().unwrap_or(0..0)
}

fn syntax_fault(error: &Error) -> Fault {
    let mistake = Mistake::new(
        Code::Syntax,
        format!("not valid TOML: {}", error.message().trim_end()),
        "strings stand in quotes, tables in [brackets], lists in [brackets, with commas]",
    );
    Fault { place: Place::File(span(error)), mistake }
}

impl Fault {
    fn resolved(self, name: &str, lines: &Lines<'_>) -> Diagnostic {
        let (file, position) = match self.place {
            Place::File(span) => (name.to_owned(), Some(lines.position(span))),
            Place::Variable(variable) => (format!("variable {variable}"), None),
            Place::Flag(key) => (format!("flag {key}"), None),
            Place::Default => (name.to_owned(), None),
        };
        let Mistake { code, message, help, nearest } = self.mistake;
        Diagnostic { code, file, position, message, help, nearest }
    }
}
