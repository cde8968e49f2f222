//! Several keys at one provider.

use tb_core::UsageRow;
use tb_engine::KeyHealth;

use crate::gateway::{Ask, Gateway, Outcome, ms};

const KEYS: &str = r#"
    [providers.a]
    dialect = "simulated"
    api_keys = ["sk-first", "sk-second"]
    [models.m]
    targets = [{ provider = "a", model = "x" }]
"#;

fn used(outcome: &Outcome) -> Vec<u32> {
    outcome.rows.iter().filter_map(|row: &UsageRow| row.key_index).collect()
}

fn states(gateway: &Gateway) -> Vec<KeyHealth> {
    gateway.engine.provider_keys().iter().map(|key| key.state).collect()
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_rests_and_the_next_one_is_used_at_once() {
    for fault in ["401", "403", "quota"] {
        let gateway = Gateway::start(KEYS);
        let outcome = gateway.ask(Ask::whole(&format!("[[faults:{fault},ok]]"))).await;
        assert_eq!((outcome.status, outcome.took), (200, ms(0)), "{fault}");
        let [bad, good] = used(&outcome)[..] else { panic!("{outcome:?}") };
        assert_ne!(bad, good);
        assert_eq!(outcome.rows[1].cause.as_str(), "next_key");
        assert!(states(&gateway).contains(&KeyHealth::Disabled));
        let line = r#"tollbar_provider_keys{provider="a",state="disabled"}"#;
        assert_eq!(gateway.metric(line).as_deref(), Some("1"));
        for _ in 0..20 {
            assert_eq!(used(&gateway.ask(Ask::whole("hi")).await), [good]);
        }
        tokio::time::advance(ms(300_000)).await;
        assert_eq!(states(&gateway), [KeyHealth::Live, KeyHealth::Live]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_key_costs_no_attempt() {
    let gateway = Gateway::start(&format!("{KEYS}\nretry = {{ attempts = 1 }}"));
    let outcome = gateway.ask(Ask::whole("[[faults:401,ok]]")).await;
    assert_eq!((outcome.status, outcome.rows.len()), (200, 2));
}

#[tokio::test(start_paused = true)]
async fn when_every_key_is_refused_nothing_more_is_sent() {
    let gateway = Gateway::start(KEYS);
    let outcome = gateway.ask(Ask::whole("[[fault:401]]")).await;
    assert_eq!((outcome.status, outcome.code.as_str()), (502, "upstream_credentials_exhausted"));
    assert_eq!((outcome.rows.len(), outcome.should_retry), (2, Some(false)));
    let outcome = gateway.ask(Ask::whole("hi")).await;
    assert_eq!(outcome.code, "upstream_credentials_exhausted");
    assert_eq!((outcome.rows[0].attempt, outcome.attempts()), (0, ""), "nothing was sent");
    assert_eq!(outcome.rows[0].passed_over.as_deref(), Some("a/x=keys_dead"));
    tokio::time::advance(ms(300_000)).await;
    assert_eq!(gateway.ask(Ask::whole("hi")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_key_cools_and_the_other_one_is_used() {
    let gateway = Gateway::start(KEYS);
    let outcome = gateway.ask(Ask::whole("[[faults:429:60000,ok]]")).await;
    assert_eq!((outcome.status, outcome.attempts()), (200, "a/x=429;a/x=200"));
    assert_eq!((outcome.took, outcome.rows[1].cause.as_str()), (ms(0), "next_key"));
    let [_, good] = used(&outcome)[..] else { panic!("{outcome:?}") };
    for _ in 0..10 {
        assert_eq!(used(&gateway.ask(Ask::whole("hi")).await), [good]);
    }
    let targets = gateway.engine.targets();
    let target = targets.iter().find(|target| target.model == "x").unwrap();
    assert_eq!((target.attempts_in_window, target.failure_permille), (11, 0));
}

#[tokio::test(start_paused = true)]
async fn if_every_key_cools_the_first_to_recover_is_used() {
    let gateway = Gateway::start(KEYS);
    let outcome = gateway.ask(Ask::whole("[[faults:429:60000,429:4000,ok]]")).await;
    assert_eq!(outcome.status, 200);
    assert!((ms(4_000)..=ms(4_500)).contains(&outcome.took), "{:?}", outcome.took);
    let [long, short, last] = used(&outcome)[..] else { panic!("{outcome:?}") };
    assert_ne!(long, short);
    assert_eq!(short, last);
}

#[tokio::test(start_paused = true)]
async fn a_closed_rate_gate_is_waited_for_where_there_is_nothing_else() {
    let config = KEYS.replace(r#", "sk-second""#, "");
    let gateway = Gateway::start(&format!("{config}\nretry = {{ attempts = 1 }}"));
    assert_eq!(gateway.ask(Ask::whole("[[fault:429:3000]]")).await.status, 429);
    let outcome = gateway.ask(Ask::whole("hi")).await;
    assert_eq!(outcome.status, 200);
    assert!((ms(3_000)..=ms(3_250)).contains(&outcome.took), "{:?}", outcome.took);
    assert_eq!(outcome.rows[0].cause.as_str(), "all_unhealthy");
    assert_eq!(gateway.ask(Ask::whole("[[fault:429:30000]]")).await.status, 429);
    let outcome = gateway.ask(Ask::whole("hi")).await;
    assert_eq!((outcome.status, outcome.took), (200, ms(0)), "used rather than nothing");
}

#[tokio::test(start_paused = true)]
async fn keys_are_remembered_until_they_change() {
    let gateway = Gateway::start(KEYS);
    let outcome = gateway.ask(Ask::whole("[[faults:401,ok]]")).await;
    assert_eq!(outcome.rows.len(), 2);
    gateway.apply(KEYS);
    assert!(states(&gateway).contains(&KeyHealth::Disabled));
    gateway.apply(&KEYS.replace("sk-second", "sk-third"));
    assert_eq!(states(&gateway), [KeyHealth::Live, KeyHealth::Live]);
}

#[tokio::test(start_paused = true)]
async fn who_names_models_that_a_key_may_not_use_does_not_take_the_key_from_others() {
    let gateway = Gateway::start(KEYS);
    for number in 0..300 {
        let model = format!("a/secret-{number}");
        let outcome = gateway.ask(Ask::whole("[[fault:403]]").with("model", model.into())).await;
        assert_eq!((outcome.status, outcome.rows.len()), (403, 2), "each key once");
    }
    assert_eq!(states(&gateway), [KeyHealth::Live, KeyHealth::Live]);
    for model in ["m", "a/open"] {
        let outcome = gateway.ask(Ask::whole("hi").with("model", model.into())).await;
        assert_eq!((outcome.status, outcome.rows.len()), (200, 1), "{model}");
    }
}

#[tokio::test(start_paused = true)]
async fn models_that_clients_name_are_throttled_together_and_apart_from_the_others() {
    let gateway = Gateway::start(KEYS);
    for number in 0..300 {
        let model = format!("a/secret-{number}");
        let fault = Ask::whole("[[fault:429:60000]]").with("model", model.into());
        assert_eq!(gateway.ask(fault).await.status, 429);
    }
    let outcome = gateway.ask(Ask::whole("hi")).await;
    assert_eq!((outcome.status, outcome.rows[0].cause.as_str()), (200, "first"));
    let outcome = gateway.ask(Ask::whole("hi").with("model", "a/new".into())).await;
    assert_eq!(outcome.rows[0].cause.as_str(), "all_unhealthy", "its gate is shut");
}

const FORBIDDEN: &str = "[[fault:403]]";

/// Both keys answered just now.
async fn with_keys_that_worked() -> Gateway {
    let gateway = Gateway::start(KEYS);
    while_used(&gateway).await;
    gateway
}

/// Asks until both keys have answered.
async fn while_used(gateway: &Gateway) {
    let mut seen = [false; 2];
    while seen != [true; 2] {
        for key in used(&gateway.ask(Ask::whole("hi")).await) {
            seen[key as usize] = true;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_is_forbidden_takes_no_key_from_others() {
    let gateway = with_keys_that_worked().await;
    for _ in 0..50 {
        let outcome = gateway.ask(Ask::whole(FORBIDDEN)).await;
        assert_eq!((outcome.status, outcome.code.as_str()), (403, "provider_403"));
        assert_eq!((outcome.rows.len(), outcome.should_retry), (1, None));
        assert_eq!(states(&gateway), [KeyHealth::Live, KeyHealth::Live]);
    }
    let outcome = gateway.ask(Ask::whole("[[faults:403,ok]]")).await;
    assert_eq!(outcome.attempts(), "a/x=403", "no other key is asked");
    let view = &gateway.engine.targets()[0];
    assert_eq!((view.state, view.failure_permille), (tb_engine::TargetState::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn another_target_may_answer_what_one_forbids() {
    let config = KEYS.replace(
        r#"targets = [{ provider = "a", model = "x" }]"#,
        r#"targets = [{ provider = "a", model = "x", weight = 1000 }, { provider = "b", model = "y", weight = 0 }]
        [providers.b]
        dialect = "simulated""#,
    );
    let gateway = Gateway::start(&config);
    while_used(&gateway).await;
    let outcome = gateway.ask(Ask::whole("[[faults:403,ok]]")).await;
    assert_eq!((outcome.status, outcome.attempts()), (200, "a/x=403;b/y=200"));
}

#[tokio::test(start_paused = true)]
async fn a_second_key_that_is_forbidden_the_same_request_is_not_refused() {
    let gateway = Gateway::start(KEYS);
    let outcome = gateway.ask(Ask::whole(FORBIDDEN)).await;
    assert_eq!((outcome.status, outcome.attempts()), (403, "a/x=403;a/x=403"));
    let mut states = states(&gateway);
    states.sort_by_key(|state| *state == KeyHealth::Disabled);
    assert_eq!(states, [KeyHealth::Live, KeyHealth::Disabled], "none of them ever worked");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_worked_once_is_refused_after_two_forbidden_requests() {
    let config = KEYS.replace(r#", "sk-second""#, "");
    let gateway = Gateway::start(&config);
    let forbidden = async |code: &str, state: KeyHealth| {
        tokio::time::advance(ms(600_000)).await;
        let outcome = gateway.ask(Ask::whole(FORBIDDEN)).await;
        assert_eq!((outcome.code.as_str(), outcome.rows.len()), (code, 1));
        assert_eq!(states(&gateway), [state]);
    };
    assert_eq!(gateway.ask(Ask::whole("hi")).await.status, 200);
    forbidden("provider_403", KeyHealth::Cooling).await;
    tokio::time::advance(ms(30_000)).await;
    assert_eq!(states(&gateway), [KeyHealth::Live]);
    assert_eq!(gateway.ask(Ask::whole("hi")).await.status, 200);
    forbidden("provider_403", KeyHealth::Cooling).await;
    forbidden("upstream_credentials_exhausted", KeyHealth::Disabled).await;
    tokio::time::advance(ms(300_000)).await;
    assert_eq!(gateway.ask(Ask::whole("hi")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn after_a_403_that_may_be_about_the_key_the_next_one_is_used() {
    let gateway = with_keys_that_worked().await;
    tokio::time::advance(ms(600_000)).await;
    let outcome = gateway.ask(Ask::whole("[[faults:403,ok]]")).await;
    assert_eq!((outcome.status, outcome.attempts()), (200, "a/x=403;a/x=200"));
    let [rests, good] = used(&outcome)[..] else { panic!("{outcome:?}") };
    assert_ne!(rests, good);
    assert_eq!(states(&gateway)[rests as usize], KeyHealth::Cooling);
    for _ in 0..10 {
        assert_eq!(used(&gateway.ask(Ask::whole("hi")).await), [good]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_401_disables_a_key_that_worked_too() {
    let gateway = with_keys_that_worked().await;
    let outcome = gateway.ask(Ask::whole("[[fault:401]]")).await;
    assert_eq!(outcome.code, "upstream_credentials_exhausted");
    assert_eq!(states(&gateway), [KeyHealth::Disabled, KeyHealth::Disabled]);
}

#[tokio::test(start_paused = true)]
async fn a_rate_gate_is_shut_for_five_minutes_at_most() {
    let gateway = Gateway::start(&KEYS.replace(r#", "sk-second""#, ""));
    for _ in 0..2 {
        let outcome = gateway.ask(Ask::whole("[[fault:429:86400000]]")).await;
        assert_eq!((outcome.status, outcome.rows.len()), (429, 1));
        tokio::time::advance(ms(299_999)).await;
        assert_eq!(states(&gateway), [KeyHealth::Cooling]);
        tokio::time::advance(ms(1)).await;
        assert_eq!(states(&gateway), [KeyHealth::Live]);
    }
    assert_eq!(gateway.ask(Ask::whole("hi")).await.rows[0].cause.as_str(), "first");
}

#[tokio::test]
async fn pages_of_metrics_that_are_made_together_count_no_key_twice() {
    let gateway = Gateway::start(KEYS);
    let metrics = gateway.engine.metrics();
    let line = "tollbar_provider_keys{provider=\"a\",state=\"live\"} 2\n";
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let page = metrics.openmetrics(0);
                    assert!(page.contains(line), "{page}");
                }
            });
        }
    });
}
