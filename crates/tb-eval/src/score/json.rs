//! The answer is JSON, valid by a schema.

use jsonschema::{Draft, ValidationError, Validator};
use serde_json::Value;

use super::Finding;
use crate::run::Answer;

/// The compiled schema. Remote references are never fetched.
pub(crate) fn validator(schema: &Value) -> Result<Validator, String> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .build(schema)
        .map_err(|error| error.to_string())
}

pub(super) fn find(answer: &Answer, schema: Option<&Value>) -> Finding {
    if answer.refusal.is_some() {
        return Finding::Score(0.0, "json: a refusal".to_owned());
    }
    let value: Value = match serde_json::from_str(answer.text.trim()) {
        Ok(value) => value,
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            return Finding::Score(0.0, format!("json: broken at {line}:{column}"));
        }
    };
    let Some(schema) = schema else { return Finding::Score(1.0, String::new()) };
    match validator(schema) {
        Err(error) => Finding::Error(format!("json: {error}")),
        Ok(validator) => match validator.validate(&value) {
            Ok(()) => Finding::Score(1.0, String::new()),
            Err(error) => Finding::Score(0.0, reason(&error)),
        },
    }
}

/// Only places of the schema: the message itself would quote the answer.
fn reason(error: &ValidationError<'_>) -> String {
    format!("json: not valid by {}", error.schema_path())
}
