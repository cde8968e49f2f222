//! Templates of answers: `{{name}}` stands for a value, `{{{{` for two braces.

use serde_json::{Map, Value};

/// The longest value that comes from the user's message, in characters: an answer repeats an
/// order number, not a page.
pub(super) const VALUE_CHARACTERS: usize = 200;

/// Where a template finds its values; a name without one stands for nothing.
pub(super) type Lookup<'l> = dyn Fn(&str) -> String + 'l;

/// A text with gaps.
#[derive(Debug)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Variable(String),
}

impl Template {
    /// Reads a template; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            parts.push(Part::Text(before.to_owned()));
            if let Some(literal) = after.strip_prefix("{{") {
                parts.push(Part::Text("{{".to_owned()));
                rest = literal;
                continue;
            }
            let Some((name, after)) = after.split_once("}}") else {
                return Err("`{{` is not closed".to_owned());
            };
            let name = name.trim();
            if !is_name(name) {
                return Err(format!("`{{{{{}}}}}` names no variable", shortened(name)));
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The variables it names.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text with its values. Values are put in as they are, never read as templates.
    pub(super) fn render(&self, lookup: &Lookup<'_>) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Variable(name) => text.push_str(&lookup(name)),
            }
        }
        text
    }
}

/// A JSON value whose strings (not the names of its members) are templates.
#[derive(Debug)]
pub(super) enum JsonTemplate {
    /// A number, a truth value or nothing.
    Scalar(Value),
    /// A string.
    Text(Template),
    /// A list.
    List(Vec<JsonTemplate>),
    /// An object.
    Object(Vec<(String, JsonTemplate)>),
}

impl JsonTemplate {
    /// Reads the strings of a value as templates; the error says what is wrong with the first bad
    /// one. The parser of `value` has bounded how deep it goes.
    pub(super) fn new(value: Value) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => Self::Text(Template::parse(&text)?),
            Value::Array(items) => {
                Self::List(items.into_iter().map(Self::new).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let member = |(name, value)| Ok((name, Self::new(value)?));
                Self::Object(members.into_iter().map(member).collect::<Result<_, String>>()?)
            }
            scalar => Self::Scalar(scalar),
        })
    }

    /// The variables that its strings name.
    pub(super) fn variables(&self) -> Vec<&str> {
        match self {
            Self::Scalar(_) => Vec::new(),
            Self::Text(template) => template.variables().collect(),
            Self::List(items) => items.iter().flat_map(Self::variables).collect(),
            Self::Object(members) => {
                members.iter().flat_map(|(_, value)| value.variables()).collect()
            }
        }
    }

    /// The value with its values: still JSON, whatever they hold.
    pub(super) fn render(&self, lookup: &Lookup<'_>) -> Value {
        match self {
            Self::Scalar(value) => value.clone(),
            Self::Text(template) => Value::String(template.render(lookup)),
            Self::List(items) => items.iter().map(|item| item.render(lookup)).collect(),
            Self::Object(members) => {
                let member = |(name, value): &(String, Self)| (name.clone(), value.render(lookup));
                Value::Object(members.iter().map(member).collect::<Map<_, _>>())
            }
        }
    }
}

/// A value out of the user's message, made fit to be repeated: bounded, on one line, without
/// control characters and without the marks that turn the direction of writing.
pub(super) fn tame(value: &str) -> String {
    let turns = |character| matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let unwanted = |character: &char| character.is_control() || turns(*character);
    value
        .chars()
        .map(|character| if character.is_whitespace() { ' ' } else { character })
        .filter(|character| !unwanted(character))
        .take(VALUE_CHARACTERS)
        .collect()
}

fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|later| later.is_ascii_alphanumeric() || later == '_')
}

/// The beginning of an operator's text, for a message.
pub(super) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rendered(template: &str) -> Result<String, String> {
        Ok(Template::parse(template)?.render(&|name| format!("<{name}>")))
    }

    #[test]
    fn fills_gaps_and_keeps_the_rest() {
        assert_eq!(rendered("a {{ b }}{{c_1}} }} {d}").unwrap(), "a <b><c_1> }} {d}");
        assert_eq!(rendered("{{{{name}} and {{name}}").unwrap(), "{{name}} and <name>");
    }

    #[test]
    fn refuses_gaps_without_end_or_name() {
        assert_eq!(rendered("a {{b").unwrap_err(), "`{{` is not closed");
        for bad in ["{{}}", "{{ a b }}", "{{1a}}", "{{{a}}}", "{{é}}"] {
            assert!(rendered(bad).unwrap_err().ends_with("names no variable"), "{bad}");
        }
    }

    #[test]
    fn a_value_is_never_read_as_a_template() {
        let template = Template::parse("{{a}}{{b}}").unwrap();
        assert_eq!(template.render(&|_| "{{a}}".to_owned()), "{{a}}{{a}}");
    }

    #[test]
    fn strings_of_json_are_templates_and_names_are_not() {
        let template =
            JsonTemplate::new(json!({"{{a}}": ["{{a}}", 1, null, {"b": "{{c}}"}]})).unwrap();
        assert_eq!(template.variables(), ["a", "c"]);
        let value = template.render(&|_| "\"}".to_owned());
        assert_eq!(value, json!({"{{a}}": ["\"}", 1, null, {"b": "\"}"}]}));
    }

    #[test]
    fn repeats_only_tame_values() {
        assert_eq!(tame("a\u{0}b\u{202e}c\u{1b}[0m\nd"), "abc[0m d");
        assert_eq!(tame(&"é".repeat(900)).chars().count(), VALUE_CHARACTERS);
    }

    proptest! {
        #[test]
        fn text_without_braces_is_its_own_template(text in "[^{]{0,80}") {
            prop_assert_eq!(rendered(&text).unwrap(), text);
        }

        #[test]
        fn escaped_braces_come_back(text in "[^{]{0,20}\\{\\{[^{]{0,20}") {
            prop_assert_eq!(rendered(&text.replace("{{", "{{{{")).unwrap(), text);
        }

        #[test]
        fn reading_any_text_ends(text in "[a{} ]{0,40}") {
            let _ = Template::parse(&text);
        }
    }
}
