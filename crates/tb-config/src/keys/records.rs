//! `[keys]`, `[audit]`, `[content_log]`, `[retention]`: how long keys live, what is written down
//! of requests, and how long that is kept.

use super::Default::{Absent, Depends, Required, Value};
use super::{Kind, Table, key, table};

/// A time after which something is deleted.
const TERM: Kind = Kind::Duration { min_ms: 1 };
const TERM_OR_FOREVER: Kind = Kind::DurationOrForever { min_ms: 1 };

pub(super) static KEYS: Table = table(
    "keys",
    "What holds for every virtual key.",
    &[key(
        "max_age",
        Kind::Duration { min_ms: 1 },
        Depends("no maximum"),
        "How old a secret may become, such as `90d`; older ones are refused with `key_expired`. Warnings come 30, 7 and 1 days before.",
    )],
);

pub(super) static AUDIT: Table = table(
    "audit",
    "The audit log: one record for each model access and each act of an administrator. Needs a restart.",
    &[
        key(
            "path",
            Kind::Path,
            Depends(
                "the folder `audit/` beside the database; with `memory:` storage a temporary folder",
            ),
            "The folder of the log, relative to the folder of this file.",
        ),
        key(
            "checkpoint_to",
            Kind::TextOrTexts,
            Value("[]"),
            "Where signed checkpoints go beside the log, one or several: `stdout`, `file:PATH` (appended to; relative to the folder of this file), `https://…` (posted to; plain HTTP only on loopback addresses).",
        ),
    ],
);

pub(super) static CONTENT_LOG: Table = table(
    "content_log",
    "Where requests and answers of services with `content_log = true` are kept: masked and encrypted. Needs a restart.",
    &[
        key(
            "path",
            Kind::Path,
            Value("content/"),
            "The folder of the log, relative to the folder of this file.",
        ),
        key(
            "master_key",
            Kind::Secret,
            Required,
            "The key that wraps the keys of subjects and days: 32 random bytes in base64 or hex, as `{ env = \"NAME\" }` or `{ file = \"PATH\" }`. `openssl rand -base64 32` makes one.",
        ),
    ],
);

pub(super) static RETENTION: Table = table(
    "retention",
    "How long records are kept; older ones are deleted within the hour. `forever` = never.",
    &[
        key("content", TERM, Value("7d"), "The content log."),
        key("requests", TERM_OR_FOREVER, Value("90d"), "Usage rows and what is known of requests."),
        key("audit", TERM_OR_FOREVER, Value("400d"), "The audit log."),
        key("responses", TERM, Value("30d"), "Which provider keeps which stored response."),
        key(
            "classes",
            Kind::Named(&CLASS_RETENTION),
            Absent,
            "Shorter or longer for requests of a class: `public`, `internal`, `personal`, `health`. Own classes are kept as their `level` is.",
        ),
    ],
);

static CLASS_RETENTION: Table = table(
    "retention.classes.*",
    "How long records of requests of this class are kept.",
    &[
        key("content", TERM, Depends("`retention.content`"), "The content log."),
        key(
            "requests",
            TERM,
            Depends("`retention.requests`"),
            "Usage rows and what is known of requests.",
        ),
    ],
);
