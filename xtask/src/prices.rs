//! `cargo xtask prices`: the built-in tables of prices and versions out of a list of models.
//!
//! The list has dollars per million tokens as JSON numbers; the table has integer micro-dollars
//! per million tokens. The digits are moved as text, never through a float. A model is left out
//! when text tokens do not settle its price: then its use is reported as unpriced, not as zero.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::versions;
use crate::workspace::Workspace;

/// The list of models.
#[derive(Deserialize)]
struct List {
    meta: Meta,
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Meta {
    as_of: String,
    sources: Vec<String>,
}

/// The fields of a model that its price depends on; all amounts in micro-dollars.
#[derive(Deserialize)]
struct Model {
    provider: String,
    model: String,
    mode: String,
    alias_of: Option<String>,
    alias_basis: Option<String>,
    #[serde(rename = "in", default, deserialize_with = "amount")]
    input: Option<u64>,
    #[serde(default, deserialize_with = "amount")]
    cached: Option<u64>,
    #[serde(default, deserialize_with = "amount")]
    cache_write: Option<u64>,
    #[serde(default, deserialize_with = "amount")]
    cache_write_1h: Option<u64>,
    #[serde(rename = "out", default, deserialize_with = "amount")]
    output: Option<u64>,
    long_ctx: Option<LongContext>,
}

/// Prices of prompts above a number of tokens.
#[derive(Deserialize, PartialEq)]
struct LongContext {
    above: u64,
    #[serde(rename = "in", default, deserialize_with = "amount")]
    input: Option<u64>,
    #[serde(default, deserialize_with = "amount")]
    cached: Option<u64>,
    #[serde(rename = "out", default, deserialize_with = "amount")]
    output: Option<u64>,
}

/// One entry of the table, as `tb_core::Price` reads it.
#[derive(Serialize)]
struct Entry {
    input: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_input: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_1h: Option<u64>,
    output: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tiers: Vec<Tier>,
}

#[derive(Serialize)]
struct Tier {
    above_tokens: u64,
    input: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_input: Option<u64>,
    output: u64,
}

/// Writes the tables of the workspace; there is nothing that could be broken, so always true.
pub(crate) fn run(models: &Path) -> anyhow::Result<bool> {
    let text =
        fs::read_to_string(models).with_context(|| format!("cannot read {}", models.display()))?;
    let folder = Workspace::load()?.root.join("crates/tb-core/data");
    for (name, table) in
        [("prices.json", table(&text)?), ("versions.json", versions::table(&text)?)]
    {
        let path = folder.join(name);
        fs::write(&path, table).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(true)
}

/// The whole table: one line a model, so that a change of price is a change of one line.
fn table(list: &str) -> anyhow::Result<String> {
    let list: List = serde_json::from_str(list).context("not a list of models")?;
    let known: BTreeMap<_, _> =
        list.models.iter().map(|model| ((&model.provider, &model.model), model)).collect();
    let (mut aliases, mut entries) = (Vec::new(), Vec::new());
    for ((provider, name), model) in &known {
        let Some(input) = known_input(model) else { continue };
        let key = spaced(&format!("{provider}/{name}"))?;
        match same_price(model, &known) {
            Some(target) => {
                aliases.push(format!("{key}: {}", spaced(&format!("{provider}/{target}"))?));
            }
            None => entries.push(format!("{key}: {}", spaced(&entry(model, input)?)?)),
        }
    }
    let date = spaced(&list.meta.as_of)?;
    Ok(format!(
        "{{\n\"version\": {date},\n\"as_of\": {date},\n\"sources\": {},\n\"aliases\": {{\n{}\n}},\n\"models\": {{\n{}\n}}\n}}\n",
        spaced(&list.meta.sources)?,
        aliases.join(",\n"),
        entries.join(",\n"),
    ))
}

/// The input price of a model that text tokens alone settle; nothing for any other.
///
/// A price of zero in such lists mostly means "unknown" or "billed otherwise"; only OpenAI's
/// moderation is known to be free. Embeddings dearer than 10 dollars are slips of the list.
fn known_input(model: &Model) -> Option<u64> {
    let input = model.input?;
    let by_text =
        ["chat", "responses", "completion", "embedding", "moderation"].contains(&&*model.mode);
    let input_only = model.mode == "embedding" || model.mode == "moderation";
    let free = model.provider == "openai" && model.mode == "moderation";
    let plausible = model.mode != "embedding" || input <= 10_000_000;
    let known = by_text
        && !model.model.contains("audio")
        && (input_only || model.output.is_some())
        && (input > 0 || free)
        && plausible;
    known.then_some(input)
}

/// The model that this one is a documented other name of, if the list prices both the same.
fn same_price<'list>(
    model: &'list Model,
    known: &BTreeMap<(&String, &String), &Model>,
) -> Option<&'list str> {
    let target_name = model.alias_of.as_ref()?;
    let target = known.get(&(&model.provider, target_name))?;
    let documented = model.alias_basis.as_ref()?.starts_with("documented");
    let same = model.input == target.input
        && model.output == target.output
        && model.cached == target.cached
        && model.cache_write == target.cache_write
        && model.cache_write_1h == target.cache_write_1h
        && model.long_ctx == target.long_ctx;
    (documented && same).then_some(target_name)
}

fn entry(model: &Model, input: u64) -> anyhow::Result<Entry> {
    let tiers = model.long_ctx.as_ref().map(|long| {
        let (Some(input), Some(output)) = (long.input, long.output) else {
            bail!("{}: a tier without a price", model.model);
        };
        Ok(Tier { above_tokens: long.above, input, cached_input: long.cached, output })
    });
    // The list writes 0 for cache writes that are not offered.
    let offered = |price: Option<u64>| price.filter(|price| *price > 0);
    Ok(Entry {
        input,
        cached_input: model.cached,
        cache_write: offered(model.cache_write),
        cache_write_1h: offered(model.cache_write_1h),
        output: model.output.unwrap_or(0),
        tiers: tiers.transpose()?.into_iter().collect(),
    })
}

/// JSON on one line with a blank after `:` and `,`.
pub(crate) fn spaced(value: &impl Serialize) -> anyhow::Result<String> {
    struct Spaced;
    impl serde_json::ser::Formatter for Spaced {
        fn begin_array_value<W: std::io::Write + ?Sized>(
            &mut self,
            writer: &mut W,
            first: bool,
        ) -> std::io::Result<()> {
            writer.write_all(if first { b"" } else { b", " })
        }

        fn begin_object_key<W: std::io::Write + ?Sized>(
            &mut self,
            writer: &mut W,
            first: bool,
        ) -> std::io::Result<()> {
            writer.write_all(if first { b"" } else { b", " })
        }

        fn begin_object_value<W: std::io::Write + ?Sized>(
            &mut self,
            writer: &mut W,
        ) -> std::io::Result<()> {
            writer.write_all(b": ")
        }
    }
    let mut bytes = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Spaced))?;
    Ok(String::from_utf8(bytes)?)
}

/// Reads an amount of dollars, exactly, as micro-dollars.
fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let number = Option::<Box<RawValue>>::deserialize(deserializer)?;
    let amount = number.map(|number| micro_dollars(number.get())).transpose();
    amount.map_err(serde::de::Error::custom)
}

/// The millionfold of a JSON number. One that is not a whole number of micro-dollars is refused.
fn micro_dollars(number: &str) -> anyhow::Result<u64> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_end_matches('0');
    let dropped = whole.len() + fraction.len() - digits.len();
    // value = digits * 10^(dropped - fraction.len() + exponent), and six places more for micro.
    let exponent: i64 = exponent.parse().with_context(|| format!("`{number}`"))?;
    let shift = i64::try_from(dropped)? - i64::try_from(fraction.len())? + exponent + 6;
    if digits.is_empty() {
        return Ok(0);
    }
    ensure!(shift >= 0, "`{number}` dollars is not a whole number of micro-dollars");
    let factor = 10_u64.checked_pow(u32::try_from(shift)?).context("an amount too large")?;
    let digits: u64 = digits.parse().with_context(|| format!("`{number}` is no price"))?;
    digits.checked_mul(factor).context("an amount too large")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_the_point_without_a_float() {
        let cases = [
            ("0.1", 100_000),
            ("10.0", 10_000_000),
            ("0", 0),
            ("0.000", 0),
            ("1e-06", 1),
            ("1.36", 1_360_000),
            ("2.5E1", 25_000_000),
            ("0.0375", 37_500),
        ];
        for (number, expected) in cases {
            assert_eq!(micro_dollars(number).expect(number), expected, "{number}");
        }
        for broken in ["0.0000001", "-1", "null", "1e30"] {
            assert!(micro_dollars(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_model_without_a_known_text_price_has_no_entry() {
        let list = r#"{"meta":{"as_of":"2026-01-02","sources":["here"]},"models":[
            {"provider":"v","model":"free","mode":"chat","in":0.0,"out":0.0},
            {"provider":"v","model":"talk-audio","mode":"chat","in":1.0,"out":1.0},
            {"provider":"v","model":"half","mode":"chat","in":1.0},
            {"provider":"v","model":"good-1","mode":"chat","in":1.5,"out":2.0,"cached":0.1,
             "long_ctx":{"above":100,"in":3.0,"cached":null,"out":4.0}},
            {"provider":"v","model":"good","mode":"chat","in":1.5,"out":2.0,"cached":0.1,
             "alias_of":"good-1","alias_basis":"documented",
             "long_ctx":{"above":100,"in":3.0,"cached":null,"out":4.0}}]}"#;
        let expected = "{\n\"version\": \"2026-01-02\",\n\"as_of\": \"2026-01-02\",\n\
            \"sources\": [\"here\"],\n\"aliases\": {\n\"v/good\": \"v/good-1\"\n},\n\"models\": {\n\
            \"v/good-1\": {\"input\": 1500000, \"cached_input\": 100000, \"output\": 2000000, \
            \"tiers\": [{\"above_tokens\": 100, \"input\": 3000000, \"output\": 4000000}]}\n}\n}\n";
        assert_eq!(table(list).expect("a table"), expected);
    }
}
