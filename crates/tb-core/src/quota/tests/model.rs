//! An account against a model that keeps every event and adds them up anew each time.

use std::sync::Arc;

use proptest::prelude::*;

use super::super::*;
use crate::{Budget, BudgetWindow, Timestamp};

/// What may happen.
#[derive(Debug, Clone)]
enum Op {
    Enter,
    Leave,
    Reserve { tokens: u64, money: i64, lease_ms: i64 },
    Grow { which: usize, tokens: u64, money: i64 },
    Settle { which: usize, tokens: u64, money: i64 },
    Release { which: usize },
    Wait { ms: i64 },
}

fn op() -> impl Strategy<Value = Op> {
    let wait = prop_oneof![
        4 => 0_i64..7_000,
        3 => 0_i64..90_000,
        2 => 0_i64..5_000_000,
        1 => 0_i64..200_000_000,
        1 => Just(5_000_i64),
        1 => Just(60_000_i64),
        1 => -5_000_i64..0,
    ];
    let amounts = || (0_u64..60, 0_i64..300);
    prop_oneof![
        3 => Just(Op::Enter),
        2 => Just(Op::Leave),
        4 => (amounts(), 0_i64..100_000)
            .prop_map(|((tokens, money), lease_ms)| Op::Reserve { tokens, money, lease_ms }),
        2 => (0_usize..8, amounts())
            .prop_map(|(which, (tokens, money))| Op::Grow { which, tokens, money }),
        3 => (0_usize..8, amounts())
            .prop_map(|(which, (tokens, money))| Op::Settle { which, tokens, money }),
        1 => (0_usize..8).prop_map(|which| Op::Release { which }),
        5 => wait.prop_map(|ms| Op::Wait { ms }),
    ]
}

/// A reservation as the model sees it. Tokens lie at the moments of its events.
#[derive(Debug, Clone)]
struct Reserved {
    began_ms: i64,
    tokens: Vec<(i64, u64)>,
    money: u64,
    lease_end_ms: i64,
}

#[derive(Debug, Default)]
struct Model {
    requests: Vec<i64>,
    running: u64,
    /// Tokens that are used for good.
    tokens: Vec<(i64, u64)>,
    spent: Vec<(i64, u64)>,
    /// By the index of their tickets; `None` once settled, released or ended.
    reserved: Vec<Option<Reserved>>,
}

impl Model {
    fn pass(&mut self, now_ms: i64) {
        for slot in &mut self.reserved {
            if slot.as_ref().is_some_and(|one| one.lease_end_ms <= now_ms)
                && let Some(ended) = slot.take()
            {
                self.tokens.extend(middle(&ended.tokens));
            }
        }
    }

    fn in_window(events: impl Iterator<Item = (i64, u64)>, span: Span, now_ms: i64) -> u64 {
        let step = |ms: i64| ms.div_euclid(span.step_ms());
        let first = step(now_ms) - i64::try_from(span.steps()).unwrap();
        events.filter(|(ms, _)| step(*ms) >= first).map(|(_, amount)| amount).sum()
    }

    fn requests(&self, span: Span, now_ms: i64) -> u64 {
        Self::in_window(self.requests.iter().map(|ms| (*ms, 1)), span, now_ms)
    }

    fn tokens(&self, span: Span, now_ms: i64) -> u64 {
        let live = self.reserved.iter().flatten().flat_map(|one| one.tokens.iter().copied());
        Self::in_window(self.tokens.iter().copied().chain(live), span, now_ms)
    }

    fn money(&self, budget: &Budget, now_ms: i64) -> (u64, u64) {
        let begin = Period::of(budget, Timestamp(now_ms)).begin.0;
        let spent = self.spent.iter().filter(|(ms, _)| *ms >= begin).map(|(_, one)| one).sum();
        let live = self.reserved.iter().flatten().filter(|one| one.began_ms >= begin);
        (spent, live.map(|one| one.money).sum())
    }

    fn settle(&mut self, (which, began_ms): (usize, i64), real: (u64, u64), now_ms: i64) {
        let live = self.reserved[which].take();
        let mut left = real.0;
        let mut parts = live.map(|one| one.tokens).unwrap_or_default();
        let reserved: u64 = parts.iter().map(|(_, tokens)| tokens).sum();
        // The last growth goes first, then the beginning; what lies between stays.
        let mut unused = reserved.saturating_sub(left);
        left = left.saturating_sub(reserved);
        if parts.len() > 1
            && let Some((_, last)) = parts.last_mut()
        {
            let taken = unused.min(*last);
            *last -= taken;
            unused -= taken;
        }
        let between: u64 = middle(&parts).map(|(_, tokens)| tokens).sum();
        unused = unused.saturating_sub(between);
        if let Some((_, first)) = parts.first_mut() {
            *first -= unused;
        }
        self.tokens.extend(parts);
        self.tokens.push((now_ms, left));
        self.spent.push((began_ms, real.1));
    }
}

/// The growths before the last one.
fn middle(parts: &[(i64, u64)]) -> impl Iterator<Item = (i64, u64)> + '_ {
    let end = parts.len().saturating_sub(1);
    parts.get(1..end.max(1)).unwrap_or_default().iter().copied()
}

fn limits(zone: &str, window: BudgetWindow) -> Limits {
    Limits {
        requests_per_minute: Some(6),
        requests_per_hour: Some(20),
        requests_per_day: Some(40),
        tokens_per_minute: Some(150),
        tokens_per_hour: Some(600),
        tokens_per_day: Some(1_500),
        concurrent: Some(4),
        budget: Some(Budget { amount: NanoUsd(1_200), window, time_zone: Arc::from(zone) }),
    }
}

struct Run {
    limits: Limits,
    account: Account,
    model: Model,
    tickets: Vec<Ticket>,
    /// The latest moment, and the present one.
    clock: (i64, i64),
    /// Every event that was let through, for the real windows.
    let_in: Vec<(i64, u64)>,
}

impl Run {
    fn step(&mut self, op: &Op) -> Result<(), TestCaseError> {
        if let Op::Wait { ms } = *op {
            self.clock.1 += ms;
            self.clock.0 = self.clock.0.max(self.clock.1);
        }
        let (latest, now) = (self.clock.0, Timestamp(self.clock.1));
        self.model.pass(latest);
        match *op {
            Op::Wait { .. } => {}
            Op::Enter => self.enter(latest, now)?,
            Op::Leave => {
                self.account.leave();
                self.model.running = self.model.running.saturating_sub(1);
            }
            Op::Reserve { tokens, money, lease_ms } => {
                self.reserve((tokens, money), latest.saturating_add(lease_ms), (latest, now))?;
            }
            Op::Grow { which, tokens, money } => {
                self.grow(which, (tokens, money), (latest, now))?;
            }
            Op::Settle { which, tokens, money } => {
                self.settle(which, (tokens, money), (latest, now));
            }
            Op::Release { which } => self.settle(which, (0, 0), (latest, now)),
        }
        self.compare(latest, now)
    }

    fn enter(&mut self, latest: i64, now: Timestamp) -> Result<(), TestCaseError> {
        let fits = Span::ALL.iter().all(|span| {
            let most = Limit::Requests(*span).most(&self.limits).unwrap();
            self.model.requests(*span, latest) < most
        });
        let fits = fits && self.model.running < self.limits.concurrent.unwrap();
        let may = self.account.may_enter(&self.limits, now);
        prop_assert_eq!(may.is_ok(), fits, "{:?}", may);
        if fits {
            self.account.enter(now);
            self.model.requests.push(latest);
            self.model.running += 1;
            self.let_in.push((latest, 1));
        }
        Ok(())
    }

    fn fits(&self, (tokens, money): (u64, i64), latest: i64) -> bool {
        let budget = self.limits.budget.as_ref().unwrap();
        let in_windows = Span::ALL.iter().all(|span| {
            let most = Limit::Tokens(*span).most(&self.limits).unwrap();
            tokens == 0 || self.model.tokens(*span, latest) + tokens <= most
        });
        let (spent, reserved) = self.model.money(budget, latest);
        in_windows && (money == 0 || spent + reserved + money.unsigned_abs() <= 1_200)
    }

    fn reserve(
        &mut self,
        asked: (u64, i64),
        lease_end_ms: i64,
        (latest, now): (i64, Timestamp),
    ) -> Result<(), TestCaseError> {
        let amount = Amount { tokens: asked.0, money: NanoUsd(asked.1) };
        let may = self.account.may_reserve(&self.limits, amount, now);
        prop_assert_eq!(may.is_ok(), self.fits(asked, latest), "{:?}", may);
        if may.is_ok() {
            self.tickets.push(self.account.reserve(amount, now, Timestamp(lease_end_ms)));
            self.model.reserved.push(Some(Reserved {
                began_ms: latest,
                tokens: vec![(latest, asked.0)],
                money: asked.1.unsigned_abs(),
                lease_end_ms,
            }));
        }
        Ok(())
    }

    fn grow(
        &mut self,
        which: usize,
        more: (u64, i64),
        (latest, now): (i64, Timestamp),
    ) -> Result<(), TestCaseError> {
        let Some(ticket) = self.tickets.get(which).copied() else { return Ok(()) };
        let amount = Amount { tokens: more.0, money: NanoUsd(more.1) };
        let may = self.account.may_reserve(&self.limits, amount, now);
        prop_assert_eq!(may.is_ok(), self.fits(more, latest), "{:?}", may);
        if may.is_ok() {
            self.account.grow(ticket, amount, now);
            if let Some(live) = &mut self.model.reserved[which] {
                live.tokens.push((latest, more.0));
                live.money += more.1.unsigned_abs();
            }
        }
        Ok(())
    }

    fn settle(&mut self, which: usize, real: (u64, i64), (latest, now): (i64, Timestamp)) {
        if which >= self.tickets.len() {
            return;
        }
        // A ticket is settled once; this one is done with.
        let ticket = self.tickets.remove(which);
        let amount = Amount { tokens: real.0, money: NanoUsd(real.1) };
        self.account.settle(ticket, amount, now);
        let real = (real.0, real.1.unsigned_abs());
        self.model.settle((which, ticket.at_ms), real, latest);
        self.model.reserved.remove(which);
    }

    fn compare(&mut self, latest: i64, now: Timestamp) -> Result<(), TestCaseError> {
        let gauges = self.account.gauges(&self.limits, now);
        for gauge in gauges {
            let all = gauge.used + gauge.reserved;
            let expected = match gauge.limit {
                Limit::Requests(span) => self.model.requests(span, latest),
                Limit::Tokens(span) => self.model.tokens(span, latest),
                Limit::Concurrent => self.model.running,
                Limit::Budget => {
                    let budget = self.limits.budget.as_ref().unwrap();
                    let money = self.model.money(budget, latest);
                    prop_assert_eq!((gauge.used, gauge.reserved), money);
                    continue;
                }
            };
            prop_assert_eq!(all, expected, "{:?}", gauge);
        }
        for span in Span::ALL {
            let inside = |one: &&(i64, u64)| latest - one.0 < span.ms();
            let real: u64 = self.let_in.iter().filter(inside).map(|(_, one)| one).sum();
            prop_assert!(real <= Limit::Requests(span).most(&self.limits).unwrap());
        }
        Ok(())
    }
}

const BEGINNINGS: [i64; 4] = [
    // Before the clocks change in Berlin, in New York, and in Cairo at midnight.
    1_774_742_000_000,
    1_793_505_000_000,
    1_776_970_000_000,
    1_790_000_000_001,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]
    #[test]
    fn an_account_says_what_the_model_says(
        ops in proptest::collection::vec(op(), 1..80),
        zone in 0..super::ZONES.len(),
        window in 0..BudgetWindow::ALL.len(),
        beginning in 0..BEGINNINGS.len(),
    ) {
        let begin = BEGINNINGS[beginning];
        let limits = limits(super::ZONES[zone], BudgetWindow::ALL[window]);
        let mut run = Run {
            limits,
            account: Account::default(),
            model: Model::default(),
            tickets: Vec::new(),
            clock: (begin, begin),
            let_in: Vec::new(),
        };
        run.account.prepare(&run.limits, Timestamp(begin));
        for op in ops {
            run.step(&op)?;
        }
        // Leases end by themselves; a day later nothing is left, whatever was not settled.
        let end = Timestamp(run.clock.0.saturating_add(100_000));
        (0..run.model.running).for_each(|_| run.account.leave());
        run.account.prepare(&run.limits, end);
        prop_assert!(run.account.is_settled());
        let next = end.plus_ms(93 * 86_400_000);
        prop_assert!(run.account.is_idle(next));
    }
}
