//! What people and programs get to see of faults.

use crate::{read, source};
use tb_config::{FixedEnvironment, Overrides, load};

const MANY: &str = r#"[server]
listn = "127.0.0.1:8787"
admin_listen = "localhost:8788"
drain_timeout = "30 sec"
max_body = 0

[storage]
url = "postgres://db.example/tollbar"

[providers.openai]
dialect = "opnai"
base_url = "https://api.openai.com/v1"
api_keys = [{ env = "OPENAI_API_KEY" }]

[providers.sim]
dialect = "simulated"
failures = [{ status = 429, share = 0.7 }, { kind = "cot", share = 0.1 }]

[models.support]
targets = [
	{ provider = "opemai", model = "gpt-4o-mini", weight = "90" },
]
fallbacks = ["suport"]
deadline = 30

[services.bot]
purposes = []
models = ["suport"]
networks = ["10.0.0.0/40"]

[guard]
on_error = "blok"
actions = { emial = "mask", secret = "tokenize", us_ssn = "redcat" }

[[guard.detectors]]
type = "employee_id"
patterns = ["E[0-9]{6}", "E("]
services = ["bott"]

[guard.limits.routes.chat_completion]
tokens = 100

[services.bot.guard]
answers = { email = "tokenize" }
moderation = { after = true }

[services.web]
purposes = ["chat"]
data_classes = ["internal", "heatlh"]
limits = { requests_per_minute = 0 }
workloads = ["cluste:system:serviceaccount:web", "spiffe://Prod/web"]
content_log = true

[data_classes.heatlh-records]
levle = "health"

[retention]
requests = "3 months"

[retention.classes.helth]
content = "1d"

[identity.cluster]
issuer = "https://cluster.example"
audience = "tollbar"
algorithms = ["HS256"]

[audit]
checkpoint_to = ["stdot", "http://log.example/checkpoints"]

[server.tls]
certificate = "nowhere.pem"

[alerts]
path = "prompts/"

[services.bot.budget]
amount = "500 eur"
window = "year"
time_zone = "Europe/Berln"
"#;

#[test]
fn the_rendered_report_of_many_faults() {
    insta::assert_snapshot!("many_faults", read(MANY).unwrap_err().render());
}

#[test]
fn the_json_report_has_places_and_remedies() {
    let report =
        read("[server]\n# ü\nlistn = 1\n[providers.p]\ndialect = \"simulated\"").unwrap_err();
    insta::assert_json_snapshot!("one_fault", report.to_json());
}

#[test]
fn syntax_errors_do_not_hide_what_is_certain() {
    let text = "[server]\nlisten = 127.0.0.1\ndrain_timeout = \"soon\"\nlistn = 1\n\n[models.m]\ntargets = [{ provider = \"p\" }]\n";
    let report = read(text).unwrap_err();
    let found: Vec<_> = report
        .diagnostics
        .iter()
        .map(|d| (d.code.as_str(), d.position.as_ref().unwrap().line))
        .collect();
    assert!(found.contains(&("E0002", 2)), "{found:?}");
    assert!(found.contains(&("E0008", 3)), "{found:?}");
    assert!(found.contains(&("E0003", 4)), "{found:?}");
    // Whether `p` exists cannot be known, nor what else was lost.
    assert!(found.iter().all(|(code, _)| ["E0002", "E0003", "E0008"].contains(code)), "{found:?}");
}

#[test]
fn columns_count_characters_and_the_caret_stands_below() {
    let report =
        read("[providers.p]\ndialect = \"simulated\"\nanswers = { \"grüß\" = \"ü\", x = 1 }")
            .unwrap_err();
    let position = report.diagnostics[0].position.as_ref().unwrap();
    assert_eq!((position.line, position.column, position.width), (3, 31, 1));
}

#[test]
fn no_text_makes_the_reader_panic_or_report_outside_of_it() {
    // Every prefix of a file with everything in it, cut at every character.
    for (end, _) in MANY.char_indices() {
        let text = &MANY[..end];
        if let Err(report) =
            load(&source(text), &Overrides::default(), &FixedEnvironment::default())
        {
            for diagnostic in &report.diagnostics {
                let Some(position) = &diagnostic.position else { continue };
                assert!(position.line <= text.lines().count().max(1) + 1);
                assert!(position.span.end <= text.len());
            }
            assert!(!report.render().is_empty());
        }
    }
}

#[test]
fn a_deeply_nested_text_is_refused_and_not_followed() {
    let deep = format!("x = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(crate::codes(&read(&deep)).contains(&"E0002"));
    let deep = format!("x = {}1{}", "{ a = ".repeat(50_000), " }".repeat(50_000));
    assert!(crate::codes(&read(&deep)).contains(&"E0002"));
    let deep = format!("[{}x]\n", "a.".repeat(50_000));
    assert!(read(&deep).is_err());
}
