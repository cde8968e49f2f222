//! What one request has taken of its accounts, and gives back.

use std::sync::Arc;

use tb_core::quota::{Account, Amount, Limit, Standing, Thresholds, Ticket};
use tb_core::{NanoUsd, Price, Timestamp, TokenCounts};
use tb_providers::AnswerFacts;

use super::claim::Stated;
use super::scopes::{Bound, SCOPES, Scopes};
use super::warning::BudgetWarning;
use super::{LATEST, Ledger};
use crate::admission::{LimitReached, LimitScope};
use crate::estimate;
use crate::runtime::RunningTarget;

/// A reservation grows by half of what it was for, and by this at least, in tokens.
const LEAST_STEP: u64 = 256;

/// A client that said how long its answer may be is believed, and the provider to keep to it: the
/// estimate from bytes may be wrong by this factor before the reservation grows.
const ESTIMATE_SLACK: u64 = 2;

/// A lease ends so long after the deadline of its request, in milliseconds: what is read of an
/// answer after its client left, and what is written then, is done by that time.
const LEASE_MARGIN_MS: i64 = 300_000;

/// What a request takes of the accounts of its scopes. Dropped, it gives back what it still has.
pub(crate) struct Claim {
    ledger: Arc<Ledger>,
    scopes: Scopes,
    /// How long the client says that the answer may be.
    stated: Stated,
    /// The gateway's own question on behalf of the caller: it is accounted and never refused.
    is_own: bool,
    has_entered: bool,
    /// How long attempts may take from their beginning.
    longest_ms: i64,
    hold: Option<Hold>,
}

/// What an attempt under way has reserved.
struct Hold {
    tickets: [Option<Ticket>; SCOPES],
    /// With the input estimate and the output that is paid for so far.
    counts: TokenCounts,
    amount: Amount,
    target: Arc<RunningTarget>,
    output: Output,
}

/// What an answer has that is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Nothing,
    /// Tokens of text, which are counted as they pass.
    Text,
    /// Images or sound. Where the model has a price, the provider tells the tokens at the end.
    Pieces,
}

/// What an attempt needs.
pub(crate) struct Need {
    /// The estimate.
    pub(crate) input_tokens: u64,
    /// What the answer has.
    pub(crate) output: Output,
    /// When the attempt begins.
    pub(crate) at: Timestamp,
}

impl Claim {
    pub(super) fn new(ledger: Arc<Ledger>, scopes: Scopes, stated: Stated) -> Self {
        Self {
            ledger,
            scopes,
            stated,
            is_own: false,
            has_entered: false,
            longest_ms: 0,
            hold: None,
        }
    }

    /// The same for a question of the gateway's own.
    pub(super) fn of_own(mut self) -> Self {
        self.is_own = true;
        self
    }

    /// Takes a place for the request in every scope, or in none.
    pub(super) fn enter(&mut self, now: Timestamp) -> Result<(), Box<LimitReached>> {
        let mut accounts = self.scopes.lock();
        for (bound, account) in accounts.iter_mut().flatten() {
            account.may_enter(bound.limits(), now).map_err(|reached| bound.reached(reached))?;
        }
        accounts.iter_mut().flatten().for_each(|(_, account)| account.enter(now));
        self.has_entered = true;
        Ok(())
    }

    /// Notes how long the request may take.
    pub(crate) fn expect_end(&mut self, in_ms: i64) {
        self.longest_ms = in_ms;
    }

    /// Reserves what an attempt at `target` may use in every scope, or in none.
    pub(crate) fn reserve(
        &mut self,
        target: &Arc<RunningTarget>,
        need: &Need,
    ) -> Result<(), Box<LimitReached>> {
        self.release();
        let output = match need.output {
            Output::Nothing => 0,
            Output::Pieces if target.price.is_none() => 0,
            Output::Text | Output::Pieces => self.output_bound(target),
        };
        let counts = TokenCounts {
            input_fresh: need.input_tokens,
            output_visible: output,
            ..TokenCounts::default()
        };
        let amount = amount(&counts, target.price.as_ref());
        let lease_end = need.at.plus_ms(self.longest_ms.saturating_add(LEASE_MARGIN_MS));
        let tickets =
            self.take(amount, need.at, |_, account| account.reserve(amount, need.at, lease_end))?;
        let (output, target) = (need.output, Arc::clone(target));
        self.hold = Some(Hold { tickets, counts, amount, target, output });
        Ok(())
    }

    /// Does `take` to every account where each of them allows `amount`, and else to none.
    fn take<T>(
        &self,
        amount: Amount,
        at: Timestamp,
        mut take: impl FnMut(usize, &mut Account) -> T,
    ) -> Result<[Option<T>; SCOPES], Box<LimitReached>> {
        let mut accounts = self.scopes.lock();
        let refused = accounts.iter_mut().flatten().find_map(|(bound, account)| {
            let reached = account.may_reserve(bound.limits(), amount, at).err()?;
            (!self.is_own).then(|| {
                let is_budget = reached.limit == Limit::Budget;
                let passed = is_budget.then(|| Passed::of(bound, account, true)).flatten();
                (reached, *bound, passed)
            })
        });
        if let Some((reached, bound, passed)) = refused {
            drop(accounts);
            passed.inspect(|passed| passed.tell(&self.ledger));
            return Err(bound.reached(reached));
        }
        let mut place = 0;
        Ok(accounts.each_mut().map(|account| {
            place += 1;
            account.as_mut().map(|(_, account)| take(place - 1, account))
        }))
    }

    /// Whether more output was seen than is reserved.
    pub(crate) fn is_outgrown(&self, facts: &AnswerFacts) -> bool {
        let Some(hold) = &self.hold else { return false };
        hold.output == Output::Text && self.seen(facts) > hold.counts.output_visible
    }

    /// The output tokens that were seen so far.
    fn seen(&self, facts: &AnswerFacts) -> u64 {
        let told = facts.tokens.map_or(0, |tokens| tokens.output());
        let slack = if self.stated.each.is_some() { ESTIMATE_SLACK } else { 1 };
        told.max(estimate::tokens(facts.output_bytes) / slack)
    }

    /// Reserves what was seen and a step more; where that is not allowed, what was seen.
    pub(crate) fn grow(
        &mut self,
        facts: &AnswerFacts,
        at: Timestamp,
    ) -> Result<(), Box<LimitReached>> {
        let seen = self.seen(facts);
        let Some(hold) = &self.hold else { return Ok(()) };
        let step = (hold.counts.output_visible / 2).max(LEAST_STEP);
        self.grow_to(seen.saturating_add(step), at).or_else(|_| self.grow_to(seen, at))
    }

    fn grow_to(&mut self, output_tokens: u64, at: Timestamp) -> Result<(), Box<LimitReached>> {
        let Some(hold) = &self.hold else { return Ok(()) };
        let counts = TokenCounts { output_visible: output_tokens, ..hold.counts };
        let whole = amount(&counts, hold.target.price.as_ref());
        let more = Amount {
            tokens: whole.tokens.saturating_sub(hold.amount.tokens),
            money: NanoUsd(whole.money.0.saturating_sub(hold.amount.money.0).max(0)),
        };
        self.take(more, at, |place, account| {
            if let Some(ticket) = hold.tickets.get(place).copied().flatten() {
                account.grow(ticket, more, at);
            }
        })?;
        if let Some(hold) = &mut self.hold {
            (hold.counts, hold.amount) = (counts, whole);
        }
        Ok(())
    }

    /// Settles the attempt under way to what it used. `told` are the output tokens of a whole
    /// answer, as its provider tells them.
    pub(crate) fn settle(&mut self, real: Amount, told: Option<u64>, at: Timestamp) {
        let Some(hold) = self.hold.take() else { return };
        if let Some(tokens) = told.filter(|_| hold.output != Output::Nothing) {
            let tokens = tokens / self.stated.answers.max(1);
            // An answer that was cut where its client asked for that says nothing of how long
            // others are, or whoever asks for one word lowers the bound for all.
            if self.stated.each.is_none_or(|each| tokens < each) {
                self.ledger.outputs.note(&hold.target.model, tokens);
            }
        }
        for (bound, ticket) in self.scopes.0.iter().zip(hold.tickets) {
            let (Some(bound), Some(ticket)) = (bound, ticket) else { continue };
            let mut account = bound.account();
            account.settle(ticket, real, at);
            let passed = Passed::of(bound, &mut account, false);
            drop(account);
            passed.inspect(|passed| passed.tell(&self.ledger));
        }
    }

    /// Gives back what is reserved: nothing was sent, or nothing is known of what became of it.
    pub(crate) fn release(&mut self) {
        self.settle(Amount::default(), None, LATEST);
    }

    /// What is left of the request's limits.
    pub(crate) fn standing(&self, now: Timestamp) -> Standing {
        self.scopes.standing(now)
    }

    /// How many output tokens an attempt at `target` may have.
    fn output_bound(&self, target: &RunningTarget) -> u64 {
        let each = self.stated.each.unwrap_or_else(|| self.ledger.outputs.bound(&target.model));
        let most = target.abilities.context_tokens.unwrap_or(u64::MAX);
        each.min(most).saturating_mul(self.stated.answers)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.release();
        if self.has_entered {
            self.scopes.each().for_each(|bound| bound.account().leave());
        }
    }
}

fn amount(counts: &TokenCounts, price: Option<&Price>) -> Amount {
    Amount {
        tokens: counts.input().saturating_add(counts.output()),
        money: price.map_or(NanoUsd(0), |price| price.cost(counts)),
    }
}

/// Thresholds of a budget that were just passed.
struct Passed {
    thresholds: Thresholds,
    scope: LimitScope,
    spent: NanoUsd,
    amount: NanoUsd,
    ends_at: Timestamp,
}

impl Passed {
    fn of(bound: &Bound, account: &mut Account, is_refused: bool) -> Option<Self> {
        let limits = bound.limits();
        let thresholds = account.warnings(limits, is_refused);
        if thresholds.is_empty() {
            return None;
        }
        let (spent, ends_at) = account.spent(limits, LATEST)?;
        let amount = limits.budget.as_ref()?.amount;
        Some(Self { thresholds, scope: bound.scope(), spent, amount, ends_at })
    }

    fn tell(&self, ledger: &Ledger) {
        for percent in self.thresholds.percents() {
            ledger.listener.tell(&BudgetWarning {
                scope: self.scope.clone(),
                percent,
                spent: self.spent,
                amount: self.amount,
                ends_at: self.ends_at,
            });
        }
    }
}
