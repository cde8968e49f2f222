//! Money of one kind of calendar period.

use std::sync::Arc;

use jiff::tz::TimeZone;

use super::leases::Live;
use super::nanos;
use super::period::{Period, zone};
use crate::{Budget, BudgetWindow, Timestamp};

/// At how many percent of a budget somebody is warned.
pub const WARNING_PERCENTS: [u64; 4] = [50, 80, 95, 100];

/// Some of the [`WARNING_PERCENTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Thresholds(u8);

impl Thresholds {
    /// Those that `spent` of `amount` has passed. Nothing has been passed of a budget of nothing
    /// before something is spent.
    fn passed(spent: u64, amount: u64) -> Self {
        let mut passed = 0;
        for (bit, percent) in WARNING_PERCENTS.iter().enumerate() {
            let threshold = u128::from(amount) * u128::from(*percent);
            if spent > 0 && u128::from(spent) * 100 >= threshold {
                passed |= 1 << bit;
            }
        }
        Self(passed)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their percentages, rising.
    pub fn percents(self) -> impl Iterator<Item = u64> {
        let is_in = move |bit: &usize| self.0 & (1 << bit) != 0;
        WARNING_PERCENTS.iter().enumerate().filter(move |(bit, _)| is_in(bit)).map(|(_, one)| *one)
    }
}

/// Spent and reserved money of the present period.
#[derive(Debug, Clone)]
pub(super) struct Spending {
    window: BudgetWindow,
    time_zone: Arc<str>,
    zone: TimeZone,
    pub(super) period: Period,
    pub(super) spent: u64,
    pub(super) reserved: u64,
    /// The period before the present one, with what was spent in it.
    before: Option<(Period, u64)>,
    warned: Thresholds,
    /// The amount that `warned` is about.
    warned_of: u64,
    /// Reservations from before were not counted here.
    since_ms: i64,
}

impl Spending {
    pub(super) fn new(budget: &Budget, now_ms: i64) -> Self {
        let zone = zone(&budget.time_zone);
        Self {
            window: budget.window,
            time_zone: Arc::clone(&budget.time_zone),
            period: Period::at(budget.window, &zone, Timestamp(now_ms)),
            zone,
            spent: 0,
            reserved: 0,
            before: None,
            warned: Thresholds::default(),
            warned_of: nanos(budget.amount),
            since_ms: now_ms,
        }
    }

    /// Whether it is that of `budget`, whose amount does not matter.
    pub(super) fn is_of(&self, budget: &Budget) -> bool {
        self.window == budget.window && self.time_zone == budget.time_zone
    }

    /// Begins the next period when its time has come.
    pub(super) fn advance(&mut self, now_ms: i64) {
        if now_ms < self.period.end.0 {
            return;
        }
        self.before = Some((self.period, self.spent));
        self.period = Period::at(self.window, &self.zone, Timestamp(now_ms));
        (self.spent, self.reserved) = (0, 0);
        self.warned = Thresholds::default();
    }

    /// The present is earlier than was thought: where the period is an earlier one, what was
    /// spent in it and since counts in it. Nobody is warned of that again.
    pub(super) fn turn_back(&mut self, now_ms: i64) {
        if now_ms >= self.period.begin.0 {
            return;
        }
        self.period = Period::at(self.window, &self.zone, Timestamp(now_ms));
        let before = self.before.take().filter(|(period, _)| *period == self.period);
        self.spent = self.spent.saturating_add(before.map_or(0, |(_, spent)| spent));
        self.warned = Thresholds::passed(self.spent, self.warned_of);
    }

    /// What a reservation holds is given back; that of an earlier period holds nothing here.
    pub(super) fn give_back(&mut self, live: &Live) {
        if live.at_ms >= self.period.begin.0.max(self.since_ms) {
            self.reserved = self.reserved.saturating_sub(live.money);
        }
    }

    /// Money of an attempt that began at `at_ms` was spent: it belongs to the period in which
    /// the attempt began, as its usage row does.
    pub(super) fn spend(&mut self, at_ms: i64, amount: u64) {
        if at_ms >= self.period.begin.0 {
            self.spent = self.spent.saturating_add(amount);
        }
    }

    /// Counts what was spent in this period before; nobody is warned of that again.
    pub(super) fn restore(&mut self, budget: &Budget, amount: u64) {
        self.spent = self.spent.saturating_add(amount);
        self.warned_of = nanos(budget.amount);
        self.warned = Thresholds::passed(self.spent, self.warned_of);
    }

    /// The thresholds that were passed and nobody was told of.
    pub(super) fn newly_passed(&mut self, budget: &Budget) -> Thresholds {
        self.follow(budget);
        let passed = Thresholds::passed(self.spent, nanos(budget.amount));
        let new = passed.0 & !self.warned.0;
        self.warned.0 |= new;
        Thresholds(new)
    }

    /// Of a budget that was raised the thresholds that are ahead again are warned of again.
    fn follow(&mut self, budget: &Budget) {
        let amount = nanos(budget.amount);
        if amount != self.warned_of {
            self.warned_of = amount;
            self.warned.0 &= Thresholds::passed(self.spent, amount).0;
        }
    }

    /// The budget refuses requests: whoever waits for its last percent waits for ever.
    pub(super) fn refused(&mut self, budget: &Budget) -> Thresholds {
        self.follow(budget);
        let [.., nearly, _] = WARNING_PERCENTS;
        let is_nearly_spent =
            u128::from(self.spent) * 100 >= u128::from(nanos(budget.amount)) * u128::from(nearly);
        let whole = 1 << (WARNING_PERCENTS.len() - 1);
        if !is_nearly_spent || self.warned.0 & whole != 0 {
            return Thresholds::default();
        }
        self.warned.0 |= whole;
        Thresholds(whole)
    }
}
