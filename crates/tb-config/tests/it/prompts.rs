//! `[prompts]` and the files in its folder.

use tb_config::{FixedEnvironment, Loaded, Report, SystemEnvironment};

use crate::{FOLDER, codes, read, read_in};

const PROVIDER: &str = "[providers.p]\ndialect = \"simulated\"\n";

fn with_files(files: &[(&str, &str)]) -> FixedEnvironment {
    files.iter().fold(FixedEnvironment::default(), |environment, (name, text)| {
        environment.with_file(format!("{FOLDER}/prompts/{name}"), text)
    })
}

fn load(more: &str, files: &[(&str, &str)]) -> Result<Loaded, Report> {
    read_in(&format!("{PROVIDER}[prompts]\n{more}"), &with_files(files))
}

#[test]
fn files_become_prompts_with_their_partials() {
    let files = [
        ("greet.prompt", "Say hello. {% include \"tone\" %}"),
        ("translate.prompt", "Translate."),
        ("partials/tone.prompt", "Be kind.\r\n"),
        ("partials/unused.txt", "x"),
        ("README.md", "{{ no prompt"),
    ];
    let snapshot = load("", &files).unwrap().snapshot;
    let names: Vec<_> = snapshot.prompts.sources.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["greet", "translate"]);
    assert_eq!(snapshot.prompts.sources[0].content.partials["tone"], "Be kind.");
    assert_eq!(snapshot.prompts.protected, ["production"]);
}

#[test]
fn without_the_section_no_file_is_read() {
    let outcome = read_in(PROVIDER, &with_files(&[("broken.prompt", "{{ x }}")]));
    assert!(outcome.unwrap().snapshot.prompts.sources.is_empty());
}

#[test]
fn every_faulty_file_is_reported_with_its_line() {
    let files = [
        ("a.prompt", "---\nmodel: m\n---\nHi {{ name }}"),
        ("b.prompt", "one\n{% if %}"),
        ("c.prompt", "good"),
    ];
    let outcome = load("", &files);
    assert_eq!(codes(&outcome), ["E0063", "E0063"]);
    let report = outcome.unwrap_err();
    let places: Vec<_> = report
        .diagnostics
        .iter()
        .map(|d| (d.file.rsplit('/').next().unwrap(), d.position.as_ref().unwrap().line))
        .collect();
    assert_eq!(places, [("a.prompt", 4), ("b.prompt", 2)]);
    assert!(report.render().contains("{% if %}"), "{}", report.render());
}

#[test]
fn a_changed_file_changes_the_hash() {
    let hash = |text: &str| load("", &[("a.prompt", text)]).unwrap().snapshot.hash;
    assert_ne!(hash("one"), hash("two"));
    assert_eq!(hash("one"), hash("one"));
}

#[test]
fn services_say_for_themselves_whether_they_send_templates_only() {
    let services = "[services.a]\npurposes = [\"x\"]\n[services.b]\npurposes = [\"x\"]\ntemplates_only = false";
    let text = format!("{PROVIDER}[prompts]\ntemplates_only = true\n{services}");
    let snapshot = read_in(&text, &with_files(&[("a.prompt", "hi")])).unwrap().snapshot;
    let only = |name: &str| snapshot.services[name].templates_only;
    assert_eq!((only("a"), only("b")), (true, false));
    let alone = format!("{PROVIDER}[services.a]\npurposes = [\"x\"]\ntemplates_only = true");
    assert!(read(&alone).unwrap().snapshot.services["a"].templates_only);
}

#[test]
fn labels_have_names() {
    let files = [("a.prompt", "hi")];
    let own = load("protected = [\"production\", \"eu\"]", &files).unwrap().snapshot;
    assert_eq!(own.prompts.protected, ["production", "eu"]);
    assert_eq!(codes(&load("protected = [\"7\"]", &files)), ["E0015"]);
}

#[test]
fn a_new_file_in_the_folder_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("prompts")).unwrap();
    write("prompts/a.prompt", "one");
    write("tollbar.toml", &format!("{PROVIDER}[prompts]\n"));
    let source = tb_config::Source::File(folder.path().join("tollbar.toml"));
    let overrides = tb_config::Overrides::default();
    let loaded = tb_config::load(&source, &overrides, &SystemEnvironment).unwrap();
    let mut watched = loaded.watched;
    assert!(!watched.have_changed(&SystemEnvironment));
    write("prompts/b.prompt", "two");
    assert!(watched.have_changed(&SystemEnvironment));
    assert!(!watched.have_changed(&SystemEnvironment));
    write("prompts/a.prompt", "one, changed");
    assert!(watched.have_changed(&SystemEnvironment));
}
