//! What may be written in the file: every table and key with its type, default and
//! description. The reader, the JSON Schema and the reference are made from this table.

/// A table of the file.
pub(crate) struct Table {
    /// Its path with `*` for names and nothing for list positions: `models.*.targets`.
    pub(crate) place: &'static str,
    /// What it is about.
    pub(crate) doc: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [Key],
    /// Whether `TOLLBAR_<TABLE>_<KEY>` and flags may set its keys.
    pub(crate) overridable: bool,
}

/// A key of a table.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) default: Default,
    pub(crate) doc: &'static str,
}

/// What holds when a key is not written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Default {
    /// It must be written.
    Required,
    /// Nothing.
    Absent,
    /// This value, in the notation of variables.
    Value(&'static str),
    /// Something that depends on other things, in words.
    Depends(&'static str),
}

/// The type of a key's value.
pub(crate) enum Kind {
    Text,
    /// A secret-free name of something on disk.
    Path,
    Flag,
    Whole {
        min: i64,
        max: i64,
    },
    Share,
    Duration {
        min_ms: u64,
    },
    /// A duration, or `forever`.
    DurationOrForever {
        min_ms: u64,
    },
    Size {
        min: u64,
        max: u64,
    },
    Address,
    Url,
    Dollars,
    Date,
    Choice(&'static [&'static str]),
    Texts,
    Choices(&'static [&'static str]),
    /// Classes of data: built-in ones and those of `[data_classes]`.
    Classes,
    Networks,
    Secrets,
    /// One secret by reference.
    Secret,
    /// A string, or a list of strings.
    TextOrTexts,
    /// A list of lists of strings, or one such list.
    TextSets,
    TextMap,
    /// A table of free keys, each with one of these words.
    WordMap(&'static [&'static str]),
    /// A table of free keys, each with a number from 0 to 1.
    ShareMap,
    /// Anything that JSON can have.
    Json,
    Table(&'static Table),
    /// A list of strings, or a table.
    TextsOrTable(&'static Table),
    Tables(&'static Table),
    Named(&'static Table),
}

mod access;
mod guard;
mod models;
mod pinning;
mod process;
mod prompts;
mod quotas;
mod records;
mod routing;
mod rules;

use self::Default::{Absent, Depends};
use self::access::{DATA_CLASS, IDENTITY};
use self::guard::GUARD;
use self::models::MODEL;
use self::pinning::PINNING;
use self::process::{CACHE, ENVIRONMENT, JOURNAL, SERVER, STORAGE, TELEMETRY};
use self::prompts::PROMPTS;
use self::quotas::ORGANISATION;
use self::records::{AUDIT, CONTENT_LOG, KEYS, RETENTION};
use self::routing::{PRICE, PROVIDER, SERVICE};

pub(crate) use self::pinning::LOCK_FILE;
pub(crate) use self::rules::RULES_FILE;

const fn key(name: &'static str, kind: Kind, default: Default, doc: &'static str) -> Key {
    Key { name, kind, default, doc }
}

const fn table(place: &'static str, doc: &'static str, keys: &'static [Key]) -> Table {
    Table { place, doc, keys, overridable: false }
}

const fn scalars(place: &'static str, doc: &'static str, keys: &'static [Key]) -> Table {
    Table { place, doc, keys, overridable: true }
}

/// The whole file.
pub(crate) static ROOT: Table = table(
    "",
    "Tollbar's configuration. Unknown keys are refused.",
    &[
        key("environment", Kind::Table(&ENVIRONMENT), Absent, "Which installation this is."),
        key("server", Kind::Table(&SERVER), Absent, "Listeners and HTTP limits."),
        key("storage", Kind::Table(&STORAGE), Absent, "Where keys and usage are kept."),
        key(
            "journal",
            Kind::Table(&JOURNAL),
            Absent,
            "The append-only log that makes accounting survive a crash.",
        ),
        key("telemetry", Kind::Table(&TELEMETRY), Absent, "Logs."),
        key("cache", Kind::Table(&CACHE), Absent, "The room of the response cache."),
        key(
            "guard",
            Kind::Table(&GUARD),
            Absent,
            "What is looked for in texts, and what is done about it.",
        ),
        key(
            "prompts",
            Kind::Table(&PROMPTS),
            Depends("no files are read"),
            "Versioned templates that requests name by their id.",
        ),
        key(
            "organisation",
            Kind::Table(&ORGANISATION),
            Absent,
            "What all services together may do and spend.",
        ),
        key("providers", Kind::Named(&PROVIDER), Absent, "Where models are served, by name."),
        key("models", Kind::Named(&MODEL), Absent, "What clients may send as `model`, by name."),
        key(
            "pinning",
            Kind::Table(&PINNING),
            Absent,
            "Whether names of models that stand for whatever is newest may be called.",
        ),
        key(
            "services",
            Kind::Named(&SERVICE),
            Depends("one service `default` with the purpose `general` and all models"),
            "Who calls, by name. Virtual keys belong to services.",
        ),
        key(
            "prices",
            Kind::Named(&PRICE),
            Absent,
            "Prices by `vendor/model`, over the built-in table.",
        ),
        key(
            "data_classes",
            Kind::Named(&DATA_CLASS),
            Absent,
            "What classes of data ask of providers, by name; also your own classes.",
        ),
        key(
            "identity",
            Kind::Named(&IDENTITY),
            Absent,
            "Issuers of tokens that workloads may present in the place of a key, by name.",
        ),
        key("keys", Kind::Table(&KEYS), Absent, "What holds for every virtual key."),
        key("audit", Kind::Table(&AUDIT), Absent, "The audit log."),
        key(
            "content_log",
            Kind::Table(&CONTENT_LOG),
            Depends("required by a service with `content_log = true`"),
            "Where masked requests and answers are kept, encrypted.",
        ),
        key("retention", Kind::Table(&RETENTION), Absent, "How long records are kept."),
    ],
);

impl Table {
    /// The key of that name.
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

impl Kind {
    /// The table below, if there is one.
    pub(crate) const fn below(&self) -> Option<&'static Table> {
        match self {
            Self::Table(table)
            | Self::TextsOrTable(table)
            | Self::Tables(table)
            | Self::Named(table) => Some(table),
            _ => None,
        }
    }
}

/// Whether this table or any below it has a key of that name.
pub(crate) fn is_known_within(table: &Table, name: &str) -> bool {
    table.keys.iter().any(|key| {
        key.name == name || key.kind.below().is_some_and(|below| is_known_within(below, name))
    })
}
