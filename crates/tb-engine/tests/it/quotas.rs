//! Limits and budgets over the life of requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tb_core::ports::UsageStore;
use tb_core::quota::Limit;
use tb_core::{Cost, EndReason, Surface, UsageRow};
use tb_engine::{BudgetView, BudgetWarning};
use tb_store::MemoryStore;
use tokio::task::JoinSet;

use crate::gateway::{Ask, Gateway};

/// A dollar for a million tokens of input, two for output: a token is a micro-dollar, or two.
const PRICES: &str = "[prices.\"a/x\"]\ninput = 1.0\noutput = 2.0\n\
                      [prices.\"b/y\"]\ninput = 1.0\noutput = 2.0\n";

/// A model `m` at the provider `a`, a service with these limits, and more settings.
fn limited(service: &str, more: &str) -> String {
    format!(
        "[providers.a]\ndialect = \"simulated\"\n[models.m]\n\
         targets = [{{ provider = \"a\", model = \"x\" }}]\n{more}\n\
         [services.default]\npurposes = [\"p\"]\n{service}\n{PRICES}"
    )
}

fn budget(micro_usd: u64) -> String {
    let dollars = format!("{}.{:06}", micro_usd / 1_000_000, micro_usd % 1_000_000);
    format!("budget = {{ amount = \"{dollars} usd\", window = \"month\" }}")
}

fn gauge(gateway: &Gateway, scope: &str, limit: Limit) -> BudgetView {
    let rows = gateway.engine.budgets();
    let is_asked = |row: &&BudgetView| row.scope.label() == scope && row.limit == limit;
    rows.iter().find(is_asked).unwrap_or_else(|| panic!("{scope} {limit:?}: {rows:?}")).clone()
}

fn nanos(row: &UsageRow) -> u64 {
    match row.cost {
        Cost::Measured(amount) | Cost::Estimated(amount) => amount.0.unsigned_abs(),
        Cost::Unpriced | Cost::Free => 0,
    }
}

fn tokens(row: &UsageRow) -> u64 {
    row.tokens.input() + row.tokens.output()
}

/// A runtime whose clock stands still while anybody has something to do.
fn paused<T>(test: impl Future<Output = T>) -> T {
    let builder = &mut tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(test)
}

#[tokio::test(start_paused = true)]
async fn of_200_requests_at_once_a_budget_for_one_lets_one_pass() {
    // Ten tokens of output at most, 20 µUSD, and what the prompt is estimated at.
    let ask = || Ask::whole("[[delay_ms:500]] x").with("max_tokens", json!(10));
    let open = Gateway::start(&limited("", ""));
    let alone = open.ask(ask()).await;
    let input = alone.rows[0].tokens.input().max(9);
    let gateway = Arc::new(Gateway::start(&limited(&budget(input + 20), "")));
    let mut asked = JoinSet::new();
    for _ in 0..200 {
        let gateway = Arc::clone(&gateway);
        asked.spawn(async move { gateway.ask_among_others(ask()).await });
    }
    let outcomes = asked.join_all().await;
    let served = outcomes.iter().filter(|outcome| outcome.status == 200).count();
    let refused = outcomes.iter().find(|outcome| outcome.status != 200).unwrap();
    assert_eq!((refused.status, refused.code.as_str()), (429, "budget_exceeded"));
    assert_eq!(served, 1);
    let spent: u64 = outcomes.iter().flat_map(|outcome| &outcome.rows).map(nanos).sum();
    let own = gauge(&gateway, "service", Limit::Budget);
    assert_eq!((own.used, own.reserved), (spent, 0));
    assert!(own.used <= own.most);
}

#[tokio::test(start_paused = true)]
async fn images_and_sound_of_a_model_with_a_price_reserve_as_well() {
    // 1,024 tokens, 2,048 µUSD, are the bound of a model that nothing is known of.
    let picture = json!({"model": "m", "prompt": "[[delay_ms:500]] a cat"});
    let speech = json!({"model": "m", "input": "[[delay_ms:500]] a cat", "voice": "v"});
    for (surface, body) in
        [(Surface::ImagesGenerations, picture.clone()), (Surface::AudioSpeech, speech)]
    {
        let gateway = Arc::new(Gateway::start(&limited(&budget(3_000), "")));
        let mut asked = JoinSet::new();
        for _ in 0..20 {
            let (gateway, ask) = (Arc::clone(&gateway), Ask::on(surface, body.clone()));
            asked.spawn(async move { gateway.ask_among_others(ask).await });
        }
        let outcomes = asked.join_all().await;
        let served = outcomes.iter().filter(|outcome| outcome.status == 200).count();
        assert_eq!(served, 1, "{surface:?}");
        assert!(outcomes.iter().all(|one| one.status == 200 || one.code == "budget_exceeded"));
        assert_eq!(gauge(&gateway, "service", Limit::Budget).reserved, 0);
    }
    let gateway = Gateway::start(&limited(&budget(3_000), ""));
    let two = Ask::on(Surface::ImagesGenerations, picture).with("n", json!(2));
    assert_eq!(gateway.ask(two).await.code, "budget_exceeded");
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_one_word_does_not_lower_the_bound_of_others() {
    let gateway = Gateway::start(&limited("limits = { tokens_per_hour = 1000 }", ""));
    for _ in 0..40 {
        let one = Ask::whole("x").with("max_tokens", json!(1));
        assert_eq!(gateway.ask(one).await.status, 200);
    }
    let unbounded = gateway.ask(Ask::whole("x")).await;
    assert_eq!((unbounded.status, unbounded.code.as_str()), (429, "rate_limit_exceeded"));
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_not_said_to_be_spent_when_another_limit_refuses() {
    let ask = || Ask::whole("[[chunks:100]] x").with("max_tokens", json!(100));
    let alone = Gateway::start(&limited("", "")).ask(ask()).await.rows.remove(0);
    // One request leaves the budget between 95 and 100 %, and no tokens.
    let limits = format!(
        "limits = {{ tokens_per_hour = {} }}\n{}",
        tokens(&alone).max(130),
        budget(nanos(&alone) / 1_000 * 100 / 97)
    );
    let gateway = Gateway::start(&limited(&limits, ""));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&heard);
    let tell = move |warning: &BudgetWarning| own.lock().unwrap().push(warning.percent);
    assert!(gateway.engine.on_budget_warning(tell));
    assert_eq!(gateway.ask(ask()).await.status, 200);
    let refused = gateway.ask(ask()).await;
    assert_eq!(refused.code, "rate_limit_exceeded", "{refused:?}");
    assert_eq!(*heard.lock().unwrap(), [50, 80, 95]);
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_minute_are_counted_and_leave_no_row_when_refused() {
    let limits = "limits = { requests_per_minute = 3 }";
    let gateway = Gateway::start(&limited(limits, ""));
    for left in ["2", "1", "0"] {
        let answer = gateway.ask(Ask::whole("x")).await;
        assert_eq!(answer.header("x-ratelimit-limit-requests"), "3");
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), left);
        assert!(!answer.header("x-ratelimit-reset-requests").is_empty());
        assert_eq!(answer.header("x-ratelimit-limit-tokens"), "");
    }
    let refused = gateway.refused(Ask::whole("x")).await;
    assert_eq!(refused, (429, "rate_limit_exceeded".to_owned()));
    let counted =
        gateway.metric("tollbar_limit_rejections_total{kind=\"requests\",scope=\"service\"}");
    assert_eq!(counted.as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn each_end_user_has_a_quota_and_those_without_a_name_share_one() {
    let limits = "user_limits = { requests_per_day = 1 }";
    let gateway = Gateway::start(&limited(limits, ""));
    let by = |user: &str| Ask::whole("x").header("x-tollbar-user", user);
    assert_eq!(gateway.ask(by("ann")).await.status, 200);
    assert_eq!(gateway.ask(by("bob")).await.status, 200);
    assert_eq!(gateway.refused(by("ann")).await, (429, "user_quota_exceeded".to_owned()));
    assert_eq!(gateway.ask(Ask::whole("x")).await.status, 200);
    assert_eq!(gateway.refused(Ask::whole("x")).await.1, "user_quota_exceeded");
    let body = Ask::whole("x").with("user", json!("bob"));
    assert_eq!(gateway.refused(body).await.1, "user_quota_exceeded");
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_one_scope_that_refuses_takes_nothing_of_the_others() {
    let more =
        "limits = { requests_per_day = 1 }\n[organisation]\nlimits = { requests_per_day = 9 }";
    let gateway = Gateway::start(&limited("limits = { requests_per_hour = 9 }", more));
    assert_eq!(gateway.ask(Ask::whole("x")).await.status, 200);
    for _ in 0..3 {
        let refused = gateway.refused(Ask::whole("x")).await;
        assert_eq!(refused, (429, "rate_limit_exceeded".to_owned()));
    }
    use tb_core::quota::Span;
    assert_eq!(gauge(&gateway, "organisation", Limit::Requests(Span::Day)).used, 1);
    assert_eq!(gauge(&gateway, "service", Limit::Requests(Span::Hour)).used, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_outgrows_its_budget_ends_with_an_error_and_is_accounted() {
    let gateway = Gateway::start(&limited(&budget(3_000), ""));
    // Without `max_tokens` the first bound is 1,024 tokens, 2,048 µUSD.
    let answer = gateway.ask(Ask::stream(&format!("[[chunks:3000]] {}", "word ".repeat(8)))).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text.contains("budget_exceeded"), "{}", tail(&answer.text));
    assert!(!answer.text.contains("[DONE]"));
    let row = &answer.rows[0];
    assert_eq!(
        (row.end_reason, row.error_code.as_deref()),
        (EndReason::Limit, Some("budget_exceeded"))
    );
    assert!(row.tokens.output() > 1_024, "{row:?}");
    let own = gauge(&gateway, "service", Limit::Budget);
    assert_eq!((own.used, own.reserved), (nanos(row), 0));
    let slack = 100_000;
    assert!(own.used <= own.most + slack, "{own:?}");
    let page = gateway.metric("tollbar_limit_rejections_total{kind=\"budget\",scope=\"service\"}");
    assert_eq!(page.as_deref(), Some("1"));
}

fn tail(text: &str) -> &str {
    text.get(text.len().saturating_sub(400)..).unwrap_or(text)
}

#[tokio::test(start_paused = true)]
async fn what_the_cache_answers_uses_no_tokens_and_no_money() {
    let cache = "cache = { mode = \"on\", ttl = \"1h\" }";
    let limits = format!("limits = {{ requests_per_day = 9 }}\n{}", budget(1_000_000));
    let gateway = Gateway::start(&limited(&limits, cache));
    let first = gateway.ask(Ask::whole("x").with("temperature", json!(0))).await;
    let spent = gauge(&gateway, "service", Limit::Budget).used;
    assert!(spent > 0 && spent == nanos(&first.rows[0]));
    let again = gateway.ask(Ask::whole("x").with("temperature", json!(0))).await;
    assert_eq!(again.header("x-tollbar-cache"), "hit");
    assert_eq!(again.header("x-ratelimit-remaining-requests"), "7");
    assert_eq!(gauge(&gateway, "service", Limit::Budget).used, spent);
}

#[tokio::test(start_paused = true)]
async fn operators_are_warned_once_of_each_threshold_and_not_again_after_a_restart() {
    // What is reserved is about what is used.
    let ask = || Ask::whole("[[chunks:100]] x").with("max_tokens", json!(100));
    let cost = nanos(&Gateway::start(&limited("", "")).ask(ask()).await.rows[0]) / 1_000;
    let config = limited(&budget(cost * 10), "");
    let heard = |gateway: &Gateway| {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&heard);
        let tell = move |warning: &BudgetWarning| own.lock().unwrap().push(warning.percent);
        assert!(gateway.engine.on_budget_warning(tell));
        heard
    };
    let gateway = Gateway::start(&config);
    let warned = heard(&gateway);
    let mut rows = Vec::new();
    for _ in 0..8 {
        rows.extend(gateway.ask(ask()).await.rows);
    }
    assert_eq!(*warned.lock().unwrap(), [50, 80]);
    let ratio = gateway.metric("tollbar_budget_used_ratio{service=\"default\"}").unwrap();
    assert_eq!(ratio, "0.8");
    let (restarted, store) = (Gateway::start(&config), MemoryStore::new());
    store.append(&rows, 1).unwrap();
    restarted.engine.restore_quotas(&store).unwrap();
    let warned = heard(&restarted);
    while restarted.ask(ask()).await.status == 200 {}
    let warned = warned.lock().unwrap().clone();
    assert!(warned == [95, 100] || warned == [100] || warned.is_empty(), "{warned:?}");
    assert!(gauge(&restarted, "service", Limit::Budget).used <= cost * 10_000);
}

#[tokio::test(start_paused = true)]
async fn a_restart_brings_back_what_was_used() {
    let limits = format!(
        "limits = {{ requests_per_minute = 50, requests_per_hour = 50, tokens_per_day = 100000 }}\n\
         {}\nuser_limits = {{ requests_per_day = 3 }}",
        budget(1_000_000)
    );
    let more = "limits = { tokens_per_day = 100000 }\n[organisation]\nlimits = { tokens_per_hour = 100000 }";
    let config = limited(&limits, more);
    let gateway = Gateway::start(&config);
    let by = |user: &str| Ask::whole("a few words").header("x-tollbar-user", user);
    let mut rows = Vec::new();
    for user in ["ann", "ann", "ann", "bob"] {
        rows.extend(gateway.ask(by(user)).await.rows);
    }
    let store = MemoryStore::new();
    store.append(&rows, 1).unwrap();
    let restarted = Gateway::start(&config);
    restarted.engine.restore_quotas(&store).unwrap();
    let used = |gateway: &Gateway| -> Vec<_> {
        let rows = gateway.engine.budgets();
        rows.into_iter().map(|row| (row.setting(), row.user, row.used, row.reserved)).collect()
    };
    let sorted = |mut rows: Vec<_>| {
        rows.sort();
        rows
    };
    assert_eq!(sorted(used(&restarted)), sorted(used(&gateway)));
    assert_eq!(restarted.refused(by("ann")).await.1, "user_quota_exceeded");
    assert_eq!(restarted.ask(by("bob")).await.status, 200);
    // Again, as a reload does it: nothing is counted twice.
    let before = used(&restarted);
    restarted.engine.restore_quotas(&store).unwrap();
    assert_eq!(used(&restarted), before);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_asks_for_more_than_the_limit_is_told_that_waiting_does_not_help() {
    let gateway = Gateway::start(&limited("limits = { tokens_per_minute = 100 }", ""));
    let ask = Ask::whole("x").with("max_tokens", json!(1_000));
    let refused = gateway.ask(ask).await;
    assert_eq!((refused.status, refused.code.as_str()), (429, "rate_limit_exceeded"));
    assert!(refused.text.contains("waiting does not help"), "{}", refused.text);
    assert_eq!(refused.should_retry, Some(false));
    assert_eq!(refused.rows[0].attempt, 0, "it was not with a provider");
    let many = Ask::whole("x").with("max_tokens", json!(30)).with("n", json!(4));
    assert_eq!(gateway.ask(many).await.status, 429, "each of the answers counts");
    assert_eq!(gateway.ask(Ask::whole("x").with("max_tokens", json!(30))).await.status, 200);
}

const FAULTS: [&str; 14] = [
    "ok",
    "ok",
    "ok",
    "429:20",
    "500",
    "503:700",
    "401",
    "400",
    "reset",
    "cut",
    "hang",
    "garbage",
    "early_cut",
    "error_event",
];

/// What one request of a history does.
#[derive(Debug, Clone)]
struct Act {
    faults: Vec<&'static str>,
    stream: bool,
    user: u8,
    leaves_after_ms: Option<u64>,
    chunks: u16,
    max_tokens: Option<u16>,
}

fn act() -> impl Strategy<Value = Act> {
    (
        prop::collection::vec(prop::sample::select(&FAULTS[..]), 0..5),
        any::<bool>(),
        0_u8..3,
        prop::option::weighted(0.3, 0_u64..3_000),
        1_u16..900,
        prop::option::of(1_u16..400),
    )
        .prop_map(|(faults, stream, user, leaves_after_ms, chunks, max_tokens)| Act {
            faults,
            stream,
            user,
            leaves_after_ms,
            chunks,
            max_tokens,
        })
}

impl Act {
    fn ask(&self) -> Ask {
        let prompt =
            format!("[[faults:{}]] [[chunks:{}]] hello", self.faults.join(","), self.chunks);
        let ask = if self.stream { Ask::stream(&prompt) } else { Ask::whole(&prompt) };
        let ask = ask.header("x-tollbar-user", &format!("user-{}", self.user));
        match self.max_tokens {
            Some(most) => ask.with("max_tokens", json!(most)),
            None => ask,
        }
    }
}

/// All scopes limited; the budget of the service is now and then too small.
fn everything(micro_usd: u64) -> String {
    let wide =
        "limits = { tokens_per_day = 900000000, requests_per_day = 900000, concurrent = 900 }";
    let budget_of_all = budget(900_000_000);
    format!(
        "[providers.a]\ndialect = \"simulated\"\ntokens_per_second = 500\n\
         [providers.b]\ndialect = \"simulated\"\n\
         [models.m]\ntargets = [{{ provider = \"a\", model = \"x\" }}, {{ provider = \"b\", model = \"y\" }}]\n\
         deadline = \"20s\"\nfirst_byte_timeout = \"4s\"\nidle_timeout = \"3s\"\n\
         retry = {{ attempts = 3 }}\n{wide}\n{budget_of_all}\n\
         [organisation]\n{wide}\n{budget_of_all}\n\
         [services.default]\npurposes = [\"p\"]\nlimits = {{ tokens_per_day = 900000000 }}\n{}\n\
         user_limits = {{ tokens_per_day = 900000000, concurrent = 900, \
         budget = {{ amount = \"900 usd\", window = \"quarter\", time_zone = \"Europe/Berlin\" }} }}\n{PRICES}",
        budget(micro_usd)
    )
}

async fn live(gateway: &Arc<Gateway>, acts: &[Act]) -> Vec<UsageRow> {
    let mut lives = JoinSet::new();
    for act in acts.iter().cloned() {
        let gateway = Arc::clone(gateway);
        lives.spawn(async move {
            let asked = gateway.ask_among_others(act.ask());
            match act.leaves_after_ms {
                None => drop(asked.await),
                Some(ms) => drop(tokio::time::timeout(Duration::from_millis(ms), asked).await),
            }
        });
    }
    lives.join_all().await;
    // Streams whose clients left are read on for a while.
    gateway.engine.tasks().close();
    gateway.engine.tasks().wait().await;
    gateway.rows_for("p")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever becomes of requests, each account says what the rows say, and holds nothing.
    #[test]
    fn accounts_are_the_sum_of_the_rows_and_nothing_stays_reserved(
        acts in prop::collection::vec(act(), 1..24),
        micro_usd in prop::sample::select(vec![2_000_u64, 20_000, 900_000_000]),
    ) {
        let (gateway, rows) = paused(async {
            let gateway = Arc::new(Gateway::start(&everything(micro_usd)));
            let rows = live(&gateway, &acts).await;
            (gateway, rows)
        });
        let (money, used): (u64, u64) =
            (rows.iter().map(nanos).sum(), rows.iter().map(tokens).sum());
        let mut by_user: HashMap<String, (u64, u64)> = HashMap::new();
        for row in &rows {
            let own = by_user.entry(row.user.clone().unwrap_or_default()).or_default();
            *own = (own.0 + nanos(row), own.1 + tokens(row));
        }
        for row in gateway.engine.budgets() {
            prop_assert_eq!(row.reserved, 0, "{:?}", row);
            let (money, used) = match &row.user {
                Some(user) => by_user.get(user).copied().unwrap_or_default(),
                None => (money, used),
            };
            let expected = match row.limit {
                Limit::Budget => money,
                Limit::Tokens(_) => used,
                Limit::Concurrent => 0,
                Limit::Requests(_) => u64::try_from(acts.len()).unwrap(),
            };
            prop_assert_eq!(row.used, expected, "{:?}", row);
        }
    }
}
