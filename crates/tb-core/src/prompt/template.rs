//! A content made ready to be filled: templates parsed, the schema compiled.

use std::collections::BTreeSet;

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};

use super::content::{PromptContent, PromptRole};
use super::schema::Schema;
use super::source::{SourceFault, includes};
use super::specials::{CLOSE, OPEN};

/// What one message may cost to render: a step of the template or a few bytes of output each take
/// one. Far more than a prompt of a million characters needs.
const FUEL: u64 = 1_000_000;

/// Templates inside templates.
const MOST_NESTED: usize = 32;

/// A compiled prompt.
pub struct Template {
    pub(super) environment: Environment<'static>,
    /// Roles and the names of their templates.
    pub(super) messages: Vec<(PromptRole, String)>,
    pub(super) schema: Schema,
}

impl std::fmt::Debug for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template").field("messages", &self.messages.len()).finish_non_exhaustive()
    }
}

/// What is wrong with a content, and in which message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentFault {
    /// The message, from 0, and the line in it, from 1.
    place: Option<(usize, usize)>,
    message: String,
}

impl std::fmt::Display for ContentFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl ContentFault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { place: None, message: message.into() }
    }

    /// The same in the file whose messages begin at these lines.
    pub(super) fn in_file(self, lines: &[usize]) -> SourceFault {
        let line = self
            .place
            .and_then(|(message, line)| Some(lines.get(message)? + line.saturating_sub(1)));
        SourceFault { line, message: self.message }
    }
}

impl Template {
    /// Parses the templates and compiles the schema, and holds them against each other: every
    /// variable that a template uses must be declared, and nobody's text that is not trusted may
    /// stand where orders are given.
    ///
    /// # Errors
    /// When one of them is faulty.
    pub fn compile(content: &PromptContent) -> Result<Self, ContentFault> {
        let schema = Schema::compile(content.variables.as_ref()).map_err(ContentFault::new)?;
        let mut environment = environment();
        for (name, text) in &content.partials {
            add(&mut environment, (name.clone(), text), None)?;
        }
        let mut messages = Vec::new();
        for (place, message) in content.messages.iter().enumerate() {
            // No partial can be called so.
            let name = format!(" {place}");
            add(&mut environment, (name.clone(), &message.source), Some(place))?;
            messages.push((message.role, name));
        }
        let template = Self { environment, messages, schema };
        for (place, (role, name)) in template.messages.iter().enumerate() {
            template.check(content, (place, *role, name))?;
        }
        Ok(template)
    }

    /// The names of all variables that it may be given.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.schema.names()
    }

    fn check(
        &self,
        content: &PromptContent,
        (place, role, name): (usize, PromptRole, &str),
    ) -> Result<(), ContentFault> {
        for variable in self.used(content, name)? {
            let Some(field) = self.schema.field(&variable) else {
                let message =
                    format!("the template uses `{variable}`, which `variables` does not declare");
                return Err(ContentFault { place: Some((place, 1)), message });
            };
            if field.is_untrusted && role.commands() {
                let message = format!(
                    "`{variable}` is untrusted and stands in a {} message; move it to a user \
                     message",
                    role.as_str()
                );
                return Err(ContentFault { place: Some((place, 1)), message });
            }
        }
        Ok(())
    }

    /// The variables that a template uses, those of what it includes among them.
    fn used(&self, content: &PromptContent, name: &str) -> Result<BTreeSet<String>, ContentFault> {
        let globals: BTreeSet<&str> = self.environment.globals().map(|(name, _)| name).collect();
        let mut used = BTreeSet::new();
        let mut seen = BTreeSet::from([name.to_owned()]);
        let mut open = vec![name.to_owned()];
        while let Some(name) = open.pop() {
            let template = self.environment.get_template(&name);
            let template = template.map_err(|fault| ContentFault::new(told(&fault)))?;
            let undeclared = template.undeclared_variables(false);
            used.extend(undeclared.into_iter().filter(|name| !globals.contains(name.as_str())));
            for name in includes(template.source()).map_err(ContentFault::new)? {
                if !content.partials.contains_key(name) {
                    let message = format!("there is no partial {name:?} to include");
                    return Err(ContentFault::new(message));
                }
                if seen.insert(name.to_owned()) {
                    open.push(name.to_owned());
                }
            }
        }
        Ok(used)
    }
}

/// A place to render in that knows nothing but what it is given: no files, no clock, no escapes of
/// other languages; what is not defined is an error and not an empty text.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(MOST_NESTED);
    environment.remove_global("debug");
    environment.set_formatter(|out, _, value| {
        if value.is_none() {
            return Err(Error::new(ErrorKind::UndefinedError, "the value is null"));
        }
        // Marks that are in it already come from a part that was rendered before.
        let text = value.to_string().replace([OPEN, CLOSE], "");
        out.write_fmt(format_args!("{OPEN}{text}{CLOSE}")).map_err(Error::from)
    });
    environment
}

fn add(
    environment: &mut Environment<'static>,
    (name, source): (String, &str),
    message: Option<usize>,
) -> Result<(), ContentFault> {
    environment.add_template_owned(name.clone(), source.to_owned()).map_err(|fault| {
        let line = fault.line().unwrap_or(1);
        let message_text = match message {
            Some(_) => told(&fault),
            None => format!("partial {name:?}, line {line}: {}", told(&fault)),
        };
        ContentFault { place: message.map(|place| (place, line)), message: message_text }
    })
}

/// What may be said of a fault of the template engine: never a value.
pub(super) fn told(fault: &Error) -> String {
    match (fault.kind(), fault.detail()) {
        (ErrorKind::SyntaxError, Some(detail)) => format!("syntax error: {detail}"),
        (ErrorKind::OutOfFuel, _) => "rendering takes too many steps".to_owned(),
        (kind, _) => kind.to_string(),
    }
}
