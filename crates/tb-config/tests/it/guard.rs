//! `[guard]` and what services say over it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tb_config::{
    FixedEnvironment, GuardPolicy, Loaded, ModerationForm, OnTrouble, Reaction, Report, Snapshot,
    TextLimits, effective,
};
use tb_core::{DataClass, Surface};
use tb_guard::{Action, Characters, Handling, Kind};

use crate::{FOLDER, codes, read_in};

/// A model `m`, the services `a` and `b`, and this.
fn file(text: &str) -> String {
    let head = "[providers.p]\ndialect = \"simulated\"\n[models.m]\ntargets = [{ provider = \"p\", model = \"x\" }]\n";
    let services = "[services.a]\npurposes = [\"x\"]\n[services.b]\npurposes = [\"x\"]\n";
    format!("{head}{services}{text}\n")
}

fn environment() -> FixedEnvironment {
    FixedEnvironment::default()
        .with_file(format!("{FOLDER}/words.txt"), "# birds\nBlue Heron\n\n  Snipe\r\n")
}

fn outcome(text: &str) -> Result<Loaded, Report> {
    read_in(&file(text), &environment())
}

fn loaded(text: &str) -> Loaded {
    let loaded = outcome(text).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.warnings, []);
    loaded
}

fn snapshot(text: &str) -> Arc<Snapshot> {
    loaded(text).snapshot
}

fn policy<'s>(snapshot: &'s Snapshot, service: &str) -> &'s Arc<GuardPolicy> {
    &snapshot.services[service].guard
}

/// `line:column code` of each fault, counted from the first line behind [`file`]'s head.
fn places(text: &str) -> Vec<String> {
    let head = file("").lines().count() - 1;
    let place = |diagnostic: &tb_config::Diagnostic| {
        let at = diagnostic.position.as_ref().unwrap();
        format!("{}:{} {}", at.line - head, at.column, diagnostic.code.as_str())
    };
    outcome(text).unwrap_err().diagnostics.iter().map(place).collect()
}

#[test]
fn without_a_word_the_defaults_hold_and_are_shared() {
    let standard = format!("{:?}", GuardPolicy::default());
    for text in ["", "[guard]", "[guard]\ncharacters = {}\ninjection = {}\nlimits = {}"] {
        let snapshot = snapshot(text);
        assert_eq!(format!("{:?}", snapshot.guard.policy), standard, "{text}");
        assert!(Arc::ptr_eq(policy(&snapshot, "a"), &snapshot.guard.policy));
        assert!(Arc::ptr_eq(policy(&snapshot, "b"), &snapshot.guard.policy));
    }
}

#[test]
fn every_key_is_read() {
    let snapshot = snapshot(
        r#"[guard]
        on_error = "block"
        opaque = "allow"
        attachments = "block"
        actions = { email = "hash", de_tax_id = "block", ticket = "allow" }
        answers = { secret = "redact" }
        data_classes = { medical_record = "health" }
        characters = { controls = "reject", bidi = "strip", tags = "allow", zero_width = "strip" }
        injection = { reaction = "block", threshold = 0.75 }
        [guard.limits]
        characters = 1000
        images = 0
        routes = { embeddings = { characters = 10, tokens = 5 } }
        [[guard.detectors]]
        type = "ticket"
        words = ["T-1"]
        "#,
    );
    let policy = &snapshot.guard.policy;
    assert_eq!((policy.opaque, policy.attachments), (OnTrouble::Allow, OnTrouble::Block));
    let action = |name: &str| policy.actions.of(&Kind::custom(name.to_owned()));
    assert_eq!(
        [action("email"), action("de_tax_id"), action("ticket"), action("person")],
        [Action::Hash, Action::Block, Action::Allow, Action::Tokenize]
    );
    assert_eq!(policy.answers, HashMap::from([(Kind::SECRET, Action::Redact)]));
    assert_eq!(policy.data_classes, HashMap::from([(Kind::MEDICAL_RECORD, DataClass::Health)]));
    let characters = Characters {
        controls: Handling::Reject,
        bidi: Handling::Strip,
        tags: Handling::Allow,
        zero_width: Handling::Strip,
    };
    assert_eq!(policy.characters, characters);
    assert_eq!((policy.injection.reaction, policy.injection.threshold), (Reaction::Block, 0.75));
    let all = TextLimits { characters: Some(1000), images: Some(0), ..TextLimits::default() };
    assert_eq!(policy.limits.of(Surface::ChatCompletions), all);
    let embeddings = TextLimits { characters: Some(10), tokens: Some(5), ..all };
    assert_eq!(policy.limits.of(Surface::Embeddings), embeddings);
}

#[test]
fn a_service_goes_over_the_file_entry_by_entry() {
    let snapshot = snapshot(
        r#"[guard]
        opaque = "allow"
        actions = { email = "hash", url = "mask" }
        characters = { bidi = "strip" }
        limits = { tokens = 100, messages = 9, routes = { embeddings = { tokens = 50 } } }
        [services.a.guard]
        attachments = "block"
        actions = { url = "allow", person = "redact" }
        characters = { tags = "reject" }
        limits = { messages = 3, routes = { embeddings = { characters = 7 } } }
        "#,
    );
    let (own, other) = (policy(&snapshot, "a"), policy(&snapshot, "b"));
    assert!(Arc::ptr_eq(other, &snapshot.guard.policy));
    assert_eq!((own.opaque, own.attachments), (OnTrouble::Allow, OnTrouble::Block));
    assert_eq!(other.attachments, OnTrouble::Allow);
    let kinds = [Kind::EMAIL, Kind::URL, Kind::PERSON];
    let actions = |policy: &GuardPolicy| kinds.clone().map(|kind| policy.actions.of(&kind));
    assert_eq!(actions(own), [Action::Hash, Action::Allow, Action::Redact]);
    assert_eq!(actions(other), [Action::Hash, Action::Mask, Action::Tokenize]);
    let characters = (own.characters.bidi, own.characters.tags, own.characters.controls);
    assert_eq!(characters, (Handling::Strip, Handling::Reject, Handling::Strip));
    let limits = own.limits.of(Surface::Embeddings);
    let expected =
        TextLimits { characters: Some(7), tokens: Some(50), messages: Some(3), images: None };
    assert_eq!(limits, expected);
}

#[test]
fn a_service_may_turn_the_guard_off_for_itself_which_is_said() {
    let outcome = outcome("[services.a.guard]\nenabled = false\non_error = \"allow\"");
    assert_eq!(codes(&outcome), ["W0106", "W0107"]);
    let snapshot = outcome.unwrap().snapshot;
    assert!(!policy(&snapshot, "a").enabled);
    assert_eq!(policy(&snapshot, "a").on_error, OnTrouble::Allow);
    assert!(policy(&snapshot, "b").enabled);
}

#[test]
fn own_detectors_find_their_words_and_patterns_for_their_services() {
    let snapshot = snapshot(
        r#"[[guard.detectors]]
        type = "employee_id"
        patterns = ['\bE[0-9]{6}\b']
        context = ["employee"]
        services = ["a"]
        [[guard.detectors]]
        type = "project"
        words = ["Tansy"]
        words_file = "words.txt"
        "#,
    );
    let find = |text: &str| -> Vec<String> {
        let findings = snapshot.guard.guard.scan_structured(text).findings;
        findings.iter().map(|found| found.kind.to_string()).collect()
    };
    assert_eq!(find("employee E123456"), ["employee_id"]);
    assert_eq!(find("order E123456"), [""; 0]);
    assert_eq!(find("blue heron, snipe and tansy"), ["project"; 3]);
    assert_eq!(find("birds"), [""; 0]);
    assert!(policy(&snapshot, "a").not_ours.is_empty());
    let not_ours = &policy(&snapshot, "b").not_ours;
    assert_eq!(not_ours.iter().map(Kind::as_str).collect::<Vec<_>>(), ["employee_id"]);
}

#[test]
fn thresholds_and_names_reach_the_guard() {
    let kinds = |text: &str| -> Vec<String> {
        let guard = &snapshot(text).guard.guard;
        let findings = guard.scan("Dear Mr John Smith, write to jo@example.com").findings;
        findings.iter().map(|found| found.kind.to_string()).collect()
    };
    assert!(kinds("").contains(&"person".to_owned()));
    assert!(!kinds("[guard]\nnames = false").contains(&"person".to_owned()));
    let own = "[[guard.detectors]]\ntype = \"x\"\nwords = [\"dear\"]\nscore = 0.7";
    assert!(kinds(own).contains(&"x".to_owned()));
    assert!(!kinds(&format!("{own}\n[guard.thresholds]\nx = 0.8")).contains(&"x".to_owned()));
}

#[test]
fn keyword_lists_keep_their_names_and_reactions() {
    let snapshot = snapshot(
        "[[guard.keywords]]\nname = \"birds\"\nwords_file = \"words.txt\"\n\
         [[guard.keywords]]\nname = \"fish\"\nwords = [\"eel\"]\nreaction = \"report\"\n\
         [services.a.guard]\nopaque = \"allow\"",
    );
    let keywords = &policy(&snapshot, "a").keywords;
    let lists = [("birds".to_owned(), Reaction::Block), ("fish".to_owned(), Reaction::Report)];
    assert_eq!(keywords.lists, lists);
    assert_eq!(keywords.keywords.find("an EEL, and a blue heron"), [(0, 1), (1, 1)]);
    assert!(Arc::ptr_eq(keywords, &snapshot.guard.policy.keywords));
}

#[test]
fn moderation_is_overlaid_and_turned_on_and_off_by_service() {
    let snapshot = snapshot(
        r#"[guard.moderation]
        model = "m"
        form = "chat"
        thresholds = { hate = 0.3, violence = 0.9 }
        reaction = "report"
        on_failure = "allow"
        timeout = "250ms"
        [services.a.guard.moderation]
        before = false
        [services.b.guard.moderation]
        after = true
        threshold = 0.1
        thresholds = { hate = 0.2 }
        reaction = "block"
        "#,
    );
    let all = snapshot.guard.policy.moderation.as_ref().unwrap();
    assert_eq!((all.form, all.before, all.after), (ModerationForm::Chat, true, false));
    assert_eq!((all.reaction, all.on_failure), (Reaction::Report, OnTrouble::Allow));
    assert_eq!(all.timeout, Duration::from_millis(250));
    assert_eq!(policy(&snapshot, "a").moderation, None);
    let own = policy(&snapshot, "b").moderation.as_ref().unwrap();
    assert!(own.before && own.after);
    assert_eq!((own.threshold, own.reaction), (0.1, Reaction::Block));
    let thresholds = [("hate".to_owned(), 0.2), ("violence".to_owned(), 0.9)];
    assert_eq!(own.thresholds, HashMap::from(thresholds));
}

#[test]
fn moderation_that_is_off_for_all_is_known_to_the_service_that_turns_it_on() {
    let snapshot = snapshot(
        "[guard.moderation]\nmodel = \"m\"\nbefore = false\ntimeout = \"9s\"\n\
         [services.a.guard.moderation]\nafter = true",
    );
    assert_eq!(snapshot.guard.policy.moderation, None);
    assert_eq!(policy(&snapshot, "b").moderation, None);
    let own = policy(&snapshot, "a").moderation.as_ref().unwrap();
    assert_eq!((own.before, own.after, own.timeout), (false, true, Duration::from_secs(9)));
}

#[test]
fn a_service_alone_has_the_same_defaults_of_moderation_as_the_file() {
    let of_all = snapshot("[guard.moderation]\nmodel = \"m\"");
    let of_one = snapshot("[services.a.guard.moderation]\nmodel = \"m\"");
    assert_eq!(of_one.guard.policy.moderation, None);
    assert_eq!(policy(&of_one, "a").moderation, of_all.guard.policy.moderation);
}

#[test]
fn a_model_that_moderates_cannot_fall_back_on_itself() {
    let text = file("[guard.moderation]\nmodel = \"m\"");
    let text = text.replace("[models.m]\n", "[models.m]\nfallbacks = [\"m\"]\n");
    assert_eq!(codes(&read_in(&text, &environment())), ["E0044"]);
}

#[test]
fn faults_stand_where_they_are_written() {
    let text = r#"[guard]
actions = { ticket = "mask", tikcet = "mask", secret = "tokenize" }
thresholds = { person = 2 }
[[guard.detectors]]
type = "ticket"
words = ["a", ""]
patterns = ["[0-9]+"]
[[guard.detectors]]
type = "badge"
patterns = ["ok", "(?P<n"]
services = ["a", "c"]
[[guard.detectors]]
type = "badge"
words = ["x"]
[[guard.detectors]]
type = "Big"
words_file = "nowhere.txt"
[[guard.keywords]]
name = "none"
[guard.moderation]
model = "n"
[services.b.guard.answers]
email = "hash"
"#;
    assert_eq!(
        places(text),
        [
            "2:30 E0048",
            "2:56 E0049",
            "3:25 E0007",
            "6:15 E0050",
            "10:19 E0050",
            "11:18 E0052",
            "13:8 E0050",
            "17:14 E0051",
            "18:1 E0050",
            "21:9 E0031",
            "23:9 E0049",
        ]
    );
    let report = outcome(text).unwrap_err();
    let nearest: Vec<_> = report.diagnostics.iter().filter_map(|d| d.nearest.as_deref()).collect();
    assert_eq!(nearest, ["ticket", "a", "m"]);
}

#[test]
fn a_detector_that_does_not_compile_is_found_behind_one_that_was_not_read() {
    let text = "[[guard.detectors]]\ntype = 1\nwords = [\"a\"]\n[[guard.detectors]]\ntype = \"T\"\nwords = [\"a\"]\n[[guard.detectors]]\ntype = \"x\"\nwords = [\"a\"]\npatterns = [\"*\"]";
    assert_eq!(places(text), ["2:8 E0004", "5:8 E0050", "10:13 E0050"]);
}

#[test]
fn types_of_own_detectors_and_national_numbers_may_be_named_everywhere() {
    let mut text = "[[guard.detectors]]\ntype = \"ticket\"\nwords = [\"a\"]\n".to_owned();
    for table in ["guard", "services.a.guard"] {
        writeln!(text, "[{table}.actions]\nticket = \"tokenize\"\nfr_nir = \"block\"").unwrap();
        writeln!(text, "[{table}.answers]\nticket = \"mask\"").unwrap();
        writeln!(text, "[{table}.data_classes]\nticket = \"personal\"").unwrap();
    }
    assert!(outcome(&text).is_ok());
    for name in ["ip_adress", "us_snn", "uk_ninno", "tickets"] {
        let outcome = outcome(&format!("{text}[guard.thresholds]\n{name} = 0.5"));
        assert_eq!(codes(&outcome), ["E0048"], "{name}");
    }
}

#[test]
fn a_detector_may_find_more_of_a_built_in_type() {
    let snapshot = snapshot("[[guard.detectors]]\ntype = \"us_ssn\"\nwords = [\"none of yours\"]");
    let findings = snapshot.guard.guard.scan_structured("none of yours").findings;
    assert_eq!(findings[0].kind, Kind::US_SSN);
    assert!(Arc::ptr_eq(policy(&snapshot, "b"), &snapshot.guard.policy));
}

#[test]
fn what_holds_is_shown_with_where_it_comes_from() {
    let head = file("").lines().count() - 1;
    let loaded = loaded(
        "[guard]\nactions = { email = \"mask\" }\n[services.a.guard.actions]\nphone = \"hash\"\n[guard.limits.routes.embeddings]\ntokens = 5\n[[guard.detectors]]\ntype = \"ticket\"\nwords = [\"a\"]",
    );
    let all = effective(&loaded);
    let shown = |key: &str| {
        let found = all.iter().find(|one| one.key == key).unwrap_or_else(|| panic!("{key}"));
        format!("{} {}", found.value, found.source)
    };
    let line = |value: &str, line: usize| format!("{value} tollbar.toml:{}", head + line);
    assert_eq!(shown("guard.actions.email"), line("\"mask\"", 2));
    assert_eq!(shown("services.a.guard.actions.phone"), line("\"hash\"", 4));
    assert_eq!(shown("guard.limits.routes.embeddings.tokens"), line("5", 6));
    assert_eq!(shown("guard.actions.credit_card"), "\"mask\" default");
    assert_eq!(shown("guard.actions.url"), "\"report\" default");
    assert_eq!(shown("guard.actions.ticket"), "\"redact\" default");
    assert_eq!(shown("guard.on_error"), "\"block\" default");
    assert_eq!(shown("guard.injection.threshold"), "0.5 default");
}

#[test]
fn the_reference_tells_what_is_done_where_nothing_is_written() {
    let reference = tb_config::reference();
    let line = reference.lines().find(|line| line.starts_with("| `actions` |")).unwrap();
    for kind in Kind::KNOWN {
        let (word, next) = match tb_guard::Actions::default().of(kind) {
            Action::Mask => ("`mask`: ", "`tokenize`: "),
            Action::Tokenize => ("`tokenize`: ", "`redact`: "),
            Action::Redact => ("`redact`: ", "`report`: "),
            _ => continue,
        };
        let listed = line.split_once(word).unwrap().1.split_once(next).unwrap().0;
        let is_national = kind.as_str().as_bytes()[2] == b'_';
        assert!(is_national || listed.contains(&format!("`{kind}`")), "{kind}");
    }
}

#[test]
fn the_hash_follows_the_guard_and_its_files() {
    let hash = |text: &str| snapshot(text).hash;
    assert_eq!(hash(""), hash("[guard]\non_error = \"block\""));
    let mut hashes = vec![
        hash(""),
        hash("[guard.actions]\nemail = \"mask\""),
        hash("[services.a.guard.actions]\nemail = \"mask\""),
        hash("[services.b.guard.actions]\nemail = \"mask\""),
        hash("[[guard.detectors]]\ntype = \"x\"\nwords = [\"a\"]"),
        hash("[[guard.detectors]]\ntype = \"x\"\nwords = [\"a\"]\nservices = [\"a\"]"),
    ];
    for words in ["one", "two"] {
        let text = file("[[guard.detectors]]\ntype = \"x\"\nwords_file = \"words.txt\"");
        let environment =
            FixedEnvironment::default().with_file(format!("{FOLDER}/words.txt"), words);
        hashes.push(read_in(&text, &environment).unwrap().snapshot.hash);
    }
    let count = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), count);
}

#[test]
fn a_file_that_holds_no_words_but_a_key_is_not_printed() {
    let secret = "sk-CaNaRy0123456789abcdefCaNaRy";
    let environment = FixedEnvironment::default().with_file(format!("{FOLDER}/words.txt"), secret);
    let text = file(
        "[[guard.detectors]]\ntype = \"x\"\nwords_file = \"words.txt\"\npatterns = [\"(\"]\n\
         [[guard.keywords]]\nname = \"a b\"\nwords_file = \"words.txt\"",
    );
    let report = read_in(&text, &environment).unwrap_err();
    assert_eq!(report.diagnostics.len(), 2);
    assert!(!format!("{report:?}{report}{}", report.to_json()).contains(secret), "{report}");
}

#[test]
fn a_key_that_was_written_among_the_actions_is_covered() {
    let secret = "sk-CaNaRy0123456789abcdefCaNaRy";
    let text = format!("[guard]\nactions = {{ api_key = \"{secret}\", emial = \"mask\" }}");
    let report = outcome(&text).unwrap_err();
    let excerpts = report.diagnostics.iter().filter_map(|d| d.position.as_ref());
    assert!(excerpts.clone().all(|at| !at.excerpt.contains(secret)), "{report}");
    assert!(excerpts.clone().all(|at| at.excerpt.contains("emial = \"mask\"")), "{report}");
}

#[test]
fn the_example_means_what_it_says() {
    let read = |name: &str| std::fs::read_to_string(crate::examples().join(name)).unwrap();
    let environment = FixedEnvironment::default()
        .with_file(format!("{FOLDER}/rules/projects.txt"), &read("rules/projects.txt"));
    let loaded = read_in(&read("guard.toml"), &environment);
    let snapshot = loaded.unwrap_or_else(|report| panic!("{report}")).snapshot;
    let (bot, clinic) = (policy(&snapshot, "support-bot"), policy(&snapshot, "clinic"));
    assert!(bot.not_ours.is_empty());
    assert!(clinic.not_ours.contains(&Kind::fixed("customer_number")));
    assert_eq!(bot.actions.of(&Kind::IBAN), Action::Mask);
    assert_eq!(clinic.actions.of(&Kind::SECRET), Action::Block);
    assert!(bot.moderation.as_ref().is_some_and(|moderation| moderation.after));
    assert_eq!(clinic.limits.of(Surface::Embeddings).characters, Some(2000));
    assert_eq!(bot.limits.of(Surface::Embeddings).characters, Some(8000));
    let findings = snapshot
        .guard
        .guard
        .scan_structured("Employee E123456 and customer 4539-1488-01 work on Blue Heron.");
    let kinds: Vec<_> = findings.findings.iter().map(|found| found.kind.as_str()).collect();
    assert_eq!(kinds, ["employee_id", "customer_number", "project"]);
}
