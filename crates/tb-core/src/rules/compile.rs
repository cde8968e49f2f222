//! Checking what the operator wrote.

use std::collections::HashSet;
use std::ops::Range;

use regex::{Regex, RegexBuilder};

use super::check::Check;
use super::intent::IntentIndex;
use super::language;
use super::message::{fold, spaced, words};
use super::template::{JsonTemplate, Template, shortened};
use super::{Condition, Rule, RuleFault, RuleSpec, Rules, VARIABLES};

/// How many rules a file may hold.
const RULES: usize = 500;

/// How many conditions a rule may hold.
const CONDITIONS: usize = 16;

/// How many literals, key words, examples or languages a condition may list.
const ENTRIES: usize = 200;

/// How many of those all rules together may list: what one message is compared with.
const ENTRIES_OF_ALL: usize = 5_000;

/// The longest literal, key word, example or regex, in bytes.
const ENTRY_BYTES: usize = 1_000;

/// The longest answer, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// The largest program of one regex, in bytes. What a message costs is its length times this.
const REGEX_PROGRAM_BYTES: usize = 1024 * 1024;

pub(super) fn compile(specs: &[RuleSpec]) -> Result<Rules, Vec<RuleFault>> {
    let mut compiler = Compiler::default();
    let mut rules = Vec::new();
    for (place, spec) in specs.iter().enumerate().take(RULES) {
        compiler.rule = place;
        rules.push(compiler.rule(spec));
    }
    if specs.len() > RULES {
        compiler.rule = RULES;
        compiler.fault(
            "name",
            format!("there are {} rules", specs.len()),
            format!("keep to {RULES} rules"),
        );
    }
    if !compiler.faults.is_empty() {
        return Err(compiler.faults);
    }
    let examples: Vec<_> = compiler.examples.iter().map(|text| &**text).collect();
    Ok(Rules { rules, intents: IntentIndex::new(&examples) })
}

/// What is known after the rules so far.
#[derive(Default)]
struct Compiler<'s> {
    /// The rule at hand, from 0.
    rule: usize,
    faults: Vec<RuleFault>,
    names: HashSet<&'s str>,
    /// The examples of all intents.
    examples: Vec<&'s str>,
    /// Entries of all conditions.
    entries: usize,
    /// The first rule that answers every question for text.
    answers_all: Option<&'s str>,
}

impl<'s> Compiler<'s> {
    fn fault(&mut self, key: &'static str, message: impl Into<String>, help: impl Into<String>) {
        let (message, help) = (message.into(), help.into());
        self.faults.push(RuleFault { rule: self.rule, key, message, help });
    }

    fn rule(&mut self, spec: &'s RuleSpec) -> Rule {
        self.name(&spec.name);
        if spec.when.len() > CONDITIONS {
            let message = format!("the rule has {} conditions", spec.when.len());
            self.fault("name", message, format!("keep to {CONDITIONS}, or make two rules"));
        }
        let conditions = spec.when.iter().take(CONDITIONS);
        let checks: Vec<_> = conditions.filter_map(|when| self.condition(when)).collect();
        let groups = self.groups(&checks);
        // A regex with a fault may have any group: no second fault for that.
        let regexes = spec.when.iter().filter(|when| matches!(when, Condition::Regex(_))).count();
        let read = checks.iter().filter(|check| matches!(check, Check::Regex(_))).count();
        let groups = (regexes == read).then_some(groups.as_slice());
        let answer = spec.answer.as_deref().and_then(|text| self.answer(text, groups));
        let json = spec.json.as_deref().and_then(|text| self.json(text, groups));
        if spec.answer.is_none() && spec.json.is_none() {
            self.fault("answer", "the rule answers nothing", "add `answer`, `json` or both");
        }
        self.reachable(spec);
        Rule { name: spec.name.clone(), checks, answer, json }
    }

    fn name(&mut self, name: &'s str) {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
            let message = format!("`{}` cannot name a rule", shortened(name));
            self.fault("name", message, "use 1 to 64 of A-Z a-z 0-9 _ . -");
        } else if !self.names.insert(name) {
            let message = format!("there is a rule `{name}` before this one");
            self.fault("name", message, "give each rule a name of its own");
        }
    }

    /// A rule that has no condition answers every question for text; then no later `answer` is
    /// ever given. A later `json` still is, to a schema that the `json` before does not follow.
    fn reachable(&mut self, spec: &'s RuleSpec) {
        if spec.answer.is_none() {
            return;
        }
        if let Some(before) = self.answers_all {
            let message = format!("this is never said: the rule `{before}` answers everything");
            self.fault("answer", message, format!("move this rule before `{before}`"));
        } else if spec.when.iter().all(|when| *when == Condition::Always) {
            self.answers_all = Some(&spec.name);
        }
    }

    fn condition(&mut self, when: &'s Condition) -> Option<Check> {
        match when {
            Condition::Always => Some(Check::Always),
            Condition::Literal(texts) => {
                self.entries("literal", texts.iter())?;
                Some(Check::Literal(texts.iter().map(|text| fold(text)).collect()))
            }
            Condition::Regex(pattern) => self.regex(pattern),
            Condition::Keywords(sets) => self.keywords(sets),
            Condition::Intent { examples, threshold } => self.intent(examples, *threshold),
            Condition::Language(codes) => self.language(codes),
        }
    }

    /// Whether a list is neither empty nor too long, and each entry of it a text.
    fn entries<'e>(
        &mut self,
        key: &'static str,
        entries: impl ExactSizeIterator<Item = &'e String>,
    ) -> Option<()> {
        let (before, count) = (self.faults.len(), entries.len());
        let all_before = self.entries;
        self.entries += count;
        if count == 0 {
            self.fault(key, "the list is empty", "list at least one, or drop the condition");
        } else if count > ENTRIES {
            let message = format!("the list has {count} entries");
            self.fault(key, message, format!("keep to {ENTRIES}, or make two rules"));
        } else if all_before <= ENTRIES_OF_ALL && self.entries > ENTRIES_OF_ALL {
            let message = format!("with this list the rules have {} entries", self.entries);
            self.fault(key, message, format!("keep to {ENTRIES_OF_ALL} in all rules together"));
        }
        for entry in entries.take(ENTRIES) {
            self.entry(key, entry);
        }
        (self.faults.len() == before).then_some(())
    }

    /// Whether a text says something, and not too much.
    fn entry(&mut self, key: &'static str, text: &str) {
        if text.trim().is_empty() {
            self.fault(key, "the text is empty", "write what to look for");
        } else if text.len() > ENTRY_BYTES {
            let message = format!("`{}` is {} bytes long", shortened(text), text.len());
            self.fault(key, message, format!("keep to {ENTRY_BYTES} bytes"));
        }
    }

    /// Whether a text has a word to compare.
    fn has_words(&mut self, key: &'static str, text: &str) {
        if !text.trim().is_empty() && words(&fold(text)).is_empty() {
            let message = format!("`{}` holds no word", shortened(text));
            self.fault(key, message, "write words of letters or digits");
        }
    }

    fn regex(&mut self, pattern: &str) -> Option<Check> {
        let before = self.faults.len();
        self.entry("regex", pattern);
        if self.faults.len() > before {
            return None;
        }
        match RegexBuilder::new(pattern).size_limit(REGEX_PROGRAM_BYTES).build() {
            Ok(regex) => Some(Check::Regex(regex)),
            Err(why) => {
                let help = match why {
                    regex::Error::CompiledTooBig(_) => {
                        "repeat less often, or write [a-z] instead of \\w"
                    }
                    _ => "write it in the syntax of https://docs.rs/regex",
                };
                self.fault("regex", first_cause(&why), help);
                None
            }
        }
    }

    fn keywords(&mut self, sets: &[Vec<String>]) -> Option<Check> {
        let before = self.faults.len();
        if sets.is_empty() {
            self.fault("keywords", "the list is empty", "list at least one set of words");
        } else if sets.len() > ENTRIES {
            let message = format!("the list has {} sets", sets.len());
            self.fault("keywords", message, format!("keep to {ENTRIES}, or make two rules"));
        }
        for set in sets.iter().take(ENTRIES) {
            self.entries("keywords", set.iter());
            set.iter().take(ENTRIES).for_each(|word| self.has_words("keywords", word));
        }
        if self.faults.len() > before {
            return None;
        }
        let row = |word: &String| spaced(&words(&fold(word)));
        Some(Check::Keywords(sets.iter().map(|set| set.iter().map(row).collect()).collect()))
    }

    fn intent(&mut self, examples: &'s [String], threshold: f64) -> Option<Check> {
        let before = self.faults.len();
        self.entries("intent", examples.iter());
        examples.iter().take(ENTRIES).for_each(|example| self.has_words("intent", example));
        // Not a number is in no range.
        if !(0.0..=1.0).contains(&threshold) {
            let message = format!("the threshold {threshold} is not in 0 to 1");
            self.fault("intent", message, "0.5 is a good start; higher is stricter");
        }
        if self.faults.len() > before {
            return None;
        }
        let start = self.examples.len();
        self.examples.extend(examples.iter().map(String::as_str));
        Some(Check::Intent { examples: Range { start, end: self.examples.len() }, threshold })
    }

    fn language(&mut self, codes: &[String]) -> Option<Check> {
        let before = self.faults.len();
        self.entries("language", codes.iter());
        let known = language::codes();
        for code in codes.iter().take(ENTRIES).filter(|code| !known.contains(&code.as_str())) {
            let message = format!("`{}` is no language that can be told", shortened(code));
            self.fault("language", message, format!("these can: {}", known.join(", ")));
        }
        (self.faults.len() == before).then(|| Check::Language(codes.to_vec()))
    }

    /// The names of the groups of the rule's regexes.
    fn groups(&mut self, checks: &[Check]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for check in checks {
            let Check::Regex(regex) = check else { continue };
            for name in Regex::capture_names(regex).flatten() {
                if VARIABLES.contains(&name) {
                    let message = format!("the group `{name}` has the name of a variable");
                    let help = format!("choose another name than {}", VARIABLES.join(", "));
                    self.fault("regex", message, help);
                } else if names.iter().any(|known| known == name) {
                    let message = format!("two regexes have a group `{name}`");
                    self.fault("regex", message, "give each group a name of its own");
                } else {
                    names.push(name.to_owned());
                }
            }
        }
        names
    }

    fn answer(&mut self, text: &str, groups: Option<&[String]>) -> Option<Template> {
        if text.trim().is_empty() {
            self.fault("answer", "the answer is empty", "write what to say");
            return None;
        }
        self.length("answer", text)?;
        let template = Template::parse(text);
        self.template("answer", template, |template| template.variables().collect(), groups)
    }

    fn json(&mut self, text: &str, groups: Option<&[String]>) -> Option<JsonTemplate> {
        self.length("json", text)?;
        match serde_json::from_str(text) {
            Ok(value) => {
                let template = JsonTemplate::new(value);
                self.template("json", template, JsonTemplate::variables, groups)
            }
            Err(why) => {
                self.fault("json", format!("this is no JSON: {why}"), "write one JSON value");
                None
            }
        }
    }

    fn length(&mut self, key: &'static str, text: &str) -> Option<()> {
        if text.len() > ANSWER_BYTES {
            let message = format!("the answer is {} bytes long", text.len());
            self.fault(key, message, format!("keep to {ANSWER_BYTES} bytes"));
            return None;
        }
        Some(())
    }

    /// A template that could be read, if all its variables are known.
    fn template<T>(
        &mut self,
        key: &'static str,
        template: Result<T, String>,
        variables: impl Fn(&T) -> Vec<&str>,
        groups: Option<&[String]>,
    ) -> Option<T> {
        let template = match template {
            Ok(template) => template,
            Err(why) => {
                let help = "write `{{name}}` for a value and `{{{{` for two braces";
                self.fault(key, why, help);
                return None;
            }
        };
        let Some(groups) = groups else { return Some(template) };
        let named: HashSet<_> = variables(&template).into_iter().collect();
        let is_known = |name: &str| VARIABLES.contains(&name) || groups.iter().any(|g| g == name);
        let mut unknown: Vec<_> = named.into_iter().filter(|name| !is_known(name)).collect();
        unknown.sort_unstable();
        for name in &unknown {
            let known: Vec<_> = VARIABLES.into_iter().chain(groups.iter().map(|g| &**g)).collect();
            let message = format!("there is no variable `{}`", shortened(name));
            self.fault(key, message, format!("there are: {}", known.join(", ")));
        }
        unknown.is_empty().then_some(template)
    }
}

/// The cause that a regex's error names last, without the picture of the pattern before it.
fn first_cause(why: &regex::Error) -> String {
    let text = why.to_string();
    let last = text.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}
