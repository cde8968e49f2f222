//! `models diff`: what a request may stumble over when one version takes the place of another.

use std::process::ExitCode;

use serde_json::{Value, json};
use tb_config::Snapshot;
use tb_core::abilities::builtin;
use tb_core::versions::{VersionFacts, facts};
use tb_core::{Abilities, Price};

use crate::failure::Failed;
use crate::output::{Format, Rows};

/// What is known of one side.
struct Side {
    abilities: Abilities,
    facts: Option<&'static VersionFacts>,
    price: Option<Price>,
}

/// Prints what differs, or everything that is the same too with `-o json`.
pub(super) fn run(
    snapshot: &Snapshot,
    (from, to): (&str, &str),
    format: Format,
) -> anyhow::Result<ExitCode> {
    let (from, to) = (side(snapshot, from)?, side(snapshot, to)?);
    let mut rows = Rows::new(vec!["what", "from", "to", "change"]);
    for (what, before, after) in compared(&from, &to) {
        let change = change(what, &before, &after);
        if change != "same" || format != Format::Table {
            rows.push(vec![json!(what), before, after, json!(change)]);
        }
    }
    rows.print(format)?;
    Ok(ExitCode::SUCCESS)
}

/// `provider/model` or `vendor/model`.
fn side(snapshot: &Snapshot, name: &str) -> anyhow::Result<Side> {
    let (first, model) = name
        .split_once('/')
        .ok_or_else(|| Failed::usage(format!("`{name}` is not PROVIDER/MODEL")))?;
    let vendor = snapshot.providers.get(first).map_or(first, |provider| provider.vendor.as_str());
    let side = Side {
        abilities: builtin(vendor, model),
        facts: facts(vendor, model),
        price: snapshot.prices.price(vendor, model).cloned(),
    };
    if side.facts.is_none() && side.price.is_none() && side.abilities == Abilities::default() {
        let message = format!("nothing is known of `{name}`, so there is nothing to compare");
        return Err(Failed::usage(message).into());
    }
    Ok(side)
}

fn compared(from: &Side, to: &Side) -> Vec<(&'static str, Value, Value)> {
    let of = |value: fn(&Side) -> Value| (value(from), value(to));
    let line = |what, (before, after)| (what, before, after);
    let mut lines = vec![
        line("tools", of(|side| json!(side.abilities.tools))),
        line("json_schema", of(|side| json!(side.abilities.json_schema))),
        line("vision", of(|side| json!(side.abilities.vision))),
        line("context_tokens", of(|side| json!(side.abilities.context_tokens))),
        line("max_output", of(|side| json!(side.facts.and_then(|facts| facts.max_output)))),
        line("last_day", of(|side| json!(side.facts.and_then(|facts| facts.retires.clone())))),
    ];
    let rejected = |side: &Side| side.facts.map_or(&[][..], |facts| facts.rejects.as_slice());
    for word in [
        "sampling_params",
        "assistant_prefill",
        "forced_tool_use",
        "system_messages",
        "effort_none",
    ] {
        let rejects = |side: &Side| rejected(side).iter().any(|own| own == word);
        let what = match word {
            "sampling_params" => "rejects sampling_params",
            "assistant_prefill" => "rejects assistant_prefill",
            "forced_tool_use" => "rejects forced_tool_use",
            "system_messages" => "rejects system_messages",
            _ => "rejects effort_none",
        };
        lines.push((what, json!(rejects(from)), json!(rejects(to))));
    }
    // Dollars per million tokens, as in the configuration.
    let dollars = |micro: u64| micro as f64 / 1e6;
    let price = |side: &Side| side.price.as_ref().map(|price| (price.input, price.output));
    let input = |side: &Side| json!(price(side).map(|(input, _)| dollars(input)));
    let output = |side: &Side| json!(price(side).map(|(_, output)| dollars(output)));
    lines.push(("input_price", input(from), input(to)));
    lines.push(("output_price", output(from), output(to)));
    lines
}

/// What the change means for whoever sends requests.
fn change(what: &str, before: &Value, after: &Value) -> &'static str {
    if before == after {
        return "same";
    }
    let is_worse = match (before, after) {
        (_, Value::Null) | (Value::Null, _) => return "unknown",
        (Value::Bool(_), Value::Bool(now)) => *now == what.starts_with("rejects"),
        (Value::Number(before), Value::Number(now)) => {
            let is_less = now.as_f64() < before.as_f64();
            is_less != what.ends_with("price")
        }
        _ => return "other",
    };
    match (is_worse, what.ends_with("price")) {
        (true, true) => "dearer",
        (false, true) => "cheaper",
        (true, false) => "breaks",
        (false, false) => "gains",
    }
}
