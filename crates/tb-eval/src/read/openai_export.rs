//! An eval of OpenAI's hosted Evals as JSON: `testing_criteria`, and its items either in
//! `data_source.source.content` or in a JSONL file of their own.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Row, Rows, Said, Source, objects, text_of};
use crate::fault::{Fault, Flaw};
use crate::template::render;

const SAMPLE: &str = "sample.output_text";

/// The items.
pub(super) fn rows(source: &Source) -> Result<Rows<'_>, Fault> {
    let file = &source.file;
    let text = text_of(file)?;
    let root: Map<String, Value> = serde_json::from_str(&text).map_err(|error| {
        let line = u64::try_from(error.line()).unwrap_or_default();
        Fault::of(file, Flaw::new("", format!("not a JSON object: {error}"), "")).at(line)
    })?;
    let eval = Eval::read(&root, source).map_err(|flaw| Fault::of(file, flaw))?;
    let data = root.get("data_source").or_else(|| root.get("runs")?.get(0)?.get("data_source"));
    let content = data.and_then(|data| data.pointer("/source/content")).and_then(Value::as_array);
    match (&source.items, content) {
        (Some(items), _) => Ok(Box::new(objects(items)?.map(move |read| {
            let (line, object) = read?;
            said(&eval, &object, "")
                .map_err(|flaw| Fault::of(items, flaw).at(line))
                .map(|row| Said::row(Row { line: Some(line), ..row }))
        }))),
        (None, Some(content)) => {
            let all: Vec<_> = content
                .iter()
                .enumerate()
                .map(|(place, item)| (format!("content[{place}]"), item.clone()))
                .collect();
            Ok(Box::new(all.into_iter().map(move |(path, item)| {
                let empty = Map::new();
                said(&eval, item.as_object().unwrap_or(&empty), &path)
                    .map(Said::row)
                    .map_err(|flaw| Fault::of(file, flaw))
            })))
        }
        (None, None) => Err(no_items(file)),
    }
}

fn no_items(file: &Path) -> Fault {
    let help = "add items = \"items.jsonl\" to `data`, one {\"item\": {…}} a line";
    Fault::of(file, Flaw::new("", "the export holds no items", help))
}

struct Eval {
    messages: Option<Value>,
    criteria: Vec<Value>,
}

fn said(eval: &Eval, object: &Map<String, Value>, path: &str) -> Result<Row, Flaw> {
    let item = object.get("item").cloned().unwrap_or_else(|| Value::Object(object.clone()));
    let id = item.get("id").map(crate::template::shown);
    let columns: Map<String, Value> = [("item".to_owned(), item)].into_iter().collect();
    let wrong = |why: String| Flaw::new(path, why, "");
    let mut request = Map::new();
    if let Some(messages) = &eval.messages {
        request.insert("messages".to_owned(), render(messages, &columns).map_err(wrong)?);
    }
    let checks = eval
        .criteria
        .iter()
        .map(|check| render(check, &columns).map_err(wrong))
        .collect::<Result<_, _>>()?;
    let path = path.to_owned();
    Ok(Row { path, id, columns, request, checks, ..Row::default() })
}

impl Eval {
    fn read(root: &Map<String, Value>, source: &Source) -> Result<Self, Flaw> {
        let criteria = root
            .get("testing_criteria")
            .and_then(Value::as_array)
            .ok_or_else(|| Flaw::new("testing_criteria", "this must be a list", ""))?;
        let criteria = criteria
            .iter()
            .enumerate()
            .map(|(place, criterion)| {
                check(criterion, source)
                    .map_err(|why| Flaw::new(format!("testing_criteria[{place}]"), why, ""))
            })
            .collect::<Result<_, _>>()?;
        let data = root.get("data_source").or_else(|| root.get("runs")?.get(0)?.get("data_source"));
        let template = data.and_then(|data| data.pointer("/input_messages/template")).cloned();
        let messages = template.map(messages).transpose()?;
        Ok(Self { messages, criteria })
    }
}

/// The input of the Responses API as messages.
fn messages(template: Value) -> Result<Value, Flaw> {
    let path = "data_source.input_messages.template";
    let Value::Array(all) = template else {
        return Err(Flaw::new(path, "this must be a list of messages", ""));
    };
    all.into_iter()
        .map(|message| {
            let role = message.get("role").and_then(Value::as_str).unwrap_or("user");
            let content = message.get("content").unwrap_or(&Value::Null);
            let text = content.as_str().or_else(|| content.get("text").and_then(Value::as_str));
            let text =
                text.ok_or_else(|| Flaw::new(path, "only messages of text are supported", ""))?;
            Ok(json!({ "role": role, "content": text }))
        })
        .collect()
}

fn check(criterion: &Value, source: &Source) -> Result<Value, String> {
    let text = |name: &str| {
        let found = criterion.get(name).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(|| format!("`{name}` must be a text"))
    };
    let sampled = || -> Result<(), String> {
        let input = text("input")?;
        let inner = input.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
        if inner == SAMPLE {
            return Ok(());
        }
        Err("`input` must be {{sample.output_text}}; other inputs are not supported".to_owned())
    };
    let kind = text("type")?;
    match kind.as_str() {
        "string_check" => {
            sampled()?;
            let reference = text("reference")?;
            let operation = text("operation")?;
            Ok(match operation.as_str() {
                "eq" => json!({"type": "equals", "any": [reference]}),
                "ne" => json!({"type": "equals", "any": [reference], "not": true}),
                "like" => json!({"type": "contains", "texts": [reference]}),
                "ilike" => json!({"type": "contains", "texts": [reference], "ignore_case": true}),
                other => return Err(format!("the operation `{other}` is not known")),
            })
        }
        "text_similarity" => {
            sampled()?;
            similarity(criterion, &text("reference")?, &text("evaluation_metric")?, source)
        }
        "label_model" | "score_model" => judged(criterion, &kind, source),
        "python" => Err("`python` graders run foreign code and are refused: write a check, or a \
                         judge with a rubric"
            .to_owned()),
        other => Err(format!(
            "the grader `{other}` is not supported: use string_check, text_similarity, \
             label_model or score_model"
        )),
    }
}

fn similarity(
    criterion: &Value,
    reference: &str,
    metric: &str,
    source: &Source,
) -> Result<Value, String> {
    let mut check = match metric {
        "fuzzy_match" => json!({"type": "edit_distance", "text": reference}),
        "rouge_l" => json!({"type": "rouge_l", "text": reference}),
        "cosine" => {
            let model = source.embeddings.as_deref();
            let model = model.ok_or("`cosine` needs embeddings = \"…\" in the suite")?;
            json!({"type": "similar", "text": reference, "model": model})
        }
        other => {
            return Err(format!(
                "the metric `{other}` is not supported: use fuzzy_match, rouge_l or cosine"
            ));
        }
    };
    if let (Some(members), Some(least)) =
        (check.as_object_mut(), criterion.get("pass_threshold").filter(|least| least.is_number()))
    {
        members.insert("threshold".to_owned(), least.clone());
    }
    Ok(check)
}

/// A judge whose rubric is the text of the grader's own messages.
fn judged(criterion: &Value, kind: &str, source: &Source) -> Result<Value, String> {
    let model = source.judge.as_deref().or_else(|| criterion.get("model").and_then(Value::as_str));
    let model = model.ok_or("the grader has no `model`")?;
    let input = criterion.get("input").and_then(Value::as_array).ok_or("`input` must be a list")?;
    let mut rubric = String::new();
    for message in input {
        let content = message.get("content").unwrap_or(&Value::Null);
        let text = content.as_str().or_else(|| content.get("text").and_then(Value::as_str));
        rubric.push_str(text.ok_or("only messages of text are supported")?);
        rubric.push('\n');
    }
    for sample in ["{{sample.output_text}}", "{{ sample.output_text }}"] {
        rubric = rubric.replace(sample, "(the answer)");
    }
    let names = |name: &str| -> Option<String> {
        let all = criterion.get(name)?.as_array()?;
        Some(all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
    };
    if kind == "label_model" {
        let labels = names("labels").ok_or("`labels` must be a list")?;
        let passing = names("passing_labels").ok_or("`passing_labels` must be a list")?;
        rubric.push_str(&format!("The labels are: {labels}. It holds for: {passing}."));
    } else {
        let least = criterion.get("pass_threshold").and_then(Value::as_f64);
        let least = least.ok_or("`pass_threshold` must be a number")?;
        let range = criterion.get("range").cloned().unwrap_or_else(|| json!([0, 1]));
        rubric.push_str(&format!("Score in {range}. It holds for a score of {least} or more."));
    }
    Ok(json!({"type": "judge", "model": model, "rubric": rubric}))
}
