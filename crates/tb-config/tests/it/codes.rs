//! One faulty file for each code, and its near miss where one is worth having.

use std::collections::BTreeSet;

use tb_config::{Code, FixedEnvironment, Overrides, Source, SystemEnvironment, load};

use crate::{FOLDER, codes, read, read_in};

const SIMULATED: &str = "[providers.p]\ndialect = \"simulated\"\n";

/// A file with a good provider, and this.
fn with_provider(text: &str) -> String {
    format!("{SIMULATED}{text}\n")
}

/// A provider of the dialect `openai` with this in it.
fn provider(text: &str) -> String {
    format!("[providers.p]\ndialect = \"openai\"\nbase_url = \"https://h/v1\"\n{text}\n")
}

fn model(text: &str) -> String {
    with_provider(&format!("[models.m]\n{text}"))
}

/// A model with a target and this.
fn served(text: &str) -> String {
    model(&format!("targets = [{{ provider = \"p\", model = \"m\" }}]\n{text}"))
}

/// A model whose last rung is the rules file of that name.
fn ruled(file: &str) -> String {
    served(&format!("on_exhausted = [\"rules\"]\nrules = \"{file}\""))
}

fn service(text: &str) -> String {
    with_provider(&format!(
        "[models.support]\ntargets = [{{ provider = \"p\", model = \"m\" }}]\n[services.s]\n{text}"
    ))
}

/// A model that moderates, with this in its table.
fn moderated(text: &str) -> String {
    served(&format!("[guard.moderation]\nmodel = \"m\"\n{text}"))
}

fn guard(text: &str) -> String {
    with_provider(&format!("[guard]\n{text}"))
}

/// A service that declares nothing unusual, with this in its table.
fn caller(text: &str) -> String {
    with_provider(&format!("[services.s]\npurposes = [\"a\"]\n{text}"))
}

/// A content log with this in its table.
fn logged(text: &str) -> String {
    with_provider(&format!("[content_log]\n{text}"))
}

const ISSUER: &str =
    "issuer = \"i\"\naudience = \"a\"\nalgorithms = [\"RS256\"]\njwks_url = \"https://h/k\"\n";

/// An issuer of tokens with this in its table.
fn issued(text: &str) -> String {
    with_provider(&format!("[identity.i]\n{text}"))
}

fn secured(text: &str) -> String {
    with_provider(&format!("[server.tls]\n{text}"))
}

/// Two services with a workload each.
fn shared(one: &str, other: &str) -> String {
    format!(
        "{}[services.s]\npurposes = [\"a\"]\nworkloads = [\"{one}\"]\n[services.t]\npurposes = [\"a\"]\nworkloads = [\"{other}\"]",
        issued(ISSUER)
    )
}

/// A code and texts that give it and nothing else.
type Case = (&'static str, Vec<String>);

fn cases() -> Vec<Case> {
    [values(), meanings(), accountability(), warnings()].concat()
}

#[rustfmt::skip] // One line for each code.
fn values() -> Vec<Case> {
    vec![
        ("E0002", vec![with_provider("[server"), with_provider("[server]\n[server]")]),
        ("E0003", vec![with_provider("[server]\nlistn = \"127.0.0.1:1\""), with_provider("[sever]"), model("targets = [{ provider = \"p\", model = \"m\", wieght = 1 }]"), guard("action = { email = \"mask\" }"), service("purposes = [\"a\"]\nguard = { names = false }"), served("content_log = true"), caller("limits = { requests = 1 }"), caller("limits = { budget = { amount = 1 } }"), with_provider("[retention]\nbodies = \"7d\"")]),
        ("E0004", vec![with_provider("[server]\nlisten = 8787"), format!("server = 1\n{SIMULATED}"), with_provider("[models]\nm = 1"), model("targets = \"p\""), service("purposes = \"general\""), served("fallbacks = \"b\""), provider("api_keys = [{ env = \"SET\", weight = \"3\" }]"), ruled("dated.toml"), guard("actions = \"mask\""), guard("actions = { email = 1 }"), guard("keywords = { name = \"a\" }"), guard("detectors = [{ type = \"x\", words = [1] }]"), caller("budget = 500"), caller("limits = { tokens_per_day = \"many\" }"), logged("master_key = [{ env = \"MASTER\" }]"), with_provider("[audit]\ncheckpoint_to = 1"), with_provider("[retention]\ncontent = 7"), format!("content_log = true\n{SIMULATED}")]),
        ("E0005", vec!["[providers.p]\nbase_url = \"https://h\"".to_owned(), model("targets = [{ provider = \"p\" }]"), model("deadline = \"1s\""), service("models = [\"support\"]"), guard("detectors = [{ words = [\"a\"] }]"), guard("keywords = [{ words = [\"a\"] }]"), guard("moderation = {}"), service("purposes = [\"a\"]\nguard = { moderation = { after = true } }"), caller("budget = { window = \"day\" }"), caller("budget = { amount = 1 }"), caller("content_log = true"), logged(""), with_provider("[data_classes.acme]"), issued("audience = \"a\"\nalgorithms = [\"RS256\"]\njwks_url = \"https://h/k\""), issued("issuer = \"i\"\naudience = \"a\"\njwks_url = \"https://h/k\""), secured("key = \"key.pem\"")]),
        ("E0006", vec![with_provider("[server]\nauthentication = \"none\""), "[providers.p]\ndialect = \"opnai\"".to_owned(), guard("actions = { email = \"tokenise\" }"), guard("answers = { email = \"tokenise\" }"), guard("opaque = \"report\""), guard("limits.routes.chat = { tokens = 1 }"), guard("limits.routes.models = { tokens = 1 }"), guard("characters = { bidi = \"block\" }"), guard("keywords = [{ name = \"a\", words = [\"b\"], reaction = \"off\" }]"), moderated("reaction = \"off\""), caller("budget = { amount = 1, window = \"year\" }"), caller("audit = \"off\""), caller("data_class = \"acme\""), with_provider("[audit]\ncheckpoint_to = \"stdot\""), with_provider("[audit]\ncheckpoint_to = [\"file:\"]"), with_provider("[retention.classes.acme]\ncontent = \"1d\""), issued("issuer = \"i\"\naudience = \"a\"\njwks_url = \"https://h/k\"\nalgorithms = [\"HS256\"]"), issued("issuer = \"i\"\naudience = \"a\"\njwks_url = \"https://h/k\"\nalgorithms = [\"none\"]")]),
        ("E0007", vec![with_provider("[server]\nworkers = 0"), with_provider("[server]\nmax_body = \"2GiB\""), with_provider("[server]\ndrain_timeout = \"36500d\""), model("targets = [{ provider = \"p\", model = \"m\" }]\ndeadline = \"0s\""), with_provider("failures = [{ kind = \"cut\", share = 1.5 }]"), served("retry = { attempts = 0 }"), served("retry = { attempts = 11 }"), served("cache = { mode = \"on\", ttl = \"0s\" }"), provider("api_keys = [{ env = \"SET\", weight = 1001 }]"), service("purposes = [\"a\"]\nlimits = { concurrent = 0 }"), served("on_exhausted = [\"rules\"]\nrules = \"too-alike.toml\""), guard("thresholds = { email = 1.5 }"), guard("injection = { threshold = -0.1 }"), guard("limits = { tokens = 0 }"), guard("limits.routes.embeddings = { images = -1 }"), guard("detectors = [{ type = \"x\", words = [\"a\"], score = 2 }]"), guard("detectors = [{ type = \"x\", words = [\"a\"], score = nan }]"), moderated("thresholds = { hate = 1.01 }"), moderated("timeout = \"0s\""), caller("limits = { requests_per_minute = 0 }"), caller("user_limits = { tokens_per_day = -1 }"), caller("budget = { amount = 0, window = \"day\" }"), caller("budget = { amount = 9223372037, window = \"day\" }"), served("limits = { concurrent = 0 }"), with_provider("[organisation]\nlimits = { requests_per_day = 0 }"), with_provider("[keys]\nmax_age = \"0s\""), with_provider("[retention]\naudit = \"0d\""), with_provider("[retention]\nrequests = \"9999d\""), with_provider(&(0..33) .map(|n| format!("[data_classes.c{n}]\nlevel = \"public\"\n")) .collect::<String>())]),
        ("E0008", vec![with_provider("[server]\ndrain_timeout = \"30\"")]),
        ("E0009", vec![with_provider("[server]\nmax_body = \"big\"")]),
        ("E0010", vec![with_provider("[prices.\"p/m\"]\ninput = -1\noutput = 1"), with_provider("[prices.\"p/m\"]\ninput = 1e-3\noutput = 1"), caller("budget = { amount = -1, window = \"day\" }"), caller("budget = { amount = \"500 eur\", window = \"day\" }")]),
        ("E0011", vec![service("purposes = [\"a\"]\nnetworks = [\"10.0.0.0/33\"]")]),
        ("E0012", vec![with_provider("[server]\nlisten = \"localhost:8787\"")]),
        ("E0013", vec!["[providers.p]\ndialect = \"openai\"\nbase_url = \"ftp://h\"".to_owned(), with_provider("[audit]\ncheckpoint_to = \"http://log.example/x\""), with_provider("[audit]\ncheckpoint_to = \"https://u:p@log.example\"")]),
        ("E0014", vec![provider("baa = { reference = \"1\", expires = \"2027-02-30\" }")]),
        ("E0015", vec!["[providers.\"a/b\"]\ndialect = \"simulated\"".to_owned(), with_provider("[prices.gpt]\ninput = 1\noutput = 1"), service("purposes = [\"a b\"]"), service("purposes = [\"a\"]\nmodels = [\"*-x\"]"), guard("keywords = [{ name = \"a b\", words = [\"c\"] }]"), with_provider("[data_classes.Health]\nlevel = \"health\""), with_provider("[data_classes.\"a:b\"]\nlevel = \"public\""), with_provider("[audit]\npath = \"\"")]),
        ("E0016", vec![with_provider("[alerts]"), with_provider("[telemetry]\notlp_endpoint = \"http://h\""), service("purposes = [\"a\"]\ncache = {}"), "[providers.p]\ndialect = \"bedrock\"".to_owned()]),
        ("E0020", vec![provider("api_keys = [{ env = \"UNSET_KEY\" }]"), logged("master_key = { env = \"UNSET_KEY\" }")]),
        ("E0021", vec![provider("api_keys = [{ file = \"nowhere\" }]"), logged("master_key = { file = \"nowhere\" }")]),
        ("E0022", vec![provider("api_keys = [{ env = \"EMPTY\" }]"), provider("api_keys = [{ file = \"empty\" }]")]),
        ("E0023", vec![provider("api_keys = [{ env = \"A\", file = \"b\" }]"), provider("api_keys = [{}]"), provider("api_keys = [{ vault = \"x\" }]"), provider("api_keys = [7]"), provider("api_keys = [{ env = \"sk-abc\" }]"), provider("api_keys = [{ weight = 1 }]"), logged("master_key = { env = \"MASTER\", weight = 1 }"), logged("master_key = {}")]),
        ("E0024", vec![provider("api_keys = [{ env = \"TWO_LINES\" }]")]),
    ]
}

#[rustfmt::skip] // One line for each code.
fn meanings() -> Vec<Case> {
    vec![
        ("E0030", vec![model("targets = [{ provider = \"q\", model = \"m\" }]"), service("purposes = [\"a\"]\nmodels = [\"q/m\"]")]),
        ("E0031", vec![service("purposes = [\"a\"]\nmodels = [\"suport\"]"), service("purposes = [\"a\"]\nmodels = [\"zzz*\"]"), guard("moderation = { model = \"m\" }"), served("[guard]\nmoderation = { model = \"p/m\" }")]),
        ("E0032", vec![model("targets = []")]),
        ("E0033", vec![model("targets = [{ provider = \"p\", model = \"m\", weight = 0 }]"), provider("api_keys = [{ env = \"SET\", weight = 0 }]")]),
        ("E0034", vec!["[providers.p]\ndialect = \"openai\"".to_owned()]),
        ("E0035", vec![with_provider("[storage]\nurl = \"postgres://u:p@h/d\""), with_provider("[storage]\nurl = \"tollbar.db\""), with_provider("[storage]\nurl = \"sqlite:\"")]),
        ("E0036", vec![with_provider("[server]\nadmin_listen = \"127.0.0.1:8787\""), with_provider("[server]\nlisten = \"0.0.0.0:8788\"")]),
        ("E0037", vec![with_provider("[server]\nauthentication = \"off\"\nlisten = \"0.0.0.0:8787\""), with_provider("[server]\nauthentication = \"off\"\nadmin_listen = \"[::]:8788\"")]),
        ("E0038", vec![with_provider("failures = [{ status = 500, share = 0.6 }, { kind = \"cut\", share = 0.5 }]")]),
        ("E0039", vec![service("purposes = []"), service("purposes = [\"a\"]\nmodels = []"), service("purposes = [\"a\"]\ndata_classes = []"), guard("detectors = [{ type = \"ticket\", words = [\"a\"], services = [] }]")]),
        ("E0040", vec![with_provider("failures = [{ share = 0.1 }]"), with_provider("failures = [{ status = 500, kind = \"cut\", share = 0.1 }]")]),
        ("E0041", vec![provider("latency = \"1s\""), with_provider("base_url = \"https://h\""), guard("detectors = [{ type = \"x\", words = [\"a\"], context_window = 9 }]"), with_provider("[data_classes.personal]\nlevel = \"internal\"")]),
        ("E0042", vec![caller("workloads = [\"i:a\", \"i:a\"]\n[identity.i]\nissuer = \"i\"\naudience = \"a\"\nalgorithms = [\"ES256\"]\njwks_url = \"https://h/k\""), with_provider("[audit]\ncheckpoint_to = [\"stdout\", \"stdout\"]"), service("purposes = [\"a\", \"a\"]"), guard("keywords = [{ name = \"a\", words = [\"b\"] }, { name = \"a\", words = [\"c\"] }]")]),
        ("E0043", vec![with_provider("zero_retention = true\nretention = \"30d\""), served("retry = { backoff = \"9s\" }"), served("retry = { max_backoff = \"1ms\" }"), with_provider("[server]\nmemory_budget = \"1MiB\""), with_provider("[server]\nmax_body = \"1GiB\""), with_provider("[cache]\nmemory = \"64KiB\"")]),
        ("E0044", vec![served("fallbacks = [\"n\"]"), served("fallbacks = [\"m\"]"), served("fallbacks = { context_too_long = [\"p/m\"] }")]),
        ("E0045", vec![served("on_exhausted = [\"stale_cache\"]"), served("on_exhausted = [\"stale_cache\"]\nstale_if_error = \"0s\"\ncache = { mode = \"on\" }"), served("on_exhausted = [\"rules\"]")]),
        ("E0046", vec![ruled("nowhere.toml")]),
        ("E0047", vec![ruled("no-rules.toml"), ruled("no-answer.toml")]),
        ("E0048", vec![guard("actions = { emial = \"mask\" }"), guard("thresholds = { ip_adress = 0.5 }"), guard("answers = { card = \"mask\" }"), guard("data_classes = { Email = \"health\" }"), service("purposes = [\"a\"]\nguard = { actions = { ticket = \"mask\" } }")]),
        ("E0049", vec![guard("actions = { secret = \"tokenize\" }"), guard("actions = { credit_card = \"tokenize\" }"), guard("answers = { email = \"tokenize\" }"), guard("answers = { email = \"hash\" }"), service("purposes = [\"a\"]\nguard = { actions = { secret = \"tokenize\" } }")]),
        ("E0050", vec![guard("detectors = [{ type = \"ticket\" }]"), guard("detectors = [{ type = \"ticket\", words = [\"\"] }]"), guard("detectors = [{ type = \"Ticket 1\", words = [\"a\"] }]"), guard("detectors = [{ type = \"ticket\", patterns = [\"(\"] }]"), guard("detectors = [{ type = \"ticket\", patterns = [\"(a{1000}){1000}\"] }]"), guard("detectors = [{ type = \"ticket\", words_file = \"no-words.txt\" }]"), guard("keywords = [{ name = \"a\" }]"), guard("keywords = [{ name = \"a\", words_file = \"no-words.txt\" }]"), service("purposes = [\"a\"]\n[guard]\ndetectors = [{ type = \"email\", words = [\"a\"], services = [\"s\"] }]"), service("purposes = [\"a\"]\n[guard]\ndetectors = [{ type = \"x\", words = [\"a\"], services = [\"s\"] }, { type = \"x\", words = [\"b\"] }]")]),
        ("E0051", vec![guard("detectors = [{ type = \"ticket\", words_file = \"nowhere.txt\" }]"), guard("keywords = [{ name = \"a\", words_file = \"nowhere.txt\" }]")]),
        ("E0052", vec![service("purposes = [\"a\"]\n[guard]\ndetectors = [{ type = \"ticket\", words = [\"a\"], services = [\"t\"] }]")]),
    ]
}

#[rustfmt::skip] // One line for each code.
fn accountability() -> Vec<Case> {
    vec![
        ("E0053", vec![caller("budget = { amount = 1, window = \"day\", time_zone = \"Europe/Berln\" }"), caller("user_limits = { budget = { amount = 1, window = \"day\", time_zone = \"\" } }")]),
        ("E0054", vec![logged("master_key = { env = \"SET\" }"), logged("master_key = { file = \"short-key\" }")]),
        ("E0055", vec![issued("issuer = \"i\"\naudience = \"a\"\nalgorithms = [\"RS256\"]"), issued("issuer = \"i\"\naudience = \"a\"\nalgorithms = [\"RS256\"]\njwks_url = \"https://h/k\"\njwks_file = \"keys.json\""), issued("issuer = \"i\"\naudience = \"a\"\nalgorithms = [\"RS256\"]\njwks_url = \"http://h/k\""), issued("issuer = \"i\"\naudience = \"a\"\nalgorithms = []\njwks_url = \"https://h/k\""), issued("issuer = \"\"\naudience = \"a\"\nalgorithms = [\"RS256\"]\njwks_url = \"https://h/k\""), format!("{}[identity.j]\n{ISSUER}", issued(ISSUER))]),
        ("E0056", vec![caller("workloads = [\"k8s:bot\"]"), caller("workloads = [\"https://issuer.example:bot\"]")]),
        ("E0057", vec![caller("workloads = [\"bot\"]"), caller("workloads = [\"spiffe://td\"]"), caller("workloads = [\"i:\"]"), caller("workloads = [\"*:a\"]")]),
        ("E0058", vec![shared("i:a", "i:a"), shared("i:a*", "i:ab"), shared("i:a", "i:*")]),
        ("E0059", vec![secured("certificate = \"nowhere.pem\"\nkey = \"key.pem\""), secured("certificate = \"key.pem\"\nkey = \"key.pem\""), secured("certificate = \"cert.pem\"\nkey = \"cert.pem\""), secured("certificate = \"cert.pem\"\nkey = \"key.pem\"\nclient_ca = \"key.pem\""), issued("issuer = \"i\"\naudience = \"a\"\nalgorithms = [\"RS256\"]\njwks_file = \"nowhere.json\""), issued("issuer = \"i\"\naudience = \"a\"\nalgorithms = [\"RS256\"]\njwks_file = \"cert.pem\"")]),
        ("E0060", vec![caller("data_classes = [\"public\"]"), caller("data_classes = [\"public\", \"internal\"]\ndata_class = \"personal\"")]),
        ("E0061", vec![provider("data_classes = [\"secret\"]"), caller("data_classes = [\"internal\", \"acme\"]"), caller("data_classes = [\"Internal\"]")]),
        ("E0063", vec![with_provider("[prompts]"), with_provider("[prompts]\npath = \"bad-prompts\"")]),
        ("E0064", vec![provider("environment = \"production\"")]),
    ]
}

#[rustfmt::skip] // One line for each code.
fn warnings() -> Vec<Case> {
    vec![
        ("W0101", vec![provider("api_keys = [\"sk-inline\"]")]),
        ("W0102", vec!["[providers.p]\ndialect = \"openai\"\nbase_url = \"http://10.0.0.1\"\napi_keys = [{ env = \"SET\" }]".to_owned()]),
        ("W0103", vec![String::new()]),
        ("W0105", vec![served("rules = \"good.toml\""), served("stale_if_error = \"1h\""), served("on_exhausted_data_classes = [\"public\"]")]),
        ("W0106", vec![guard("enabled = false"), service("purposes = [\"a\"]\nguard = { enabled = false }")]),
        ("W0107", vec![guard("on_error = \"allow\""), service("purposes = [\"a\"]\nguard = { on_error = \"allow\" }")]),
        ("W0108", vec![with_provider("[data_classes.health]\nagreement = false")]),
        ("W0109", vec![caller("data_classes = [\"internal\", \"personal\"]"), format!("{SIMULATED}data_classes = [\"internal\", \"health\"]\n[services.s]\npurposes = [\"a\"]\ndata_classes = [\"internal\", \"health\"]"), format!("{SIMULATED}data_classes = [\"internal\"]\n[data_classes.internal]\nregions = [\"eu\"]\n[services.s]\npurposes = [\"a\"]\ndata_classes = [\"internal\"]"), caller("data_classes = [\"internal\", \"acme\"]\n[data_classes.acme]\nlevel = \"internal\"")]),
        ("W0110", vec![caller("workloads = [\"spiffe://td/a\"]"), secured("certificate = \"cert.pem\"\nkey = \"key.pem\"\n[services.s]\npurposes = [\"a\"]\nworkloads = [\"spiffe://td/a\"]")]),
        ("W0111", vec![with_provider("[providers.q]\ndialect = \"openai\"\nvendor = \"openai\"\nbase_url = \"https://h/v1\"\n[models.m]\ntargets = [{ provider = \"q\", model = \"gpt-4o-mini\" }]")]),
    ]
}

fn environment() -> FixedEnvironment {
    FixedEnvironment::default()
        .with_var("SET", "sk-1")
        .with_var("EMPTY", " ")
        .with_var("TWO_LINES", "sk-1\nsk-2")
        .with_var("MASTER", &"0f".repeat(32))
        .with_file(format!("{FOLDER}/bad-prompts/a.prompt"), "---\nmodle: x\n---\nhi")
        .with_file(format!("{FOLDER}/short-key"), &"0f".repeat(31))
        .with_file(format!("{FOLDER}/cert.pem"), "-----BEGIN CERTIFICATE-----\n")
        .with_file(format!("{FOLDER}/key.pem"), "-----BEGIN EC PRIVATE KEY-----\n")
        .with_file(format!("{FOLDER}/keys.json"), r#"{"keys":[]}"#)
        .with_file(format!("{FOLDER}/empty"), "\n")
        .with_file(format!("{FOLDER}/good.toml"), "[[rules]]\nname = \"a\"\nanswer = \"b\"")
        .with_file(format!("{FOLDER}/no-words.txt"), "# none\n\n")
        .with_file(format!("{FOLDER}/no-rules.toml"), "rules = []")
        .with_file(format!("{FOLDER}/no-answer.toml"), "[[rules]]\nname = \"a\"")
        .with_file(
            format!("{FOLDER}/dated.toml"),
            "[[rules]]\nname = \"a\"\njson = { day = 1979-05-27 }",
        )
        .with_file(
            format!("{FOLDER}/too-alike.toml"),
            "[[rules]]\nname = \"a\"\nanswer = \"b\"\nwhen = { intent = [\"c\"], threshold = 2 }",
        )
}

#[test]
fn each_faulty_file_gives_its_code_and_no_other() {
    for (code, texts) in cases() {
        for text in texts {
            let outcome = read_in(&text, &environment());
            assert_eq!(outcome.is_ok(), code.starts_with('W'), "{code}:\n{text}");
            let found: BTreeSet<_> = codes(&outcome).into_iter().collect();
            assert_eq!(found, BTreeSet::from([code]), "{text}");
        }
    }
}

#[test]
fn every_code_has_a_case() {
    let mut tested: BTreeSet<_> = cases().into_iter().map(|(code, _)| code).collect();
    // These come from other sources than a text; they have their own tests below.
    tested.extend(["E0001", "E0062", "W0104"]);
    let all: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(tested, all);
}

#[test]
fn a_lock_file_that_cannot_be_read_is_reported_and_a_missing_one_is_empty() {
    let read = |lock: &str| {
        let text = with_provider(&format!("[pinning]\nlock_file = \"{lock}\""));
        let source = Source::Text { name: "t.toml".into(), folder: "/".into(), text };
        load(&source, &Overrides::default(), &SystemEnvironment)
    };
    let report = read(env!("CARGO_MANIFEST_DIR")).unwrap_err();
    assert_eq!(report.diagnostics[0].code, Code::UnreadableLock);
    assert!(read("/nowhere/models.lock").unwrap().snapshot.pinning.locked.is_empty());
}

#[test]
fn a_missing_file_is_named() {
    let source = Source::File("/nowhere/tollbar.toml".into());
    let report = load(&source, &Overrides::default(), &FixedEnvironment::default()).unwrap_err();
    assert_eq!(report.diagnostics[0].code, Code::UnreadableFile);
    assert_eq!(report.diagnostics[0].file, "/nowhere/tollbar.toml");
}

#[test]
fn a_file_that_is_not_utf_8_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tollbar.toml");
    std::fs::write(&path, b"[server]\nname = \"\xff\"").unwrap();
    let source = Source::File(path);
    let report = load(&source, &Overrides::default(), &SystemEnvironment).unwrap_err();
    assert_eq!(report.diagnostics[0].code, Code::UnreadableFile);
    assert!(report.diagnostics[0].message.contains("UTF-8"));
}

#[test]
fn a_vendor_without_its_address_is_left_out_with_a_warning() {
    let environment = FixedEnvironment::default()
        .with_var("AZURE_OPENAI_API_KEY", "k")
        .with_var("OPENAI_API_KEY", "k");
    let loaded = tb_config::Loaded::defaults(&environment).unwrap();
    assert_eq!(codes(&Ok(loaded.clone())), ["W0104"]);
    assert_eq!(loaded.snapshot.providers.len(), 1);
}

#[test]
fn all_faults_are_found_in_one_run_and_sorted() {
    let outcome = read(
        "[server]\nlisten = 1\n[models.m]\ntargets = []\n[providers.p]\ndialect = \"x\"\n[alerts]\n",
    );
    assert_eq!(codes(&outcome), ["E0004", "E0032", "E0006", "E0016"]);
}

#[test]
fn near_misses_are_accepted() {
    for text in [
        // Port 0 is any free port, so both may have it.
        with_provider("[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\""),
        with_provider("[server]\nauthentication = \"off\""),
        with_provider("[server]\nauthentication = \"off\"\nlisten = \"[::1]:8787\""),
        with_provider("failures = [{ status = 500, share = 0.5 }, { kind = \"cut\", share = 0.5 }]"),
        with_provider("failures = [{ status = 500, share = 1 }]"),
        with_provider("[storage]\nurl = \"memory:\""),
        with_provider("[server]\nmax_body = 1048576"),
        with_provider("[server]\nmax_body = \"1MiB\"\nmemory_budget = \"1MiB\"\nqueue_timeout = \"0s\"\nmax_queued = 0"),
        served("retry = { attempts = 1, backoff = \"8s\", max_backoff = \"8s\" }"),
        served("on_exhausted = [\"stale_cache\"]\ncache = { mode = \"opt_in\" }"),
        provider("api_keys = [{ env = \"SET\", weight = 0 }, { env = \"SET\", weight = 1000 }]"),
        ruled("good.toml"),
        model("targets = [{ provider = \"p\", model = \"a\", weight = 0 }, { provider = \"p\", model = \"b\" }]"),
        service("purposes = [\"a\"]\nmodels = [\"sup*\", \"p/any:model\", \"p/*\"]"),
        "[providers.p]\ndialect = \"openai\"\nbase_url = \"http://localhost:1\"\napi_keys = [{ env = \"SET\" }]".to_owned(),
    ] {
        let outcome = read_in(&text, &environment());
        assert_eq!(codes(&outcome), [""; 0], "{text}");
        assert!(outcome.is_ok(), "{text}");
    }
}

#[test]
fn an_unknown_provider_is_not_reported_for_one_that_is_merely_faulty() {
    let text = "[providers.p]\ndialect = \"openai\"\n[models.m]\ntargets = [{ provider = \"p\", model = \"m\" }]";
    assert_eq!(codes(&read(text)), ["E0034"]);
}
