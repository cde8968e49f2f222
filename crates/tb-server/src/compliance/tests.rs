use std::path::PathBuf;
use std::sync::Arc;

use ring::rand::SystemRandom;
use serde_json::{Value, json};
use tb_config::{FixedEnvironment, Overrides, Source, load};
use tb_core::{KeyScope, NewAdminToken, NewKey, Pepper, Role};

use super::*;

/// 2026-11-24, noon.
const NOW: Timestamp = Timestamp(1_795_521_600_000);

const CONFIG: &str = r#"
[environment]
name = "ward | north"
[keys]
max_age = "90d"
[providers.bare]
dialect = "openai"
base_url = "https://bare.test/v1"
data_classes = ["internal", "personal", "health"]
[providers.sworn]
dialect = "openai"
base_url = "https://sworn.test/v1"
data_classes = ["internal", "health"]
region = "eu"
baa = { reference = "BAA-7", expires = "2026-12-01" }
training_use = false
retention = "30d"
[providers.lapsed]
dialect = "openai"
base_url = "https://lapsed.test/v1"
data_classes = ["internal", "health"]
region = "eu"
baa = { reference = "BAA-1", expires = "2026-11-01" }
zero_retention = true
training_use = false
[models.m]
targets = [{ provider = "bare", model = "x" }, { provider = "sworn", model = "x" }]
[models.n]
targets = [{ provider = "lapsed", model = "x" }]
cache = { mode = "on", ttl = "1h" }
[services.ward]
purposes = ["care", "billing"]
models = ["m"]
data_classes = ["internal", "health"]
networks = ["10.0.0.0/8"]
guard = { actions = { email = "redact" } }
[services.desk]
purposes = ["support"]
models = ["n"]
data_classes = ["internal", "health"]
[retention]
requests = "90d"
[retention.classes.health]
requests = "30d"
"#;

fn snapshot() -> Arc<Snapshot> {
    let source = Source::Text {
        name: "test.toml".to_owned(),
        folder: PathBuf::from("/nonexistent"),
        text: CONFIG.to_owned(),
    };
    let loaded = load(&source, &Overrides::default(), &FixedEnvironment::default());
    loaded.unwrap_or_else(|report| panic!("{}", report.render())).snapshot
}

fn made() -> Report {
    let (random, pepper) = (SystemRandom::new(), Pepper::from_bytes(&[7; 32]));
    let days_ago = |days: i64| NOW.plus_ms(-days * DAY_MS);
    let key = |days: i64, name: &str| {
        let scope = KeyScope::of_service("ward".into(), days_ago(days));
        let mut key = NewKey::generate(&random, &pepper, scope).unwrap().record;
        key.scope.name = Some(name.to_owned());
        key
    };
    let mut gone = key(200, "gone");
    gone.revoked_at = Some(NOW);
    let keys = [key(100, "old"), key(70, "due"), key(1, "new | <b>"), gone];
    let token = |role, days| {
        NewAdminToken::generate(&random, &pepper, role, days_ago(days)).unwrap().record
    };
    let tokens = [token(Role::Viewer, 3), token(Role::Owner, 3)];
    let last_used = HashMap::from([(keys[0].id, days_ago(95)), (keys[1].id, NOW)]);
    let usage = [UsageSum {
        group: vec!["care".to_owned(), "sworn".to_owned(), "health".to_owned()],
        requests: 3,
        attempts: 4,
        ..UsageSum::default()
    }];
    let records =
        Records { now: NOW, keys: &keys, tokens: &tokens, last_used: &last_used, usage: &usage };
    report(&snapshot(), &records)
}

#[test]
fn the_report_answers_who_gets_what_under_which_agreement() {
    let report = serde_json::to_value(made()).unwrap();
    let ward = &report["services"][1];
    assert_eq!(
        (&ward["service"], &ward["purposes"]),
        (&json!("ward"), &json!(["care", "billing"]))
    );
    assert_eq!(ward["data_classes"], json!(["internal", "health"]));
    assert_eq!(
        ward["recipients"],
        json!([
            {"provider": "bare", "data_classes": ["internal"]},
            {"provider": "sworn", "data_classes": ["internal", "health"]},
        ])
    );
    assert_eq!(
        (&ward["guard_actions"]["email"], &ward["networks"]),
        (&json!("redact"), &json!(["10.0.0.0/8"]))
    );
    let of = |name: &str| {
        let all = report["recipients"].as_array().unwrap();
        all.iter().find(|one| one["provider"] == name).unwrap().clone()
    };
    assert_eq!(of("bare")["lacking"], json!({"health": "agreement"}));
    let agreement = &of("sworn")["agreement"];
    assert_eq!((&agreement["days_left"], &agreement["holds"]), (&json!(6), &json!(true)));
    assert_eq!(of("sworn")["retention_seconds"], json!(30 * 86_400));
    let agreement = &of("lapsed")["agreement"];
    assert_eq!((&agreement["days_left"], &agreement["holds"]), (&json!(-24), &json!(false)));
    assert_eq!(report["usage"][0]["data_class"], "health");
    let kept: Vec<&Value> = report["retention"].as_array().unwrap().iter().collect();
    let is = |kind: &str, class: Value| {
        kept.iter().find(|row| row["kind"] == kind && row["data_class"] == class).unwrap()["seconds"].clone()
    };
    assert_eq!(is("requests (metadata)", Value::Null), 90 * 86_400);
    assert_eq!(is("requests (metadata)", json!("health")), 30 * 86_400);
    assert_eq!(is("kept answers of the model n", Value::Null), 3_600);
}

#[test]
fn keys_and_tokens_are_there_to_be_reviewed() {
    let report = made();
    assert_eq!((report.keys.len(), report.access.len()), (3, 2), "what is revoked is not");
    assert_eq!(report.access[0].role, "owner");
    let old = report.keys.iter().find(|key| key.name.as_deref() == Some("old")).unwrap();
    assert_eq!((old.secret_age_days, old.secrets), (100, 1));
    assert!(old.rotation_due_at.as_deref().unwrap() < report.generated_at.as_str());
}

#[test]
fn what_is_urgent_comes_first() {
    let report = made();
    let said: Vec<String> = report
        .attention
        .iter()
        .map(|one| {
            format!("{:?} {} {}", one.urgency, one.object.split(' ').next().unwrap(), one.matter)
        })
        .collect();
    let has = |begin: &str, part: &str| {
        said.iter().any(|one| one.starts_with(begin) && one.contains(part))
    };
    assert!(has("Overdue provider", "BAA-1"), "{said:#?}");
    assert!(has("Overdue key", "refused for its age"), "{said:#?}");
    assert!(has("Soon provider", "BAA-7"), "{said:#?}");
    assert!(has("Soon key", "refused for its age"), "{said:#?}");
    assert!(has("Note key", "not used for 95 days"), "{said:#?}");
    assert!(has("Note service", "class health, which nobody may receive"), "{said:#?}");
    assert!(has("Note provider", "no `region`"), "{said:#?}");
    assert!(report.attention.is_sorted_by_key(|one| one.urgency));
}

#[test]
fn the_page_has_every_table_and_no_label_breaks_one() {
    let page = markdown(&made());
    for title in [
        "To look at",
        "Processing",
        "Recipients",
        "Categories of data",
        "Time limits",
        "Keys",
        "Access review",
        "Use in the last 90 days",
    ] {
        assert!(page.contains(&format!("## {title}")), "{page}");
    }
    assert!(page.contains("BAA-1 EXPIRED") && page.contains("BAA-7 until 2026-12-01"), "{page}");
    assert!(page.contains("new \\| \\<b>") && page.contains("ward \\| north"), "{page}");
    let mut columns = 0;
    for line in page.lines() {
        let bars = line.matches('|').count() - line.matches("\\|").count();
        if line.starts_with("|---") {
            assert_eq!(bars, columns + 1 - 1, "{line}");
        } else if line.starts_with('|') {
            assert!(columns == 0 || bars == columns, "{line}");
            columns = bars;
        } else {
            columns = 0;
        }
    }
}
