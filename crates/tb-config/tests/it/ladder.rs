//! What is written of retries, fallbacks, last rungs, the cache and admission.

use std::sync::Arc;
use std::time::Duration;

use tb_config::{CacheMode, FixedEnvironment, LastRung, Loaded, Model, effective};
use tb_core::DataClass;

use crate::{FOLDER, codes, read, read_in};

const TARGET: &str = "targets = [{ provider = \"p\", model = \"x\" }]\n";

/// A model `m` with this in it, beside the models `a`, `b` and `c`.
fn text(model: &str) -> String {
    let others: String = ["a", "b", "c"].map(|name| format!("[models.{name}]\n{TARGET}")).concat();
    format!("[providers.p]\ndialect = \"simulated\"\n{others}[models.m]\n{TARGET}{model}\n")
}

fn loaded(text: &str) -> Loaded {
    let environment = FixedEnvironment::default()
        .with_file(format!("{FOLDER}/r.toml"), "[[rules]]\nname = \"a\"\nanswer = \"b\"\n")
        .with_var("ONE", "1")
        .with_var("TWO", "2");
    read_in(text, &environment).unwrap_or_else(|report| panic!("{report}"))
}

fn model(written: &str) -> Arc<Model> {
    Arc::clone(&loaded(&text(written)).snapshot.models["m"])
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn retry_has_defaults_for_what_is_not_written() {
    let retry = model("retry = { attempts = 5, max_backoff = \"2s\" }").retry;
    assert_eq!(retry.attempts, 5);
    assert_eq!(retry.backoff.base, Duration::from_millis(250));
    assert_eq!(retry.backoff.cap, seconds(2));
}

#[test]
fn a_plain_list_of_fallbacks_is_for_failed_targets() {
    let fallbacks = &model("fallbacks = [\"c\", \"a\"]").fallbacks;
    assert_eq!(fallbacks.default, ["c".into(), "a".into()]);
    assert!(fallbacks.context_too_long.is_empty() && fallbacks.content_policy.is_empty());
}

#[test]
fn typed_fallbacks_keep_their_causes_apart() {
    let model = model(
        "fallbacks = { default = [\"a\"], context_too_long = [\"b\", \"a\"], content_policy = [\"c\"] }",
    );
    assert_eq!(model.fallbacks.default, ["a".into()]);
    assert_eq!(model.fallbacks.context_too_long, ["b".into(), "a".into()]);
    assert_eq!(model.fallbacks.content_policy, ["c".into()]);
}

#[test]
fn an_unknown_fallback_is_reported_with_the_nearest_other_model() {
    let text = "[providers.p]\ndialect = \"simulated\"\n[models.support]\ntargets = [{ provider = \"p\", model = \"x\" }]\n\
        fallbacks = { default = [\"suport\", \"suport-small\"] }\n\
        [models.support-small]\ntargets = [{ provider = \"p\", model = \"x\" }]";
    let report = read(text).unwrap_err();
    let nearest: Vec<_> = report.diagnostics.iter().map(|d| d.nearest.as_deref()).collect();
    // `suport` is nearest to the model itself, which cannot be meant.
    assert_eq!(nearest, [None, Some("support-small")]);
    let lines: Vec<_> =
        report.diagnostics.iter().map(|d| d.position.as_ref().unwrap().line).collect();
    assert_eq!(lines, [5, 5]);
}

#[test]
fn a_fallback_that_is_merely_faulty_is_known() {
    let faulty = text("fallbacks = [\"d\"]") + "[models.d]\ntargets = []\n";
    assert_eq!(codes(&read(&faulty)), ["E0032"]);
}

#[test]
fn no_fallback_and_no_last_rung_stands_twice() {
    assert_eq!(codes(&read(&text("fallbacks = [\"a\", \"a\"]"))), ["E0042"]);
    let twice = "on_exhausted = [\"stale_cache\", \"stale_cache\"]\ncache = { mode = \"on\" }";
    assert_eq!(codes(&read(&text(twice))), ["E0042"]);
}

#[test]
fn last_rungs_keep_their_order_and_have_time_by_default() {
    let model = model(
        "on_exhausted = [\"rules\", \"stale_cache\"]\nrules = \"r.toml\"\ncache = { mode = \"on\" }",
    );
    assert_eq!(model.on_exhausted, [LastRung::Rules, LastRung::StaleCache]);
    assert_eq!(model.stale_if_error, seconds(86_400));
    assert!(model.rules.is_some());
    let classes = [DataClass::Public, DataClass::Internal, DataClass::Personal];
    assert_eq!(model.on_exhausted_data_classes, classes);
}

#[test]
fn without_stale_cache_there_is_no_time_for_it() {
    assert_eq!(model("cache = { mode = \"on\" }").stale_if_error, Duration::ZERO);
    let written =
        "on_exhausted = [\"stale_cache\"]\nstale_if_error = \"1h\"\ncache = { mode = \"on\" }";
    assert_eq!(model(written).stale_if_error, seconds(3_600));
}

#[test]
fn the_cache_is_off_until_it_is_asked_for() {
    assert_eq!(model("").cache.mode, CacheMode::Off);
    let cache = &model(
        "cache = { mode = \"opt_in\", ttl = \"5m\", data_classes = [\"public\", \"health\"] }",
    )
    .cache;
    assert_eq!((cache.mode, cache.ttl), (CacheMode::OptIn, seconds(300)));
    assert_eq!(cache.data_classes, [DataClass::Public, DataClass::Health]);
}

#[test]
fn whole_answers_have_a_first_byte_timeout_only_when_it_is_written() {
    assert_eq!(model("").whole_answer_timeout, None);
    let written = model("first_byte_timeout = \"1m\"");
    assert_eq!(written.whole_answer_timeout, Some(seconds(60)));
    let hash = |written: &str| loaded(&text(written)).snapshot.hash;
    assert_ne!(hash(""), hash("first_byte_timeout = \"1m\""), "it means something else");
}

#[test]
fn abilities_are_as_written_and_otherwise_as_the_built_in_table_knows() {
    let written = "[providers.openai]\ndialect = \"openai\"\nbase_url = \"https://h/v1\"\n\
        [providers.p]\ndialect = \"simulated\"\n[models.m]\ntargets = [\n\
        { provider = \"openai\", model = \"gpt-4o-mini-2024-07-18\" },\n\
        { provider = \"openai\", model = \"gpt-4o-mini-2024-07-18\", abilities = { vision = false, context_tokens = 1000 } },\n\
        { provider = \"p\", model = \"simulated-1\", abilities = { tools = true } },\n]";
    let loaded = loaded(written);
    let targets = &loaded.snapshot.models["m"].targets;
    let known = tb_core::abilities::builtin("openai", "gpt-4o-mini-2024-07-18");
    assert_eq!(targets[0].abilities, known);
    assert_eq!((known.tools, known.vision), (Some(true), Some(true)));
    assert_eq!(targets[1].abilities.tools, known.tools);
    assert_eq!(targets[1].abilities.vision, Some(false));
    assert_eq!(targets[1].abilities.context_tokens, Some(1_000));
    let only_tools = tb_core::Abilities { tools: Some(true), ..tb_core::Abilities::default() };
    assert_eq!(targets[2].abilities, only_tools);
    let direct = loaded.snapshot.model("openai/gpt-4o-mini-2024-07-18").unwrap();
    assert_eq!(direct.targets[0].abilities, known);
}

#[test]
fn keys_have_weights_that_the_hash_follows() {
    let provider = |keys: &str| {
        loaded(&format!(
            "[providers.p]\ndialect = \"openai\"\nbase_url = \"https://h/v1\"\napi_keys = {keys}"
        ))
    };
    let weighted = provider(
        "[{ env = \"ONE\", weight = 3 }, { weight = 0, env = \"TWO\" }, { env = \"ONE\" }]",
    );
    assert_eq!(weighted.snapshot.providers["p"].key_weights, [3, 0, 1]);
    let values = effective(&weighted);
    let value = |key: &str| values.iter().find(|one| one.key == key).unwrap().value.clone();
    assert_eq!(value("providers.p.api_keys[0].weight"), "3");
    assert_eq!(value("providers.p.api_keys[2].weight"), "1");
    let hash = |keys: &str| provider(keys).snapshot.hash;
    assert_eq!(hash("[{ env = \"ONE\" }]"), hash("[{ env = \"ONE\", weight = 1 }]"));
    assert_ne!(hash("[{ env = \"ONE\" }]"), hash("[{ env = \"ONE\", weight = 2 }]"));
}

#[test]
fn admission_has_bounds_by_default_and_services_their_own() {
    let loaded = loaded(
        &(text("")
            + "[services.s]\npurposes = [\"g\"]\nlimits = { concurrent = 64 }\n[services.t]\npurposes = [\"g\"]\n"),
    );
    let server = &loaded.snapshot.server;
    assert_eq!((server.max_concurrent, server.max_queued), (1_024, 1_024));
    assert_eq!((server.queue_timeout, server.memory_budget_bytes), (seconds(1), 512 << 20));
    let room = tb_config::CacheLimits {
        memory_bytes: 64 << 20,
        disk_bytes: 256 << 20,
        entry_bytes: 1 << 20,
    };
    assert_eq!(loaded.snapshot.cache, room);
    assert_eq!(loaded.snapshot.services["s"].max_concurrent, Some(64));
    assert_eq!(loaded.snapshot.services["t"].max_concurrent, None);
}

#[test]
fn the_resilience_example_means_what_it_says() {
    let read = |name: &str| std::fs::read_to_string(crate::examples().join(name)).unwrap();
    let environment = ["OPENAI_API_KEY", "OPENAI_API_KEY_2", "MISTRAL_API_KEY"]
        .iter()
        .fold(FixedEnvironment::default(), |all, name| all.with_var(name, name))
        .with_file(format!("{FOLDER}/rules/support.toml"), &read("rules/support.toml"));
    let loaded = read_in(&read("resilience.toml"), &environment);
    let loaded = loaded.unwrap_or_else(|report| panic!("{report}"));
    let snapshot = &loaded.snapshot;
    assert_eq!((snapshot.server.max_concurrent, snapshot.server.max_queued), (512, 256));
    assert_eq!(snapshot.providers["openai"].key_weights, [3, 1]);
    let support = &snapshot.models["support"];
    assert_eq!(support.on_exhausted, [LastRung::StaleCache, LastRung::Rules]);
    assert_eq!(support.fallbacks.context_too_long, ["support-long".into()]);
    assert_eq!(support.targets[1].abilities.vision, Some(false));
    assert_eq!(support.whole_answer_timeout, Some(seconds(10)));
    assert_eq!(support.cache.mode, CacheMode::On);
    let bot = &snapshot.services["support-bot"];
    assert_eq!(bot.max_concurrent, Some(64));
    let fallbacks = support.fallbacks.default.iter().chain(&support.fallbacks.context_too_long);
    assert!(fallbacks.into_iter().all(|name| bot.may_call(name.as_str())));
}
