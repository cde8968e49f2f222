//! Prices against figures worked out by hand, and the laws of the arithmetic.

use proptest::prelude::*;

use super::*;

fn price(input: u64, output: u64) -> Price {
    Price {
        input,
        cached_input: None,
        cache_write: None,
        cache_write_1h: None,
        output,
        tiers: Vec::new(),
    }
}

fn tokens(input_fresh: u64, output_visible: u64) -> TokenCounts {
    TokenCounts { input_fresh, output_visible, ..TokenCounts::default() }
}

#[test]
fn reads_the_whole_built_in_table() {
    let table = PriceTable::builtin();
    assert_eq!(table.version(), "2026-11-23");
    assert!(table.prices.values().map(HashMap::len).sum::<usize>() > 200);
    for price in table.prices.values().flat_map(HashMap::values) {
        assert!(price.tiers.is_sorted_by_key(|tier| tier.above_tokens));
    }
    for (vendor, aliases) in table.aliases.iter() {
        for alias in aliases.keys() {
            assert!(table.price(vendor, alias).is_some(), "{vendor}/{alias} leads nowhere");
        }
    }
}

#[test]
fn prices_a_request_as_the_vendor_would() {
    let table = PriceTable::builtin();
    // gpt-4o-mini: 0.15 dollars in, 0.60 out per million.
    let cost =
        table.cost("openai", "gpt-4o-mini-2024-07-18", &tokens(1_000, 100), UsageSource::Provider);
    assert_eq!(cost, Cost::Measured(NanoUsd(210_000)));
    let parts = TokenCounts {
        input_fresh: 1_000,
        cache_read: 10_000,
        cache_write: 1_000,
        cache_write_1h: 1_000,
        output_visible: 50,
        reasoning: 50,
    };
    // claude-haiku-4-5: 1.00 in, 0.10 cached, 1.25 written, 2.00 for an hour, 5.00 out.
    let cost = table.cost("anthropic", "claude-haiku-4-5", &parts, UsageSource::Provider);
    assert_eq!(
        cost,
        Cost::Measured(NanoUsd(1_000_000 + 1_000_000 + 1_250_000 + 2_000_000 + 500_000))
    );
}

#[test]
fn prices_the_whole_request_by_the_step_it_exceeds() {
    let mut stepped = price(1_000_000, 2_000_000);
    stepped.tiers = vec![
        PriceTier {
            above_tokens: 100,
            input: 2_000_000,
            cached_input: None,
            cache_write: None,
            output: 3_000_000,
        },
        PriceTier {
            above_tokens: 200,
            input: 4_000_000,
            cached_input: Some(1_000_000),
            cache_write: None,
            output: 5_000_000,
        },
    ];
    assert_eq!(stepped.cost(&tokens(100, 1)), NanoUsd(100_000 + 2_000));
    assert_eq!(stepped.cost(&tokens(101, 1)), NanoUsd(202_000 + 3_000));
    let cached = TokenCounts { cache_read: 100, ..tokens(101, 1) };
    assert_eq!(stepped.cost(&cached), NanoUsd(404_000 + 100_000 + 5_000));
}

#[test]
fn leaves_unknown_models_unpriced_and_never_zero() {
    let table = PriceTable::builtin();
    for (vendor, model) in [
        ("openai", "gpt-4o-mini-2099-01-01"),
        ("nobody", "gpt-4o"),
        ("cohere", "command-a-plus-05-2026"),
        ("cohere", "embed-multilingual-light-v3.0"),
        ("openai", "gpt-audio"),
        ("openai", "whisper-1"),
    ] {
        let cost = table.cost(vendor, model, &tokens(1, 0), UsageSource::Provider);
        assert_eq!(cost, Cost::Unpriced, "{vendor}/{model}");
    }
}

#[test]
fn tells_free_estimated_and_measured_apart() {
    let table = PriceTable::builtin();
    let cost = |tokens, source| table.cost("openai", "gpt-4o", &tokens, source);
    assert_eq!(cost(tokens(5, 5), UsageSource::None), Cost::Free);
    assert_eq!(cost(tokens(0, 0), UsageSource::Provider), Cost::Free);
    assert!(matches!(cost(tokens(5, 5), UsageSource::Estimate), Cost::Estimated(_)));
    assert!(matches!(cost(tokens(5, 5), UsageSource::ProviderPartial), Cost::Measured(_)));
}

#[test]
fn puts_the_operators_prices_on_top_and_says_so() {
    let overlay =
        || vec![("openai/gpt-4o".to_owned(), price(1, 1)), ("own/m/x".to_owned(), price(2, 2))];
    let table = PriceTable::builtin().overlaid(overlay());
    assert_eq!(table.price("openai", "gpt-4o"), Some(&price(1, 1)));
    assert_eq!(table.price("own", "m/x"), Some(&price(2, 2)));
    assert_ne!(PriceTable::builtin().price("openai", "gpt-4o"), Some(&price(1, 1)));
    let mut turned = overlay();
    turned.reverse();
    assert_eq!(table.version(), PriceTable::builtin().overlaid(turned).version());
    assert!(table.version().starts_with("2026-11-23+"));
    assert_eq!(PriceTable::builtin().overlaid(Vec::new()).version(), "2026-11-23");
}

#[test]
fn lets_a_documented_alias_follow_the_price_of_its_model() {
    let overlay = vec![("anthropic/claude-haiku-4-5-20251001".to_owned(), price(3, 4))];
    let table = PriceTable::builtin().overlaid(overlay);
    assert_eq!(table.price("anthropic", "claude-haiku-4-5"), Some(&price(3, 4)));
}

#[test]
fn saturates_where_no_amount_can_hold_the_cost() {
    let most = TokenCounts {
        input_fresh: u64::MAX,
        cache_read: u64::MAX,
        cache_write: u64::MAX,
        cache_write_1h: u64::MAX,
        output_visible: u64::MAX,
        reasoning: u64::MAX,
    };
    assert_eq!(price(u64::MAX, u64::MAX).cost(&most), NanoUsd(i64::MAX));
}

proptest! {
    #[test]
    fn costs_the_sum_of_its_parts(
        rate_in in 0_u64..100_000_000,
        rate_out in 0_u64..100_000_000,
        counts in prop::array::uniform6(0_u64..10_000_000),
    ) {
        let [input_fresh, cache_read, cache_write, cache_write_1h, output_visible, reasoning] = counts;
        let whole = TokenCounts {
            input_fresh, cache_read, cache_write, cache_write_1h, output_visible, reasoning,
        };
        let price = Price { cached_input: Some(rate_in / 2), ..price(rate_in, rate_out) };
        let parts = [
            TokenCounts { input_fresh, ..TokenCounts::default() },
            TokenCounts { cache_read, ..TokenCounts::default() },
            TokenCounts { cache_write, cache_write_1h, ..TokenCounts::default() },
            TokenCounts { output_visible, ..TokenCounts::default() },
            TokenCounts { reasoning, ..TokenCounts::default() },
        ];
        let summed: NanoUsd = parts.iter().map(|part| price.cost(part)).sum();
        // Each part is rounded by itself, by at most half a nano-dollar.
        prop_assert!((summed.0 - price.cost(&whole).0).abs() <= 3);
    }

    #[test]
    fn never_costs_less_for_more_tokens(
        rate in 0_u64..100_000_000,
        counts in prop::array::uniform6(any::<u64>()),
        more in any::<u64>(),
    ) {
        let [input_fresh, cache_read, cache_write, cache_write_1h, output_visible, reasoning] = counts;
        let fewer = TokenCounts {
            input_fresh, cache_read, cache_write, cache_write_1h, output_visible, reasoning,
        };
        let greater = TokenCounts { input_fresh: input_fresh.saturating_add(more), ..fewer };
        let price = price(rate, rate);
        prop_assert!(price.cost(&greater) >= price.cost(&fewer));
        prop_assert!(price.cost(&fewer).0 >= 0);
    }
}
