//! Prompt files: front matter between lines of `---`, then the body.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::content::{MessageSource, PromptContent, PromptRole};
use super::template::Template;
use super::{is_name, specials};

/// Request members that a prompt does not set: they are the caller's, or made of the prompt.
const NOT_PARAMETERS: [&str; 12] = [
    "messages",
    "input",
    "instructions",
    "prompt",
    "model",
    "stream",
    "stream_options",
    "user",
    "metadata",
    "previous_response_id",
    "response_format",
    "text",
];

/// A line that begins a message.
static ROLE_LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"^\s*\{\{-?\s*role\s*\(?\s*["']([A-Za-z_]+)["']\s*\)?\s*-?\}\}\s*$"#).ok()
});
/// The same somewhere else, where it would be no marker.
static ROLE_CALL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"\{\{-?\s*role\s*[("']"#).ok());
/// What pulls another template in, and the literal behind it.
static INCLUDE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"\{%[-+]?\s*(include|import|from|extends|block)\b\s*(?:"([^"]*)"|'([^']*)')?"#)
        .ok()
});

/// What is wrong with a prompt file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceFault {
    /// The line, from 1, where that is known.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl SourceFault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { line: None, message: message.into() }
    }

    pub(super) fn at(line: usize, message: impl Into<String>) -> Self {
        Self { line: Some(line), message: message.into() }
    }
}

/// A prompt as a file has it: checked, and without a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptSource {
    /// The name of the file without its ending.
    pub name: String,
    /// What it consists of.
    pub content: PromptContent,
}

/// What may stand between the lines of `---`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct FrontMatter {
    description: Option<String>,
    aliases: Vec<String>,
    model: Option<String>,
    variables: Option<Value>,
    parameters: Map<String, Value>,
    response_format: Option<Value>,
}

impl PromptSource {
    /// Reads a file. `partials` are the texts that it may include, by name.
    ///
    /// # Errors
    /// When it is not what a prompt must be; nothing of it is used then.
    pub fn parse(
        name: &str,
        text: &str,
        partials: &BTreeMap<String, String>,
    ) -> Result<Self, SourceFault> {
        if !is_name(name) {
            let message = "the name has characters that names of prompts do not have, or is too \
                           long; use 1 to 64 letters, digits, `-`, `_` and `.`";
            return Err(SourceFault::new(message));
        }
        if text.contains([specials::OPEN, specials::CLOSE]) {
            return Err(SourceFault::new("U+FDD0 and U+FDD1 are no characters"));
        }
        let text = text.strip_prefix('\u{FEFF}').unwrap_or(text).replace("\r\n", "\n");
        let (front, body, body_line) = split(&text)?;
        let front = front_matter(front)?;
        let (messages, lines) = messages(body, body_line)?;
        let content = PromptContent {
            description: front.description,
            aliases: front.aliases,
            model: front.model,
            variables: front.variables,
            parameters: front.parameters,
            response_format: front.response_format,
            partials: included(&messages, partials)?,
            messages,
        };
        Template::compile(&content).map_err(|fault| fault.in_file(&lines))?;
        Ok(Self { name: name.to_owned(), content })
    }
}

/// Front matter, body, and the line at which the body begins.
fn split(text: &str) -> Result<(&str, &str, usize), SourceFault> {
    let Some(rest) = text.strip_prefix("---\n") else { return Ok(("", text, 1)) };
    if let Some(body) = rest.strip_prefix("---\n") {
        return Ok(("", body, 3));
    }
    let Some((front, body)) =
        rest.split_once("\n---\n").or_else(|| rest.strip_suffix("\n---").map(|front| (front, "")))
    else {
        return Err(SourceFault::at(1, "the front matter has no end: a line of `---`"));
    };
    Ok((front, body, front.lines().count() + 3))
}

fn front_matter(text: &str) -> Result<FrontMatter, SourceFault> {
    if text.trim().is_empty() {
        return Ok(FrontMatter::default());
    }
    let front: FrontMatter = serde_saphyr::from_str(text).map_err(|fault| {
        let line = fault.location().and_then(|at| usize::try_from(at.line()).ok());
        let message = fault.without_snippet().to_string();
        SourceFault { line: line.map(|line| line + 1), message: format!("front matter: {message}") }
    })?;
    if let Some(name) = front.parameters.keys().find(|name| NOT_PARAMETERS.contains(&name.as_str()))
    {
        let message = format!("`parameters` cannot set `{name}`");
        return Err(SourceFault::new(message));
    }
    if let Some(alias) = front.aliases.iter().find(|alias| !is_name(alias)) {
        return Err(SourceFault::new(format!("the alias {alias:?} is no name")));
    }
    if front.model.as_ref().is_some_and(|model| model.trim().is_empty()) {
        return Err(SourceFault::new("`model` is empty"));
    }
    Ok(front)
}

/// Cuts the body at its role markers, before anything of it is rendered. Also gives the line at
/// which each message begins.
fn messages(body: &str, body_line: usize) -> Result<(Vec<MessageSource>, Vec<usize>), SourceFault> {
    let mut parts: Vec<(PromptRole, usize, Vec<&str>)> =
        vec![(PromptRole::User, body_line, Vec::new())];
    for (offset, line) in body.split('\n').enumerate() {
        let number = body_line + offset;
        if let Some(word) = role_of(line) {
            let role = PromptRole::ALL.into_iter().find(|role| role.as_str() == word);
            let role = role.ok_or_else(|| {
                let known = PromptRole::ALL.map(PromptRole::as_str).join(", ");
                SourceFault::at(number, format!("there is no role {word:?}; there are: {known}"))
            })?;
            parts.push((role, number + 1, Vec::new()));
        } else if ROLE_CALL.as_ref().is_some_and(|call| call.is_match(line)) {
            let message = "a role marker stands on a line of its own: {{role \"user\"}}";
            return Err(SourceFault::at(number, message));
        } else if let Some((_, _, lines)) = parts.last_mut() {
            lines.push(line);
        }
    }
    let mut found = (Vec::new(), Vec::new());
    for (role, line, lines) in parts {
        let blank = lines.iter().take_while(|line| line.trim().is_empty()).count();
        let source = lines.join("\n").trim().to_owned();
        if !source.is_empty() {
            found.0.push(MessageSource { role, source });
            found.1.push(line + blank);
        }
    }
    if found.0.is_empty() {
        return Err(SourceFault::at(body_line, "the prompt has no message"));
    }
    Ok(found)
}

fn role_of(line: &str) -> Option<&str> {
    let found = ROLE_LINE.as_ref()?.captures(line)?;
    Some(found.get(1)?.as_str())
}

/// The names of what a template includes.
pub(super) fn includes(source: &str) -> Result<Vec<&str>, String> {
    let Some(pattern) = INCLUDE.as_ref() else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for found in pattern.captures_iter(source) {
        let word = found.get(1).map_or("", |word| word.as_str());
        let name = found.get(2).or_else(|| found.get(3)).map(|name| name.as_str());
        match (word, name) {
            ("include", Some(name)) => names.push(name),
            ("include", None) => {
                return Err("`include` takes a name in quotes: {% include \"tone\" %}".to_owned());
            }
            _ => return Err(format!("`{word}` is not offered in prompts; `include` is")),
        }
    }
    Ok(names)
}

/// The partials that messages include, and those that these include.
fn included(
    messages: &[MessageSource],
    partials: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, SourceFault> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut open: Vec<&str> = messages.iter().map(|message| message.source.as_str()).collect();
    while let Some(source) = open.pop() {
        for name in includes(source).map_err(SourceFault::new)? {
            if found.contains_key(name) {
                continue;
            }
            let text = partials.get(name).ok_or_else(|| {
                SourceFault::new(format!("there is no partial {name:?} to include"))
            })?;
            found.insert(name.to_owned(), text.clone());
            open.push(text);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
