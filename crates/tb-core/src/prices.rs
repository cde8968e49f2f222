//! What tokens cost.
//!
//! The built-in table is `data/prices.json`, made by `cargo xtask prices`. It holds only
//! prices that are known: a model that charges by something other than text tokens (audio,
//! searches, pages) or whose price is not known has no entry and is reported as unpriced.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use crate::{NanoUsd, TokenCounts, UsageSource};

/// The price of one model, in micro-dollars per million tokens (so pico-dollars per token).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Fresh input.
    pub input: u64,
    /// Input read from the provider's prompt cache; the input price when absent.
    pub cached_input: Option<u64>,
    /// Input written to the prompt cache; the input price when absent.
    pub cache_write: Option<u64>,
    /// Input written for one hour; the `cache_write` price when absent.
    pub cache_write_1h: Option<u64>,
    /// Output, reasoning included.
    pub output: u64,
    /// Prices for prompts above a number of input tokens, in rising order of `above_tokens`.
    #[serde(default)]
    pub tiers: Vec<PriceTier>,
}

/// A price step: the whole request is priced so once its input exceeds `above_tokens`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTier {
    /// The step applies to inputs of more tokens than this.
    pub above_tokens: u64,
    /// Fresh input.
    pub input: u64,
    /// Cached input; the tier's input price when absent.
    pub cached_input: Option<u64>,
    /// Cache writes; the tier's input price when absent.
    pub cache_write: Option<u64>,
    /// Output.
    pub output: u64,
}

/// What an attempt cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// From the provider's own token counts.
    Measured(NanoUsd),
    /// From estimated token counts.
    Estimated(NanoUsd),
    /// Tokens were used and the table has no price for the model: unknown, not zero.
    Unpriced,
    /// No tokens were used, so nothing was charged.
    Free,
}

/// The built-in prices overlaid with the operator's `[prices]`. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct PriceTable {
    /// Vendor, then model: two look-ups and no joined string on the hot path.
    prices: Arc<HashMap<String, HashMap<String, Price>>>,
    /// Documented aliases that have no entry of their own, by vendor: alias to model.
    aliases: Arc<HashMap<String, HashMap<String, String>>>,
    version: Arc<str>,
}

/// `data/prices.json`.
#[derive(Deserialize)]
struct PriceFile {
    version: String,
    aliases: HashMap<String, String>,
    models: HashMap<String, Price>,
}

static BUILTIN: LazyLock<PriceTable> = LazyLock::new(|| {
    // A file that cannot be read leaves everything unpriced; a test reads the committed one.
    read_table(include_str!("../data/prices.json")).unwrap_or_default()
});

fn read_table(json: &str) -> Option<PriceTable> {
    let file: PriceFile = serde_json::from_str(json).ok()?;
    let mut aliases: HashMap<String, HashMap<String, String>> = HashMap::new();
    for (alias, target) in file.aliases {
        let (vendor, model) = split_name(&alias);
        let (_, target) = split_name(&target);
        aliases.entry(vendor.to_owned()).or_default().insert(model.to_owned(), target.to_owned());
    }
    let mut table = PriceTable {
        aliases: Arc::new(aliases),
        version: file.version.into(),
        ..PriceTable::default()
    };
    table.insert(file.models);
    Some(table)
}

/// `vendor/model` cut at the first slash: model names may hold more of them.
fn split_name(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or(("", name))
}

impl PriceTable {
    /// The prices that Tollbar ships with.
    #[must_use]
    pub fn builtin() -> Self {
        BUILTIN.clone()
    }

    /// This table with the operator's prices on top, each under `vendor/model`. The version
    /// gets a suffix that depends on the overlay alone, so that a usage row tells which
    /// prices it was made with.
    #[must_use]
    pub fn overlaid(mut self, mut overlay: Vec<(String, Price)>) -> Self {
        if overlay.is_empty() {
            return self;
        }
        overlay.sort_by(|left, right| left.0.cmp(&right.0));
        let text = serde_json::to_string(&overlay).unwrap_or_default();
        self.version = format!("{}+{:08x}", self.version, crc32fast::hash(text.as_bytes())).into();
        self.insert(overlay);
        self
    }

    fn insert(&mut self, prices: impl IntoIterator<Item = (String, Price)>) {
        let table = Arc::make_mut(&mut self.prices);
        for (name, price) in prices {
            let (vendor, model) = split_name(&name);
            table.entry(vendor.to_owned()).or_default().insert(model.to_owned(), price);
        }
    }

    /// The version of the table, written into every usage row.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The same, to be kept in a row without copying it.
    #[must_use]
    pub fn shared_version(&self) -> Arc<str> {
        Arc::clone(&self.version)
    }

    /// The price of a vendor's model: its own entry, else that of the model of which the
    /// vendor documents it to be an alias. Nothing is guessed from similar names.
    #[must_use]
    pub fn price(&self, vendor: &str, model: &str) -> Option<&Price> {
        let models = self.prices.get(vendor)?;
        models.get(model).or_else(|| models.get(self.aliases.get(vendor)?.get(model)?))
    }

    /// What `tokens` of a vendor's model cost. Without tokens, or where the source says that
    /// none were charged: `Free`; with tokens and without a price: `Unpriced`.
    #[must_use]
    pub fn cost(
        &self,
        vendor: &str,
        model: &str,
        tokens: &TokenCounts,
        source: UsageSource,
    ) -> Cost {
        Cost::of(self.price(vendor, model), tokens, source)
    }
}

impl Cost {
    /// What `tokens` cost at `price`: `Free` without tokens or where the source says that none
    /// were charged, `Unpriced` with tokens and without a price.
    #[must_use]
    pub fn of(price: Option<&Price>, tokens: &TokenCounts, source: UsageSource) -> Self {
        if source == UsageSource::None || *tokens == TokenCounts::default() {
            return Self::Free;
        }
        let Some(price) = price else {
            return Self::Unpriced;
        };
        let amount = price.cost(tokens);
        match source {
            UsageSource::Estimate => Cost::Estimated(amount),
            UsageSource::Provider | UsageSource::ProviderPartial | UsageSource::None => {
                Cost::Measured(amount)
            }
        }
    }
}

/// The prices of one step, with every default filled in.
struct Rates {
    input: u64,
    cached_input: u64,
    cache_write: u64,
    cache_write_1h: u64,
    output: u64,
}

impl Price {
    /// The exact cost of `tokens`, rounded once, half up, to a nano-dollar. Counts that no
    /// 64-bit amount can hold saturate.
    #[must_use]
    pub fn cost(&self, tokens: &TokenCounts) -> NanoUsd {
        let rates = self.rates(tokens.input());
        let pico_usd = [
            (tokens.input_fresh, rates.input),
            (tokens.cache_read, rates.cached_input),
            (tokens.cache_write, rates.cache_write),
            (tokens.cache_write_1h, rates.cache_write_1h),
            (tokens.output_visible, rates.output),
            (tokens.reasoning, rates.output),
        ]
        .into_iter()
        .map(|(count, rate)| u128::from(count) * u128::from(rate))
        .fold(0_u128, u128::saturating_add);
        NanoUsd(i64::try_from(pico_usd.saturating_add(500) / 1_000).unwrap_or(i64::MAX))
    }

    /// The rates for a request of `input_tokens`. Above the base step an hour's cache write
    /// costs what the step's cache write costs, because no vendor states a third price.
    fn rates(&self, input_tokens: u64) -> Rates {
        let step = self.tiers.iter().rev().find(|tier| input_tokens > tier.above_tokens);
        if let Some(tier) = step {
            let cache_write = tier.cache_write.unwrap_or(tier.input);
            return Rates {
                input: tier.input,
                cached_input: tier.cached_input.unwrap_or(tier.input),
                cache_write,
                cache_write_1h: cache_write,
                output: tier.output,
            };
        }
        let cache_write = self.cache_write.unwrap_or(self.input);
        Rates {
            input: self.input,
            cached_input: self.cached_input.unwrap_or(self.input),
            cache_write,
            cache_write_1h: self.cache_write_1h.unwrap_or(cache_write),
            output: self.output,
        }
    }
}

#[cfg(test)]
mod tests;
