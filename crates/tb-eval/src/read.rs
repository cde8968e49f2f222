//! Readers of cases: one file a format. They stream where the format allows it, and name the
//! place of what they do not understand; nothing is left out without a word.

mod captured;
mod inline;
mod openai_evals;
mod openai_export;
mod promptfoo;
mod promptfoo_csv;
mod promptfoo_yaml;
mod table;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::fault::{Fault, Flaw};

/// A format of cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One case a line: `id`, `input` or `messages` or `request`, `checks`, `group`, `slice`, and
    /// columns.
    Jsonl,
    /// A header line, and one case a line; `id`, `input`, `group` and `slice` have a meaning.
    Csv,
    /// promptfoo's configuration (YAML).
    Promptfoo,
    /// promptfoo's tests as CSV with `__expected`.
    PromptfooCsv,
    /// The JSONL of openai/evals: `input` and `ideal`.
    OpenaiEvals,
    /// An eval of OpenAI's hosted Evals as JSON.
    OpenaiExport,
    /// The gateway's own captured traffic: `tollbar content export -o jsonl`.
    Captured,
}

/// The names of the formats.
pub(crate) const FORMATS: [(&str, Format); 7] = [
    ("jsonl", Format::Jsonl),
    ("csv", Format::Csv),
    ("promptfoo", Format::Promptfoo),
    ("promptfoo_csv", Format::PromptfooCsv),
    ("openai_evals", Format::OpenaiEvals),
    ("openai_export", Format::OpenaiExport),
    ("captured", Format::Captured),
];

/// What `ideal` of openai/evals means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Match {
    /// The answer begins with one of them.
    #[default]
    Begins,
    /// It contains one of them.
    Includes,
    /// It is one of them but for case and punctuation.
    Fuzzy,
}

/// Where cases come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The file; of inline cases the suite's own.
    pub file: PathBuf,
    /// Its format.
    pub format: Format,
    /// For [`Format::OpenaiExport`]: the items, one JSON object a line.
    pub items: Option<PathBuf>,
    /// For [`Format::OpenaiEvals`].
    pub matching: Match,
    /// The judge of rubrics in other formats.
    pub judge: Option<String>,
    /// The embeddings model of similarities in other formats.
    pub embeddings: Option<String>,
}

/// A case before the suite adds what is common.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Row {
    /// The line where it begins, where lines mean something.
    pub(crate) line: Option<u64>,
    /// Its place in the document, where lines do not.
    pub(crate) path: String,
    pub(crate) id: Option<String>,
    /// What `{{name}}` may name.
    pub(crate) columns: Map<String, Value>,
    pub(crate) request: Map<String, Value>,
    /// Checks in the form of a suite, complete.
    pub(crate) checks: Vec<Value>,
    pub(crate) group: Option<String>,
    pub(crate) slices: Vec<String>,
}

/// What a reader says.
#[derive(Debug)]
pub(crate) enum Said {
    /// A case.
    Row(Box<Row>),
    /// Something that the operator should know: what was left out, and why.
    Note(String),
}

impl Said {
    pub(crate) fn row(row: Row) -> Self {
        Self::Row(Box::new(row))
    }
}

/// What comes out of a reader.
pub(crate) type Rows<'a> = Box<dyn Iterator<Item = Result<Said, Fault>> + 'a>;

/// Opens a source.
pub(crate) fn open(source: &Source) -> Result<Rows<'_>, Fault> {
    match source.format {
        Format::Jsonl => inline::lines(&source.file),
        Format::Csv => table::rows(&source.file),
        Format::Promptfoo => promptfoo_yaml::rows(source),
        Format::PromptfooCsv => promptfoo_csv::rows(source, &source.file),
        Format::OpenaiEvals => openai_evals::rows(source),
        Format::OpenaiExport => openai_export::rows(source),
        Format::Captured => captured::rows(&source.file),
    }
}

pub(crate) use inline::row as inline_row;

/// The whole text of a file.
fn text_of(file: &Path) -> Result<String, Fault> {
    std::fs::read_to_string(file).map_err(|error| Fault::unreadable(file, &error))
}

/// A line and its members.
type Object = (u64, Map<String, Value>);

/// The objects of a JSONL file with their lines; empty lines are passed over.
fn objects<'a>(
    file: &'a Path,
) -> Result<impl Iterator<Item = Result<Object, Fault>> + use<'a>, Fault> {
    let opened = File::open(file).map_err(|error| Fault::unreadable(file, &error))?;
    let lines = BufReader::new(opened).lines();
    let object = move |(number, line): (u64, std::io::Result<String>)| {
        let line = match line {
            Ok(line) if line.trim().is_empty() => return None,
            Ok(line) => line,
            Err(error) => return Some(Err(Fault::unreadable(file, &error).at(number))),
        };
        let text = line.strip_prefix('\u{feff}').unwrap_or(&line);
        let parsed = serde_json::from_str::<Map<String, Value>>(text);
        Some(parsed.map(|object| (number, object)).map_err(|error| {
            let message = format!("not a JSON object: {error}");
            let mut fault = Fault::of(file, Flaw::new("", message, "one object a line")).at(number);
            fault.column = u64::try_from(error.column()).ok();
            fault
        }))
    };
    Ok((1_u64..).zip(lines).filter_map(object))
}

/// A member that must be a text if it is there.
fn text_member(
    object: &mut Map<String, Value>,
    name: &str,
    flaws: &mut Vec<Flaw>,
) -> Option<String> {
    match object.remove(name)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Null => None,
        _ => {
            flaws.push(Flaw::new(name, "this must be a text", ""));
            None
        }
    }
}

/// A single user message.
fn user_message(text: &str) -> Value {
    serde_json::json!([{ "role": "user", "content": text }])
}
