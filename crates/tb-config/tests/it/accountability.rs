//! Who may ask, how much, what is written down of it, and how long it is kept.

use std::time::Duration;

use tb_config::{
    AuditPolicy, AuditSettings, CheckpointPlace, ClassRetention, ContentLogSettings, Demands,
    FixedEnvironment, KeyRules, Loaded, OwnClass, RetentionRules, Snapshot, TlsSettings,
    TokenAlgorithm, TokenIssuer, TokenKeys, Workload, effective,
};
use tb_core::token::Jwks;
use tb_core::{Budget, BudgetWindow, DataClass, Limits, NanoUsd, Secret};
use tb_providers::BaseUrl;

use crate::{FOLDER, codes, read, read_in};

const BASE: &str = "[providers.p]\ndialect = \"simulated\"\n";
const DAY: Duration = Duration::from_secs(86_400);
/// The public key of RFC 8037, appendix A.2.
const KEY_SET: &str =
    r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
const SERVICE: &str = "[services.s]\npurposes = [\"a\"]\n";

fn loaded(text: &str) -> Loaded {
    read(&format!("{BASE}{text}")).unwrap_or_else(|report| panic!("{report}"))
}

fn snapshot(text: &str) -> std::sync::Arc<Snapshot> {
    loaded(text).snapshot
}

/// The effective value of that key and where it comes from.
fn shown(loaded: &Loaded, key: &str) -> (String, String) {
    let all = effective(loaded);
    let one = all.iter().find(|one| one.key == key).unwrap_or_else(|| panic!("no {key}"));
    (one.value.clone(), one.source.clone())
}

fn budget(dollars: i64, window: BudgetWindow, zone: &str) -> Option<Budget> {
    let amount = NanoUsd(dollars * 1_000_000_000);
    Some(Budget { amount, window, time_zone: zone.into() })
}

#[test]
fn every_scope_has_limits_and_a_budget() {
    let snapshot = snapshot(
        r#"
        [organisation]
        limits = { requests_per_minute = 6000, concurrent = 500 }
        budget = { amount = 20000, window = "quarter", time_zone = "america/new_york" }
        [models.m]
        targets = [{ provider = "p", model = "x" }]
        limits = { tokens_per_hour = 5, tokens_per_minute = 4, concurrent = 3 }
        budget = { amount = "7 usd", window = "day" }
        [services.s]
        purposes = ["a"]
        limits = { requests_per_minute = 1, requests_per_hour = 2, requests_per_day = 3, tokens_per_minute = 4, tokens_per_hour = 5, tokens_per_day = 6, concurrent = 7 }
        budget = { amount = "500 usd", window = "month", time_zone = "Europe/Berlin" }
        user_limits = { requests_per_minute = 20, concurrent = 2, budget = { amount = 2.5, window = "week" } }
        "#,
    );
    let organisation = Limits {
        requests_per_minute: Some(6_000),
        concurrent: Some(500),
        budget: budget(20_000, BudgetWindow::Quarter, "America/New_York"),
        ..Limits::default()
    };
    assert_eq!(snapshot.organisation, organisation);
    let model = Limits {
        tokens_per_minute: Some(4),
        tokens_per_hour: Some(5),
        concurrent: Some(3),
        budget: budget(7, BudgetWindow::Day, "UTC"),
        ..Limits::default()
    };
    assert_eq!(snapshot.models["m"].limits, model);
    let service = &snapshot.services["s"];
    let limits = Limits {
        requests_per_minute: Some(1),
        requests_per_hour: Some(2),
        requests_per_day: Some(3),
        tokens_per_minute: Some(4),
        tokens_per_hour: Some(5),
        tokens_per_day: Some(6),
        concurrent: None,
        budget: budget(500, BudgetWindow::Month, "Europe/Berlin"),
    };
    assert_eq!(service.limits, limits);
    assert_eq!(service.max_concurrent, Some(7));
    let user = &service.user_limits;
    assert_eq!((user.requests_per_minute, user.concurrent), (Some(20), Some(2)));
    let week = Budget {
        amount: NanoUsd(2_500_000_000),
        window: BudgetWindow::Week,
        time_zone: "UTC".into(),
    };
    assert_eq!(user.budget, Some(week));
}

#[test]
fn nothing_is_limited_where_nothing_is_written() {
    let snapshot = snapshot(SERVICE);
    let service = &snapshot.services["s"];
    assert!(snapshot.organisation.is_empty() && service.limits.is_empty());
    assert!(service.user_limits.is_empty());
    assert_eq!(snapshot.keys, KeyRules::default());
    assert_eq!(snapshot.audit, AuditSettings::default());
    assert_eq!(snapshot.retention, RetentionRules::default());
    assert!(snapshot.content_log.is_none() && snapshot.issuers.is_empty());
    assert!(snapshot.server.tls.is_none());
    assert_eq!((service.audit, service.content_log), (AuditPolicy::Required, false));
    assert_eq!(service.data_class, DataClass::Internal);
}

#[test]
fn records_are_kept_as_long_as_it_is_written() {
    let snapshot = snapshot(
        r#"
        [keys]
        max_age = "90d"
        [audit]
        path = "audit-log/"
        checkpoint_to = ["stdout", "file:backup/checkpoints", "https://log.example/c"]
        [retention]
        content = "1d"
        requests = "forever"
        audit = "3650d"
        responses = "2d"
        [retention.classes.health]
        content = "12h"
        [retention.classes.public]
        requests = "365d"
        [services.s]
        purposes = ["a"]
        audit = "best_effort"
        data_class = "personal"
        "#,
    );
    assert_eq!(snapshot.keys.max_age, Some(DAY * 90));
    assert_eq!(snapshot.audit.path, format!("{FOLDER}/audit-log/"));
    let places = [
        CheckpointPlace::Stdout,
        CheckpointPlace::File(format!("{FOLDER}/backup/checkpoints").into()),
        CheckpointPlace::Webhook("https://log.example/c".into()),
    ];
    assert_eq!(snapshot.audit.checkpoint_to, places);
    let health = ClassRetention { content: Some(DAY / 2), requests: None };
    let public = ClassRetention { content: None, requests: Some(DAY * 365) };
    let rules = RetentionRules {
        content: DAY,
        requests: None,
        audit: Some(DAY * 3_650),
        responses: DAY * 2,
        classes: [(DataClass::Public, public), (DataClass::Health, health)].into(),
    };
    assert_eq!(snapshot.retention, rules);
    let service = &snapshot.services["s"];
    assert_eq!((service.audit, service.data_class), (AuditPolicy::BestEffort, DataClass::Personal));
}

#[test]
fn one_place_for_checkpoints_needs_no_list() {
    let snapshot = snapshot("[audit]\ncheckpoint_to = \"file:/var/c\"\n");
    assert_eq!(snapshot.audit.checkpoint_to, [CheckpointPlace::File("/var/c".into())]);
    let snapshot = self::snapshot("[audit]\ncheckpoint_to = \"http://[::1]:9/c\"\n");
    let webhook = CheckpointPlace::Webhook("http://[::1]:9/c".into());
    assert_eq!(snapshot.audit.checkpoint_to, [webhook]);
}

#[test]
fn health_asks_for_an_agreement_unless_the_file_says_otherwise() {
    let agreed = |text: &str| snapshot(text).classes.demands[&DataClass::Health].agreement;
    assert!(agreed(""));
    assert!(agreed("[data_classes.health]\nregions = [\"eu\"]\n"));
    assert!(!agreed("[data_classes.health]\nagreement = false\n"));
    let personal = &snapshot("").classes.demands[&DataClass::Personal];
    assert_eq!(personal, &Demands::default());
}

#[test]
fn own_classes_have_a_bit_each_in_the_order_of_their_names() {
    let snapshot = snapshot(
        r#"
        data_classes = ["internal", "zeta", "alpha"]
        training_use = false
        retention = "30d"
        region = "eu"
        [data_classes.zeta]
        level = "internal"
        [data_classes.alpha]
        level = "internal"
        no_training = true
        regions = ["eu", "ch"]
        [data_classes.mid]
        level = "personal"
        agreement = true
        zero_retention = true
        [services.s]
        purposes = ["a"]
        data_classes = ["internal", "alpha"]
        [services.all]
        purposes = ["a"]
        "#,
    );
    let names: Vec<_> = snapshot.classes.own.iter().map(|class| &*class.name).collect();
    assert_eq!(names, ["alpha", "mid", "zeta"]);
    let alpha = OwnClass {
        name: "alpha".into(),
        level: DataClass::Internal,
        demands: Demands {
            no_training: true,
            regions: vec!["eu".to_owned(), "ch".to_owned()],
            ..Demands::default()
        },
    };
    assert_eq!(snapshot.classes.own[0], alpha);
    let demands = &snapshot.classes.own[1].demands;
    assert!(demands.agreement && demands.zero_retention && !demands.no_training);
    let provider = &snapshot.providers["p"];
    assert_eq!(provider.data_classes, [DataClass::Internal]);
    assert_eq!(provider.handling.own_classes, 0b101);
    assert_eq!(provider.handling.training_use, Some(false));
    assert_eq!(provider.handling.retention, Some(DAY * 30));
    assert_eq!(snapshot.services["s"].own_classes, 0b001);
    assert_eq!(snapshot.services["s"].data_classes, [DataClass::Internal]);
    assert_eq!(snapshot.services["all"].own_classes, 0);
}

#[test]
fn a_class_without_a_provider_is_warned_of_where_it_is_listed() {
    let warned = |provider: &str, classes: &str| {
        let text = format!(
            "{BASE}{provider}\n[data_classes.eu]\nlevel = \"personal\"\nregions = [\"eu\"]\n\
             [services.s]\npurposes = [\"a\"]\ndata_classes = [\"internal\", {classes}]"
        );
        codes(&read(&text)).contains(&"W0109")
    };
    let all = "data_classes = [\"internal\", \"personal\", \"health\", \"eu\"]\n";
    assert!(warned(all, "\"health\""));
    assert!(!warned(&format!("{all}on_premises = true"), "\"health\""));
    let baa = "baa = { reference = \"r\", expires = \"2000-01-01\" }";
    assert!(!warned(&format!("{all}{baa}"), "\"health\""), "there is no clock here");
    assert!(!warned(all, "\"personal\""));
    assert!(warned(all, "\"eu\""));
    assert!(!warned(&format!("{all}region = \"eu\""), "\"eu\""));
    let trained = "[data_classes.personal]\nno_training = true\n";
    let health = format!("{all}{baa}\n{trained}");
    assert!(warned(&health, "\"health\""), "what holds for personal data holds for health");
    assert!(!warned(&health.replace("baa", "training_use = false\nbaa"), "\"health\""));
    let without_level = "data_classes = [\"internal\", \"eu\"]\nregion = \"eu\"";
    assert!(warned(without_level, "\"eu\""));
    // What nobody wrote is not warned of.
    assert_eq!(loaded(SERVICE).warnings, []);
}

#[test]
fn issuers_and_workloads_stand_in_for_keys() {
    let text = format!(
        r#"{BASE}
        [server.tls]
        certificate = "tls/cert.pem"
        key = "/etc/key.pem"
        client_ca = "tls/ca.pem"
        [identity.cluster]
        issuer = "https://cluster.example"
        audience = "tollbar"
        algorithms = ["RS256", "ES256", "EdDSA"]
        jwks_file = "jwks.json"
        [identity.ci]
        issuer = "https://ci.example"
        audience = "tollbar"
        algorithms = ["EdDSA"]
        jwks_url = "http://127.0.0.1:9/keys"
        max_lifetime = "10m"
        [services.s]
        purposes = ["a"]
        workloads = ["spiffe://prod.example/ns/web/*", "cluster:system:serviceaccount:web:*"]
        [services.t]
        purposes = ["a"]
        workloads = ["ci:deploy", "spiffe://prod.example/ns/batch"]
        "#
    );
    let environment = FixedEnvironment::default()
        .with_file(format!("{FOLDER}/tls/cert.pem"), "-----BEGIN CERTIFICATE-----\nchain")
        .with_file(format!("{FOLDER}/tls/ca.pem"), "-----BEGIN CERTIFICATE-----\nauthorities")
        .with_file("/etc/key.pem", "-----BEGIN PRIVATE KEY-----")
        .with_file(format!("{FOLDER}/jwks.json"), KEY_SET);
    let outcome = read_in(&text, &environment);
    assert_eq!(codes(&outcome), [""; 0]);
    let snapshot = outcome.unwrap().snapshot;
    let tls = TlsSettings {
        certificate: "-----BEGIN CERTIFICATE-----\nchain".into(),
        key: Secret::new("-----BEGIN PRIVATE KEY-----".to_owned()),
        client_ca: Some("-----BEGIN CERTIFICATE-----\nauthorities".into()),
    };
    assert_eq!(snapshot.server.tls, Some(tls));
    let ci = TokenIssuer {
        name: "ci".into(),
        issuer: "https://ci.example".into(),
        audience: "tollbar".into(),
        algorithms: vec![TokenAlgorithm::EdDsa],
        keys: TokenKeys::Url(BaseUrl::parse("http://127.0.0.1:9/keys").unwrap()),
        max_lifetime: Duration::from_secs(600),
    };
    assert_eq!(snapshot.issuers[0], ci);
    let cluster = &snapshot.issuers[1];
    let keys = Jwks::parse(KEY_SET.as_bytes()).unwrap();
    assert_eq!(cluster.keys, TokenKeys::File(std::sync::Arc::new(keys)));
    assert_eq!(cluster.max_lifetime, Duration::from_secs(3_600));
    assert_eq!(cluster.algorithms.len(), 3);
    let workloads = [
        Workload::Spiffe("spiffe://prod.example/ns/web/*".into()),
        Workload::Token { issuer: "cluster".into(), subject: "system:serviceaccount:web:*".into() },
    ];
    assert_eq!(snapshot.services["s"].workloads, workloads);
}

#[test]
fn a_workload_of_two_services_is_reported_at_the_second() {
    let text = format!(
        "{BASE}[server]\n[services.s]\npurposes = [\"a\"]\nworkloads = [\"spiffe://td/*\"]\n\
         [services.t]\npurposes = [\"a\"]\nworkloads = [\"spiffe://td/a\"]"
    );
    let report = read(&text).unwrap_err();
    let fault = report.diagnostics.iter().find(|d| d.code.as_str() == "E0058").unwrap();
    assert_eq!(fault.position.as_ref().unwrap().line, 9);
    assert!(fault.message.contains("\"s\" has \"spiffe://td/*\""), "{}", fault.message);
}

#[test]
fn a_master_key_is_32_bytes_in_hex_or_base64() {
    let key = |text: &str| {
        ContentLogSettings::key_bytes(&Secret::new(text.to_owned())).map(|bytes| *bytes)
    };
    let bytes: [u8; 32] = std::array::from_fn(|index| 0xff - u8::try_from(index).unwrap());
    let hex = "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0efeeedecebeae9e8e7e6e5e4e3e2e1e0";
    assert_eq!(key(hex), Some(bytes));
    assert_eq!(key(&hex.to_uppercase()), Some(bytes));
    assert_eq!(key("//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="), Some(bytes));
    assert_eq!(key("__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA="), Some(bytes));
    assert_eq!(key("__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA"), Some(bytes));
    for wrong in [
        "",
        "password",
        &hex[2..],
        &format!("{hex}00"),
        &hex.replace("ff", "+f"),
        "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4Q==",
        "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eDf",
        "_/79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA=",
    ] {
        assert_eq!(key(wrong), None, "{wrong}");
    }
}

#[test]
fn the_content_log_is_read_with_its_key() {
    let text = format!(
        "{BASE}[content_log]\nmaster_key = {{ env = \"MASTER\" }}\n{SERVICE}content_log = true"
    );
    let environment = FixedEnvironment::default().with_var("MASTER", &"0f".repeat(32));
    let loaded = read_in(&text, &environment).unwrap();
    let log = loaded.snapshot.content_log.as_ref().unwrap();
    assert_eq!(log.path, format!("{FOLDER}/content/"));
    assert_eq!(ContentLogSettings::key_bytes(&log.master_key).map(|k| *k), Some([0x0f; 32]));
    assert!(loaded.snapshot.services["s"].content_log);
    let master = shown(&loaded, "content_log.master_key");
    assert_eq!(master, ("\"[secret]\"".to_owned(), "tollbar.toml:4".to_owned()));
}

#[test]
fn effective_values_show_what_holds_and_where_from() {
    let text = "[audit]\ncheckpoint_to = \"stdout\"\n[services.s]\npurposes = [\"a\"]\n\
                budget = { amount = \"500 usd\", window = \"month\" }\n[retention]\nrequests = \"forever\"";
    let loaded = loaded(text);
    for (key, value, source) in [
        ("audit.checkpoint_to", "\"stdout\"", "tollbar.toml:4"),
        ("services.s.budget.amount", "500.000000", "tollbar.toml:7"),
        ("services.s.budget.time_zone", "\"UTC\"", "default"),
        ("services.s.audit", "\"required\"", "default"),
        ("services.s.data_class", "\"internal\"", "default"),
        ("retention.requests", "\"forever\"", "tollbar.toml:9"),
        ("retention.audit", "\"400d\"", "default"),
        ("data_classes.health.agreement", "true", "default"),
        ("data_classes.personal.agreement", "false", "default"),
    ] {
        assert_eq!(shown(&loaded, key), (value.to_owned(), source.to_owned()), "{key}");
    }
}

#[test]
fn the_hash_follows_limits_and_terms() {
    let hash = |text: &str| snapshot(text).hash;
    let plain = hash(SERVICE);
    for text in [
        "limits = { tokens_per_day = 1 }",
        "budget = { amount = 1, window = \"day\" }",
        "audit = \"best_effort\"",
        "data_class = \"public\"",
        "[retention]\naudit = \"1d\"",
        "[data_classes.health]\nzero_retention = true",
    ] {
        assert_ne!(hash(&format!("{SERVICE}{text}")), plain, "{text}");
    }
}

#[test]
fn a_fault_elsewhere_does_not_hide_those_of_the_organisation_and_keys() {
    let outcome = read(&format!(
        "{BASE}[server]\nlisten = 1\n[organisation]\nlimits = {{ concurrent = 0 }}\n[keys]\nmax_age = \"x\""
    ));
    assert_eq!(codes(&outcome), ["E0004", "E0007", "E0008"]);
}
