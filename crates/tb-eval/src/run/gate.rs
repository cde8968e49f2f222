//! How many may ask at once, and whether there is money for one more. One more is let in after as
//! many good answers as are asked at once; when the target is busy the number halves (AIMD).

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Pace, Stopped};

/// Halving again within this time would punish one burst twice.
const SETTLE: Duration = Duration::from_secs(1);

pub(super) struct Gate {
    most: f64,
    max_cost: Option<f64>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    width: f64,
    inside: u32,
    paused_until: Duration,
    halved_at: Option<Duration>,
    spent: f64,
    /// The dearest case yet: what the next may cost.
    dearest: Option<f64>,
    stopped: Option<Stopped>,
}

impl Gate {
    pub(super) fn new(concurrency: u32, max_cost: Option<f64>, spent: f64) -> Self {
        let most = f64::from(concurrency.max(1));
        let state = State {
            width: most,
            inside: 0,
            paused_until: Duration::ZERO,
            halved_at: None,
            spent,
            dearest: None,
            stopped: None,
        };
        Self { most, max_cost, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until one more may ask; `false` when the run is stopped.
    pub(super) fn enter(&self, pace: &dyn Pace) -> bool {
        let mut state = self.state();
        loop {
            if state.stopped.is_some() {
                return false;
            }
            let now = pace.now();
            if now < state.paused_until {
                let rest = state.paused_until.saturating_sub(now);
                drop(state);
                pace.sleep(rest);
                state = self.state();
                continue;
            }
            let has_place = f64::from(state.inside) < state.width.floor().max(1.0);
            if has_place && self.can_pay(&mut state) {
                state.inside = state.inside.saturating_add(1);
                return true;
            }
            if state.stopped.is_none() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else {
                self.changed.notify_all();
            }
        }
    }

    /// Whether one more fits, if each that is asked now costs as much as the dearest yet. The
    /// first is asked alone, so that a price is known.
    fn can_pay(&self, state: &mut State) -> bool {
        let Some(max) = self.max_cost else { return true };
        let asked = f64::from(state.inside);
        let fits = match state.dearest {
            None => state.inside == 0 && state.spent < max,
            Some(each) => state.spent + (asked + 1.0) * each <= max,
        };
        if !fits && state.inside == 0 {
            state.stopped = Some(Stopped::MaxCost);
        }
        fits
    }

    /// An answer came; `cost` is the whole cost of the case where it is known.
    pub(super) fn leave(&self, cost: Option<f64>) {
        let mut state = self.state();
        state.inside = state.inside.saturating_sub(1);
        state.width = (state.width + 1.0 / state.width).min(self.most);
        match cost {
            Some(cost) => {
                state.spent += cost;
                state.dearest = Some(state.dearest.map_or(cost, |dearest| dearest.max(cost)));
            }
            None if self.max_cost.is_some() => {
                state.stopped.get_or_insert(Stopped::PriceUnknown);
            }
            None => {}
        }
        self.changed.notify_all();
    }

    /// The request failed for a reason of its own.
    pub(super) fn leave_failed(&self) {
        let mut state = self.state();
        state.inside = state.inside.saturating_sub(1);
        self.changed.notify_all();
    }

    /// The target is busy: nobody asks for a while, and then half as many do.
    pub(super) fn leave_busy(&self, pause: Duration, pace: &dyn Pace) {
        let now = pace.now();
        let mut state = self.state();
        state.inside = state.inside.saturating_sub(1);
        if state.halved_at.is_none_or(|at| now.saturating_sub(at) >= SETTLE) {
            state.width = (state.width / 2.0).max(1.0);
            state.halved_at = Some(now);
        }
        state.paused_until = state.paused_until.max(now.saturating_add(pause));
        self.changed.notify_all();
    }

    /// Nobody may enter any more.
    pub(super) fn stop(&self, why: Stopped) {
        self.state().stopped.get_or_insert(why);
        self.changed.notify_all();
    }

    pub(super) fn stopped(&self) -> Option<Stopped> {
        self.state().stopped.clone()
    }
}
