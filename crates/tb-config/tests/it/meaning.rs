//! What a good file becomes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tb_config::{
    FixedEnvironment, JournalSettings, Loaded, OnDisconnect, Overrides, Source, StorageSettings,
    load, matches_pattern,
};
use tb_core::DataClass;
use tb_providers::DialectName;
use tb_providers::simulated::Fault;

use crate::{FOLDER, codes, examples, read, read_in};

fn production() -> Loaded {
    let text = std::fs::read_to_string(examples().join("production.toml")).unwrap();
    let environment =
        ["OPENAI_API_KEY", "OPENAI_API_KEY_2", "AZURE_OPENAI_API_KEY", "MISTRAL_API_KEY"]
            .iter()
            .fold(FixedEnvironment::default(), |all, name| all.with_var(name, name))
            .with_file("/run/secrets/anthropic", "a");
    read_in(&text, &environment).unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn the_production_example_means_what_it_says() {
    let loaded = production();
    let snapshot = &loaded.snapshot;
    assert_eq!(snapshot.server.max_body_bytes, 32 << 20);
    assert_eq!(snapshot.server.drain_timeout, Duration::from_secs(45));
    assert_eq!(snapshot.storage, StorageSettings::Sqlite("/var/lib/tollbar/tollbar.db".into()));
    assert!(snapshot.journal.durable_on_power_loss);
    assert_eq!(snapshot.environment.as_deref(), Some("production"));

    let openai = &snapshot.providers["openai"];
    let keys: Vec<_> = openai.api_keys.iter().map(tb_core::Secret::expose).collect();
    assert_eq!(keys, ["OPENAI_API_KEY", "OPENAI_API_KEY_2"]);
    assert_eq!(openai.data_classes, [DataClass::Public, DataClass::Internal, DataClass::Personal]);
    assert_eq!(openai.handling.region.as_deref(), Some("us"));
    let baa = openai.handling.baa.as_ref().unwrap();
    assert_eq!(baa.expires_at.to_rfc3339(), "2027-01-01T00:00:00.000Z");
    let azure = &snapshot.providers["azure"];
    assert_eq!((azure.dialect, azure.vendor.as_str()), (DialectName::Azure, "openai"));
    assert_eq!(azure.quirks.api_version.as_deref(), Some("2024-10-21"));
    let mistral = &snapshot.providers["mistral"];
    assert_eq!(mistral.vendor, "mistral");
    assert!(!mistral.quirks.developer_role && mistral.quirks.stream_options);
    let anthropic = &snapshot.providers["anthropic"];
    assert!(matches!(anthropic.on_client_disconnect, OnDisconnect::Drain { .. }));

    let support = &snapshot.models["support"];
    let weights: Vec<_> =
        support.targets.iter().map(|t| (t.provider.name.as_str(), t.weight)).collect();
    assert_eq!(weights, [("openai", 90), ("azure", 10)]);
    assert_eq!(support.first_byte_timeout, Duration::from_secs(10));

    let price = snapshot.prices.price("openai", "gpt-4o-mini-2024-07-18").unwrap();
    assert_eq!((price.input, price.cached_input, price.output), (150_000, Some(75_000), 600_000));
}

#[test]
fn a_service_may_call_its_names_and_patterns_only() {
    let loaded = production();
    let bot = &loaded.snapshot.services["support-bot"];
    assert!(bot.may_call("support") && bot.may_call("translate"));
    assert!(!bot.may_call("writer") && !bot.may_call("openai/gpt-4o") && !bot.may_call("support2"));
    let office = &loaded.snapshot.services["back-office"];
    assert!(office.may_call("search-embedding") && office.may_call("openai/gpt-4o"));
    assert!(!office.may_call("azure/gpt-4o") && !office.may_call("support"));
    assert!(matches_pattern("*", "anything") && !matches_pattern("a", "ab"));
}

#[test]
fn a_model_is_found_by_name_or_made_of_provider_and_model() {
    let loaded = production();
    let snapshot = &loaded.snapshot;
    assert!(snapshot.direct_models);
    assert_eq!(snapshot.model("support").unwrap().targets.len(), 2);
    let direct = snapshot.model("openai/ft:gpt-4o:acme/x").unwrap();
    assert_eq!(direct.name.as_str(), "openai/ft:gpt-4o:acme/x");
    assert_eq!(direct.targets[0].model.as_str(), "ft:gpt-4o:acme/x");
    assert_eq!(direct.targets[0].weight, 1);
    assert_eq!(direct.deadline, Duration::from_secs(600));
    for name in
        ["nobody/gpt", "gpt", "openai/", "openai/a?b", "openai/../x", "openai/a b", "openai/a\n"]
    {
        assert!(snapshot.model(name).is_none(), "{name}");
    }
}

#[test]
fn models_that_are_called_directly_have_the_defaults_of_the_table() {
    let loaded = read(
        "[providers.p]\ndialect = \"simulated\"\n[models.m]\ntargets = [{ provider = \"p\", model = \"x\" }]",
    )
    .unwrap();
    let named = loaded.snapshot.model("m").unwrap();
    let direct = loaded.snapshot.model("p/x").unwrap();
    assert_eq!(named.deadline, direct.deadline);
    assert_eq!(named.first_byte_timeout, direct.first_byte_timeout);
    assert_eq!(named.idle_timeout, direct.idle_timeout);
    assert_eq!(named.whole_answer_timeout, direct.whole_answer_timeout);
    assert_eq!(named.retry, direct.retry);
    assert_eq!(named.fallbacks, direct.fallbacks);
    assert_eq!(named.on_exhausted, direct.on_exhausted);
    assert_eq!(named.stale_if_error, direct.stale_if_error);
    assert_eq!(named.cache, direct.cache);
}

#[test]
fn direct_models_are_off_where_no_service_reaches_a_provider() {
    let text = "[providers.p]\ndialect = \"simulated\"\n[models.m]\ntargets = [{ provider = \"p\", model = \"x\" }]\n[services.s]\npurposes = [\"a\"]\nmodels = ";
    for (models, direct) in [
        ("[\"m\"]", false),
        ("[\"m*\"]", false),
        ("[\"*\"]", true),
        ("[\"p/*\"]", true),
        ("[\"p/x\"]", true),
    ] {
        let loaded = read(&format!("{text}{models}")).unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(loaded.snapshot.direct_models, direct, "{models}");
        assert_eq!(loaded.snapshot.model("p/x").is_some(), direct, "{models}");
    }
}

#[test]
fn paths_are_taken_from_the_folder_of_the_file() {
    let loaded = read("[providers.p]\ndialect = \"simulated\"").unwrap();
    let expected = Path::new(FOLDER).join("tollbar.db");
    assert_eq!(loaded.snapshot.storage, StorageSettings::Sqlite(expected));
    let expected = Path::new(FOLDER).join("journal/");
    let expected = JournalSettings { path: expected, durable_on_power_loss: false };
    assert_eq!(loaded.snapshot.journal, expected);
}

#[test]
fn a_file_without_services_has_the_service_default() {
    let loaded = read("[providers.p]\ndialect = \"simulated\"").unwrap();
    let service = &loaded.snapshot.services["default"];
    assert_eq!(service.purposes[0].as_str(), "general");
    assert!(service.may_call("p/anything"));
    assert_eq!(service.data_classes, DataClass::ALL);
}

#[test]
fn the_simulated_provider_has_its_settings() {
    let text = std::fs::read_to_string(examples().join("demo.toml")).unwrap();
    let loaded = read(&text).unwrap();
    let flaky = loaded.snapshot.providers["flaky"].simulated.as_ref().unwrap();
    assert_eq!(flaky.latency, Duration::from_millis(80));
    assert_eq!(flaky.tokens_per_second, 50);
    let faults: Vec<_> = flaky.failures.iter().map(|failure| failure.fault).collect();
    assert_eq!(faults, [Fault::Status(429), Fault::Status(503), Fault::Cut, Fault::ErrorEvent]);
    assert_eq!(flaky.failures[0].retry_after, Some(Duration::from_secs(1)));
    let steady = loaded.snapshot.providers["steady"].simulated.as_ref().unwrap();
    assert!(steady.answers.contains(&("ping".to_owned(), "pong".to_owned())));
}

#[test]
fn without_a_file_each_vendor_with_a_key_is_a_provider() {
    let environment = FixedEnvironment::default()
        .with_var("OPENAI_API_KEY", "o")
        .with_var("ANTHROPIC_API_KEY", "a")
        .with_var("GEMINI_API_KEY", "g")
        .with_var("MISTRAL_API_KEY", "")
        .with_var("AZURE_OPENAI_API_KEY", "z")
        .with_var("AZURE_OPENAI_ENDPOINT", "https://x.openai.azure.com/")
        .with_var("AZURE_OPENAI_API_VERSION", "2024-10-21");
    let loaded = Loaded::defaults(&environment).unwrap_or_else(|report| panic!("{report}"));
    let snapshot = &loaded.snapshot;
    let names: Vec<_> = snapshot.providers.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["anthropic", "azure", "gemini", "openai"]);
    assert_eq!(snapshot.providers["gemini"].vendor, "google");
    assert_eq!(snapshot.providers["azure"].base_url.host, "x.openai.azure.com");
    assert_eq!(snapshot.providers["azure"].quirks.api_version.as_deref(), Some("2024-10-21"));
    assert_eq!(snapshot.providers["anthropic"].api_keys[0].expose(), "a");
    assert!(snapshot.direct_models && snapshot.server.authentication);
    assert!(snapshot.server.listen.ip().is_loopback());
    let here = std::env::current_dir().unwrap();
    assert_eq!(snapshot.storage, StorageSettings::Sqlite(here.join("tollbar-data/tollbar.db")));
    assert_eq!(snapshot.journal.path, here.join("tollbar-data/journal/"));
    assert!(snapshot.model("gemini/gemini-2.5-flash").is_some());
    assert_eq!(loaded.origin, None);
    for one in tb_config::effective(&loaded) {
        match one.key.as_str() {
            "providers.openai.api_keys" => assert_eq!(one.source, "env OPENAI_API_KEY"),
            "server.listen" | "storage.url" => assert_eq!(one.source, "default"),
            _ => assert!(!one.source.contains(':'), "{one:?}"),
        }
    }
}

#[test]
fn without_a_file_and_any_key_it_starts_with_a_warning() {
    let loaded = Loaded::defaults(&FixedEnvironment::default()).unwrap();
    assert_eq!(loaded.warnings.len(), 1);
    assert_eq!(loaded.warnings[0].code.as_str(), "W0103");
    assert_eq!(loaded.warnings[0].position, None);
}

#[test]
fn the_hash_follows_the_values_and_not_the_writing() {
    let hash = |text: &str| read(text).unwrap().snapshot.hash;
    let base = "[providers.p]\ndialect = \"simulated\"\n";
    let plain = hash(base);
    assert_eq!(
        plain,
        hash(&format!(
            "# a comment\n{base}latency = \"0s\" # more\n[server]\ndrain_timeout = \"30000ms\"\n"
        )),
        "written defaults"
    );
    assert_ne!(plain, hash(&format!("{base}[server]\ndrain_timeout = \"31s\"\n")));
    assert_ne!(plain, hash(&format!("{base}latency = \"1s\"\n")));
}

#[test]
fn the_source_is_the_flag_then_the_variable_then_the_usual_file_then_nothing() {
    let empty = FixedEnvironment::default();
    assert_eq!(Source::find(None, &empty), Source::BuiltIn);
    let usual = empty.with_file("tollbar.toml", "");
    assert_eq!(Source::find(None, &usual), Source::File(PathBuf::from("tollbar.toml")));
    let variable = usual.with_var("TOLLBAR_CONFIG", "/a.toml");
    assert_eq!(Source::find(None, &variable), Source::File(PathBuf::from("/a.toml")));
    let given = Source::find(Some(Path::new("/b.toml")), &variable);
    assert_eq!(given, Source::File(PathBuf::from("/b.toml")));
}

#[test]
fn a_relative_file_gives_absolute_paths() {
    let environment = FixedEnvironment::default()
        .with_file("conf/tollbar.toml", "[providers.p]\ndialect = \"simulated\"");
    let source = Source::File(PathBuf::from("conf/tollbar.toml"));
    let loaded = load(&source, &Overrides::default(), &environment).unwrap();
    let expected = std::env::current_dir().unwrap().join("conf/tollbar.db");
    assert_eq!(loaded.snapshot.storage, StorageSettings::Sqlite(expected));
}

#[test]
fn a_provider_of_another_environment_is_refused() {
    let text = |ours: &str| {
        format!(
            "{ours}\n[providers.up]\ndialect = \"openai\"\nbase_url = \"https://up.test/v1\"\n\
             environment = \"production\"\n"
        )
    };
    assert_eq!(codes(&read(&text("[environment]\nname = \"production\""))), Vec::<&str>::new());
    for other in ["", "[environment]\nname = \"staging\""] {
        let outcome = read(&text(other));
        assert_eq!(codes(&outcome), ["E0064"], "{other}");
        let report = outcome.unwrap_err().render();
        assert!(report.contains("`production`"), "{report}");
    }
}
