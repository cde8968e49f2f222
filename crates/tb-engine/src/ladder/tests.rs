//! The order of steps, and what holds for every history.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

const BACKOFF: Backoff = Backoff { base: Duration::from_millis(250), cap: Duration::from_secs(8) };

/// A target that is well.
const WELL: Look =
    Look { closed_until_ms: None, key: KeyChoice::Ready(0), has_budget: true, usual_ms: 0 };

/// Targets as they look now, by number; the others are well.
#[derive(Default)]
struct World(HashMap<usize, Look>);

impl World {
    fn of(looks: impl IntoIterator<Item = (usize, Look)>) -> Self {
        Self(looks.into_iter().collect())
    }

    fn next(&self, ladder: &mut Ladder, now_ms: u64) -> Next {
        let eye = |target: usize, _: &[u32]| self.0.get(&target).copied().unwrap_or(WELL);
        ladder.next(Moment { now_ms, roll: 1.0 }, &eye)
    }
}

fn ladder(rungs: &[usize], allowed: u32) -> Ladder {
    let mut ladder = Ladder::new(rungs[0], allowed, BACKOFF, 60_000);
    ladder.add_rungs(&rungs[1..]);
    ladder
}

fn step(target: usize, cause: Cause, wait_ms: u64) -> Try {
    Try { target, key: 0, cause, wait_ms }
}

/// Climbs down while everything fails the same way: the steps and why it ended.
fn fall(ladder: &mut Ladder, world: &World, fault: Fault) -> (Vec<Try>, GiveUp) {
    let (mut steps, mut now_ms, mut waited_ms) = (Vec::new(), 0, 0);
    loop {
        match world.next(ladder, now_ms) {
            Next::GiveUp(why) => return (steps, why),
            Next::Try(next) if next.wait_ms > 0 => {
                now_ms += next.wait_ms;
                ladder.waited(&next);
                waited_ms += next.wait_ms;
            }
            Next::Try(next) => {
                let next = Try { wait_ms: std::mem::take(&mut waited_ms), ..next };
                ladder.began(&next);
                ladder.failed(&next, now_ms, fault);
                steps.push(next);
            }
        }
    }
}

#[test]
fn one_target_is_asked_three_times_with_growing_waits() {
    let (steps, why) = fall(&mut ladder(&[1], 3), &World::default(), Fault::Passing(0));
    let expected =
        [step(0, Cause::First, 0), step(0, Cause::Retry, 250), step(0, Cause::Retry, 500)];
    assert_eq!((steps.as_slice(), why), (expected.as_slice(), GiveUp::Spent));
}

#[test]
fn other_targets_come_before_a_wait_and_each_fallback_model_has_its_attempt() {
    let (steps, _) = fall(&mut ladder(&[2, 1, 1], 5), &World::default(), Fault::Passing(0));
    let causes: Vec<_> = steps.iter().map(|step| (step.target, step.cause)).collect();
    let expected = [
        (0, Cause::First),
        (1, Cause::NextTarget),
        (0, Cause::Retry),
        (2, Cause::FallbackModel),
        (3, Cause::FallbackModel),
    ];
    assert_eq!(causes, expected);
}

#[test]
fn a_single_attempt_leaves_one_for_each_fallback_model() {
    let (steps, _) = fall(&mut ladder(&[2, 1], 1), &World::default(), Fault::Passing(0));
    assert_eq!(steps, [step(0, Cause::First, 0), step(2, Cause::FallbackModel, 0)]);
}

#[test]
fn a_long_wait_is_passed_over() {
    let mut ladder = ladder(&[1, 1], 3);
    let first = step(0, Cause::First, 0);
    ladder.began(&first);
    ladder.failed(&first, 0, Fault::Passing(6_000));
    let next = World::default().next(&mut ladder, 0);
    assert_eq!(next, Next::Try(step(1, Cause::FallbackModel, 0)));
    assert_eq!(ladder.passed_over(), [(0, Reason::RateLimited)]);
    let eye = |_: usize, _: &[u32]| WELL;
    assert_eq!(ladder.recovers_in_ms(1_000, &eye), None, "the second one is ready");
}

#[test]
fn a_short_wait_is_waited_for() {
    let mut ladder = ladder(&[1], 3);
    let first = step(0, Cause::First, 0);
    ladder.began(&first);
    ladder.failed(&first, 1_000, Fault::Passing(2_000));
    let next = World::default().next(&mut ladder, 1_000);
    assert_eq!(next, Next::Try(step(0, Cause::Retry, 2_250)));
    assert_eq!(ladder.recovers_in_ms(1_000, &|_, _| WELL), Some(2_000));
}

#[test]
fn unhealthy_targets_are_passed_over_with_the_reason() {
    let world = World::of([
        (0, Look { closed_until_ms: Some(9_000), ..WELL }),
        (1, Look { key: KeyChoice::Cooling { index: 1, until_ms: 900 }, ..WELL }),
        (2, Look { key: KeyChoice::Dead, ..WELL }),
    ]);
    let mut ladder = ladder(&[4], 3);
    assert_eq!(world.next(&mut ladder, 0), Next::Try(step(3, Cause::First, 0)));
    let reasons = [(0, Reason::BreakerOpen), (1, Reason::RateLimited), (2, Reason::KeysDead)];
    assert_eq!(ladder.passed_over(), reasons);
}

#[test]
fn all_are_used_rather_than_none() {
    let open = |until_ms| Look { closed_until_ms: Some(until_ms), ..WELL };
    let world = World::of([(0, open(9_000)), (1, open(3_000))]);
    let mut all = ladder(&[2], 3);
    let next = step(1, Cause::AllUnhealthy, 0);
    assert_eq!(world.next(&mut all, 0), Next::Try(next), "a verdict of ours is not waited for");
    assert!(!all.minds_breakers(&next));
    all.began(&next);
    all.failed(&next, 0, Fault::Passing(0));
    let other = step(0, Cause::NextTarget, 0);
    assert_eq!(world.next(&mut all, 0), Next::Try(other));
    assert!(!all.minds_breakers(&other));
}

#[test]
fn a_rate_gate_is_waited_for_where_there_is_nothing_else() {
    let gate = |until_ms| Look { key: KeyChoice::Cooling { index: 0, until_ms }, ..WELL };
    for (opens_ms, wait_ms) in [(3_000, 3_250), (4_900, 0), (60_000, 0)] {
        let world = World::of([(0, gate(opens_ms)), (1, gate(90_000))]);
        let next = step(0, Cause::AllUnhealthy, wait_ms);
        assert_eq!(world.next(&mut ladder(&[2], 3), 0), Next::Try(next), "{opens_ms}");
    }
}

#[test]
fn a_target_without_a_living_key_is_never_asked() {
    let dead = Look { key: KeyChoice::Dead, ..WELL };
    let world = World::of([(0, dead), (1, dead)]);
    assert_eq!(world.next(&mut ladder(&[1, 1], 3), 0), Next::GiveUp(GiveUp::KeysDead));
}

#[test]
fn a_refused_key_costs_no_attempt_and_a_throttled_one_does() {
    for (fault, later) in [(Fault::KeyRefused, true), (Fault::Throttled, false)] {
        let mut ladder = ladder(&[1], 1);
        let first = step(0, Cause::First, 0);
        ladder.began(&first);
        ladder.failed(&first, 0, fault);
        let world = World::of([(0, Look { key: KeyChoice::Ready(1), ..WELL })]);
        let second = Try { key: 1, ..step(0, Cause::NextKey, 0) };
        let expected = if later { Next::Try(second) } else { Next::GiveUp(GiveUp::Spent) };
        assert_eq!(world.next(&mut ladder, 0), expected);
        if later {
            ladder.began(&second);
            ladder.failed(&second, 0, Fault::Passing(0));
            assert_eq!(world.next(&mut ladder, 0), Next::GiveUp(GiveUp::Spent));
        }
    }
}

#[test]
fn a_request_at_fault_ends_the_ladder_but_for_its_own_fallback_models() {
    let mut ladder = ladder(&[2, 1], 3);
    let first = step(0, Cause::First, 0);
    ladder.began(&first);
    ladder.failed(&first, 0, Fault::Callers);
    let world = World::default();
    assert_eq!(world.next(&mut ladder, 0), Next::GiveUp(GiveUp::Refused));
    ladder.go_on_below(&first, &[1]);
    assert_eq!(world.next(&mut ladder, 0), Next::Try(step(3, Cause::FallbackModel, 0)));
}

#[test]
fn what_a_target_lacks_for_good_is_not_asked_again() {
    let (steps, _) = fall(&mut ladder(&[2], 9), &World::default(), Fault::Lasting);
    assert_eq!(steps.len(), 2);
    let (steps, _) = fall(&mut ladder(&[2, 1], 9), &World::default(), Fault::OfRung);
    assert_eq!(steps.len(), 2, "the second target of the rung would say the same");
}

#[test]
fn no_attempt_follows_that_cannot_be_answered_in_time() {
    let slow = World::of([(0, Look { usual_ms: 1_000, ..WELL })]);
    let mut ladder = Ladder::new(1, 3, BACKOFF, 10_000);
    assert!(matches!(slow.next(&mut ladder, 9_500), Next::Try(_)), "the first one may be lucky");
    let first = step(0, Cause::First, 0);
    ladder.began(&first);
    ladder.failed(&first, 9_000, Fault::Passing(0));
    assert_eq!(slow.next(&mut ladder, 9_000), Next::GiveUp(GiveUp::Spent));
    assert_eq!(ladder.passed_over(), [(0, Reason::Deadline)]);
    assert_eq!(slow.next(&mut ladder, 10_000), Next::GiveUp(GiveUp::Deadline));
}

#[test]
fn another_key_does_not_pass_an_open_breaker() {
    for fault in [Fault::Throttled, Fault::KeyRefused] {
        let mut ladder = ladder(&[1, 1], 3);
        let first = step(0, Cause::First, 0);
        ladder.began(&first);
        ladder.failed(&first, 0, fault);
        let closed_until_ms = Some(9_000);
        let look = Look { closed_until_ms, key: KeyChoice::Ready(1), ..WELL };
        let next = World::of([(0, look)]).next(&mut ladder, 0);
        assert_eq!(next, Next::Try(step(1, Cause::FallbackModel, 0)), "{fault:?}");
        assert_eq!(ladder.passed_over(), [(0, Reason::BreakerOpen)]);
    }
}

#[test]
fn what_did_not_let_an_attempt_through_is_set_aside_until_the_next_one() {
    let mut ladder = ladder(&[2], 9);
    let world = World::default();
    ladder.refused(0, Reason::BreakerOpen);
    assert_eq!(world.next(&mut ladder, 0), Next::Try(step(1, Cause::First, 0)));
    assert_eq!(ladder.passed_over(), [(0, Reason::BreakerOpen)]);
    // All are used rather than none, but not more than once.
    ladder.refused(1, Reason::BreakerOpen);
    let last = step(0, Cause::AllUnhealthy, 0);
    assert_eq!(world.next(&mut ladder, 0), Next::Try(last));
    ladder.refused(0, Reason::NoBudget);
    let last = step(1, Cause::AllUnhealthy, 0);
    assert_eq!(world.next(&mut ladder, 0), Next::Try(last));
    ladder.began(&last);
    ladder.failed(&last, 0, Fault::Passing(0));
    assert_eq!(world.next(&mut ladder, 0), Next::Try(step(0, Cause::NextTarget, 0)));
}

#[test]
fn after_a_wait_it_is_decided_again() {
    let waiting = || {
        let mut ladder = ladder(&[1], 3);
        let first = step(0, Cause::First, 0);
        ladder.began(&first);
        ladder.failed(&first, 0, Fault::Passing(2_000));
        let retry = step(0, Cause::Retry, 2_250);
        assert_eq!(World::default().next(&mut ladder, 0), Next::Try(retry));
        ladder.waited(&retry);
        ladder
    };
    let at = |look| World::of([(0, look)]).next(&mut waiting(), 2_250);
    assert_eq!(at(WELL), Next::Try(step(0, Cause::Retry, 0)), "no other wait");
    let other = Try { key: 1, ..step(0, Cause::Retry, 0) };
    assert_eq!(at(Look { key: KeyChoice::Ready(1), ..WELL }), Next::Try(other));
    assert_eq!(at(Look { key: KeyChoice::Dead, ..WELL }), Next::GiveUp(GiveUp::KeysDead));
    assert_eq!(at(Look { closed_until_ms: Some(9_000), ..WELL }), Next::GiveUp(GiveUp::Spent));
    assert_eq!(at(Look { usual_ms: 58_000, ..WELL }), Next::GiveUp(GiveUp::Spent));
    let gate = |until_ms| Look { key: KeyChoice::Cooling { index: 0, until_ms }, ..WELL };
    assert_eq!(at(gate(3_000)), Next::Try(step(0, Cause::Retry, 1_000)), "it closed again");
    assert_eq!(at(gate(4_900)), Next::GiveUp(GiveUp::Spent), "5 s are enough for both waits");
    let late = World::default().next(&mut waiting(), 60_000);
    assert_eq!(late, Next::GiveUp(GiveUp::Deadline));
}

#[test]
fn fallback_models_that_come_late_have_what_is_left() {
    let mut ladder = ladder(&[1], 3);
    for _ in 0..3 {
        let step = step(0, Cause::Retry, 0);
        ladder.began(&step);
        ladder.failed(&step, 0, Fault::Callers);
    }
    ladder.go_on_below(&step(0, Cause::Retry, 0), &[1, 1]);
    assert_eq!(World::default().next(&mut ladder, 0), Next::GiveUp(GiveUp::Spent));
    assert!(ladder.is_spent());
    assert_eq!(ladder.passed_over()[0], (1, Reason::AttemptsSpent));
}

#[test]
fn a_spent_budget_stops_retries() {
    let world = World::of([(0, Look { has_budget: false, ..WELL })]);
    let (steps, why) = fall(&mut ladder(&[1], 3), &world, Fault::Passing(0));
    assert_eq!((steps.len(), why), (1, GiveUp::Spent));
}

/// A provider's keys and a breaker that do what a script says.
#[derive(Debug, Clone)]
struct Scripted {
    closed_until_ms: Option<u64>,
    keys: u32,
    /// When each key is ready; `None` = refused.
    ready_ms: Vec<Option<u64>>,
    usual_ms: u64,
}

impl Scripted {
    fn look(&self, now_ms: u64, tried: &[u32]) -> Look {
        let ready = |key: &u32| {
            self.ready_ms[usize::try_from(*key).unwrap()].is_some_and(|ms| ms <= now_ms)
        };
        let living = (0..self.keys)
            .filter_map(|key| Some((self.ready_ms[usize::try_from(key).unwrap()]?, key)));
        let key = match (0..self.keys).filter(ready).min_by_key(|key| tried.contains(key)) {
            Some(key) => KeyChoice::Ready(key),
            None => living.min().map_or(KeyChoice::Dead, |(until_ms, index)| KeyChoice::Cooling {
                index,
                until_ms,
            }),
        };
        let closed_until_ms = self.closed_until_ms.filter(|until| now_ms < *until);
        Look { closed_until_ms, key, has_budget: true, usual_ms: self.usual_ms }
    }
}

fn scripted() -> impl Strategy<Value = Scripted> {
    let closed = prop::option::of(0u64..20_000);
    (closed, 1u32..4, 0u64..3_000).prop_map(|(closed_until_ms, keys, usual_ms)| Scripted {
        closed_until_ms,
        keys,
        ready_ms: vec![Some(0); usize::try_from(keys).unwrap()],
        usual_ms,
    })
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::Throttled),
        Just(Fault::KeyRefused),
        (0u64..8_000).prop_map(Fault::Passing),
        Just(Fault::Lasting),
        Just(Fault::OfRung),
        Just(Fault::Callers),
    ]
}

proptest! {
    #[test]
    fn every_history_ends_within_attempts_and_deadline(
        rungs in prop::collection::vec(0usize..4, 1..4),
        mut targets in prop::collection::vec(scripted(), 12),
        faults in prop::collection::vec((fault(), 0u64..2_000, 0.0f64..1.0), 80),
        allowed in 1u32..6,
    ) {
        let mut ladder = Ladder::new(rungs[0], allowed, BACKOFF, 20_000);
        ladder.add_rungs(&rungs[1..]);
        let total: usize = rungs.iter().sum();
        let keys: u32 = targets[..total].iter().map(|target| target.keys).sum();
        let most = allowed.max(u32::try_from(rungs.len()).unwrap());
        let (mut now_ms, mut made, mut refused, mut rung) = (0u64, 0u32, 0u32, 0usize);
        let mut waited_ms = 0u64;
        let mut not_before = vec![0u64; total];
        for (fault, took_ms, roll) in faults {
            let seen = targets.clone();
            let eye = |target: usize, tried: &[u32]| seen[target].look(now_ms, tried);
            let next = ladder.next(Moment { now_ms, roll }, &eye);
            prop_assert_eq!(next, ladder.next(Moment { now_ms, roll }, &eye));
            let Next::Try(step) = next else {
                prop_assert!(made <= most + refused, "{} attempts of {}", made, most);
                return Ok(());
            };
            waited_ms += step.wait_ms;
            prop_assert!(waited_ms <= LONGEST_WAIT_MS);
            now_ms += step.wait_ms;
            prop_assert!(now_ms < 20_000);
            if step.wait_ms > 0 {
                ladder.waited(&step);
                continue;
            }
            waited_ms = 0;
            let of_all = step.cause == Cause::AllUnhealthy;
            let key = targets[step.target].ready_ms[usize::try_from(step.key).unwrap()];
            prop_assert!(key.is_some(), "a refused key is not used");
            prop_assert!(of_all || key <= Some(now_ms), "never before its gate opens");
            prop_assert!(now_ms >= not_before[step.target]);
            prop_assert!(of_all || ladder.rung(step.target) >= rung, "never up again");
            prop_assert_eq!(of_all || step.cause == Cause::First || step.cause == Cause::FallbackModel || made > 0, true);
            rung = ladder.rung(step.target);
            ladder.began(&step);
            made += 1;
            now_ms += took_ms;
            let slot = usize::try_from(step.key).unwrap();
            match fault {
                Fault::Throttled => targets[step.target].ready_ms[slot] = Some(now_ms + 700),
                Fault::KeyRefused => {
                    targets[step.target].ready_ms[slot] = None;
                    refused += 1;
                }
                Fault::Passing(wait_ms) => not_before[step.target] = now_ms + wait_ms,
                _ => {}
            }
            ladder.failed(&step, now_ms, fault);
            prop_assert!(made <= most + keys);
        }
        prop_assert!(false, "it never ends");
    }

    #[test]
    fn ends_whatever_targets_look_like_and_let_through(
        rungs in prop::collection::vec(0usize..4, 1..4),
        answers in prop::collection::vec((any_look(), any::<bool>(), 0.0f64..1.0, fault()), 1..40),
        allowed in 1u32..6,
    ) {
        let mut ladder = Ladder::new(rungs[0], allowed, BACKOFF, 60_000);
        ladder.add_rungs(&rungs[1..]);
        let targets: usize = rungs.iter().sum();
        let (mut now_ms, mut made, mut free, mut turns) = (0u64, 0usize, 0usize, 0usize);
        // Looks, passes and rolls are drawn anew each time, without any sense.
        for (look, passes, roll, fault) in answers.iter().cycle() {
            let eye = |_: usize, _: &[u32]| *look;
            let Next::Try(step) = ladder.next(Moment { now_ms, roll: *roll }, &eye) else { break };
            // Before each attempt: each target refuses twice at most, and 5 s have an end.
            turns += 1;
            prop_assert!(turns <= 2 * targets + 5_001);
            if step.wait_ms > 0 {
                now_ms += step.wait_ms;
                ladder.waited(&step);
            } else if !passes {
                ladder.refused(step.target, Reason::BreakerOpen);
            } else {
                ladder.began(&step);
                (turns, made) = (0, made + 1);
                free += usize::from(*fault == Fault::KeyRefused);
                ladder.failed(&step, now_ms, *fault);
                // Keys that were refused are bounded by how many there are; here are 8.
                prop_assert!(made - free <= 6 && made <= 6 + 8 * targets, "{made} attempts");
            }
        }
    }
}

fn any_look() -> impl Strategy<Value = Look> {
    let key = prop_oneof![
        4 => (0u32..8).prop_map(KeyChoice::Ready),
        2 => (0u32..8, 0u64..70_000)
            .prop_map(|(index, until_ms)| KeyChoice::Cooling { index, until_ms }),
        1 => Just(KeyChoice::Dead),
    ];
    let closed = prop::option::of(0u64..70_000);
    (closed, key, any::<bool>(), 0u64..3_000).prop_map(
        |(closed_until_ms, key, has_budget, usual_ms)| Look {
            closed_until_ms,
            key,
            has_budget,
            usual_ms,
        },
    )
}
