//! What changed from one version to another, line by line.

use serde_json::{Value, json};
use tb_core::prompt::PromptContent;

use super::reference::Found;
use crate::output::{self, Format};

/// Lines of each version that are compared; beyond, everything counts as changed.
const MOST_LINES: usize = 4_000;

/// A version as people read it, with its name above it.
pub(super) fn readable(found: &Found) -> String {
    format!("{}  {}\n{}", found.title(), found.hash(), text(&found.content))
}

/// Prints the lines of both, marked.
pub(super) fn print((from, to): (&Found, &Found), format: Format) -> anyhow::Result<()> {
    let (before, after) = (text(&from.content), text(&to.content));
    let lines = compared(&before.lines().collect::<Vec<_>>(), &after.lines().collect::<Vec<_>>());
    if format == Format::Table {
        let mut out = format!("--- {}\n+++ {}\n", from.title(), to.title());
        for (mark, line) in &lines {
            out.push_str(&format!("{mark}{line}\n"));
        }
        return Ok(output::data(&out)?);
    }
    let lines: Vec<Value> = lines
        .iter()
        .map(|(mark, line)| json!({ "change": mark.to_string(), "text": line }))
        .collect();
    let side = |found: &Found| {
        let version = found.record.as_ref().map(|record| record.number);
        json!({ "name": found.name, "version": version, "hash": found.hash() })
    };
    let same = from.hash() == to.hash();
    Ok(output::json_line(&json!({
        "schema_version": 1,
        "from": side(from),
        "to": side(to),
        "same": same,
        "lines": lines,
    }))?)
}

/// Everything of a version that its hash covers, and its description.
fn text(content: &PromptContent) -> String {
    let mut out = String::new();
    let mut member = |name: &str, value: &Value| {
        let empty = value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty);
        if !empty {
            let shown = serde_json::to_string_pretty(value).unwrap_or_default();
            out.push_str(&format!("{name}: {shown}\n"));
        }
    };
    member("description", &json!(content.description));
    member("model", &json!(content.model));
    member("variables", &json!(content.variables));
    member("parameters", &json!(content.parameters));
    member("response_format", &json!(content.response_format));
    for message in &content.messages {
        out.push_str(&format!("{{{{role \"{}\"}}}}\n{}\n", message.role.as_str(), message.source));
    }
    for (name, partial) in &content.partials {
        out.push_str(&format!("partial {name:?}\n{partial}\n"));
    }
    out
}

/// The lines of both by their longest common subsequence: `-` of the first, `+` of the second, a
/// blank of both.
fn compared<'t>(before: &[&'t str], after: &[&'t str]) -> Vec<(char, &'t str)> {
    let all = |mark: char, lines: &[&'t str]| -> Vec<_> {
        lines.iter().map(|line| (mark, *line)).collect()
    };
    if before.len() > MOST_LINES || after.len() > MOST_LINES {
        return [all('-', before), all('+', after)].concat();
    }
    let width = after.len() + 1;
    let mut common = vec![0_u32; (before.len() + 1) * width];
    let at = |table: &[u32], row: usize, column: usize| {
        table.get(row * width + column).copied().unwrap_or_default()
    };
    for (row, old) in before.iter().enumerate().rev() {
        for (column, new) in after.iter().enumerate().rev() {
            let length = match old == new {
                true => at(&common, row + 1, column + 1) + 1,
                false => at(&common, row + 1, column).max(at(&common, row, column + 1)),
            };
            if let Some(cell) = common.get_mut(row * width + column) {
                *cell = length;
            }
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut lines = Vec::new();
    loop {
        match (before.get(row), after.get(column)) {
            (Some(old), Some(new)) if old == new => {
                lines.push((' ', *old));
                (row, column) = (row + 1, column + 1);
            }
            (Some(old), Some(_))
                if at(&common, row + 1, column) >= at(&common, row, column + 1) =>
            {
                lines.push(('-', *old));
                row += 1;
            }
            (_, Some(new)) => {
                lines.push(('+', *new));
                column += 1;
            }
            (Some(old), None) => {
                lines.push(('-', *old));
                row += 1;
            }
            (None, None) => return lines,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_went_and_what_came() {
        let lines = compared(&["a", "b", "c", "d"], &["a", "x", "c", "d", "e"]);
        let shown: String = lines.iter().map(|(mark, line)| format!("{mark}{line}")).collect();
        assert_eq!(shown, " a-b+x c d+e");
        assert_eq!(compared(&[], &["a"]), [('+', "a")]);
        assert_eq!(compared(&["a"], &[]), [('-', "a")]);
    }
}
