//! promptfoo's configuration: `prompts`, `tests`, `defaultTest`, `vars`, `assert`. Providers are
//! not ours to choose and leave a note; everything else that is not understood is a fault.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Row, Rows, Said, Source, promptfoo, promptfoo_csv, text_of, user_message};
use crate::fault::{Fault, Flaw, join};
use crate::template::render;

/// The tests of a file, each with each prompt.
pub(super) fn rows(source: &Source) -> Result<Rows<'_>, Fault> {
    let file = &source.file;
    let text = text_of(file)?;
    let root: Map<String, Value> = serde_saphyr::from_str(&text).map_err(|error| {
        let fault = Fault::of(file, Flaw::new("", format!("not valid YAML: {error}"), ""));
        match error.location() {
            Some(at) => fault.at(at.line()),
            None => fault,
        }
    })?;
    let mut said = Vec::new();
    let tests = read(&root, source, &mut said).map_err(|flaw| Fault::of(file, flaw))?;
    said.extend(tests.into_iter().map(Said::row));
    Ok(Box::new(said.into_iter().map(Ok)))
}

fn read(
    root: &Map<String, Value>,
    source: &Source,
    said: &mut Vec<Said>,
) -> Result<Vec<Row>, Flaw> {
    for name in root.keys() {
        match name.as_str() {
            "prompts" | "tests" | "defaultTest" | "description" | "$schema" => {}
            "providers" | "targets" | "outputPath" | "sharing" | "evaluateOptions" => {
                said.push(Said::Note(format!("`{name}` of promptfoo is not used")));
            }
            _ => return Err(Flaw::new(name, "this is not supported", "remove it")),
        }
    }
    let folder = source.file.parent().unwrap_or(Path::new(""));
    let prompts = prompts(root, folder)?;
    let common = Common::of(root.get("defaultTest"), source)?;
    let mut rows = Vec::new();
    for (place, test) in tests(root, source, folder)?.into_iter().enumerate() {
        let path = format!("tests[{place}]");
        for vars in expanded(&common.vars, &test.vars) {
            let number = rows.len() / prompts.len().max(1);
            for (prompt_place, prompt) in prompts.iter().enumerate() {
                let mut id = (number.saturating_add(1)).to_string();
                if prompts.len() > 1 {
                    id = format!("{id}/{}", prompt_place.saturating_add(1));
                }
                let at = |why: String| Flaw::new(&path, why, "");
                let messages = render(prompt, &vars).map_err(at)?;
                let written = common.checks.iter().chain(&test.checks);
                let checks = written
                    .map(|check| render(check, &vars).map_err(at))
                    .collect::<Result<_, _>>()?;
                let request = [("messages".to_owned(), messages)].into_iter().collect();
                let slices = test.slices.clone();
                let columns = vars.clone();
                let path = path.clone();
                let row =
                    Row { path, id: Some(id), columns, request, checks, slices, ..Row::default() };
                rows.push(row);
            }
        }
    }
    Ok(rows)
}

struct Test {
    vars: Map<String, Value>,
    checks: Vec<Value>,
    slices: Vec<String>,
}

/// What `defaultTest` gives to each test.
type Common = Test;

impl Test {
    fn of(value: Option<&Value>, source: &Source) -> Result<Self, Flaw> {
        match value {
            None => Ok(Self { vars: Map::new(), checks: Vec::new(), slices: Vec::new() }),
            Some(value) => Self::read(value, "defaultTest", source),
        }
    }

    fn read(value: &Value, path: &str, source: &Source) -> Result<Self, Flaw> {
        let members =
            value.as_object().ok_or_else(|| Flaw::new(path, "a test is a mapping", ""))?;
        let mut test = Self { vars: Map::new(), checks: Vec::new(), slices: Vec::new() };
        for (name, value) in members {
            let place = join(path, name);
            match (name.as_str(), value) {
                ("description", _) => {}
                ("vars", Value::Object(vars)) => test.vars.clone_from(vars),
                ("metadata", Value::Object(metadata)) => {
                    let named = |(name, value): (&String, &Value)| {
                        format!("{name}={}", crate::template::shown(value))
                    };
                    test.slices = metadata.iter().map(named).collect();
                }
                ("assert", Value::Array(all)) => {
                    for (number, assertion) in all.iter().enumerate() {
                        let place = format!("{place}[{number}]");
                        let members = assertion
                            .as_object()
                            .ok_or_else(|| Flaw::new(&place, "an assertion is a mapping", ""))?;
                        let check = promptfoo::check(members, source)
                            .map_err(|why| Flaw::new(&place, why, ""))?;
                        test.checks.push(check);
                    }
                }
                _ => return Err(Flaw::new(place, "this is not supported", "")),
            }
        }
        if let Some((name, _)) = test.vars.iter().find(|(_, value)| in_file(value)) {
            let place = join(path, &format!("vars.{name}"));
            return Err(Flaw::new(place, "a value in a file of its own is not supported", ""));
        }
        Ok(test)
    }
}

fn in_file(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with("file://"))
}

fn tests(root: &Map<String, Value>, source: &Source, folder: &Path) -> Result<Vec<Test>, Flaw> {
    match root.get("tests") {
        Some(Value::Array(tests)) => tests
            .iter()
            .enumerate()
            .map(|(place, test)| Test::read(test, &format!("tests[{place}]"), source))
            .collect(),
        Some(Value::String(name)) if name.ends_with(".csv") => {
            let file = folder.join(name.trim_start_matches("file://"));
            let wrong = |fault: Fault| Flaw::new("tests", fault.to_string(), "");
            promptfoo_csv::rows(source, &file)
                .map_err(wrong)?
                .filter_map(|said| match said {
                    Ok(Said::Row(row)) => {
                        let Row { columns: vars, checks, slices, .. } = *row;
                        Some(Ok(Test { vars, checks, slices }))
                    }
                    Ok(Said::Note(_)) => None,
                    Err(fault) => Some(Err(wrong(fault))),
                })
                .collect()
        }
        _ => Err(Flaw::new("tests", "this must be a list of tests, or the name of a CSV file", "")),
    }
}

/// A list among the variables stands for a test with each of its values, as in promptfoo.
fn expanded(common: &Map<String, Value>, own: &Map<String, Value>) -> Vec<Map<String, Value>> {
    let mut all = vec![Map::new()];
    let mut vars = common.clone();
    vars.extend(own.clone());
    for (name, value) in vars {
        let values = match value {
            Value::Array(values) if !values.is_empty() => values,
            other => vec![other],
        };
        let with = |vars: Map<String, Value>| {
            let name = name.clone();
            values.clone().into_iter().map(move |value| {
                let mut vars = vars.clone();
                vars.insert(name.clone(), value);
                vars
            })
        };
        all = all.into_iter().flat_map(with).collect();
    }
    all
}

/// Messages with places for variables.
fn prompts(root: &Map<String, Value>, folder: &Path) -> Result<Vec<Value>, Flaw> {
    let listed = match root.get("prompts") {
        Some(Value::Array(prompts)) if !prompts.is_empty() => prompts.clone(),
        Some(one @ Value::String(_)) => vec![one.clone()],
        _ => return Err(Flaw::new("prompts", "this must be a list of prompts", "")),
    };
    let read = |(place, prompt): (usize, &Value)| {
        let path = format!("prompts[{place}]");
        let text = match prompt {
            Value::String(text) => Some(text.clone()),
            Value::Object(members) => members.get("raw").and_then(Value::as_str).map(str::to_owned),
            _ => None,
        };
        let text =
            text.ok_or_else(|| Flaw::new(&path, "this must be a text, or have `raw`", ""))?;
        let text = match text.strip_prefix("file://") {
            Some(name) if name.ends_with(".txt") || name.ends_with(".json") => {
                let read = std::fs::read_to_string(folder.join(name));
                read.map_err(|error| Flaw::new(&path, format!("`{name}`: {error}"), ""))?
            }
            Some(_) => {
                return Err(Flaw::new(&path, "only .txt and .json files are supported", ""));
            }
            None => text,
        };
        if text.contains("{%") || text.contains("{#") {
            return Err(Flaw::new(&path, "only {{name}} is supported in prompts", ""));
        }
        Ok(match serde_json::from_str::<Value>(&text) {
            Ok(messages @ Value::Array(_)) => messages,
            _ => user_message(&text),
        })
    };
    listed.iter().enumerate().map(read).collect::<Result<Vec<_>, _>>().map(|all| {
        // A prompt that is one `{{name}}` of a list would not stay a text.
        all.into_iter().map(|messages| json!(messages)).collect()
    })
}
