//! The account of one scope.

use super::leases::{Leases, Live, Ticket};
use super::spending::{Spending, Thresholds};
use super::window::Window;
use super::{Amount, Limit, Reached, Room, Standing, nanos};
use crate::{Budget, Limits, NanoUsd, Timestamp};

/// How long somebody waits who is refused because of what is only reserved: reservations are
/// settled all the time.
const SOON_MS: u64 = 1_000;

/// A request that begins so long before the latest moment was no slow one: bodies and queues
/// have shorter time-outs.
const AHEAD_MS: i64 = 600_000;

/// What one scope has used and reserved. It counts what some [`Limits`] asked for so far; a limit
/// that is new is counted from then on, unless what came before is restored.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// The latest moment that was told.
    last_ms: i64,
    /// When something was last taken of it.
    used_ms: i64,
    windows: Vec<Window>,
    running: u64,
    spending: Vec<Spending>,
    leases: Leases,
}

/// What an account did not count before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fresh {
    /// By the place in [`Limit::WINDOWS`].
    windows: [bool; Limit::WINDOWS.len()],
    /// The money of the budget's kind of period.
    pub budget: bool,
}

/// One limit with what is used of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauge {
    /// Which one.
    pub limit: Limit,
    /// Used: requests, tokens, nano-dollars.
    pub used: u64,
    /// Reserved beside that by attempts under way.
    pub reserved: u64,
    /// The most.
    pub most: u64,
    /// When all of it is there again; `None` for requests at the same time.
    pub resets_at: Option<Timestamp>,
}

impl Account {
    /// Whether one more request may be served. A request that begins this long before the latest
    /// moment says that the clock had run ahead and was set right, see `turn_back`.
    ///
    /// # Errors
    /// The first limit that does not allow it.
    pub fn may_enter(&mut self, limits: &Limits, now: Timestamp) -> Result<(), Reached> {
        if self.last_ms.saturating_sub(now.0) > AHEAD_MS {
            self.turn_back(now.0);
        }
        let now_ms = self.advance(limits, now);
        if let Some(most) = limits.concurrent
            && self.running >= most
        {
            let (limit, used) = (Limit::Concurrent, self.running);
            return Err(Reached { limit, used, asked: 1, most, resets_in_ms: SOON_MS });
        }
        for window in &mut self.windows {
            if matches!(window.limit, Limit::Requests(_)) {
                fits(window, limits, (1, now_ms))?;
            }
        }
        Ok(())
    }

    /// One more request is served.
    pub fn enter(&mut self, now: Timestamp) {
        self.running = self.running.saturating_add(1);
        self.used_ms = now.0.max(self.last_ms);
        self.count(self.used_ms, |limit| u64::from(matches!(limit, Limit::Requests(_))));
    }

    /// A request is served no more.
    pub fn leave(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// Whether `asked` may be reserved.
    ///
    /// # Errors
    /// The first limit that does not allow it.
    pub fn may_reserve(
        &mut self,
        limits: &Limits,
        asked: Amount,
        now: Timestamp,
    ) -> Result<(), Reached> {
        let now_ms = self.advance(limits, now);
        for window in &mut self.windows {
            if matches!(window.limit, Limit::Tokens(_)) {
                fits(window, limits, (asked.tokens, now_ms))?;
            }
        }
        let asked = nanos(asked.money);
        match &limits.budget {
            Some(budget) if asked > 0 => self.affords(budget, (asked, now_ms)),
            _ => Ok(()),
        }
    }

    fn affords(&self, budget: &Budget, (asked, now_ms): (u64, i64)) -> Result<(), Reached> {
        let Some(spending) = self.spending(budget) else { return Ok(()) };
        let most = nanos(budget.amount);
        let used = spending.spent.saturating_add(spending.reserved);
        if used.saturating_add(asked) <= most {
            return Ok(());
        }
        let resets_in_ms = if spending.spent.saturating_add(asked) <= most {
            SOON_MS
        } else {
            u64::try_from(spending.period.end.0.saturating_sub(now_ms)).unwrap_or(0)
        };
        Err(Reached { limit: Limit::Budget, used, asked, most, resets_in_ms })
    }

    /// Reserves `asked` until it is settled, or until `lease_end`.
    pub fn reserve(&mut self, asked: Amount, now: Timestamp, lease_end: Timestamp) -> Ticket {
        let at_ms = now.0.max(self.last_ms);
        self.used_ms = at_ms;
        let money = nanos(asked.money);
        self.count(at_ms, |limit| if is_tokens(limit) { asked.tokens } else { 0 });
        for spending in &mut self.spending {
            spending.reserved = spending.reserved.saturating_add(money);
        }
        self.leases.insert(Live {
            at_ms,
            tokens: asked.tokens,
            money,
            grown_at_ms: at_ms,
            grown: 0,
            grown_before: 0,
            lease_end_ms: lease_end.0,
        })
    }

    /// Reserves more under the same lease; nothing when it has ended.
    pub fn grow(&mut self, ticket: Ticket, more: Amount, now: Timestamp) {
        let now_ms = now.0.max(self.last_ms);
        let Some(live) = self.leases.get_mut(ticket) else { return };
        let money = nanos(more.money);
        live.tokens = live.tokens.saturating_add(more.tokens);
        live.money = live.money.saturating_add(money);
        live.grown_before = live.grown_before.saturating_add(live.grown);
        (live.grown_at_ms, live.grown) = (now_ms, more.tokens);
        let began_ms = live.at_ms;
        self.count(now_ms, |limit| if is_tokens(limit) { more.tokens } else { 0 });
        for spending in &mut self.spending {
            if began_ms >= spending.period.begin.0 {
                spending.reserved = spending.reserved.saturating_add(money);
            }
        }
    }

    /// Settles a reservation to what was really used. Where its lease has ended, so that nothing
    /// is reserved any more, what was used counts all the same.
    pub fn settle(&mut self, ticket: Ticket, real: Amount, now: Timestamp) {
        let now_ms = self.pass(now);
        let live = self.leases.take(ticket);
        let reserved = live.map_or(0, |live| live.tokens);
        if let Some(live) = live {
            self.give_back(&live, live.tokens.saturating_sub(real.tokens));
        }
        let beyond = real.tokens.saturating_sub(reserved);
        self.count(now_ms, |limit| if is_tokens(limit) { beyond } else { 0 });
        for spending in &mut self.spending {
            spending.spend(ticket.at_ms, nanos(real.money));
        }
    }

    /// Gives a reservation back of which nothing was used.
    pub fn release(&mut self, ticket: Ticket, now: Timestamp) {
        self.settle(ticket, Amount::default(), now);
    }

    /// The thresholds of the budget that were passed since this was last asked.
    pub fn warnings(&mut self, limits: &Limits, is_refused: bool) -> Thresholds {
        let Some(budget) = &limits.budget else { return Thresholds::default() };
        let spending = self.spending.iter_mut().find(|spending| spending.is_of(budget));
        spending.map_or_else(Thresholds::default, |spending| {
            if is_refused { spending.refused(budget) } else { spending.newly_passed(budget) }
        })
    }

    /// Begins to count what `limits` ask for; says what was not counted before.
    pub fn prepare(&mut self, limits: &Limits, now: Timestamp) -> Fresh {
        let now_ms = self.pass(now);
        self.ensure(limits, now_ms)
    }

    /// Counts requests and tokens of the past, in the windows that are fresh.
    pub fn restore_use(&mut self, fresh: Fresh, at: Timestamp, (requests, tokens): (u64, u64)) {
        self.used_ms = self.used_ms.max(at.0);
        for (limit, is_fresh) in Limit::WINDOWS.iter().zip(fresh.windows) {
            let window = self.windows.iter_mut().find(|window| window.limit == *limit);
            if let Some(window) = window.filter(|_| is_fresh) {
                window.restore(at.0, if is_tokens(*limit) { tokens } else { requests });
            }
        }
    }

    /// Counts money of the budget's present period that was spent before. Thresholds that it
    /// passes are not warned of.
    pub fn restore_spent(&mut self, budget: &Budget, amount: NanoUsd) {
        if let Some(spending) = self.spending.iter_mut().find(|one| one.is_of(budget)) {
            spending.restore(budget, nanos(amount));
        }
    }

    /// What is left of requests and tokens.
    pub fn standing(&mut self, limits: &Limits, now: Timestamp) -> Standing {
        let now_ms = self.advance(limits, now);
        let mut standing = Standing::default();
        for window in &mut self.windows {
            let Some(most) = window.limit.most(limits) else { continue };
            let used = window.used(now_ms);
            let resets_in_ms = if used == 0 { 0 } else { window.leaves_in_ms(now_ms, used) };
            let room = Room { most, left: most.saturating_sub(used), resets_in_ms };
            let kind = match window.limit {
                Limit::Requests(_) => &mut standing.requests,
                _ => &mut standing.tokens,
            };
            *kind = Some(room.tighter(*kind));
        }
        standing
    }

    /// Every limit with what is used of it.
    pub fn gauges(&mut self, limits: &Limits, now: Timestamp) -> Vec<Gauge> {
        let now_ms = self.advance(limits, now);
        let live: u64 = self.leases.live().map(|live| live.tokens).fold(0, u64::saturating_add);
        let mut gauges = Vec::new();
        for window in &mut self.windows {
            let limit = window.limit;
            let Some(most) = limit.most(limits) else { continue };
            let all = window.used(now_ms);
            let reserved = if is_tokens(limit) { live.min(all) } else { 0 };
            let wait = if all == 0 { 0 } else { window.leaves_in_ms(now_ms, all) };
            let resets_at = Some(Timestamp(now_ms).plus_ms(i64::try_from(wait).unwrap_or(0)));
            gauges.push(Gauge { limit, used: all - reserved, reserved, most, resets_at });
        }
        if let Some(most) = limits.concurrent {
            let (limit, used) = (Limit::Concurrent, self.running);
            gauges.push(Gauge { limit, used, reserved: 0, most, resets_at: None });
        }
        if let Some(budget) = &limits.budget
            && let Some(spending) = self.spending(budget)
        {
            gauges.push(Gauge {
                limit: Limit::Budget,
                used: spending.spent,
                reserved: spending.reserved,
                most: nanos(budget.amount),
                resets_at: Some(spending.period.end),
            });
        }
        gauges
    }

    /// What is spent of the budget, in nano-dollars, and when its period ends.
    pub fn spent(&mut self, limits: &Limits, now: Timestamp) -> Option<(NanoUsd, Timestamp)> {
        self.advance(limits, now);
        let spending = self.spending(limits.budget.as_ref()?)?;
        let spent = i64::try_from(spending.spent).unwrap_or(i64::MAX);
        Some((NanoUsd(spent), spending.period.end))
    }

    /// Whether it says nothing that a new account would not say.
    pub fn is_idle(&mut self, now: Timestamp) -> bool {
        let now_ms = self.pass(now);
        self.running == 0
            && self.leases.is_empty()
            && self.spending.iter().all(|spending| spending.spent == 0)
            && self.windows.iter_mut().all(|window| window.used(now_ms) == 0)
    }

    /// When something was last taken of it; looking at it is no use.
    #[must_use]
    pub const fn last_used(&self) -> Timestamp {
        Timestamp(self.used_ms)
    }

    /// Whether nothing is reserved and no request is served.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.running == 0
            && self.leases.is_empty()
            && self.spending.iter().all(|spending| spending.reserved == 0)
    }

    fn advance(&mut self, limits: &Limits, now: Timestamp) -> i64 {
        let now_ms = self.pass(now);
        self.ensure(limits, now_ms);
        now_ms
    }

    /// Takes an earlier moment for the present one, or no window would move and no period begin
    /// until time has caught up. What is counted stays counted, as of now; what was spent in the
    /// period before the clock ran ahead is there again.
    fn turn_back(&mut self, now_ms: i64) {
        (self.last_ms, self.used_ms) = (now_ms, self.used_ms.min(now_ms));
        for window in &mut self.windows {
            window.turn_back(now_ms);
        }
        for spending in &mut self.spending {
            spending.turn_back(now_ms);
        }
    }

    /// Lets time pass: periods begin, leases end.
    fn pass(&mut self, now: Timestamp) -> i64 {
        self.last_ms = self.last_ms.max(now.0);
        for spending in &mut self.spending {
            spending.advance(self.last_ms);
        }
        while let Some(live) = self.leases.take_ended(self.last_ms) {
            self.give_back(&live, live.tokens);
        }
        self.last_ms
    }

    /// Gives back the money of a reservation, and so many of its tokens: the last ones first.
    fn give_back(&mut self, live: &Live, tokens: u64) {
        let of_growth = tokens.min(live.grown);
        let of_beginning = (tokens - of_growth).saturating_sub(live.grown_before);
        for window in self.windows.iter_mut().filter(|window| is_tokens(window.limit)) {
            window.take_back(live.grown_at_ms, of_growth);
            window.take_back(live.at_ms, of_beginning);
        }
        for spending in &mut self.spending {
            spending.give_back(live);
        }
    }

    fn count(&mut self, now_ms: i64, amount: impl Fn(Limit) -> u64) {
        for window in &mut self.windows {
            let amount = amount(window.limit);
            if amount > 0 {
                window.add(now_ms, amount);
            }
        }
    }

    fn ensure(&mut self, limits: &Limits, now_ms: i64) -> Fresh {
        let mut fresh = Fresh::default();
        for (limit, is_fresh) in Limit::WINDOWS.iter().zip(&mut fresh.windows) {
            let is_counted = || self.windows.iter().any(|window| window.limit == *limit);
            if limit.most(limits).is_some() && !is_counted() {
                let (Limit::Requests(span) | Limit::Tokens(span)) = *limit else { continue };
                self.windows.push(Window::new(*limit, span, now_ms));
                *is_fresh = true;
            }
        }
        if let Some(budget) = &limits.budget
            && self.spending(budget).is_none()
        {
            self.spending.push(Spending::new(budget, now_ms));
            fresh.budget = true;
        }
        fresh
    }

    fn spending(&self, budget: &Budget) -> Option<&Spending> {
        self.spending.iter().find(|spending| spending.is_of(budget))
    }
}

const fn is_tokens(limit: Limit) -> bool {
    matches!(limit, Limit::Tokens(_))
}

/// Whether so much more fits into a window.
fn fits(window: &mut Window, limits: &Limits, (asked, now_ms): (u64, i64)) -> Result<(), Reached> {
    let limit = window.limit;
    let Some(most) = limit.most(limits) else { return Ok(()) };
    let used = window.used(now_ms);
    let over = used.saturating_add(asked).saturating_sub(most);
    if over == 0 || asked == 0 {
        return Ok(());
    }
    let resets_in_ms = window.leaves_in_ms(now_ms, over.min(used));
    Err(Reached { limit, used, asked, most, resets_in_ms })
}
