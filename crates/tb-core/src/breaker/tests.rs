//! The breaker's rules one by one, then its laws over random histories.

use proptest::prelude::*;

use super::*;

/// The roll that makes an open time exactly nominal.
const NOMINAL: f64 = 0.5;

fn record(breaker: &mut Breaker, now_ms: u64, verdict: Verdict, times: usize) {
    for _ in 0..times {
        breaker.record(now_ms, verdict, NOMINAL);
    }
}

/// A breaker that opened at `now_ms` for 5 s.
fn opened(now_ms: u64) -> Breaker {
    let mut breaker = Breaker::default();
    record(&mut breaker, now_ms, Verdict::Failure, 5);
    assert_eq!(breaker.opens_at_ms(now_ms), Some(now_ms + 5_000));
    breaker
}

#[test]
fn opens_after_five_failures_in_a_row() {
    let mut breaker = Breaker::default();
    record(&mut breaker, 0, Verdict::Failure, 4);
    record(&mut breaker, 0, Verdict::Success, 1);
    record(&mut breaker, 0, Verdict::Failure, 4);
    assert_eq!(breaker.state(0), BreakerState::Closed);
    assert!(breaker.try_pass(0));
    record(&mut breaker, 0, Verdict::Failure, 1);
    assert_eq!(breaker.state(0), BreakerState::Open);
    assert!(!breaker.would_pass(4_999));
    assert!(!breaker.try_pass(4_999));
}

#[test]
fn opens_when_more_than_half_of_twenty_attempts_failed() {
    let mut breaker = Breaker::default();
    for _ in 0..10 {
        record(&mut breaker, 0, Verdict::Success, 1);
        record(&mut breaker, 0, Verdict::Failure, 1);
    }
    assert_eq!(breaker.failure_share(0), (500, 20));
    assert_eq!(breaker.state(0), BreakerState::Closed);
    record(&mut breaker, 0, Verdict::Failure, 1);
    assert_eq!(breaker.state(0), BreakerState::Open);
}

#[test]
fn judges_no_share_of_fewer_than_twenty_attempts() {
    let mut breaker = Breaker::default();
    for _ in 0..6 {
        record(&mut breaker, 0, Verdict::Failure, 2);
        record(&mut breaker, 0, Verdict::Success, 1);
    }
    record(&mut breaker, 0, Verdict::Failure, 1);
    assert_eq!(breaker.failure_share(0), (684, 19));
    assert_eq!(breaker.state(0), BreakerState::Closed);
    record(&mut breaker, 0, Verdict::Failure, 1);
    assert_eq!(breaker.state(0), BreakerState::Open);
}

#[test]
fn forgets_failures_after_thirty_seconds() {
    let mut breaker = Breaker::default();
    record(&mut breaker, 0, Verdict::Failure, 4);
    record(&mut breaker, 0, Verdict::Success, 4);
    assert_eq!(breaker.failure_share(29_999), (500, 8));
    assert_eq!(breaker.failure_share(30_000), (0, 0));
    record(&mut breaker, 31_000, Verdict::Failure, 1);
    assert_eq!(breaker.failure_share(31_000), (1_000, 1));
}

#[test]
fn ignores_neutral_ends() {
    let mut breaker = Breaker::default();
    record(&mut breaker, 0, Verdict::Failure, 4);
    record(&mut breaker, 0, Verdict::Neutral, 100);
    assert_eq!(breaker.state(0), BreakerState::Closed);
    assert_eq!(breaker.failure_share(0), (1_000, 4));
    // Neutral ends neither lengthen the row of failures nor break it.
    record(&mut breaker, 0, Verdict::Failure, 1);
    record(&mut breaker, 0, Verdict::Neutral, 1);
    assert_eq!(breaker.opens_at_ms(0), Some(5_000));
}

#[test]
fn lets_three_probes_through_and_no_more() {
    let mut breaker = opened(0);
    assert_eq!(breaker.state(5_000), BreakerState::HalfOpen);
    assert_eq!(breaker.opens_at_ms(5_000), None);
    for _ in 0..3 {
        assert!(breaker.try_pass(5_000));
    }
    assert!(!breaker.would_pass(5_000));
    assert!(!breaker.try_pass(5_000));
    // One that succeeded has been used all the same.
    record(&mut breaker, 5_001, Verdict::Success, 1);
    assert!(!breaker.would_pass(5_001));
}

#[test]
fn closes_after_two_probes_succeeded() {
    let mut breaker = opened(0);
    for _ in 0..3 {
        assert!(breaker.try_pass(5_000));
    }
    record(&mut breaker, 5_100, Verdict::Success, 1);
    assert_eq!(breaker.state(5_100), BreakerState::HalfOpen);
    record(&mut breaker, 5_200, Verdict::Success, 1);
    assert_eq!(breaker.state(5_200), BreakerState::Closed);
}

#[test]
fn begins_anew_once_it_has_closed() {
    let mut breaker = opened(0);
    record(&mut breaker, 0, Verdict::Failure, 20);
    assert!(breaker.try_pass(5_000));
    record(&mut breaker, 5_000, Verdict::Failure, 1);
    record(&mut breaker, 15_000, Verdict::Success, 2);
    assert_eq!(breaker.failure_share(15_000), (0, 0));
    // What failed before it opened is forgotten, and so are its longer times.
    record(&mut breaker, 15_000, Verdict::Failure, 4);
    assert_eq!(breaker.state(15_000), BreakerState::Closed);
    record(&mut breaker, 15_000, Verdict::Failure, 1);
    assert_eq!(breaker.opens_at_ms(15_000), Some(20_000));
}

#[test]
fn opens_twice_as_long_each_time_a_probe_fails() {
    let mut breaker = opened(0);
    let mut now_ms = 5_000;
    for open_ms in [10_000, 20_000, 40_000, 60_000, 60_000] {
        assert!(breaker.try_pass(now_ms));
        record(&mut breaker, now_ms, Verdict::Failure, 1);
        assert_eq!(breaker.opens_at_ms(now_ms), Some(now_ms + open_ms));
        now_ms += open_ms;
    }
}

#[test]
fn a_failed_probe_outweighs_one_that_succeeded() {
    let mut breaker = opened(0);
    assert!(breaker.try_pass(5_000));
    assert!(breaker.try_pass(5_000));
    record(&mut breaker, 5_100, Verdict::Success, 1);
    record(&mut breaker, 5_100, Verdict::Failure, 1);
    assert_eq!(breaker.opens_at_ms(5_100), Some(15_100));
    assert!(!breaker.would_pass(15_099));
    assert!(breaker.would_pass(15_100));
}

#[test]
fn gives_back_a_probe_that_ended_neutrally() {
    let mut breaker = opened(0);
    for _ in 0..3 {
        assert!(breaker.try_pass(5_000));
    }
    record(&mut breaker, 5_100, Verdict::Neutral, 1);
    assert!(breaker.try_pass(5_100));
    assert!(!breaker.try_pass(5_100));
    assert_eq!(breaker.state(5_100), BreakerState::HalfOpen);
}

#[test]
fn renews_probes_that_never_report() {
    let mut breaker = opened(0);
    for _ in 0..3 {
        assert!(breaker.try_pass(6_000));
    }
    assert!(!breaker.would_pass(15_999));
    for _ in 0..3 {
        assert!(breaker.try_pass(16_000));
    }
    assert!(!breaker.try_pass(16_000));
    // One more lost set of probes keeps no success from counting.
    record(&mut breaker, 16_100, Verdict::Success, 2);
    assert_eq!(breaker.state(16_100), BreakerState::Closed);
}

#[test]
fn a_failure_while_open_does_not_keep_it_open() {
    let mut breaker = opened(0);
    for now_ms in (0..20_000).step_by(500) {
        record(&mut breaker, now_ms, Verdict::Failure, 1);
    }
    assert_eq!(breaker.state(5_000), BreakerState::HalfOpen);
    assert!(breaker.try_pass(20_000));
    // None of them doubled the time either.
    record(&mut breaker, 20_000, Verdict::Failure, 1);
    assert_eq!(breaker.opens_at_ms(20_000), Some(30_000));
}

#[test]
fn a_late_failure_without_a_probe_under_way_does_not_open_it_again() {
    let mut breaker = opened(0);
    record(&mut breaker, 1_000, Verdict::Success, 1);
    record(&mut breaker, 1_100, Verdict::Failure, 1);
    assert_eq!(breaker.state(1_100), BreakerState::HalfOpen);
    assert!(breaker.would_pass(1_100));
}

#[test]
fn a_success_while_open_counts_as_the_first_of_the_probes() {
    let mut breaker = opened(0);
    record(&mut breaker, 1_000, Verdict::Success, 1);
    assert_eq!(breaker.state(1_000), BreakerState::HalfOpen);
    assert!(breaker.try_pass(1_000));
    assert!(breaker.try_pass(1_000));
    assert!(!breaker.would_pass(1_000));
    record(&mut breaker, 1_100, Verdict::Success, 1);
    assert_eq!(breaker.state(1_100), BreakerState::Closed);
}

#[test]
fn draws_open_times_from_three_to_five_quarters() {
    for (roll, open_ms) in [(0.0, 3_750), (0.5, 5_000), (1.0, 6_250), (9.0, 6_250)] {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            breaker.record(0, Verdict::Failure, roll);
        }
        assert_eq!(breaker.opens_at_ms(0), Some(open_ms), "roll {roll}");
    }
}

#[test]
fn survives_the_ends_of_the_clock() {
    let mut breaker = Breaker::default();
    for now_ms in [u64::MAX, 0, u64::MAX - 1] {
        record(&mut breaker, now_ms, Verdict::Failure, 5);
        assert!(!breaker.would_pass(0));
    }
    // A clock that is behind counts as of the latest attempt, and loses none.
    assert_eq!(breaker.failure_share(0), (1_000, 15));
}

/// What happens to a breaker in a random history.
#[derive(Debug, Clone, Copy)]
enum Event {
    Pass,
    Record(Verdict, f64),
}

fn history() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let pauses = prop_oneof![0_u64..200, 0_u64..40_000];
    let verdict = prop_oneof![
        3 => Just(Verdict::Failure),
        1 => Just(Verdict::Success),
        1 => Just(Verdict::Neutral),
    ];
    let event = prop_oneof![
        Just(Event::Pass),
        (verdict, 0.0..1.0_f64).prop_map(|(verdict, roll)| Event::Record(verdict, roll)),
    ];
    prop::collection::vec((pauses, event), 0..300)
}

proptest! {
    #[test]
    fn keeps_its_promises_over_every_history(history in history()) {
        let (mut breaker, mut now_ms) = (Breaker::default(), 0);
        for (pause_ms, event) in history {
            now_ms += pause_ms;
            let promised = breaker.would_pass(now_ms);
            let state = breaker.state(now_ms);
            prop_assert_eq!(breaker.opens_at_ms(now_ms).is_some(), state == BreakerState::Open);
            match event {
                Event::Pass => {
                    prop_assert_eq!(breaker.try_pass(now_ms), promised);
                    prop_assert_eq!(breaker.state(now_ms), state);
                }
                Event::Record(verdict, roll) => breaker.record(now_ms, verdict, roll),
            }
            match state {
                BreakerState::Closed => prop_assert!(promised),
                BreakerState::Open => prop_assert!(!promised),
                BreakerState::HalfOpen => {}
            }
            // An open time is at most 60 s and a quarter.
            let until_ms = breaker.opens_at_ms(now_ms).unwrap_or(now_ms);
            prop_assert!(until_ms <= now_ms + 75_000);
            prop_assert!(breaker.would_pass(now_ms + 75_000));
        }
    }

    #[test]
    fn lets_at_most_three_probes_through_within_their_life(
        pauses in prop::collection::vec(0_u64..9_000, 1..50),
    ) {
        let mut breaker = opened(0);
        let (mut now_ms, mut passed) = (5_000, Vec::new());
        for pause_ms in pauses {
            now_ms += pause_ms;
            if breaker.try_pass(now_ms) {
                passed.push(now_ms);
            }
        }
        for four in passed.windows(4) {
            prop_assert!(four[3] - four[0] >= PROBE_LIFE_MS);
        }
    }

    #[test]
    fn counts_like_a_list_of_the_attempts(
        attempts in prop::collection::vec((0_u64..12_000, any::<bool>()), 0..60),
        later_ms in 0_u64..40_000,
    ) {
        let (mut window, mut now_ms, mut list) = (Window::default(), 0, Vec::new());
        for (pause_ms, failed) in attempts {
            now_ms += pause_ms;
            window.count(now_ms, failed);
            list.push((now_ms, failed));
        }
        now_ms += later_ms;
        list.retain(|(at_ms, _)| at_ms / 3_000 + 10 > now_ms / 3_000);
        let failures = list.iter().filter(|(_, failed)| *failed).count();
        let (counted, failed) = window.totals(now_ms);
        prop_assert_eq!((counted as usize, failed as usize), (list.len(), failures));
    }
}
