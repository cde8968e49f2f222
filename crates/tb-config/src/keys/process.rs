//! The sections that the process is started with. Variables and flags may set their keys.

use super::Default::{Absent, Depends, Value};
use super::access::TLS;
use super::{Kind, Table, key, scalars};
use crate::snapshot::LogFormat;
use crate::value::{Authentication, Choice, Durability};

pub(super) static ENVIRONMENT: Table = scalars(
    "environment",
    "Which installation this is.",
    &[key("name", Kind::Text, Absent, "A name such as `production`, for people and records.")],
);

pub(super) static SERVER: Table = scalars(
    "server",
    "Listeners and HTTP limits. All but `drain_timeout`, `authentication` and `max_body` need a restart.",
    &[
        key(
            "listen",
            Kind::Address,
            Value("127.0.0.1:8787"),
            "The address of the public API, `/v1/…`.",
        ),
        key(
            "admin_listen",
            Kind::Address,
            Value("127.0.0.1:8788"),
            "The address of the admin API, the dashboard, `/metrics`, `/healthz` and `/readyz`; never the public one.",
        ),
        key(
            "max_body",
            Kind::Size { min: 1 << 10, max: 1 << 30 },
            Value("16MiB"),
            "The largest request body.",
        ),
        key(
            "drain_timeout",
            Kind::Duration { min_ms: 0 },
            Value("30s"),
            "How long running requests may go on after SIGTERM.",
        ),
        key(
            "authentication",
            Kind::Choice(Authentication::WORDS),
            Value("required"),
            "Whether callers need a key. `off` only on loopback addresses.",
        ),
        key(
            "workers",
            Kind::Whole { min: 1, max: 1024 },
            Depends("one for each core"),
            "Threads that serve the public API.",
        ),
        key(
            "max_concurrent",
            Kind::Whole { min: 1, max: 1_000_000 },
            Value("1024"),
            "Requests of the public API served at the same time; more wait for their turn.",
        ),
        key(
            "max_queued",
            Kind::Whole { min: 0, max: 1_000_000 },
            Value("1024"),
            "Requests that may wait for their turn; more are refused with `overloaded`.",
        ),
        key(
            "queue_timeout",
            Kind::Duration { min_ms: 0 },
            Value("1s"),
            "How long a request may wait for its turn; `0s` = nobody waits.",
        ),
        key(
            "memory_budget",
            Kind::Size { min: 1 << 10, max: 1 << 40 },
            Value("512MiB"),
            "Bytes of request bodies and running streams held at the same time; at least `max_body`.",
        ),
        key("tls", Kind::Table(&TLS), Absent, "TLS on the public address; without it HTTP."),
    ],
);

pub(super) static CACHE: Table = scalars(
    "cache",
    "The room of the response cache of all models together. Whether answers are kept is said by a model's `cache`. Needs a restart.",
    &[
        key(
            "memory",
            Kind::Size { min: 1 << 10, max: 1 << 40 },
            Value("64MiB"),
            "Bytes of answers in memory.",
        ),
        key(
            "disk",
            Kind::Size { min: 0, max: 1 << 50 },
            Value("256MiB"),
            "Bytes of answers in the database, from where they are taken after a restart.",
        ),
        key(
            "max_entry",
            Kind::Size { min: 1 << 10, max: 1 << 30 },
            Value("1MiB"),
            "The largest answer that is kept, with its request; at most `memory`.",
        ),
    ],
);

pub(super) static STORAGE: Table = scalars(
    "storage",
    "Where keys and usage are kept. Needs a restart.",
    &[key(
        "url",
        Kind::Path,
        Value("sqlite:tollbar.db"),
        "`sqlite:PATH`, relative to the folder of this file, or `memory:`. Without a file `sqlite:tollbar-data/tollbar.db`.",
    )],
);

pub(super) static JOURNAL: Table = scalars(
    "journal",
    "The append-only log that makes accounting survive a crash. Needs a restart.",
    &[
        key(
            "path",
            Kind::Path,
            Value("journal/"),
            "The folder of its segments, relative to the folder of this file. Without a file `tollbar-data/journal/`.",
        ),
        key(
            "durability",
            Kind::Choice(Durability::WORDS),
            Value("process"),
            "`process`: survives the death of the process. `power`: on disk before the answer is complete.",
        ),
    ],
);

pub(super) static TELEMETRY: Table = scalars(
    "telemetry",
    "Logs.",
    &[key(
        "log_format",
        Kind::Choice(LogFormat::WORDS),
        Value("json"),
        "`json`: one object a line. `text`: for people.",
    )],
);
