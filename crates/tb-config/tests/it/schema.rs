//! The schema, the reference and the reader know the same keys.

use serde_json::Value;
use tb_config::{FixedEnvironment, reference, schema};

use crate::{codes, read, read_in};

/// Every key of the schema, as a file that sets it to a date-time, which no key takes, and the
/// key's name. Keys below names and lists get a name or an entry.
fn files(schema: &Value, open: &str, close: &str, into: &mut Vec<(String, String)>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    for (key, below) in properties {
        into.push((format!("{open}{key} = 1979-05-27T07:32:00Z{close}"), key.clone()));
        let inner = |open: &str, close: &str| (format!("{open}{{ "), format!(" }}{close}"));
        if below["properties"].is_object() {
            let (open, close) = inner(&format!("{open}{key} = "), close);
            files(below, &open, &close, into);
        } else if below["items"]["properties"].is_object() {
            let (open, close) = inner(&format!("{open}{key} = ["), &format!("]{close}"));
            files(&below["items"], &open, &close, into);
        } else if below["additionalProperties"]["properties"].is_object() {
            let (open, close) =
                inner(&format!("{open}{key} = {{ \"v/n\" = "), &format!(" }}{close}"));
            files(&below["additionalProperties"], &open, &close, into);
        }
    }
}

#[test]
fn the_reader_reads_every_key_of_the_schema_and_knows_its_type() {
    let mut all = Vec::new();
    files(&schema(), "", "", &mut all);
    assert!(all.len() > 150, "only {} keys", all.len());
    for (text, key) in all {
        let outcome = read(&text);
        let report = outcome.as_ref().unwrap_err();
        assert!(codes(&outcome).iter().all(|code| *code != "E0003"), "{text}\n{report}");
        let about_it = |message: &str| message.contains(&format!("{key}` takes"));
        assert!(
            report.diagnostics.iter().any(|d| d.code.as_str() == "E0004" && about_it(&d.message)),
            "`{key}` is in the schema, and nobody reads it:\n{text}\n{report}"
        );
    }
}

#[test]
fn the_schema_refuses_other_keys_at_every_level() {
    fn check(schema: &Value, path: &str) {
        if let Some(properties) = schema["properties"].as_object() {
            assert_eq!(schema["additionalProperties"], false, "{path}");
            for (key, below) in properties {
                assert!(
                    below["description"].is_string() || path.contains("api_keys"),
                    "{path}.{key}"
                );
                check(below, &format!("{path}.{key}"));
            }
        }
        for inner in ["items", "additionalProperties"] {
            if schema[inner].is_object() {
                check(&schema[inner], &format!("{path}.{inner}"));
            }
        }
    }
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    check(&schema, "$");
    check(&schema["$defs"]["rules_file"], "$rules");
}

#[test]
fn every_default_of_the_schema_is_accepted_by_the_reader() {
    // Reading a file without these sections reads each default through the same code as a value.
    let text = "[providers.p]\ndialect = \"simulated\"\nbaa = { reference = \"r\", expires = \"2027-01-01\" }\nquirks = {}\n\
        [models.m]\ntargets = [{ provider = \"p\", model = \"m\", abilities = {} }]\nfallbacks = {}\nretry = {}\ncache = {}\n\
        [services.s]\npurposes = [\"a\"]\nlimits = {}\nuser_limits = {}\nbudget = { amount = 1, window = \"day\" }\nguard = { characters = {}, injection = {}, limits = { routes = { embeddings = {} } }, moderation = {} }\n[cache]\n\
        [guard]\ncharacters = {}\ninjection = {}\nlimits = { routes = { embeddings = {} } }\nmoderation = { model = \"m\" }\n\
        detectors = [{ type = \"x\", words = [\"a\"] }]\nkeywords = [{ name = \"x\", words = [\"a\"] }]\n\
        [prices.\"p/m\"]\ninput = 1\noutput = 1\ntiers = [{ above_tokens = 1, input = 1, output = 1 }]\n\
        [organisation]\nlimits = {}\n[keys]\n[audit]\n[retention]\n[data_classes.own]\nlevel = \"public\"\n[data_classes.health]\n\
        [identity.i]\nissuer = \"i\"\naudience = \"a\"\nalgorithms = [\"RS256\"]\njwks_url = \"http://127.0.0.1/k\"\n\
        [content_log]\nmaster_key = { env = \"MASTER\" }";
    let environment = FixedEnvironment::default().with_var("MASTER", &"0f".repeat(32));
    let loaded = read_in(text, &environment).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.warnings, []);
}

#[test]
fn the_reference_names_every_key_and_code() {
    let reference = reference();
    let mut all = Vec::new();
    files(&schema(), "", "", &mut all);
    for (_, key) in all {
        assert!(reference.contains(&format!("| `{key}` |")), "{key}");
    }
    for code in tb_config::Code::ALL {
        assert!(reference.contains(code.as_str()));
    }
    assert!(reference.contains("`TOLLBAR_SERVER_LISTEN`"));
}
