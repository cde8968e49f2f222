//! What holds for every script of faults.

use std::time::Duration;

use proptest::prelude::*;

use crate::gateway::{Ask, Gateway};

const FAULTS: [&str; 20] = [
    "ok",
    "429:20",
    "429:3000",
    "429:9000",
    "500",
    "503:700",
    "401",
    "quota",
    "400",
    "context",
    "filter",
    "404",
    "reset",
    "cut",
    "hang",
    "garbage",
    "early_cut",
    "startup_hang",
    "stall",
    "error_event",
];

/// Three targets that answer with words of their own, the last one a fallback model.
const CONFIG: &str = r#"
    [providers.a]
    dialect = "simulated"
    api_keys = ["sk-1", "sk-2"]
    answers = { "*" = "aaaa aaaa aaaa aaaa aaaa aaaa" }
    [providers.b]
    dialect = "simulated"
    answers = { "*" = "bbbb bbbb bbbb bbbb bbbb bbbb" }
    [providers.c]
    dialect = "simulated"
    answers = { "*" = "cccc cccc cccc cccc cccc cccc" }
    [models.m]
    targets = [{ provider = "a", model = "x" }, { provider = "b", model = "y" }]
    fallbacks = { default = ["n"], context_too_long = ["n"] }
    deadline = "20s"
    first_byte_timeout = "4s"
    idle_timeout = "3s"
    retry = { attempts = 4 }
    [models.n]
    targets = [{ provider = "c", model = "z" }]
    first_byte_timeout = "4s"
    idle_timeout = "3s"
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Several requests in a row, so that breakers and cooling keys have their part.
    #[test]
    fn every_request_ends_once_in_time_with_the_answer_of_one_target(
        scripts in prop::collection::vec(
            (prop::collection::vec(prop::sample::select(&FAULTS[..]), 0..8), any::<bool>()), 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let gateway = Gateway::start(CONFIG);
            for (faults, stream) in &scripts {
                let prompt = format!("[[faults:{}]]", faults.join(","));
                let ask = if *stream { Ask::stream(&prompt) } else { Ask::whole(&prompt) };
                // `ask` itself asserts that there is one end.
                let outcome = gateway.ask(ask).await;
                assert!(outcome.took <= Duration::from_secs(20), "{faults:?} {outcome:?}");
                // Four attempts, and one more for the second key.
                assert!(outcome.rows.len() <= 5, "{faults:?} {outcome:?}");
                let words = ["aaaa", "bbbb", "cccc"];
                let spoke = words.iter().filter(|word| outcome.text.contains(**word)).count();
                assert!(spoke <= 1, "{faults:?} {}", outcome.text);
                let waited: u32 = outcome.rows.iter().map(|row| row.waited_ms).sum();
                assert!(u128::from(waited) <= outcome.took.as_millis(), "{outcome:?}");
                let is_whole = !stream || outcome.text.contains("[DONE]");
                let failed = outcome.text.contains(r#"{"error":"#);
                assert!(outcome.status != 200 || is_whole != failed, "{faults:?} {}", outcome.text);
            }
        });
    }
}
