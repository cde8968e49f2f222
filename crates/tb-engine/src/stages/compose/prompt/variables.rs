//! What is taken out of variables before they are looked at.

use tb_config::GuardPolicy;
use tb_guard::{CharacterCounts, Characters, Handling, composed};

/// Cleans the texts of variables by the rules of the service's guard, and counts what went.
pub(super) struct Cleaner {
    rules: Characters,
    pub(super) counts: CharacterCounts,
}

impl Cleaner {
    pub(super) fn new(rules: &Characters) -> Self {
        // What stays in is counted by the guard, which sees the filled request.
        let silent = |handling| match handling {
            Handling::Report => Handling::Allow,
            other => other,
        };
        let rules = Characters {
            controls: silent(rules.controls),
            bidi: silent(rules.bidi),
            tags: silent(rules.tags),
            zero_width: silent(rules.zero_width),
        };
        Self { rules, counts: CharacterCounts::default() }
    }

    /// First what nobody sees goes, which may stand between a character and its marks; then the
    /// rest is composed.
    pub(super) fn clean(&mut self, text: &str) -> Result<String, String> {
        let cleaned = self.rules.clean(text);
        let counts = cleaned.counts;
        if cleaned.is_rejected {
            let why = "it has characters that nobody sees, and the rules of this service refuse \
                       some of them";
            return Err(why.to_owned());
        }
        self.counts.controls += counts.controls;
        self.counts.bidi += counts.bidi;
        self.counts.tags += counts.tags;
        self.counts.zero_width += counts.zero_width;
        Ok(composed(&cleaned.text).into_owned())
    }
}

/// A text of a variable as a request would have it that is under these rules.
///
/// # Errors
/// Why the rules refuse it; nothing in it is the text.
pub fn clean_variable(policy: &GuardPolicy, text: &str) -> Result<String, String> {
    Cleaner::new(&policy.characters).clean(text)
}
