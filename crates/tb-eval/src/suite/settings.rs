//! The members of a suite file.

use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::document::{Document, located};
use super::{Origin, PromptPin, Suite, checks};
use crate::fault::{Faults, Flaw, join};
use crate::read::{FORMATS, Format, Match, Source};
use crate::score::edit_distance::nearest;

const MEMBERS: [&str; 14] = [
    "name",
    "data",
    "cases",
    "checks",
    "request",
    "prompt",
    "repeats",
    "concurrency",
    "max_cost",
    "keep_answers",
    "group",
    "slices",
    "judge",
    "embeddings",
];
/// More at once is no test of a model any more but of the gateway.
const MOST_CONCURRENCY: u64 = 256;
const MOST_REPEATS: u64 = 1_000;
const MATCHES: [(&str, Match); 3] =
    [("begins", Match::Begins), ("includes", Match::Includes), ("fuzzy", Match::Fuzzy)];

/// Reads a suite out of its text.
pub(super) fn read(file: &Path, text: &str) -> Result<Suite, Faults> {
    let (document, broken) = Document::parse(text);
    if !broken.is_empty() {
        let fault = |(span, message): (Range<usize>, String)| {
            located(file, text, &span, Flaw::new("", message, "texts stand in quotes"))
        };
        return Err(Faults(broken.into_iter().map(fault).collect()));
    }
    let mut taken = Taken { document: &document, file, text, flaws: Vec::new() };
    let suite = taken.suite();
    let mut flaws = taken.flaws;
    if flaws.is_empty()
        && let Some(suite) = suite
    {
        return Ok(suite);
    }
    flaws.sort_by_key(|flaw| document.place(&flaw.path).start);
    let fault = |flaw: Flaw| {
        let span = document.place(&flaw.path);
        located(file, text, &span, flaw)
    };
    Err(Faults(flaws.into_iter().map(fault).collect()))
}

/// Takes members out, noting what is wrong with them.
struct Taken<'a> {
    document: &'a Document,
    file: &'a Path,
    text: &'a str,
    flaws: Vec<Flaw>,
}

impl Taken<'_> {
    fn suite(&mut self) -> Option<Suite> {
        let root = &self.document.members;
        self.known(root, "", &MEMBERS);
        let name = self.text(root, "", "name");
        if root.get("name").is_none() {
            self.wrong("", "the suite has no `name`", "add name = \"…\" at the top");
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if let Some(name) = &name
            && (name.is_empty() || name.starts_with('.') || !name.chars().all(plain))
        {
            let help = "letters, digits, `-`, `_` and `.`, for it names a folder";
            self.wrong("name", "this cannot name a suite", help);
        }
        let origin = self.origin();
        let checks = self.checks();
        Some(Suite {
            repeats: self.whole("repeats", 1, MOST_REPEATS),
            concurrency: self.whole("concurrency", 8, MOST_CONCURRENCY),
            max_cost_micro_usd: self.money("max_cost"),
            keep_answers: self.flag("keep_answers"),
            checks,
            request: self.table("request"),
            prompt: self.prompt(),
            group: self.text(root, "", "group"),
            slices: self.texts("", "slices").unwrap_or_default(),
            name: name?,
            origin: origin?,
        })
    }

    fn wrong(&mut self, path: &str, message: impl Into<String>, help: &str) {
        self.flaws.push(Flaw::new(path, message, help));
    }

    fn known(&mut self, members: &Map<String, Value>, path: &str, names: &[&str]) {
        for name in members.keys().filter(|name| !names.contains(&name.as_str())) {
            let help = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are: {}", names.join(", ")),
            };
            self.flaws.push(Flaw::new(join(path, name), format!("there is no `{name}`"), help));
        }
    }

    fn text(&mut self, members: &Map<String, Value>, path: &str, name: &str) -> Option<String> {
        let value = members.get(name)?;
        if value.as_str().is_none() {
            self.wrong(&join(path, name), "this must be a text", "put it in quotes");
        }
        value.as_str().map(str::to_owned)
    }

    fn texts(&mut self, path: &str, name: &str) -> Option<Vec<String>> {
        let members = if path.is_empty() {
            &self.document.members
        } else {
            self.document.members.get(path)?.as_object()?
        };
        let value = members.get(name)?;
        let texts: Option<Vec<String>> = value
            .as_array()
            .and_then(|all| all.iter().map(|one| one.as_str().map(str::to_owned)).collect());
        if texts.is_none() {
            self.wrong(&join(path, name), "this must be a list of texts", "[\"…\", \"…\"]");
        }
        texts
    }

    fn whole(&mut self, name: &str, absent: u32, most: u64) -> u32 {
        let Some(value) = self.document.members.get(name) else { return absent };
        let found = value.as_u64().filter(|number| (1..=most).contains(number));
        if found.is_none() {
            self.wrong(name, format!("this must be a whole number from 1 to {most}"), "");
        }
        found.and_then(|number| u32::try_from(number).ok()).unwrap_or(absent)
    }

    fn flag(&mut self, name: &str) -> bool {
        let value = self.document.members.get(name);
        if value.is_some_and(|value| !value.is_boolean()) {
            self.wrong(name, "this must be true or false", "");
        }
        value.and_then(Value::as_bool).unwrap_or_default()
    }

    fn money(&mut self, name: &str) -> Option<f64> {
        let value = self.document.members.get(name)?;
        let dollars = match value {
            Value::String(text) => dollars(text),
            other => other.as_f64(),
        };
        let dollars = dollars.filter(|dollars| dollars.is_finite() && *dollars > 0.0);
        if dollars.is_none() {
            self.wrong(name, "this must be an amount above nothing", "such as \"2.50 usd\"");
        }
        dollars.map(|dollars| dollars * 1e6)
    }

    fn table(&mut self, name: &str) -> Map<String, Value> {
        match self.document.members.get(name) {
            None => Map::new(),
            Some(Value::Object(members)) => members.clone(),
            Some(_) => {
                self.wrong(name, "this must be a table", "");
                Map::new()
            }
        }
    }

    fn checks(&mut self) -> Vec<Value> {
        match self.document.members.get("checks") {
            None => Vec::new(),
            Some(Value::Array(written)) => {
                for (place, check) in written.iter().enumerate() {
                    let path = format!("checks[{place}]");
                    if crate::template::has_places(check) {
                        checks::outline(check, &path, &mut self.flaws);
                    } else {
                        checks::build(check, &path, &mut self.flaws);
                    }
                }
                written.clone()
            }
            Some(_) => {
                self.wrong("checks", "checks stand in [[checks]]", "");
                Vec::new()
            }
        }
    }

    fn prompt(&mut self) -> Option<PromptPin> {
        self.document.members.get("prompt")?;
        let members = self.table("prompt");
        self.known(&members, "prompt", &["id", "version", "label", "variables"]);
        let id = self.text(&members, "prompt", "id");
        if !members.contains_key("id") {
            self.wrong("prompt", "the prompt has no `id`", "the prompt's name at the gateway");
        }
        let version = match members.get("version") {
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => self.text(&members, "prompt", "version"),
        };
        let label = self.text(&members, "prompt", "label");
        if version.is_some() && label.is_some() {
            self.wrong("prompt.label", "`version` and `label` exclude each other", "keep one");
        }
        let which = version.map(|v| ("version", v)).or_else(|| label.map(|label| ("label", label)));
        Some(PromptPin { id: id?, which, columns: self.texts("prompt", "variables") })
    }

    fn origin(&mut self) -> Option<Origin> {
        let root = &self.document.members;
        match (root.get("data"), root.get("cases")) {
            (None, Some(Value::Array(cases))) => Some(Origin::Inline(self.inline(cases))),
            (None, Some(_)) => {
                self.wrong("cases", "cases stand in [[cases]]", "");
                None
            }
            (None, None) => {
                let help = "add data = { file = \"cases.jsonl\" } or [[cases]]";
                self.wrong("", "the suite has no cases", help);
                None
            }
            (Some(_), Some(_)) => {
                self.wrong("cases", "`data` and `cases` exclude each other", "keep one");
                None
            }
            (Some(_), None) => self.source().map(Origin::File),
        }
    }

    fn inline(&mut self, cases: &[Value]) -> Vec<(crate::fault::Fault, Map<String, Value>)> {
        let mut read = Vec::new();
        for (place, case) in cases.iter().enumerate() {
            let path = format!("cases[{place}]");
            let Some(members) = case.as_object() else {
                self.wrong(&path, "a case is a table", "");
                continue;
            };
            let listed = members.get("checks").and_then(Value::as_array).into_iter().flatten();
            for (number, check) in listed.enumerate() {
                checks::build(check, &format!("{path}.checks[{number}]"), &mut self.flaws);
            }
            let span = self.document.place(&path);
            let fault = located(self.file, self.text, &span, Flaw::new("", "", ""));
            read.push((fault, members.clone()));
        }
        read
    }

    fn source(&mut self) -> Option<Source> {
        let members = self.table("data");
        self.known(&members, "data", &["file", "format", "items", "match"]);
        if !members.contains_key("file") {
            self.wrong("data", "`data` has no `file`", "data = { file = \"cases.jsonl\" }");
        }
        let file = self.text(&members, "data", "file");
        let items = self.text(&members, "data", "items");
        let matching = self.word(&members, "match", &MATCHES).unwrap_or_default();
        let named = self.word(&members, "format", &FORMATS);
        let (judge, embeddings) = {
            let root = &self.document.members;
            (self.text(root, "", "judge"), self.text(root, "", "embeddings"))
        };
        let file = file?;
        let format = match named {
            Some(format) => format,
            None if members.contains_key("format") => return None,
            None => self.by_ending(&file)?,
        };
        let folder = self.file.parent().unwrap_or(Path::new(""));
        Some(Source {
            file: folder.join(file),
            format,
            items: items.map(|items| folder.join(items)),
            matching,
            judge,
            embeddings,
        })
    }

    fn word<T: Copy>(
        &mut self,
        members: &Map<String, Value>,
        name: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(members, "data", name)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let help = format!("one of: {}", all.join(", "));
            self.wrong(&format!("data.{name}"), format!("there is no `{text}`"), &help);
        }
        found
    }

    fn by_ending(&mut self, file: &str) -> Option<Format> {
        let ending = PathBuf::from(file).extension()?.to_string_lossy().to_lowercase();
        let format = match ending.as_str() {
            "jsonl" => Some(Format::Jsonl),
            "csv" => Some(Format::Csv),
            "yaml" | "yml" => Some(Format::Promptfoo),
            _ => None,
        };
        if format.is_none() {
            let help = "add format = \"…\", one of jsonl, csv, promptfoo, promptfoo_csv, \
                        openai_evals, openai_export, captured";
            self.wrong("data.file", "its ending does not say the format", help);
        }
        format
    }
}

/// `"2.50 usd"`, as everywhere in the configuration.
fn dollars(text: &str) -> Option<f64> {
    let (number, unit) = text.trim().split_once(' ')?;
    unit.trim().eq_ignore_ascii_case("usd").then(|| number.parse().ok())?
}

impl Suite {
    /// The file of the cases, for reports.
    pub(super) fn file(&self) -> &Path {
        match &self.origin {
            Origin::File(source) => &source.file,
            Origin::Inline(cases) => {
                cases.first().map_or(Path::new(""), |(place, _)| Path::new(&*place.file))
            }
        }
    }
}
