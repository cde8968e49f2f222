//! Simple answers by rule, for the time when nothing else can answer.
//!
//! [`Rules::compile`] checks a list of [`RuleSpec`]s; [`Rules::answer`] gives the first that
//! fits the last user message. Pure: no files, no network. The work is bounded for whatever a
//! client sends: the first 16 KiB of the message are read, regexes run in linear time, schemas
//! have a budget.
//!
//! Templates: `{{name}}` stands for a value (blanks inside are allowed), `{{{{` for two literal
//! braces. The names are those of [`VARIABLES`] and the named groups of the rule's own regexes.
//! What comes from the message is cut to 200 characters and loses its control characters. In JSON
//! only strings are templates, and they stay strings.

mod check;
mod compile;
mod intent;
mod language;
mod message;
mod schema;
mod template;

use regex::Captures;
use serde_json::Value;

use check::{Check, Message};
use intent::IntentIndex;
use schema::Schema;
use template::{JsonTemplate, Lookup, Template, tame};

/// The variables that every template may name. [`Question::variables`] gives all but `language`,
/// which is the ISO 639-1 code of the message's language. A missing one stands for nothing.
pub const VARIABLES: [&str; 5] = ["model", "service", "request_id", "date", "language"];

/// The threshold of [`Condition::Intent`] for those who state none. Measured on customer questions
/// to a bank (ten intents of 77 in a file, ten examples each): it fits four of ten questions that
/// mean one of the intents, and one of twenty that mean a neighbouring intent which the file does
/// not have. Lower answers more, and more of them wrongly.
pub const DEFAULT_INTENT_THRESHOLD: f64 = 0.5;

/// One rule as the operator wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSpec {
    /// Its name in markers and records: `[A-Za-z0-9_.-]{1,64}`.
    pub name: String,
    /// All of these must hold; none = the rule always fits.
    pub when: Vec<Condition>,
    /// The answer, a template; `None` when the rule only answers in JSON.
    pub answer: Option<String>,
    /// The answer for requests that ask for JSON: a JSON text, its strings are templates.
    pub json: Option<String>,
}

/// What must hold of the last user message.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Everything.
    Always,
    /// One of these stands in it, whatever the case; any white space counts as one blank.
    Literal(Vec<String>),
    /// This matches somewhere (syntax of the `regex` crate; `(?i)` for any case); named groups
    /// become variables of the template.
    Regex(String),
    /// All words of one of these sets stand in it as whole words, in any order and case. An entry
    /// of several words is looked for as a row.
    Keywords(Vec<Vec<String>>),
    /// The whole of it, or one of its sentences, is like one of these examples: the cosine of
    /// their words and three-letter pieces, weighted by rarity among all examples of the rules.
    Intent {
        /// What people say.
        examples: Vec<String>,
        /// How alike, 0 to 1; see [`DEFAULT_INTENT_THRESHOLD`].
        threshold: f64,
    },
    /// It is in one of these languages (ISO 639-1). A message that is too short to tell is in
    /// none.
    Language(Vec<String>),
}

/// Why a rule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleFault {
    /// Which rule, from 0.
    pub rule: usize,
    /// Which of its keys: `name`, `literal`, `regex`, `keywords`, `intent`, `language`, `answer`,
    /// `json`.
    pub key: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// What form of answer the client asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AskedForm<'a> {
    /// Any text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON that follows this schema (a JSON text).
    JsonSchema(&'a str),
}

/// Leaves out the schema: it is text of a request.
impl std::fmt::Debug for AskedForm<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text => "Text",
            Self::JsonObject => "JsonObject",
            Self::JsonSchema(_) => "JsonSchema",
        })
    }
}

/// What a rule is asked.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The last user message.
    pub text: &'a str,
    /// The form of the answer.
    pub form: AskedForm<'a>,
    /// Variables of the templates, beside the named groups of regexes: `model`, `service`,
    /// `request_id`, `date`.
    pub variables: &'a [(&'a str, &'a str)],
}

/// Shows the size of the text and the form only: a request's text must not reach logs.
impl std::fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question")
            .field("text_bytes", &self.text.len())
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}

/// A rule's answer.
#[derive(Clone, PartialEq, Eq)]
pub struct RuleAnswer {
    /// The rule.
    pub rule: String,
    /// The text, or the JSON text that was asked for.
    pub text: String,
}

/// Shows the rule and the size only: the text can quote the request.
impl std::fmt::Debug for RuleAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuleAnswer")
            .field("rule", &self.rule)
            .field("text_bytes", &self.text.len())
            .finish()
    }
}

/// Checked rules, in order.
#[derive(Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    /// The examples of all [`Condition::Intent`]s.
    intents: IntentIndex,
}

/// A checked rule.
#[derive(Debug)]
struct Rule {
    name: String,
    checks: Vec<Check>,
    answer: Option<Template>,
    json: Option<JsonTemplate>,
}

/// The form asked for, read.
enum Form {
    Text,
    JsonObject,
    JsonSchema(Schema),
}

impl Rules {
    /// Checks the rules.
    ///
    /// # Errors
    /// Every fault, in order.
    pub fn compile(specs: &[RuleSpec]) -> Result<Self, Vec<RuleFault>> {
        compile::compile(specs)
    }

    /// The answer of the first rule that fits and has one in the form asked for: `answer` for
    /// text, `json` for JSON; its root must be an object if one was asked for, and it must follow
    /// the schema if one was given. A schema that cannot be read has no answer.
    #[must_use]
    pub fn answer(&self, question: &Question<'_>) -> Option<RuleAnswer> {
        let form = match question.form {
            AskedForm::Text => Form::Text,
            AskedForm::JsonObject => Form::JsonObject,
            AskedForm::JsonSchema(schema) => Form::JsonSchema(Schema::read(schema)?),
        };
        let message = Message::new(question.text, &self.intents);
        self.rules.iter().find_map(|rule| {
            if !rule.may_answer(&form) {
                return None;
            }
            let groups = message.passes(&rule.checks)?;
            let lookup = |name: &str| value(name, &groups, question.variables, &message);
            let text = rule.render(&form, &lookup)?;
            Some(RuleAnswer { rule: rule.name.clone(), text })
        })
    }
}

impl Rule {
    /// Whether it has a template for the form, which costs less to know than whether it fits.
    fn may_answer(&self, form: &Form) -> bool {
        match form {
            Form::Text => self.answer.is_some(),
            Form::JsonObject => matches!(self.json, Some(JsonTemplate::Object(_))),
            Form::JsonSchema(_) => self.json.is_some(),
        }
    }

    fn render(&self, form: &Form, lookup: &Lookup<'_>) -> Option<String> {
        let json = || self.json.as_ref().map(|template| template.render(lookup));
        match form {
            Form::Text => self.answer.as_ref().map(|template| template.render(lookup)),
            Form::JsonObject => json().as_ref().map(Value::to_string),
            Form::JsonSchema(schema) => {
                json().filter(|value| schema.is_followed_by(value)).as_ref().map(Value::to_string)
            }
        }
    }
}

/// What a variable of a template stands for.
fn value(
    name: &str,
    groups: &[Captures<'_>],
    variables: &[(&str, &str)],
    message: &Message<'_>,
) -> String {
    if let Some(group) = groups.iter().find_map(|groups| groups.name(name)) {
        return tame(group.as_str());
    }
    if name == "language" {
        return message.language().unwrap_or_default().to_owned();
    }
    let given = variables.iter().find(|(given, _)| *given == name);
    given.map(|(_, value)| (*value).to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
