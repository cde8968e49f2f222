//! `[prices."VENDOR/MODEL"]`

use tb_core::PriceTable;
use tb_core::prices::{Price, PriceTier};

use crate::codes::Code;
use crate::reader::Section;
use crate::value::MicroUsd;

/// The built-in prices with those of the file on top. `None` when one of them is faulty.
pub(crate) fn table(sections: Vec<(String, Section<'_>)>) -> Option<PriceTable> {
    let prices: Vec<_> =
        sections.into_iter().map(|(name, section)| (price(&name, &section), name)).collect();
    let overlay: Option<Vec<_>> =
        prices.into_iter().map(|(price, name)| Some((name, price?))).collect();
    Some(PriceTable::builtin().overlaid(overlay?))
}

fn price(name: &str, section: &Section<'_>) -> Option<Price> {
    if !name.split_once('/').is_some_and(|(vendor, model)| !vendor.is_empty() && !model.is_empty())
    {
        section.reader.report(
            &section.place,
            Code::BadName,
            "prices are named by vendor and model",
            "write [prices.\"vendor/model\"], in quotes",
        );
    }
    let input = section.value::<MicroUsd>("input");
    let output = section.value::<MicroUsd>("output");
    let cached_input = section.optional::<MicroUsd>("cached_input");
    let cache_write = section.optional::<MicroUsd>("cache_write");
    let cache_write_1h = section.optional::<MicroUsd>("cache_write_1h");
    let tiers: Vec<_> = section.tables("tiers").iter().filter_map(|below| tier(below)).collect();
    let rising = tiers.windows(2).all(|pair| match pair {
        [lower, upper] => lower.above_tokens < upper.above_tokens,
        _ => true,
    });
    if let (false, Some(place)) = (rising, section.written_at("tiers")) {
        section.reader.report(
            &place,
            Code::OutOfRange,
            "the tiers are not in rising order of `above_tokens`",
            "sort them, and give each number once",
        );
    }
    Some(Price {
        input: input?.value.0,
        cached_input: cached_input.map(|price| price.value.0),
        cache_write: cache_write.map(|price| price.value.0),
        cache_write_1h: cache_write_1h.map(|price| price.value.0),
        output: output?.value.0,
        tiers,
    })
}

fn tier(section: &Section<'_>) -> Option<PriceTier> {
    let above_tokens = section.value::<i64>("above_tokens");
    let input = section.value::<MicroUsd>("input");
    let output = section.value::<MicroUsd>("output");
    let cached_input = section.optional::<MicroUsd>("cached_input");
    let cache_write = section.optional::<MicroUsd>("cache_write");
    Some(PriceTier {
        above_tokens: u64::try_from(above_tokens?.value).ok()?,
        input: input?.value.0,
        cached_input: cached_input.map(|price| price.value.0),
        cache_write: cache_write.map(|price| price.value.0),
        output: output?.value.0,
    })
}
