//! What is known of the versions of vendors' models: which names float, what they stand for, and
//! when a model retires.
//!
//! The built-in table is `data/versions.json`, made by `cargo xtask prices`. It is a seed: what a
//! provider itself says of a model (the model that it served, the date in its list of models)
//! comes before it.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::Timestamp;

/// The facts of one model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionFacts {
    /// What its name promises.
    pub pin: Pin,
    /// For a floating name the model that it stands for at present.
    pub snapshot: Option<String>,
    /// Whether the vendor says so; else it is inferred from the names.
    #[serde(default)]
    pub documented: bool,
    /// The last day on which it is served, `2026-11-30`.
    pub retires: Option<String>,
    /// Where it is in its life.
    #[serde(default)]
    pub status: Status,
    /// What the vendor recommends in its place.
    pub replacement: Option<String>,
    /// The longest answer in tokens.
    pub max_output: Option<u64>,
    /// Parameters that it refuses: `sampling_params`, `assistant_prefill`, `forced_tool_use`,
    /// `system_messages`, `effort_none`.
    #[serde(default)]
    pub rejects: Vec<String>,
    /// What else should be known.
    pub note: Option<String>,
}

/// What a model's name promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pin {
    /// One version, which never changes.
    Snapshot,
    /// Whatever is newest.
    Floating,
    /// One version by the vendor's word, though its name has no date.
    StableName,
    /// May change at any time.
    Preview,
    /// The table does not say.
    Unknown,
}

/// Where a model is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Served, without a known end.
    #[default]
    Active,
    /// Served until a known day.
    Deprecated,
    /// Not served any more.
    Retired,
}

impl VersionFacts {
    /// The moment from which it is not served: the end, in UTC, of its last day. One that is
    /// retired since nobody knows when is not served at any moment.
    #[must_use]
    pub fn ends(&self) -> Option<Timestamp> {
        match (&self.retires, self.status) {
            (Some(day), _) => day_end(day),
            (None, Status::Retired) => Some(Timestamp(0)),
            (None, _) => None,
        }
    }
}

/// The end of a UTC day, `2026-11-30`.
#[must_use]
pub fn day_end(day: &str) -> Option<Timestamp> {
    const DAY_MS: i64 = 86_400_000;
    Timestamp::parse_rfc3339(&format!("{day}T00:00:00Z")).map(|start| start.plus_ms(DAY_MS))
}

/// What is known of a vendor's model. Nothing is guessed from similar names. The first call reads
/// the table, in a fraction of a millisecond.
#[must_use]
pub fn facts(vendor: &str, model: &str) -> Option<&'static VersionFacts> {
    BUILTIN.get(vendor)?.get(model)
}

/// The pinned model that a floating name stands for at present, over other floating names.
#[must_use]
pub fn snapshot_of(vendor: &str, model: &str) -> Option<&'static str> {
    let next = |name: &str| facts(vendor, name)?.snapshot.as_deref();
    let is_pinned = |name: &&str| {
        // A snapshot that was seen in answers has no entry of its own.
        facts(vendor, name).is_none_or(|facts| matches!(facts.pin, Pin::Snapshot | Pin::StableName))
    };
    // Four names are more than any chain has; an error of the table must not go round for ever.
    std::iter::successors(next(model), |name| next(name)).take(4).find(is_pinned)
}

/// The day on which the table was made.
#[must_use]
pub fn table_version() -> &'static str {
    static VERSION: LazyLock<&'static str> =
        LazyLock::new(|| serde_json::from_str::<File>(TABLE).map_or("", |file| file.version));
    &VERSION
}

const TABLE: &str = include_str!("../data/versions.json");

/// By vendor and model.
type Table = HashMap<&'static str, HashMap<&'static str, VersionFacts>>;

static BUILTIN: LazyLock<Table> = LazyLock::new(|| {
    // A file that cannot be read leaves everything unknown; a test reads the committed one.
    read_table(TABLE).unwrap_or_default()
});

/// `data/versions.json`, but for its sources, which are for its readers.
#[derive(Deserialize)]
struct File {
    version: &'static str,
    #[serde(borrow)]
    models: HashMap<&'static str, VersionFacts>,
}

fn read_table(json: &'static str) -> Option<Table> {
    let file: File = serde_json::from_str(json).ok()?;
    let mut table = Table::new();
    for (name, facts) in file.models {
        // Cut at the first slash: model names may hold more of them.
        let (vendor, model) = name.split_once('/')?;
        table.entry(vendor).or_default().insert(model, facts);
    }
    Some(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_whole_built_in_table() {
        let table = read_table(TABLE).unwrap();
        assert!(table.values().map(HashMap::len).sum::<usize>() > 300);
        for models in table.values() {
            for (name, facts) in models {
                if let Some(day) = &facts.retires {
                    assert!(day_end(day).is_some(), "{name}: {day}");
                }
            }
        }
        assert!(table_version().starts_with("20"));
    }

    #[test]
    fn knows_what_a_floating_name_stands_for_and_when_it_ends() {
        let mini = facts("openai", "gpt-4o-mini").unwrap();
        assert_eq!(
            (mini.pin, mini.snapshot.as_deref()),
            (Pin::Floating, Some("gpt-4o-mini-2024-07-18"))
        );
        assert_eq!(mini.ends(), Timestamp::parse_rfc3339("2027-01-15T00:00:00Z"));
        assert_eq!(facts("anthropic", "claude-sonnet-5").unwrap().pin, Pin::Snapshot);
        assert_eq!(facts("nobody", "gpt-4o-mini"), None);
        assert_eq!(snapshot_of("openai", "gpt-4o-mini"), Some("gpt-4o-mini-2024-07-18"));
        assert_eq!(snapshot_of("openai", "gpt-4o-mini-2024-07-18"), None);
        assert_eq!(snapshot_of("openai", "gpt-6.1-sol"), Some("gpt-6.1-sol-2026-09-29"));
        // One floating name for another, for which no snapshot is known.
        assert_eq!(snapshot_of("openai", "gpt-5.6"), None);
    }

    #[test]
    fn what_is_retired_since_nobody_knows_when_is_not_served() {
        let gone = VersionFacts {
            pin: Pin::Snapshot,
            snapshot: None,
            documented: false,
            retires: None,
            status: Status::Retired,
            replacement: None,
            max_output: None,
            rejects: Vec::new(),
            note: None,
        };
        assert_eq!(gone.ends(), Some(Timestamp(0)));
        assert_eq!(VersionFacts { status: Status::Active, ..gone }.ends(), None);
        assert_eq!(day_end("2026-02-30"), None);
    }
}
