//! Flag, then variable, then file, then default; and each is named.

use tb_config::{FixedEnvironment, Loaded, Overrides, effective, load};

use crate::{codes, read, read_in, source};

const FILE: &str =
    "[server]\nlisten = \"127.0.0.1:1000\"\n\n[providers.p]\ndialect = \"simulated\"\n";

fn value(loaded: &Loaded, key: &str) -> (String, String) {
    let all = effective(loaded);
    let found = all.iter().find(|one| one.key == key);
    let found = found.unwrap_or_else(|| panic!("{key} is not effective: {all:?}"));
    (found.value.clone(), found.source.clone())
}

fn pair(value: &str, source: &str) -> (String, String) {
    (value.to_owned(), source.to_owned())
}

#[test]
fn a_flag_goes_before_a_variable_before_the_file_before_the_default() {
    let plain = read("[providers.p]\ndialect = \"simulated\"").unwrap();
    assert_eq!(value(&plain, "server.listen"), pair("\"127.0.0.1:8787\"", "default"));

    let file = read(FILE).unwrap();
    assert_eq!(value(&file, "server.listen"), pair("\"127.0.0.1:1000\"", "tollbar.toml:2"));

    let environment =
        FixedEnvironment::default().with_var("TOLLBAR_SERVER_LISTEN", "127.0.0.1:2000");
    let variable = read_in(FILE, &environment).unwrap();
    let from = "env TOLLBAR_SERVER_LISTEN";
    assert_eq!(value(&variable, "server.listen"), pair("\"127.0.0.1:2000\"", from));

    let overrides = Overrides::default()
        .with("server.listen", "127.0.0.1:2999")
        .with("server.listen", "127.0.0.1:3000");
    let flag = load(&source(FILE), &overrides, &environment).unwrap();
    assert_eq!(value(&flag, "server.listen"), pair("\"127.0.0.1:3000\"", "flag"));
    assert_eq!(flag.snapshot.server.listen, "127.0.0.1:3000".parse().unwrap());
}

#[test]
fn every_scalar_of_the_process_sections_has_a_variable() {
    let environment = [
        ("TOLLBAR_SERVER_ADMIN_LISTEN", "127.0.0.1:2001"),
        ("TOLLBAR_SERVER_MAX_BODY", "1MiB"),
        ("TOLLBAR_SERVER_DRAIN_TIMEOUT", "1s"),
        ("TOLLBAR_SERVER_AUTHENTICATION", "off"),
        ("TOLLBAR_SERVER_WORKERS", "3"),
        ("TOLLBAR_SERVER_MAX_CONCURRENT", "7"),
        ("TOLLBAR_SERVER_MAX_QUEUED", "8"),
        ("TOLLBAR_SERVER_QUEUE_TIMEOUT", "2s"),
        ("TOLLBAR_SERVER_MEMORY_BUDGET", "9MiB"),
        ("TOLLBAR_CACHE_MEMORY", "5MiB"),
        ("TOLLBAR_CACHE_DISK", "6MiB"),
        ("TOLLBAR_CACHE_MAX_ENTRY", "2MiB"),
        ("TOLLBAR_STORAGE_URL", "memory:"),
        ("TOLLBAR_JOURNAL_PATH", "/var/j"),
        ("TOLLBAR_JOURNAL_DURABILITY", "power"),
        ("TOLLBAR_TELEMETRY_LOG_FORMAT", "text"),
        ("TOLLBAR_ENVIRONMENT_NAME", "staging"),
    ]
    .iter()
    .fold(FixedEnvironment::default(), |all, (name, value)| all.with_var(name, value));
    let loaded = read_in(FILE, &environment).unwrap();
    let snapshot = &loaded.snapshot;
    assert_eq!(snapshot.server.admin_listen, "127.0.0.1:2001".parse().unwrap());
    assert_eq!(snapshot.server.max_body_bytes, 1 << 20);
    assert_eq!(snapshot.server.drain_timeout.as_secs(), 1);
    assert!(!snapshot.server.authentication);
    assert_eq!(snapshot.server.workers, 3);
    assert_eq!((snapshot.server.max_concurrent, snapshot.server.max_queued), (7, 8));
    assert_eq!(snapshot.server.queue_timeout.as_secs(), 2);
    assert_eq!(snapshot.server.memory_budget_bytes, 9 << 20);
    let room =
        tb_config::CacheLimits { memory_bytes: 5 << 20, disk_bytes: 6 << 20, entry_bytes: 2 << 20 };
    assert_eq!(snapshot.cache, room);
    assert_eq!(snapshot.storage, tb_config::StorageSettings::Memory);
    assert_eq!(snapshot.journal.path, std::path::Path::new("/var/j"));
    assert!(snapshot.journal.durable_on_power_loss);
    assert_eq!(snapshot.log_format, tb_config::LogFormat::Text);
    assert_eq!(snapshot.environment.as_deref(), Some("staging"));
}

#[test]
fn a_faulty_variable_is_reported_by_its_name() {
    let environment = FixedEnvironment::default().with_var("TOLLBAR_SERVER_WORKERS", "many");
    let report = read_in(FILE, &environment).unwrap_err();
    assert_eq!(report.diagnostics[0].file, "variable TOLLBAR_SERVER_WORKERS");
    assert_eq!(report.diagnostics[0].position, None);
}

#[test]
fn a_flag_for_a_key_that_has_none_is_refused_with_the_nearest() {
    let overrides = Overrides::default().with("server.listn", "127.0.0.1:1");
    let outcome = load(&source(FILE), &overrides, &FixedEnvironment::default());
    assert_eq!(codes(&outcome), ["E0003"]);
    let report = outcome.unwrap_err();
    assert_eq!(report.diagnostics[0].nearest.as_deref(), Some("server.listen"));
}

#[test]
fn the_list_of_effective_values_is_sorted_and_names_each_key_once() {
    let loaded = read(&std::fs::read_to_string(crate::examples().join("demo.toml")).unwrap());
    let keys: Vec<_> = effective(&loaded.unwrap()).into_iter().map(|one| one.key).collect();
    assert!(keys.is_sorted());
    let mut unique = keys.clone();
    unique.dedup();
    assert_eq!(keys, unique);
    assert!(keys.contains(&"models.flaky.targets[1].weight".to_owned()));
    assert!(keys.contains(&"prices.\"steady/simulated-1\".input".to_owned()));
}
