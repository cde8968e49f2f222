//! The breaker's rules one by one, then its laws over random histories.

use proptest::prelude::*;

use super::*;

/// The roll that makes an open time exactly nominal.
const NOMINAL: f64 = 0.5;

/// Makes attempts that end at once, be they let through or made nonetheless.
fn record(breaker: &mut Breaker, now_ms: u64, verdict: Verdict, times: usize) {
    for _ in 0..times {
        let pass = breaker.try_pass(now_ms).unwrap_or_else(|| breaker.pass_anyway());
        breaker.record(now_ms, pass, verdict, NOMINAL);
    }
}

/// Ends an attempt.
fn end(breaker: &mut Breaker, now_ms: u64, pass: Pass, verdict: Verdict) {
    breaker.record(now_ms, pass, verdict, NOMINAL);
}

fn passes(breaker: &mut Breaker, now_ms: u64) -> bool {
    breaker.try_pass(now_ms).is_some()
}

fn probes(breaker: &mut Breaker, now_ms: u64) -> [Pass; 3] {
    std::array::from_fn(|_| breaker.try_pass(now_ms).unwrap())
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
    assert!(passes(&mut breaker, 0));
    record(&mut breaker, 0, Verdict::Failure, 1);
    assert_eq!(breaker.state(0), BreakerState::Open);
    assert!(!breaker.would_pass(4_999));
    assert!(!passes(&mut breaker, 4_999));
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
    let [first, ..] = probes(&mut breaker, 5_000);
    assert!(!breaker.would_pass(5_000));
    assert!(!passes(&mut breaker, 5_000));
    // One that succeeded has been used all the same.
    end(&mut breaker, 5_001, first, Verdict::Success);
    assert!(!breaker.would_pass(5_001));
}

#[test]
fn closes_after_two_probes_succeeded() {
    let mut breaker = opened(0);
    let [first, second, _] = probes(&mut breaker, 5_000);
    end(&mut breaker, 5_100, first, Verdict::Success);
    assert_eq!(breaker.state(5_100), BreakerState::HalfOpen);
    end(&mut breaker, 5_200, second, Verdict::Success);
    assert_eq!(breaker.state(5_200), BreakerState::Closed);
}

#[test]
fn closes_once_two_streams_have_opened() {
    let mut breaker = opened(0);
    let [mut first, mut second, mut third] = probes(&mut breaker, 5_000);
    breaker.opened(5_100, &mut first);
    breaker.opened(5_100, &mut first);
    assert_eq!(breaker.state(5_100), BreakerState::HalfOpen, "a stream opens once");
    breaker.opened(5_200, &mut second);
    assert_eq!(breaker.state(5_200), BreakerState::Closed);
    // How they end, and that of the slow one, belongs to a period that is over.
    breaker.opened(5_300, &mut third);
    for pass in [first, second, third] {
        end(&mut breaker, 60_000, pass, Verdict::Failure);
    }
    assert_eq!(breaker.failure_share(60_000), (0, 0));
}

#[test]
fn a_probe_that_breaks_after_it_opened_opens_it_again() {
    let mut breaker = opened(0);
    let [mut first, ..] = probes(&mut breaker, 5_000);
    breaker.opened(5_100, &mut first);
    end(&mut breaker, 5_200, first, Verdict::Failure);
    assert_eq!(breaker.opens_at_ms(5_200), Some(15_200));
}

#[test]
fn a_stream_counts_once_whatever_becomes_of_it() {
    for (verdict, share) in [
        (Verdict::Success, (0, 1)),
        (Verdict::Neutral, (0, 1)),
        (Verdict::Throttled, (0, 1)),
        (Verdict::Failure, (1_000, 1)),
    ] {
        let mut breaker = Breaker::default();
        let mut pass = breaker.try_pass(0).unwrap();
        breaker.opened(0, &mut pass);
        assert_eq!(breaker.failure_share(0), (0, 1), "at once");
        end(&mut breaker, 100, pass, verdict);
        assert_eq!(breaker.failure_share(100), share, "{verdict:?}");
    }
}

#[test]
fn opens_after_five_streams_in_a_row_that_broke() {
    let mut breaker = Breaker::default();
    let stream = |breaker: &mut Breaker, verdict| {
        let mut pass = breaker.try_pass(0).unwrap();
        breaker.opened(0, &mut pass);
        end(breaker, 0, pass, verdict);
    };
    (0..4).for_each(|_| stream(&mut breaker, Verdict::Failure));
    stream(&mut breaker, Verdict::Success);
    (0..4).for_each(|_| stream(&mut breaker, Verdict::Failure));
    assert_eq!(breaker.state(0), BreakerState::Closed);
    stream(&mut breaker, Verdict::Failure);
    assert_eq!(breaker.state(0), BreakerState::Open);
}

#[test]
fn running_streams_stand_against_failures_in_between() {
    let mut breaker = Breaker::default();
    for _ in 0..10 {
        let mut stream = breaker.try_pass(0).unwrap();
        breaker.opened(0, &mut stream);
        record(&mut breaker, 0, Verdict::Failure, 1);
    }
    assert_eq!(breaker.state(0), BreakerState::Closed);
}

#[test]
fn begins_anew_once_it_has_closed() {
    let mut breaker = opened(0);
    record(&mut breaker, 0, Verdict::Failure, 20);
    let probe = breaker.try_pass(5_000).unwrap();
    end(&mut breaker, 5_000, probe, Verdict::Failure);
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
        let probe = breaker.try_pass(now_ms).unwrap();
        end(&mut breaker, now_ms, probe, Verdict::Failure);
        assert_eq!(breaker.opens_at_ms(now_ms), Some(now_ms + open_ms));
        now_ms += open_ms;
    }
}

#[test]
fn a_failed_probe_outweighs_one_that_succeeded() {
    let mut breaker = opened(0);
    let [good, bad, late] = probes(&mut breaker, 5_000);
    end(&mut breaker, 5_100, good, Verdict::Success);
    end(&mut breaker, 5_100, bad, Verdict::Failure);
    assert_eq!(breaker.opens_at_ms(5_100), Some(15_100));
    end(&mut breaker, 5_200, late, Verdict::Success);
    assert!(!breaker.would_pass(15_099), "a probe of the period before is late");
    assert!(breaker.would_pass(15_100));
}

#[test]
fn gives_back_a_probe_that_ended_neutrally() {
    for verdict in [Verdict::Neutral, Verdict::Throttled] {
        let mut breaker = opened(0);
        let [first, ..] = probes(&mut breaker, 5_000);
        end(&mut breaker, 5_100, first, verdict);
        assert!(passes(&mut breaker, 5_100));
        assert!(!passes(&mut breaker, 5_100));
        assert_eq!(breaker.state(5_100), BreakerState::HalfOpen);
    }
}

#[test]
fn renews_probes_that_never_report() {
    let mut breaker = opened(0);
    let [slow, lost, _] = probes(&mut breaker, 6_000);
    assert!(!breaker.would_pass(15_999));
    let [first, ..] = probes(&mut breaker, 16_000);
    assert!(!passes(&mut breaker, 16_000));
    // The place of one that was given up was given away already.
    end(&mut breaker, 16_100, lost, Verdict::Neutral);
    assert!(!passes(&mut breaker, 16_100));
    // One more lost set of probes keeps no success from counting, not even its own.
    end(&mut breaker, 16_100, slow, Verdict::Success);
    end(&mut breaker, 16_100, first, Verdict::Success);
    assert_eq!(breaker.state(16_100), BreakerState::Closed);
}

#[test]
fn a_failure_while_open_does_not_keep_it_open() {
    let mut breaker = opened(0);
    for now_ms in (0..5_000).step_by(500) {
        record(&mut breaker, now_ms, Verdict::Failure, 1);
    }
    assert_eq!(breaker.state(5_000), BreakerState::HalfOpen);
    // None of them doubled the time either.
    let probe = breaker.try_pass(5_000).unwrap();
    end(&mut breaker, 5_000, probe, Verdict::Failure);
    assert_eq!(breaker.opens_at_ms(5_000), Some(15_000));
}

#[test]
fn what_was_made_nonetheless_does_not_open_it_again() {
    let mut breaker = opened(0);
    record(&mut breaker, 1_000, Verdict::Success, 1);
    let _probes = (0..2).map(|_| breaker.try_pass(1_000).unwrap()).collect::<Vec<_>>();
    record(&mut breaker, 1_100, Verdict::Failure, 1);
    assert_eq!(breaker.state(1_100), BreakerState::HalfOpen);
}

#[test]
fn a_success_while_open_counts_as_the_first_of_the_probes() {
    let mut breaker = opened(0);
    record(&mut breaker, 1_000, Verdict::Success, 1);
    assert_eq!(breaker.state(1_000), BreakerState::HalfOpen);
    let probe = breaker.try_pass(1_000).unwrap();
    assert!(passes(&mut breaker, 1_000));
    assert!(!breaker.would_pass(1_000));
    end(&mut breaker, 1_100, probe, Verdict::Success);
    assert_eq!(breaker.state(1_100), BreakerState::Closed);
}

#[test]
fn what_began_in_an_earlier_period_changes_nothing() {
    for verdict in [Verdict::Success, Verdict::Failure, Verdict::Neutral] {
        for opens_first in [false, true] {
            let mut breaker = Breaker::default();
            let mut old: Vec<_> = (0..30).map(|_| breaker.try_pass(0).unwrap()).collect();
            if opens_first {
                old.iter_mut().for_each(|pass| breaker.opened(0, pass));
            }
            record(&mut breaker, 0, Verdict::Failure, 40);
            assert_eq!(breaker.state(0), BreakerState::Open);
            let mut end_some = |breaker: &mut Breaker, now_ms| {
                old.drain(..10).for_each(|pass| end(breaker, now_ms, pass, verdict));
            };
            end_some(&mut breaker, 100);
            assert_eq!(breaker.opens_at_ms(100), Some(5_000), "{verdict:?} while open");
            let [first, second, _] = probes(&mut breaker, 5_000);
            end_some(&mut breaker, 5_100);
            assert_eq!(breaker.state(5_100), BreakerState::HalfOpen, "{verdict:?}");
            assert!(!breaker.would_pass(5_100), "{verdict:?} frees no place of a probe");
            end(&mut breaker, 5_200, first, Verdict::Success);
            end(&mut breaker, 5_200, second, Verdict::Success);
            end_some(&mut breaker, 5_300);
            assert_eq!(breaker.state(5_300), BreakerState::Closed, "{verdict:?}");
            assert_eq!(breaker.failure_share(5_300), (0, 0), "{verdict:?}");
        }
    }
}

#[test]
fn draws_open_times_from_three_to_five_quarters() {
    for (roll, open_ms) in [(0.0, 3_750), (0.5, 5_000), (1.0, 6_250), (9.0, 6_250)] {
        let mut breaker = Breaker::default();
        for _ in 0..5 {
            let pass = breaker.try_pass(0).unwrap();
            breaker.record(0, pass, Verdict::Failure, roll);
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

/// What happens to a breaker in a random history. Attempts that are under way are named by
/// numbers, the remainder of which by how many there are is meant.
#[derive(Debug, Clone, Copy)]
enum Event {
    Pass,
    PassAnyway,
    Opened(usize),
    End(usize, Verdict, f64),
}

fn history() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let pauses = prop_oneof![0_u64..200, 0_u64..40_000];
    let verdict = prop_oneof![
        3 => Just(Verdict::Failure),
        1 => Just(Verdict::Success),
        1 => Just(Verdict::Neutral),
    ];
    let event = prop_oneof![
        2 => Just(Event::Pass),
        1 => Just(Event::PassAnyway),
        1 => any::<usize>().prop_map(Event::Opened),
        3 => (any::<usize>(), verdict, 0.0..1.0_f64)
            .prop_map(|(number, verdict, roll)| Event::End(number, verdict, roll)),
    ];
    prop::collection::vec((pauses, event), 0..300)
}

proptest! {
    #[test]
    fn keeps_its_promises_over_every_history(history in history()) {
        let (mut breaker, mut now_ms) = (Breaker::default(), 0);
        let mut under_way = Vec::new();
        for (pause_ms, event) in history {
            now_ms += pause_ms;
            let promised = breaker.would_pass(now_ms);
            let state = breaker.state(now_ms);
            let period = breaker.period;
            prop_assert_eq!(breaker.opens_at_ms(now_ms).is_some(), state == BreakerState::Open);
            match event {
                Event::Pass => {
                    let passed = breaker.try_pass(now_ms);
                    prop_assert_eq!(passed.is_some(), promised);
                    prop_assert_eq!(breaker.state(now_ms), state);
                    under_way.extend(passed);
                }
                Event::PassAnyway => under_way.push(breaker.pass_anyway()),
                Event::Opened(_) | Event::End(..) if under_way.is_empty() => {}
                Event::Opened(number) => {
                    let number = number % under_way.len();
                    breaker.opened(now_ms, &mut under_way[number]);
                }
                Event::End(number, verdict, roll) => {
                    let pass = under_way.swap_remove(number % under_way.len());
                    let late = pass.period != period;
                    breaker.record(now_ms, pass, verdict, roll);
                    if late {
                        prop_assert_eq!(breaker.state(now_ms), state);
                        prop_assert_eq!(breaker.would_pass(now_ms), promised);
                    }
                }
            }
            match state {
                BreakerState::Closed => prop_assert!(promised),
                BreakerState::Open => prop_assert!(!promised),
                BreakerState::HalfOpen => {}
            }
            let (share, attempts) = breaker.failure_share(now_ms);
            prop_assert!(share <= 1_000 && (attempts > 0 || share == 0));
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
            if breaker.try_pass(now_ms).is_some() {
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
