//! `limits`, `budget` and `user_limits`, and `[organisation]`.

use tb_core::{Budget, BudgetWindow, Limits, NanoUsd};

use crate::codes::Code;
use crate::reader::{At, Section};
use crate::value::{MicroUsd, TimeZoneName, Word};

/// `[organisation]`; without it nothing is limited.
pub(super) fn organisation(root: &Section<'_>) -> Limits {
    root.table("organisation").map(|own| limits_and_budget(&own)).unwrap_or_default()
}

/// `limits` and `budget` of this table. Faulty ones were reported.
pub(super) fn limits_and_budget(section: &Section<'_>) -> Limits {
    let own = section.table("limits").map(|below| limits(&below)).unwrap_or_default();
    Limits { budget: budget(section), ..own }
}

/// `user_limits`, where the budget stands among the limits.
pub(super) fn user_limits(section: &Section<'_>) -> Limits {
    let Some(below) = section.table("user_limits") else { return Limits::default() };
    Limits { budget: budget(&below), ..limits(&below) }
}

fn limits(section: &Section<'_>) -> Limits {
    let limit = |key: &str| {
        let written = section.optional::<i64>(key)?;
        u64::try_from(written.value).ok()
    };
    Limits {
        requests_per_minute: limit("requests_per_minute"),
        requests_per_hour: limit("requests_per_hour"),
        requests_per_day: limit("requests_per_day"),
        tokens_per_minute: limit("tokens_per_minute"),
        tokens_per_hour: limit("tokens_per_hour"),
        tokens_per_day: limit("tokens_per_day"),
        concurrent: limit("concurrent"),
        budget: None,
    }
}

/// `None` when there is none, or when it was reported.
fn budget(section: &Section<'_>) -> Option<Budget> {
    let below = section.table("budget")?;
    let amount = below.value::<MicroUsd>("amount");
    let window = below.value::<Word<BudgetWindow>>("window");
    let time_zone = below.value::<TimeZoneName>("time_zone");
    let amount = amount.and_then(|amount| nano_usd(&below, &amount));
    Some(Budget { amount: amount?, window: window?.value.0, time_zone: time_zone?.value.0 })
}

fn nano_usd(section: &Section<'_>, amount: &At<MicroUsd>) -> Option<NanoUsd> {
    let nano = i64::try_from(amount.value.0).ok().and_then(|micro| micro.checked_mul(1_000));
    if let Some(nano) = nano.filter(|nano| *nano > 0) {
        return Some(NanoUsd(nano));
    }
    section.reader.report(
        &amount.place,
        Code::OutOfRange,
        "a budget is more than nothing and at most 9,223,372,036 dollars",
        "choose an amount within that range; to switch a service off, revoke its keys",
    );
    None
}
