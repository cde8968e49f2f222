//! Every committed example and the template load.

use tb_config::{FixedEnvironment, Overrides, Source, load, template};

use crate::{examples, read};

fn environment() -> FixedEnvironment {
    FixedEnvironment::default()
        .with_var("OPENAI_API_KEY", "sk-example-1")
        .with_var("OPENAI_API_KEY_2", "sk-example-2")
        .with_var("AZURE_OPENAI_API_KEY", "azure-example")
        .with_var("MISTRAL_API_KEY", "mistral-example")
        .with_file("/run/secrets/anthropic", "sk-ant-example\n")
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
        let loaded = load(&Source::File(path.clone()), &Overrides::default(), &environment);
        let loaded = loaded.unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(loaded.warnings, [], "{}", path.display());
        assert_eq!(loaded.origin, Some(path.clone()));
        seen.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
    }
    seen.sort();
    assert_eq!(seen, ["demo", "guard", "local-model", "minimal", "production", "resilience"]);
}

#[test]
fn the_template_loads_where_no_variable_is_set() {
    let loaded = read(template()).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.warnings, []);
}

#[test]
fn the_template_with_every_comment_opened_loads_too() {
    // Lines such as `# [providers.openai]` and `# input = 0.15` are what people uncomment.
    let opened: Vec<_> = template()
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
    let environment = environment();
    let loaded = crate::read_in(&opened.join("\n"), &environment);
    let loaded = loaded.unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.snapshot.providers.len(), 3);
}
