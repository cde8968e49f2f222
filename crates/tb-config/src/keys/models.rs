//! `[models.NAME]`: what clients may call, and all that is tried before a call fails.

use tb_core::DataClass;

use super::Default::{Absent, Depends, Required, Value};
use super::quotas::{MODEL_BUDGET_KEY, MODEL_LIMITS_KEY};
use super::{Kind, Table, key, table};
use crate::snapshot::{CacheMode, LastRung};
use crate::value::Choice;

pub(super) static MODEL: Table = table(
    "models.*",
    "A name that clients send as `model`.",
    &[
        key("targets", Kind::Tables(&TARGET), Required, "Where it is served."),
        key(
            "deadline",
            Kind::Duration { min_ms: 1 },
            Value("10m"),
            "How long the whole request may take, all attempts and waits together.",
        ),
        key(
            "first_byte_timeout",
            Kind::Duration { min_ms: 1 },
            Value("1m"),
            "How long the first byte of a streamed answer may take. For whole answers, whose first byte comes when all of it is ready, it holds only when it is written; otherwise they have the deadline alone.",
        ),
        key(
            "idle_timeout",
            Kind::Duration { min_ms: 1 },
            Value("1m"),
            "How long a stream may pause.",
        ),
        key("retry", Kind::Table(&RETRY), Absent, "How failed attempts are repeated."),
        key(
            "fallbacks",
            Kind::TextsOrTable(&FALLBACKS),
            Value("[]"),
            "Other names of `[models]` that answer when this one cannot, in order: `[\"a\", \"b\"]`, or lists by what went wrong: `{ default = [\"a\"], context_too_long = [\"b\"] }`. Only the list of the model that was asked for is used, not those of its fallbacks.",
        ),
        key(
            "on_exhausted",
            Kind::Choices(LastRung::WORDS),
            Value("[]"),
            "What answers when every attempt failed, in order: `stale_cache` (a kept answer past its `ttl`; needs `cache`), `rules` (an answer by rule; needs `rules`). Such answers are marked.",
        ),
        key(
            "stale_if_error",
            Kind::Duration { min_ms: 0 },
            Depends("`24h` when `on_exhausted` has `stale_cache`, else `0s`"),
            "How long past its `ttl` a kept answer serves as `stale_cache`.",
        ),
        key(
            "rules",
            Kind::Path,
            Absent,
            "The file with the answers of `on_exhausted = [\"rules\"]`, relative to the folder of this file.",
        ),
        key(
            "on_exhausted_data_classes",
            Kind::Choices(DataClass::WORDS),
            Value("[\"public\", \"internal\", \"personal\"]"),
            "The classes of data for which `on_exhausted` answers; requests of others get the error.",
        ),
        key("cache", Kind::Table(&MODEL_CACHE), Absent, "Whether and how long answers are kept."),
        MODEL_LIMITS_KEY,
        MODEL_BUDGET_KEY,
    ],
);

pub(super) static RETRY: Table = table(
    "models.*.retry",
    "How failed attempts are repeated. Nothing is repeated once the client has the first byte.",
    &[
        key(
            "attempts",
            Kind::Whole { min: 1, max: 10 },
            Value("3"),
            "Attempts of one request over all targets and fallback models; each fallback model has one in any case.",
        ),
        key(
            "backoff",
            Kind::Duration { min_ms: 0 },
            Value("250ms"),
            "The upper end of the first wait before the same target is tried again; it doubles with each failure.",
        ),
        key(
            "max_backoff",
            Kind::Duration { min_ms: 0 },
            Value("8s"),
            "The upper end of every such wait.",
        ),
    ],
);

pub(super) static FALLBACKS: Table = table(
    "models.*.fallbacks",
    "Other names of `[models]`, in order, by what went wrong.",
    &[
        key("default", Kind::Texts, Value("[]"), "When the targets failed."),
        key("context_too_long", Kind::Texts, Value("[]"), "When the prompt does not fit."),
        key(
            "content_policy",
            Kind::Texts,
            Value("[]"),
            "When the provider's content policy refused the request.",
        ),
    ],
);

pub(super) static MODEL_CACHE: Table = table(
    "models.*.cache",
    "The response cache of this model. It answers only requests that are the same in everything that shapes an answer, of the same service.",
    &[
        key(
            "mode",
            Kind::Choice(CacheMode::WORDS),
            Value("off"),
            "`on`: for all requests but those that ask not to. `opt_in`: for requests that ask with `x-tollbar-cache`. `off`: never.",
        ),
        key("ttl", Kind::Duration { min_ms: 1 }, Value("1h"), "How long an answer is fresh."),
        key(
            "data_classes",
            Kind::Choices(DataClass::WORDS),
            Value("[\"public\", \"internal\"]"),
            "The classes of data whose answers may be kept.",
        ),
    ],
);

pub(super) static TARGET: Table = table(
    "models.*.targets",
    "One place where a model is served.",
    &[
        key("provider", Kind::Text, Required, "A name of `[providers]`."),
        key(
            "model",
            Kind::Text,
            Required,
            "The provider's own name of the model, or the name of an Azure deployment.",
        ),
        key(
            "weight",
            Kind::Whole { min: 0, max: 1_000_000 },
            Value("1"),
            "Its share among the targets; 0 = none.",
        ),
        key(
            "abilities",
            Kind::Table(&ABILITIES),
            Absent,
            "What it can do. Requests that need what it lacks go elsewhere.",
        ),
    ],
);

/// What holds for an ability that is not written.
const BUILT_IN: super::Default =
    Depends("the built-in table of models; unknown models are taken to have it");

pub(super) static ABILITIES: Table = table(
    "models.*.targets.abilities",
    "What a target can do.",
    &[
        key("tools", Kind::Flag, BUILT_IN, "Function calling."),
        key("json_schema", Kind::Flag, BUILT_IN, "Answers that follow a JSON Schema."),
        key("vision", Kind::Flag, BUILT_IN, "Images in the input."),
        key(
            "context_tokens",
            Kind::Whole { min: 1, max: i64::MAX },
            Depends("the built-in table of models; unknown models are taken to fit everything"),
            "The longest input in tokens.",
        ),
    ],
);
