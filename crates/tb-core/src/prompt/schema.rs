//! The schema of variables: JSON Schema 2020-12 with `x-max-tokens` and `x-trust` beside it.

use std::collections::BTreeMap;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value};

use super::fill::ValueFault;
use super::is_name;

/// The largest compiled pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 1024 * 1024;

/// What is told of one variable beside its JSON Schema.
#[derive(Debug, Clone, Default)]
pub(super) struct Field {
    /// `type` is `string`.
    pub(super) is_text: bool,
    /// `x-trust: untrusted`
    pub(super) is_untrusted: bool,
    /// `x-max-tokens`
    pub(super) max_tokens: Option<u64>,
    /// `default`
    pub(super) default: Option<Value>,
}

/// The compiled schema.
pub(super) struct Schema {
    fields: BTreeMap<String, Field>,
    validator: Validator,
    takes_others: bool,
}

impl Schema {
    /// Compiles a schema; without one there are no variables.
    pub(super) fn compile(schema: Option<&Value>) -> Result<Self, String> {
        let mut schema = match schema {
            None => Map::new(),
            Some(Value::Object(schema)) => schema.clone(),
            Some(_) => return Err("`variables` is a JSON Schema: an object".to_owned()),
        };
        if schema.get("type").is_some_and(|kind| kind != "object") {
            return Err("`variables` is a schema of `type: object`".to_owned());
        }
        schema.insert("type".to_owned(), "object".into());
        let fields = fields(&schema)?;
        schema.entry("additionalProperties").or_insert(Value::Bool(false));
        let takes_others = schema.get("additionalProperties") != Some(&Value::Bool(false));
        // What is declared and has no default must be there, unless the schema says which must.
        if !schema.contains_key("required") {
            let needed = fields.iter().filter(|(_, field)| field.default.is_none());
            let needed: Vec<Value> = needed.map(|(name, _)| name.as_str().into()).collect();
            schema.insert("required".to_owned(), needed.into());
        }
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            // Linear in the length of the value, whatever the pattern.
            .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN_BYTES));
        let validator = options
            .build(&Value::Object(schema))
            .map_err(|fault| format!("`variables`: {fault}"))?;
        for (name, field) in &fields {
            let Some(default) = &field.default else { continue };
            let alone = Map::from_iter([(name.clone(), default.clone())]);
            let whole = Value::Object(alone);
            let wrong = validator.iter_errors(&whole).any(|fault| {
                first_segment(fault.instance_path().as_str()).is_some_and(|found| found == *name)
            });
            if wrong {
                return Err(format!("the default of `{name}` does not fit its schema"));
            }
        }
        Ok(Self { fields, validator, takes_others })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(name)
    }

    /// Whether somebody may give a variable of this name.
    pub(super) fn takes(&self, name: &str) -> bool {
        self.takes_others || self.fields.contains_key(name)
    }

    /// The variables with their defaults.
    pub(super) fn completed(&self, mut values: Map<String, Value>) -> Map<String, Value> {
        for (name, field) in &self.fields {
            if let Some(default) = field.default.as_ref().filter(|_| !values.contains_key(name)) {
                values.insert(name.clone(), default.clone());
            }
        }
        values
    }

    /// Holds complete variables against the schema. `tokens` estimates from bytes.
    pub(super) fn check(
        &self,
        values: &Map<String, Value>,
        tokens: &dyn Fn(u64) -> u64,
    ) -> Result<(), ValueFault> {
        let whole = Value::Object(values.clone());
        if let Err(fault) = self.validator.validate(&whole) {
            return Err(told(&fault));
        }
        for (name, field) in &self.fields {
            let (Some(most), Some(value)) = (field.max_tokens, values.get(name)) else { continue };
            let bytes = match value {
                Value::String(text) => text.len(),
                other => other.to_string().len(),
            };
            let estimated = tokens(u64::try_from(bytes).unwrap_or(u64::MAX));
            if estimated > most {
                let message = format!(
                    "`{name}` has about {estimated} tokens; this prompt takes at most {most}"
                );
                return Err(ValueFault::of(name, message));
            }
        }
        Ok(())
    }
}

fn fields(schema: &Map<String, Value>) -> Result<BTreeMap<String, Field>, String> {
    let Some(properties) = schema.get("properties") else { return Ok(BTreeMap::new()) };
    let Value::Object(properties) = properties else {
        return Err("`properties` of `variables` is an object".to_owned());
    };
    properties.iter().map(|(name, own)| Ok((name.clone(), field(name, own)?))).collect()
}

fn field(name: &str, own: &Value) -> Result<Field, String> {
    if !is_name(name) || name.contains(['-', '.']) || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(format!("{name:?} is no name of a variable: letters, digits and `_`"));
    }
    let is_text = own.get("type").is_some_and(|kind| kind == "string");
    let is_untrusted = match own.get("x-trust").map(|word| word.as_str()) {
        None => false,
        Some(Some("trusted")) => false,
        Some(Some("untrusted")) => true,
        Some(_) => return Err(format!("`x-trust` of `{name}` is `trusted` or `untrusted`")),
    };
    if is_untrusted && !is_text {
        return Err(format!("`{name}` is untrusted, so its `type` must be `string`"));
    }
    let max_tokens = own.get("x-max-tokens").map(|most| {
        most.as_u64()
            .filter(|most| *most > 0)
            .ok_or_else(|| format!("`x-max-tokens` of `{name}` is a whole number above 0"))
    });
    Ok(Field {
        is_text,
        is_untrusted,
        max_tokens: max_tokens.transpose()?,
        default: own.get("default").cloned(),
    })
}

/// The fault with its variable, and without the value.
fn told(fault: &jsonschema::ValidationError<'_>) -> ValueFault {
    let path = fault.instance_path().as_str();
    if path.is_empty() {
        match fault.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                return ValueFault::of(name, format!("`{name}` is missing"));
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let name = unexpected.first().map(String::as_str).unwrap_or_default();
                return ValueFault::of(name, "this prompt has no such variable".to_owned());
            }
            _ => return ValueFault::whole(fault.masked_with("the variables").to_string()),
        }
    }
    let name = first_segment(path).unwrap_or_default();
    let place = path.trim_start_matches('/').replace('/', ".");
    let message = match fault.kind() {
        // What of an object is missing or too much may be a name that the caller made up.
        ValidationErrorKind::AdditionalProperties { .. }
        | ValidationErrorKind::UnevaluatedProperties { .. }
        | ValidationErrorKind::PropertyNames { .. } => {
            "it has members that it may not have".to_owned()
        }
        ValidationErrorKind::MaxLength { limit } => format!("it is longer than {limit} characters"),
        _ => fault.masked_with("the value").to_string(),
    };
    let place = if place.chars().count() > 64 { name.clone() } else { place };
    ValueFault::of(&name, format!("`{place}`: {message}"))
}

/// The variable that a JSON pointer begins with.
fn first_segment(pointer: &str) -> Option<String> {
    let first = pointer.strip_prefix('/')?.split('/').next()?;
    Some(first.replace("~1", "/").replace("~0", "~"))
}
