//! The JSONL of openai/evals: `{"input": [messages] or text, "ideal": text or list}`. What `ideal`
//! means is said by the class of the eval there, and by `match` in the suite here.

use serde_json::{Value, json};

use super::{Match, Row, Rows, Said, Source, objects, user_message};
use crate::fault::{Fault, Flaw};

/// The cases of a file.
pub(super) fn rows(source: &Source) -> Result<Rows<'_>, Fault> {
    let file = &source.file;
    Ok(Box::new(objects(file)?.map(move |read| {
        let (line, mut object) = read?;
        let flaw = |path: &str, message: &str| {
            Fault::of(file, Flaw::new(path, message, "openai/evals: input and ideal")).at(line)
        };
        let messages = match object.get("input") {
            Some(Value::String(text)) => user_message(text),
            Some(Value::Array(messages)) => Value::Array(messages.clone()),
            _ => return Err(flaw("input", "this must be a text or a list of messages")),
        };
        let ideals: Option<Vec<String>> = match object.get("ideal") {
            Some(Value::String(one)) => Some(vec![one.clone()]),
            Some(Value::Array(many)) if !many.is_empty() => {
                many.iter().map(|one| one.as_str().map(str::to_owned)).collect()
            }
            _ => None,
        };
        let ideals = ideals.ok_or_else(|| flaw("ideal", "this must be a text or list of texts"))?;
        let id = super::text_member(&mut object, "id", &mut Vec::new());
        let request = [("messages".to_owned(), messages)].into_iter().collect();
        let checks = vec![check(source.matching, &ideals)];
        Ok(Said::row(Row {
            line: Some(line),
            id,
            columns: object,
            request,
            checks,
            ..Row::default()
        }))
    })))
}

fn check(matching: Match, ideals: &[String]) -> Value {
    match matching {
        Match::Includes => json!({"type": "contains", "texts": ideals}),
        Match::Fuzzy => json!({"type": "equals", "any": ideals, "lenient": true}),
        Match::Begins => {
            let escaped: Vec<String> =
                ideals.iter().map(|ideal| regex::escape(ideal.trim())).collect();
            json!({"type": "regex", "pattern": format!("\\A(?:{})", escaped.join("|"))})
        }
    }
}
