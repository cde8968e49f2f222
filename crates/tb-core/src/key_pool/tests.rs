//! The pool's rules one by one, then its laws over random histories.

use proptest::prelude::*;

use super::*;

/// How often each key is chosen for evenly spread rolls.
fn shares(pool: &KeyPool, now_ms: u64, tried: &[u32]) -> Vec<usize> {
    let mut counts = vec![0; pool.keys.len()];
    for step in 0..100 {
        match pool.choose("m", now_ms, f64::from(step) / 100.0, tried) {
            KeyChoice::Ready(index) => counts[index as usize] += 1,
            other => panic!("{other:?}"),
        }
    }
    counts
}

#[test]
fn draws_keys_by_weight() {
    assert_eq!(shares(&KeyPool::new(&[1, 3, 6]), 0, &[]), [10, 30, 60]);
    let heavy = KeyPool::new(&[u32::MAX, u32::MAX]);
    assert_eq!(shares(&heavy, 0, &[]), [50, 50]);
}

#[test]
fn gives_a_provider_without_keys_a_pool_of_one() {
    let pool = KeyPool::new(&[]);
    assert_eq!(pool.choose("m", 0, 0.9, &[]), KeyChoice::Ready(0));
    assert_eq!(pool.states(0), [KeyState::Live]);
}

#[test]
fn uses_keys_without_weight_only_when_no_other_is_ready() {
    let mut pool = KeyPool::new(&[0, 2, 0]);
    assert_eq!(shares(&pool, 0, &[]), [0, 100, 0]);
    pool.cool(1, "m", 0, 100);
    assert_eq!(shares(&pool, 0, &[]), [50, 0, 50]);
    assert_eq!(shares(&pool, 100, &[]), [0, 100, 0]);
}

#[test]
fn uses_tried_keys_only_when_no_other_is_ready() {
    let mut pool = KeyPool::new(&[5, 1, 0]);
    assert_eq!(shares(&pool, 0, &[0]), [0, 100, 0]);
    assert_eq!(shares(&pool, 0, &[0, 1]), [0, 0, 100]);
    pool.disable(2, 1_000);
    pool.cool(1, "m", 0, 1_000);
    assert_eq!(shares(&pool, 0, &[0, 1, 2]), [100, 0, 0]);
}

#[test]
fn cools_a_key_for_one_model_alone() {
    let mut pool = KeyPool::new(&[1, 1]);
    pool.cool(0, "m", 0, 500);
    for roll in [0.0, 0.99] {
        assert_eq!(pool.choose("m", 499, roll, &[]), KeyChoice::Ready(1));
    }
    assert_eq!(pool.choose("other", 499, 0.0, &[]), KeyChoice::Ready(0));
    assert_eq!(pool.choose("m", 500, 0.0, &[]), KeyChoice::Ready(0));
    assert_eq!(pool.states(499), [KeyState::Cooling { until_ms: 500 }, KeyState::Live]);
    assert_eq!(pool.states(500), [KeyState::Live, KeyState::Live]);
}

#[test]
fn keeps_the_longer_of_two_waits() {
    let mut pool = KeyPool::new(&[1]);
    pool.cool(0, "m", 0, 500);
    pool.cool(0, "m", 0, 200);
    assert_eq!(pool.choose("m", 300, 0.0, &[]), KeyChoice::Cooling { index: 0, until_ms: 500 });
    pool.cool(0, "m", 0, 900);
    assert_eq!(pool.choose("m", 300, 0.0, &[]), KeyChoice::Cooling { index: 0, until_ms: 900 });
}

#[test]
fn names_the_key_that_recovers_first() {
    let mut pool = KeyPool::new(&[1, 1, 1]);
    pool.cool(0, "m", 0, 900);
    pool.cool(1, "m", 0, 400);
    pool.cool(2, "m", 0, 700);
    assert_eq!(pool.choose("m", 0, 0.0, &[]), KeyChoice::Cooling { index: 1, until_ms: 400 });
    // A refused key is none that recovers, although its moment comes first.
    pool.disable(1, 100);
    assert_eq!(pool.choose("m", 0, 0.0, &[]), KeyChoice::Cooling { index: 2, until_ms: 700 });
}

#[test]
fn is_dead_while_every_key_is_refused() {
    let mut pool = KeyPool::new(&[1, 1]);
    pool.disable(0, 1_000);
    assert_eq!(pool.choose("m", 0, 0.0, &[]), KeyChoice::Ready(1));
    pool.disable(1, 2_000);
    assert_eq!(pool.choose("m", 999, 0.0, &[]), KeyChoice::Dead);
    assert_eq!(pool.choose("any", 999, 0.0, &[]), KeyChoice::Dead);
    // Each is tried again when its time has come.
    assert_eq!(pool.choose("m", 1_000, 0.9, &[]), KeyChoice::Ready(0));
    pool.disable(0, 9_000);
    pool.disable(0, 5_000);
    assert_eq!(
        pool.states(1_500),
        [KeyState::Disabled { until_ms: 9_000 }, KeyState::Disabled { until_ms: 2_000 }]
    );
}

#[test]
fn a_success_lifts_what_was_held_against_the_key() {
    let mut pool = KeyPool::new(&[1]);
    pool.cool(0, "m", 0, 500);
    pool.cool(0, "other", 0, 500);
    pool.disable(0, 900);
    pool.succeeded(0, "m");
    assert_eq!(pool.choose("m", 0, 0.0, &[]), KeyChoice::Ready(0));
    assert_eq!(pool.choose("other", 0, 0.0, &[]), KeyChoice::Cooling { index: 0, until_ms: 500 });
}

#[test]
fn remembers_a_bounded_number_of_models() {
    let mut pool = KeyPool::new(&[1]);
    for number in 0..10_000_u64 {
        pool.cool(0, &format!("model-{number}"), 0, 100 + number);
    }
    assert_eq!(pool.keys[0].cooling.len(), 256);
    // The 256 last moments are kept by model; the latest of the others holds for all models.
    let last_folded = 100 + 10_000 - 256 - 1;
    let choose = |model: &str, now_ms| pool.choose(model, now_ms, 0.0, &[]);
    assert_eq!(choose("model-0", 5_000), KeyChoice::Cooling { index: 0, until_ms: last_folded });
    assert_eq!(choose("model-0", last_folded), KeyChoice::Ready(0));
    assert_eq!(
        choose("model-9999", last_folded),
        KeyChoice::Cooling { index: 0, until_ms: 10_099 }
    );
    pool.succeeded(0, "model-0");
    assert_eq!(pool.choose("model-0", 5_000, 0.0, &[]), KeyChoice::Ready(0));
}

#[test]
fn moments_that_are_over_make_room_first() {
    let mut pool = KeyPool::new(&[1]);
    for number in 0..256_u64 {
        pool.cool(0, &format!("model-{number}"), 0, if number == 0 { 9_000 } else { 100 });
    }
    pool.cool(0, "new", 100, 5_000);
    let choose = |model: &str| pool.choose(model, 100, 0.0, &[]);
    assert_eq!(choose("any"), KeyChoice::Ready(0), "nothing was folded");
    assert_eq!(choose("model-0"), KeyChoice::Cooling { index: 0, until_ms: 9_000 });
    assert_eq!(choose("new"), KeyChoice::Cooling { index: 0, until_ms: 5_000 });
    assert_eq!(pool.keys[0].cooling.len(), 2);
}

#[test]
fn ignores_keys_that_it_does_not_have() {
    let mut pool = KeyPool::new(&[1]);
    pool.cool(1, "m", 0, 500);
    pool.disable(u32::MAX, 500);
    pool.succeeded(7, "m");
    assert_eq!(pool.states(0), [KeyState::Live]);
    assert_eq!(pool.choose("m", 0, f64::NAN, &[3]), KeyChoice::Ready(0));
}

/// What happens to a pool in a random history.
#[derive(Debug, Clone, Copy)]
enum Event {
    Cool(u32, u16, u64),
    Disable(u32, u64),
    Succeeded(u32, u16),
}

fn history() -> impl Strategy<Value = Vec<(u64, Event)>> {
    // Few keys and many models, so that some histories go past what a key remembers.
    let (key, wait) = (0_u32..2, 1_u64..50_000);
    let model = prop_oneof![0_u16..20, 0_u16..2_000];
    let event = prop_oneof![
        500 => (key.clone(), model, wait.clone()).prop_map(|(k, m, w)| Event::Cool(k, m, w)),
        1 => (key.clone(), wait).prop_map(|(k, w)| Event::Disable(k, w)),
        1 => (key, 0_u16..20).prop_map(|(k, m)| Event::Succeeded(k, m)),
    ];
    prop::collection::vec((0_u64..20, event), 0..1_500)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn never_offers_a_key_before_its_time(
        history in history(),
        weights in prop::collection::vec(0_u32..5, 1..4),
        roll in 0.0..1.0_f64,
    ) {
        let (mut pool, mut now_ms) = (KeyPool::new(&weights), 0);
        // A plain record of what the pool was told.
        let mut cooling: HashMap<(u32, u16), u64> = HashMap::new();
        let mut disabled: HashMap<u32, u64> = HashMap::new();
        for (pause_ms, event) in history {
            now_ms += pause_ms;
            let model = match event {
                Event::Cool(key, model, wait_ms) => {
                    pool.cool(key, &model.to_string(), now_ms, now_ms + wait_ms);
                    let until_ms = cooling.entry((key, model)).or_default();
                    *until_ms = (now_ms + wait_ms).max(*until_ms);
                    model
                }
                Event::Disable(key, wait_ms) => {
                    pool.disable(key, now_ms + wait_ms);
                    let until_ms = disabled.entry(key).or_default();
                    *until_ms = (now_ms + wait_ms).max(*until_ms);
                    0
                }
                Event::Succeeded(key, model) => {
                    pool.succeeded(key, &model.to_string());
                    // It lifts the wait that holds for all models too, of which this record
                    // knows only the parts.
                    cooling.retain(|(other, _), _| *other != key);
                    disabled.remove(&key);
                    model
                }
            };
            let is_disabled = |key| disabled.get(&key).is_some_and(|until_ms| now_ms < *until_ms);
            let live = (0..).zip(&weights).filter(|(key, _)| !is_disabled(*key)).count();
            match pool.choose(&model.to_string(), now_ms, roll, &[]) {
                KeyChoice::Ready(key) => {
                    prop_assert!(!is_disabled(key));
                    prop_assert!(cooling.get(&(key, model)).is_none_or(|until| *until <= now_ms));
                }
                KeyChoice::Cooling { index, until_ms } => {
                    prop_assert!(!is_disabled(index));
                    prop_assert!(until_ms > now_ms && until_ms <= now_ms + 50_000);
                }
                KeyChoice::Dead => prop_assert_eq!(live, 0),
            }
            prop_assert!(pool.keys.iter().all(|key| key.cooling.len() <= MODELS));
        }
    }
}
