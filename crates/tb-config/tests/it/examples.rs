//! Every committed example and the template load.

use tb_config::{FixedEnvironment, Overrides, Source, load, template};

use crate::{examples, read};

fn environment() -> FixedEnvironment {
    FixedEnvironment::default()
        .with_var("OPENAI_API_KEY", "sk-example-1")
        .with_var("OPENAI_API_KEY_2", "sk-example-2")
        .with_var("AZURE_OPENAI_API_KEY", "azure-example")
        .with_var("MISTRAL_API_KEY", "mistral-example")
        .with_var("CONTENT_LOG_KEY", &"0f".repeat(32))
        .with_file("/run/secrets/anthropic", "sk-ant-example\n")
        .with_file("/etc/tollbar/tls/cert.pem", "-----BEGIN CERTIFICATE-----\n")
        .with_file("/etc/tollbar/tls/key.pem", "-----BEGIN PRIVATE KEY-----\n")
        .with_file("/etc/tollbar/tls/ca.pem", "-----BEGIN CERTIFICATE-----\n")
}

#[test]
fn every_example_loads_without_a_warning() {
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(examples()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let environment = ["support.toml", "projects.txt"].iter().fold(
            environment().with_file(&path, &text),
            |environment, name| {
                let named = examples().join("rules").join(name);
                let text = std::fs::read_to_string(&named).unwrap();
                environment.with_file(&named, &text)
            },
        );
        let prompts = ["classify.prompt", "translate.prompt", "partials/house.prompt"];
        let environment = prompts.iter().fold(environment, |environment, name| {
            let named = examples().join("prompts").join(name);
            let text = std::fs::read_to_string(&named).unwrap();
            // Paths of the file are joined to its absolute folder as they are written.
            environment.with_file(&named, &text)
        });
        let loaded = load(&Source::File(path.clone()), &Overrides::default(), &environment);
        let loaded = loaded.unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(loaded.warnings, [], "{}", path.display());
        assert_eq!(loaded.origin, Some(path.clone()));
        seen.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    seen.sort();
    let all = [
        "accountability",
        "demo",
        "guard",
        "identity",
        "local-model",
        "minimal",
        "production",
        "prompts",
        "resilience",
    ];
    assert_eq!(seen, all);
}

#[test]
fn the_template_loads_where_no_variable_is_set() {
    let loaded = read(template()).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.warnings, []);
}

/// Lines such as `# [providers.openai]` and `# input = 0.15` are what people uncomment.
fn opened(text: &str) -> String {
    let opened: Vec<_> = text
        .lines()
        .map(|line| {
            let is_code = |text: &str| {
                let mut words = text.split(' ');
                text.starts_with(['[', '{'])
                    || (words.next().is_some() && words.next() == Some("="))
            };
            line.trim_start().strip_prefix("# ").filter(|text| is_code(text)).unwrap_or(line)
        })
        .collect();
    opened.join("\n")
}

#[test]
fn the_accountability_example_with_its_content_log_and_tls_loads_too() {
    let text = std::fs::read_to_string(examples().join("accountability.toml")).unwrap();
    let alternative = "# jwks_file = \"/etc/tollbar/jwks.json\"";
    assert!(text.contains(alternative));
    let opened = opened(&text.replace(alternative, "#"));
    let loaded = crate::read_in(&opened, &environment());
    let loaded = loaded.unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.warnings, []);
    assert!(loaded.snapshot.content_log.is_some() && loaded.snapshot.server.tls.is_some());
}

#[test]
fn the_template_with_every_comment_opened_loads_too() {
    let loaded = crate::read_in(&opened(template()), &environment());
    let loaded = loaded.unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.snapshot.providers.len(), 3);
}
