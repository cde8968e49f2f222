//! The sections that say who may call what, where it is served, and what it costs.

use tb_core::DataClass;
use tb_providers::DialectName;
use tb_providers::simulated::Fault;

use super::Default::{Absent, Depends, Required, Value};
use super::guard::SERVICE_GUARD;
use super::quotas::{SERVICE_BUDGET_KEY, SERVICE_LIMITS_KEY, USER_LIMITS_KEY};
use super::{Kind, Table, key, table};
use crate::snapshot::AuditPolicy;
use crate::value::{Choice, Disconnect};

pub(super) static PROVIDER: Table = table(
    "providers.*",
    "A place where models are served.",
    &[
        key(
            "dialect",
            Kind::Choice(DialectName::WORDS),
            Required,
            "The wire format. Everything compatible with OpenAI is `openai`; `simulated` needs no network.",
        ),
        key(
            "base_url",
            Kind::Url,
            Depends("required, but for `simulated`, which has none"),
            "Where it is, with the path up to the version: `https://api.example.com/v1`.",
        ),
        key(
            "api_keys",
            Kind::Secrets,
            Value("[]"),
            "Its keys, each as `{ env = \"NAME\" }` or `{ file = \"PATH\" }`; none for local servers without one. A `weight` beside it (0 to 1000, default 1) is the key's share of the requests: `{ env = \"NAME\", weight = 3 }`. A key that is refused or that spent its quota is passed over for the next.",
        ),
        key(
            "vendor",
            Kind::Text,
            Depends(
                "`google` for the dialect `gemini`, the dialect for `azure` and `anthropic`, else the provider's name",
            ),
            "The first half of its names in `[prices]` and in the built-in price table.",
        ),
        key(
            "data_classes",
            Kind::Classes,
            Value("[\"public\", \"internal\"]"),
            "The classes of data that it may receive: `public`, `internal`, `personal`, `health`, and those of `[data_classes]`. `health` needs a `baa` beside it, or `on_premises`, unless `[data_classes.health]` says otherwise.",
        ),
        key(
            "environment",
            Kind::Text,
            Absent,
            "The environment whose keys and bill these are: a configuration with another `[environment] name`, or none, is refused.",
        ),
        key("region", Kind::Text, Absent, "Where it processes data."),
        key(
            "on_premises",
            Kind::Flag,
            Value("false"),
            "Whether it runs in the company's own rooms.",
        ),
        key(
            "zero_retention",
            Kind::Flag,
            Value("false"),
            "Whether it keeps nothing of what it is sent.",
        ),
        key(
            "retention",
            Kind::Duration { min_ms: 0 },
            Depends("unknown"),
            "How long it keeps what it is sent, as it says: `30d`.",
        ),
        key(
            "training_use",
            Kind::Flag,
            Depends("unknown, which counts as `true` where it matters"),
            "Whether it may train on what it is sent.",
        ),
        key("baa", Kind::Table(&BAA), Absent, "The business associate agreement with it."),
        key(
            "quirks",
            Kind::Table(&QUIRKS),
            Absent,
            "What it does differently from the dialect's origin.",
        ),
        key(
            "connect_timeout",
            Kind::Duration { min_ms: 1 },
            Value("5s"),
            "How long the TCP and TLS handshakes may take.",
        ),
        key(
            "on_client_disconnect",
            Kind::Choice(Disconnect::WORDS),
            Value("cancel"),
            "When a client leaves in mid-stream: `cancel` closes the connection to the provider at once, `drain` reads on (at most 30 s and 4 MiB) to learn the real usage.",
        ),
        key(
            "latency",
            Kind::Duration { min_ms: 0 },
            Depends("`0s` for `simulated`"),
            "Simulated only: the pause before the first byte.",
        ),
        key(
            "tokens_per_second",
            Kind::Whole { min: 0, max: 1_000_000 },
            Depends("0 (at once) for `simulated`"),
            "Simulated only: the speed of streamed output.",
        ),
        key(
            "failures",
            Kind::Tables(&FAILURE),
            Absent,
            "Simulated only: faults, each with its share of the requests.",
        ),
        key(
            "answers",
            Kind::TextMap,
            Absent,
            "Simulated only: answers by the last user message, `*` for any other; without a fitting one it echoes.",
        ),
    ],
);

pub(super) static BAA: Table = table(
    "providers.*.baa",
    "A business associate agreement.",
    &[
        key("reference", Kind::Text, Required, "Its number or name."),
        key(
            "expires",
            Kind::Date,
            Required,
            "The first day (UTC) on which it counts no longer. That is looked at when a request is routed: an expired agreement is no fault of the file.",
        ),
    ],
);

pub(super) static QUIRKS: Table = table(
    "providers.*.quirks",
    "What a vendor does differently from the dialect's origin.",
    &[
        key(
            "stream_options",
            Kind::Flag,
            Value("true"),
            "It accepts `stream_options.include_usage`.",
        ),
        key(
            "max_completion_tokens",
            Kind::Flag,
            Value("true"),
            "It accepts `max_completion_tokens`; otherwise that is renamed to `max_tokens`.",
        ),
        key(
            "base64_embeddings",
            Kind::Flag,
            Value("true"),
            "It accepts `encoding_format: \"base64\"` for embeddings.",
        ),
        key(
            "developer_role",
            Kind::Flag,
            Value("true"),
            "It knows the role `developer`; otherwise that is renamed to `system`.",
        ),
        key(
            "api_version",
            Kind::Text,
            Absent,
            "Azure: the `api-version` of the deployment path form; absent, the `/openai/v1` form is used.",
        ),
    ],
);

pub(super) static FAILURE: Table = table(
    "providers.*.failures",
    "One kind of failure: either `status` or `kind`.",
    &[
        key(
            "status",
            Kind::Whole { min: 400, max: 599 },
            Absent,
            "An error answer with this HTTP status.",
        ),
        key("kind", Kind::Choice(Fault::WORDS), Absent, "A fault that is not a status."),
        key(
            "share",
            Kind::Share,
            Required,
            "The share of the requests that it happens to, 0 to 1; all together at most 1.",
        ),
        key(
            "retry_after",
            Kind::Duration { min_ms: 0 },
            Absent,
            "The `retry-after` that goes with a status.",
        ),
    ],
);

pub(super) static SERVICE: Table = table(
    "services.*",
    "A caller: the tenant of its keys, usage and stored responses.",
    &[
        key("purposes", Kind::Texts, Required, "The closed list of purposes that it may declare."),
        key(
            "models",
            Kind::Texts,
            Value("[\"*\"]"),
            "The models it may call: names of `[models]`, `provider/model`, or patterns with a trailing `*`.",
        ),
        key(
            "data_classes",
            Kind::Classes,
            Value("[\"public\", \"internal\", \"personal\", \"health\"]"),
            "The classes of data that it may declare, and those of `[data_classes]` among them.",
        ),
        key(
            "data_class",
            Kind::Choice(DataClass::WORDS),
            Value("internal"),
            "The class of its requests that state none; one of its `data_classes`.",
        ),
        key(
            "audit",
            Kind::Choice(AuditPolicy::WORDS),
            Value("required"),
            "`required`: without a record in the audit log there is no answer (`audit_unavailable`). `best_effort`: the request is served, and counted as dropped.",
        ),
        key(
            "content_log",
            Kind::Flag,
            Value("false"),
            "Whether its requests and answers are kept, masked and encrypted, in the content log.",
        ),
        key(
            "workloads",
            Kind::Texts,
            Value("[]"),
            "Who may call for it without a key: `spiffe://trust-domain/path` (the URI of a client certificate; needs `server.tls.client_ca`) or `NAME:SUBJECT` (a token of `[identity.NAME]`); a trailing `*` fits any ending. No workload fits two services.",
        ),
        key(
            "networks",
            Kind::Networks,
            Value("[]"),
            "Where its keys may be used from; empty = anywhere.",
        ),
        key(
            "templates_only",
            Kind::Flag,
            Depends("what `[prompts]` says"),
            "Whether its requests must name a prompt; others, and those with system messages of their own, end in 403 `template_required`.",
        ),
        SERVICE_LIMITS_KEY,
        SERVICE_BUDGET_KEY,
        USER_LIMITS_KEY,
        key(
            "guard",
            Kind::Table(&SERVICE_GUARD),
            Depends("what `[guard]` says"),
            "What the guard does for it, over `[guard]`, key by key.",
        ),
    ],
);

pub(super) static PRICE: Table = table(
    "prices.*",
    "The price of one `vendor/model`, in dollars for a million tokens.",
    &[
        key("input", Kind::Dollars, Required, "Fresh input."),
        key("output", Kind::Dollars, Required, "Output, reasoning included."),
        key(
            "cached_input",
            Kind::Dollars,
            Depends("the price of `input`"),
            "Input read from the provider's prompt cache.",
        ),
        key(
            "cache_write",
            Kind::Dollars,
            Depends("the price of `input`"),
            "Input written to the prompt cache.",
        ),
        key(
            "cache_write_1h",
            Kind::Dollars,
            Depends("the price of `cache_write`"),
            "Input written to the prompt cache for one hour.",
        ),
        key(
            "tiers",
            Kind::Tables(&TIER),
            Absent,
            "Prices for long inputs, in rising order of `above_tokens`.",
        ),
    ],
);

pub(super) static TIER: Table = table(
    "prices.*.tiers",
    "The price of the whole request once its input exceeds a number of tokens.",
    &[
        key(
            "above_tokens",
            Kind::Whole { min: 1, max: i64::MAX },
            Required,
            "It holds for inputs of more tokens than this.",
        ),
        key("input", Kind::Dollars, Required, "Fresh input."),
        key("output", Kind::Dollars, Required, "Output, reasoning included."),
        key(
            "cached_input",
            Kind::Dollars,
            Depends("the tier's price of `input`"),
            "Input read from the provider's prompt cache.",
        ),
        key(
            "cache_write",
            Kind::Dollars,
            Depends("the tier's price of `input`"),
            "Input written to the prompt cache.",
        ),
    ],
);
