//! A marked secret goes in by every way, and comes out by none.

use tb_config::{FixedEnvironment, Loaded, Report, effective};

use crate::{FOLDER, read_in};

const CANARY: &str = "sk-CaNaRy0123456789abcdefCaNaRy";

fn provider(text: &str) -> String {
    format!("[providers.p]\ndialect = \"openai\"\nbase_url = \"https://h/v1\"\n{text}\n")
}

/// All that is ever printed of an outcome.
fn output(outcome: &Result<Loaded, Report>) -> String {
    match outcome {
        Ok(loaded) => {
            let warnings: String = loaded.warnings.iter().map(ToString::to_string).collect();
            format!("{loaded:?}{warnings}{:?}", effective(loaded))
        }
        Err(report) => format!("{report:?}{report}{}", report.to_json()),
    }
}

#[test]
fn a_good_configuration_prints_no_secret() {
    let environment = FixedEnvironment::default()
        .with_var("KEY", CANARY)
        .with_file(format!("{FOLDER}/key"), CANARY);
    let keys = format!("api_keys = [{{ env = \"KEY\" }}, {{ file = \"key\" }}, \"{CANARY}\"]");
    let outcome = read_in(&provider(&keys), &environment);
    let loaded = outcome.as_ref().unwrap();
    let provider = loaded.snapshot.providers.values().next().unwrap();
    assert_eq!(provider.api_keys.len(), 3);
    assert!(provider.api_keys.iter().all(|key| key.expose() == CANARY));
    assert_eq!(loaded.warnings.len(), 1);
    let output = output(&outcome);
    assert!(!output.contains(CANARY), "{output}");
    assert!(output.contains("[secret]"));
}

#[test]
fn no_report_prints_a_secret_however_it_was_mistyped() {
    let environment = FixedEnvironment::default().with_var("KEY", &format!("{CANARY}\n{CANARY}"));
    for text in [
        format!("api_key = \"{CANARY}\""),
        format!("api_keys = \"{CANARY}\""),
        format!("api_keys = [[\"{CANARY}\"]]"),
        format!("api_keys = [{{ env = \"{CANARY}\" }}]"),
        format!("api_keys = [{{ value = \"{CANARY}\" }}]"),
        format!("api_keys = [{{ env = \"UNSET\" }}, \"{CANARY}\"]"),
        "api_keys = [{ env = \"KEY\" }]".to_owned(),
        format!("api_keys = [\"{CANARY}\"]\nlatency = \"1s\""),
        format!("secrets = {{ token = \"{CANARY}\" }}"),
        format!("api_keys = [\"{CANARY}"),
        format!("api_keys = [{CANARY}]"),
        format!("api_keys = \"{CANARY}\" \"{CANARY}\""),
        format!("[storage]\nurl = \"postgres://user:{CANARY}@host/db\""),
        format!("[providers.q]\ndialect = \"openai\"\nbase_url = \"https://user:{CANARY}@host\""),
        format!("[content_log]\nmaster_key = \"{CANARY}\""),
        format!("[content_log]\nmaster_key = {{ env = \"{CANARY}\" }}"),
        format!("[content_log]\nmaster_key = {{ value = \"{CANARY}\" }}"),
        format!("[content_log]\nmaster_key = [\"{CANARY}\"]"),
        format!("[content_log]\nmaster = \"{CANARY}\""),
        "[content_log]\nmaster_key = { env = \"KEY\" }".to_owned(),
        format!("[server.tls]\nkey = \"-----BEGIN PRIVATE KEY-----{CANARY}\""),
        format!("[audit]\ncheckpoint_to = \"https://user:{CANARY}@log.example\""),
        format!("[audit]\ncheckpoint_to = \"http://log.example/?token={CANARY}\""),
        format!("[identity.i]\njwks_url = \"https://user:{CANARY}@h/k\""),
        format!("[alerts]\nchannels = [{{ webhook = \"https://hooks.example/{CANARY}\" }}]"),
    ] {
        let outcome = read_in(&provider(&text), &environment);
        assert!(outcome.is_err(), "{text}");
        let output = output(&outcome);
        assert!(!output.contains(CANARY), "{text}\n{output}");
    }
}

#[test]
fn a_master_key_is_not_printed() {
    let key = "CaNaRy42".repeat(8).replace(|c: char| !c.is_ascii_hexdigit(), "0");
    let environment =
        FixedEnvironment::default().with_var("KEY", &key).with_file(format!("{FOLDER}/key"), &key);
    for written in ["{ env = \"KEY\" }", "{ file = \"key\" }", &format!("\"{key}\"")] {
        let text = provider(&format!("[content_log]\nmaster_key = {written}"));
        let outcome = read_in(&text, &environment);
        let loaded = outcome.as_ref().unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(loaded.snapshot.content_log.as_ref().unwrap().master_key.expose(), key);
        let output = output(&outcome);
        assert!(!output.contains(&key) && output.contains("[secret]"), "{output}");
    }
}

#[test]
fn a_secret_in_a_variable_of_the_storage_is_not_printed() {
    let environment = FixedEnvironment::default()
        .with_var("TOLLBAR_STORAGE_URL", &format!("postgres://user:{CANARY}@host/db"));
    let outcome = read_in("[providers.p]\ndialect = \"simulated\"", &environment);
    assert!(!output(&outcome).contains(CANARY));
    assert!(outcome.is_err());
}

#[test]
fn the_end_of_a_secret_file_is_trimmed() {
    let environment =
        FixedEnvironment::default().with_file(format!("{FOLDER}/run/key"), "sk-1\r\n");
    let loaded = read_in(&provider("api_keys = [{ file = \"run/key\" }]"), &environment).unwrap();
    let provider = loaded.snapshot.providers.values().next().unwrap();
    assert_eq!(provider.api_keys[0].expose(), "sk-1");
}

#[test]
fn the_hash_does_not_depend_on_secrets() {
    let hash = |key: &str| {
        let environment = FixedEnvironment::default().with_var("KEY", key);
        read_in(&provider("api_keys = [{ env = \"KEY\" }]"), &environment).unwrap().snapshot.hash
    };
    assert_eq!(hash("one"), hash("two"));
}
