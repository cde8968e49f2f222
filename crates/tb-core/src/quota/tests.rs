mod model;

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{Budget, BudgetWindow, Timestamp};

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn budget(window: BudgetWindow, time_zone: &str) -> Budget {
    Budget { amount: NanoUsd(1_000), window, time_zone: Arc::from(time_zone) }
}

fn period(window: BudgetWindow, zone: &str, now: &str) -> (String, String) {
    let period = Period::of(&budget(window, zone), at(now));
    (period.begin.to_rfc3339(), period.end.to_rfc3339())
}

fn assert_period(window: BudgetWindow, (zone, now): (&str, &str), expected: (&str, &str)) {
    let (begin, end) = period(window, zone, now);
    assert_eq!((begin.as_str(), end.as_str()), expected, "{window:?} {zone} {now}");
}

#[test]
fn a_day_has_23_or_25_hours_where_clocks_change() {
    let day = BudgetWindow::Day;
    let spring = ("Europe/Berlin", "2026-03-29T12:00:00Z");
    assert_period(day, spring, ("2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"));
    let autumn = ("Europe/Berlin", "2026-10-25T12:00:00Z");
    assert_period(day, autumn, ("2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"));
    // Midnight itself is skipped here: the day begins at one o'clock.
    let cairo = ("Africa/Cairo", "2026-04-24T12:00:00Z");
    assert_period(day, cairo, ("2026-04-23T22:00:00.000Z", "2026-04-24T21:00:00.000Z"));
}

#[test]
fn weeks_begin_on_monday_and_quarters_in_their_first_month() {
    let sunday = ("UTC", "2026-11-22T23:59:59.999Z");
    assert_period(
        BudgetWindow::Week,
        sunday,
        ("2026-11-16T00:00:00.000Z", "2026-11-23T00:00:00.000Z"),
    );
    let november = ("America/New_York", "2026-11-01T03:59:00Z");
    assert_period(
        BudgetWindow::Month,
        november,
        ("2026-10-01T04:00:00.000Z", "2026-11-01T04:00:00.000Z"),
    );
    assert_period(
        BudgetWindow::Quarter,
        ("Asia/Tokyo", "2026-12-31T15:00:00Z"),
        ("2026-12-31T15:00:00.000Z", "2027-03-31T15:00:00.000Z"),
    );
}

#[test]
fn a_zone_that_nobody_knows_is_utc() {
    let unknown = period(BudgetWindow::Month, "Mars/Olympus", "2026-05-05T05:05:05Z");
    assert_eq!(unknown, period(BudgetWindow::Month, "UTC", "2026-05-05T05:05:05Z"));
}

const ZONES: [&str; 6] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
];

proptest! {
    #[test]
    fn periods_follow_each_other_without_a_gap(
        now in 0_i64..4_000_000_000_000,
        zone in 0..ZONES.len(),
        window in 0..BudgetWindow::ALL.len(),
    ) {
        let budget = budget(BudgetWindow::ALL[window], ZONES[zone]);
        let own = Period::of(&budget, Timestamp(now));
        prop_assert!(own.begin.0 <= now && now < own.end.0, "{own:?}");
        prop_assert_eq!(Period::of(&budget, own.begin), own);
        prop_assert_eq!(Period::of(&budget, own.end.plus_ms(-1)), own);
        prop_assert_eq!(Period::of(&budget, own.end).begin, own.end);
    }
}

fn spends(amount: i64) -> Amount {
    Amount { tokens: 0, money: NanoUsd(amount) }
}

fn limited() -> Limits {
    Limits { budget: Some(budget(BudgetWindow::Month, "UTC")), ..Limits::default() }
}

const NOW: Timestamp = Timestamp(1_790_000_000_000);

/// Spends an amount; the thresholds that are warned of then.
fn spend(account: &mut Account, limits: &Limits, amount: i64, now: Timestamp) -> Vec<u64> {
    account.may_reserve(limits, spends(0), now).unwrap();
    let ticket = account.reserve(spends(amount), now, now.plus_ms(1));
    account.settle(ticket, spends(amount), now);
    account.warnings(limits, false).percents().collect()
}

#[test]
fn warns_once_of_each_threshold_and_anew_in_the_next_period() {
    let (mut account, limits) = (Account::default(), limited());
    let mut warned = |amount, now| spend(&mut account, &limits, amount, now);
    assert_eq!(warned(499, NOW), [0_u64; 0]);
    assert_eq!(warned(1, NOW), [50]);
    assert_eq!(warned(1, NOW), [0_u64; 0]);
    assert_eq!(warned(460, NOW), [80, 95]);
    assert_eq!(warned(39, NOW), [100]);
    assert_eq!(warned(1_000, NOW), [0_u64; 0]);
    let next = NOW.plus_ms(32 * 86_400_000);
    assert_eq!(warned(600, next), [50]);
}

#[test]
fn a_budget_that_refuses_near_its_end_counts_as_spent() {
    let (mut account, limits) = (Account::default(), limited());
    let mut refused = |amount| {
        spend(&mut account, &limits, amount, NOW);
        account.warnings(&limits, true).percents().collect::<Vec<_>>()
    };
    assert_eq!(refused(900), [0_u64; 0]);
    assert_eq!(refused(50), [100]);
    assert_eq!(refused(0), [0_u64; 0]);
}

#[test]
fn a_budget_that_is_changed_warns_of_what_lies_ahead_of_it_then() {
    let (mut account, mut limits) = (Account::default(), limited());
    let amount = |limits: &mut Limits, amount| {
        limits.budget.as_mut().unwrap().amount = NanoUsd(amount);
    };
    assert_eq!(spend(&mut account, &limits, 960, NOW), [50, 80, 95]);
    assert_eq!(account.warnings(&limits, true).percents().collect::<Vec<_>>(), [100]);
    amount(&mut limits, 1_900);
    assert_eq!(spend(&mut account, &limits, 1, NOW), [0_u64; 0], "half was told of already");
    assert_eq!(spend(&mut account, &limits, 600, NOW), [80]);
    assert_eq!(spend(&mut account, &limits, 400, NOW), [95, 100]);
    amount(&mut limits, 4_000);
    amount(&mut limits, 2_000);
    assert_eq!(spend(&mut account, &limits, 1, NOW), [0_u64; 0], "only what is asked for counts");
    amount(&mut limits, 100_000);
    assert_eq!(spend(&mut account, &limits, 1, NOW), [0_u64; 0]);
    amount(&mut limits, 2_000);
    assert_eq!(spend(&mut account, &limits, 1, NOW), [50, 80, 95]);
}

#[test]
fn what_is_restored_is_counted_and_not_warned_of() {
    let (mut account, mut limits) = (Account::default(), limited());
    limits.requests_per_hour = Some(10);
    limits.tokens_per_day = Some(100);
    let fresh = account.prepare(&limits, NOW);
    assert!(fresh.budget);
    account.restore_use(fresh, NOW.plus_ms(-3_000_000), (4, 40));
    account.restore_use(fresh, NOW.plus_ms(-9_000_000), (4, 40));
    account.restore_use(fresh, NOW.plus_ms(-100_000_000), (4, 40));
    account.restore_spent(limits.budget.as_ref().unwrap(), NanoUsd(800));
    assert_eq!(account.prepare(&limits, NOW), Fresh::default());
    let used: Vec<u64> = account.gauges(&limits, NOW).iter().map(|gauge| gauge.used).collect();
    assert_eq!(used, [4, 80, 800]);
    assert_eq!(account.warnings(&limits, false), Thresholds::default());
    assert_eq!(spend(&mut account, &limits, 200, NOW), [95, 100]);
}

#[test]
fn a_refusal_says_when_there_is_room_again() {
    let limits = Limits { tokens_per_minute: Some(100), ..Limits::default() };
    let mut account = Account::default();
    let asked = |tokens| Amount { tokens, money: NanoUsd(0) };
    let start = Timestamp(60_000_000);
    for (after_ms, tokens) in [(0, 60), (30_000, 40)] {
        let now = start.plus_ms(after_ms);
        account.may_reserve(&limits, asked(tokens), now).unwrap();
        account.reserve(asked(tokens), now, now.plus_ms(1_000_000));
    }
    let now = start.plus_ms(40_000);
    let reached = |account: &mut Account, tokens| {
        account.may_reserve(&limits, asked(tokens), now).unwrap_err()
    };
    let first = reached(&mut account, 60);
    assert_eq!((first.used, first.asked, first.most), (100, 60, 100));
    assert_eq!(first.resets_in_ms, 25_000, "65 s after the first 60");
    let second = reached(&mut account, 61);
    assert_eq!(second.resets_in_ms, 55_000, "65 s after the other 40");
    let never = reached(&mut account, 101);
    assert!(never.is_too_much() && !second.is_too_much());
    let later = now.plus_ms(i64::try_from(first.resets_in_ms).unwrap());
    assert_eq!(
        account.may_reserve(&limits, asked(61), later.plus_ms(-1)).map_err(|one| one.used),
        Err(100)
    );
    assert!(account.may_reserve(&limits, asked(60), later).is_ok());
}

#[test]
fn money_of_an_attempt_belongs_to_the_period_in_which_it_began() {
    let (mut account, limits) = (Account::default(), limited());
    let last = at("2026-10-31T23:59:59Z");
    account.may_reserve(&limits, spends(900), last).unwrap();
    let ticket = account.reserve(spends(900), last, last.plus_ms(600_000));
    let first = at("2026-11-01T00:00:05Z");
    assert!(account.may_reserve(&limits, spends(1_000), first).is_ok(), "a new period is empty");
    let other = account.reserve(spends(300), first, first.plus_ms(600_000));
    account.settle(ticket, spends(850), first);
    assert_eq!(account.spent(&limits, first).unwrap().0, NanoUsd(0));
    account.settle(other, spends(250), first);
    assert_eq!(account.spent(&limits, first).unwrap().0, NanoUsd(250));
    assert!(account.is_settled());
}

#[test]
fn a_clock_that_goes_back_frees_nothing() {
    let (mut account, limits) = (Account::default(), limited());
    spend(&mut account, &limits, 1_000, NOW);
    let before = NOW.plus_ms(-40 * 86_400_000);
    assert!(account.may_reserve(&limits, spends(1), before).is_err());
    account.may_enter(&limits, before).unwrap();
    assert!(account.may_reserve(&limits, spends(1), before).is_err(), "it is spent here as well");
}

#[test]
fn a_clock_that_ran_ahead_and_is_set_right_leaves_nothing_stuck() {
    let (mut account, mut limits) = (Account::default(), limited());
    limits.requests_per_minute = Some(2);
    spend(&mut account, &limits, 700, NOW);
    let year_ahead = NOW.plus_ms(366 * 86_400_000);
    account.may_enter(&limits, year_ahead).unwrap();
    account.enter(year_ahead);
    let under_way = account.reserve(spends(100), year_ahead, year_ahead.plus_ms(600_000));
    spend(&mut account, &limits, 50, year_ahead);
    // Set right: what was used counts, and leaves its windows again.
    let now = NOW.plus_ms(60_000);
    account.may_enter(&limits, now).unwrap();
    account.enter(now);
    assert_eq!(account.may_enter(&limits, now).unwrap_err().used, 2);
    assert_eq!(account.spent(&limits, now).unwrap().0, NanoUsd(750));
    account.settle(under_way, spends(90), now);
    assert_eq!(account.spent(&limits, now).unwrap().0, NanoUsd(840));
    assert!(account.may_reserve(&limits, spends(160), now).is_ok());
    assert!(account.may_reserve(&limits, spends(161), now).is_err());
    let later = now.plus_ms(66_000);
    assert!(account.may_enter(&limits, later).is_ok(), "a minute is a minute again");
    // A request that took long is no clock that was set.
    account.enter(later);
    account.may_enter(&limits, later.plus_ms(-500_000)).unwrap();
    account.enter(later);
    assert!(account.may_enter(&limits, later).is_err());
}
