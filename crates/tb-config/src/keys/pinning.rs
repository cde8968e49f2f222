//! `[pinning]` and the lock file that it names.

use super::Default::{Absent, Depends, Required, Value};
use super::{Kind, Table, key, table};
use crate::snapshot::{OnRetired, PinPolicy};
use crate::value::Choice;

pub(super) static PINNING: Table = table(
    "pinning",
    "Whether names of models that stand for whatever is newest may be called.",
    &[
        key(
            "policy",
            Kind::Choice(PinPolicy::WORDS),
            Value("warn"),
            "`refuse`: targets with floating names are not called (422 `model_not_pinned`). `resolve`: the lock file says which version a floating name means; one that it does not name is refused. `warn`: they are called and reported. `off`: nobody looks. With `refuse` and `resolve` models whose last day is over are not called either (422 `model_retired`).",
        ),
        key(
            "lock_file",
            Kind::Path,
            Value("models.lock"),
            "What `tollbar models lock` writes, to be reviewed and kept with this file.",
        ),
        key(
            "on_retired",
            Kind::Choice(OnRetired::WORDS),
            Value("refuse"),
            "What happens after the last day of a pinned model: `refuse`, or `successor`, the version that the lock file names for it.",
        ),
        key(
            "freeze_on_drift",
            Kind::Flag,
            Value("false"),
            "Whether a target is not called any more, until the next reload, once its provider has served another model than the pinned one.",
        ),
    ],
);

/// The whole lock file.
pub(crate) static LOCK_FILE: Table = table(
    "lock file",
    "The file that `[pinning] lock_file` names. `tollbar models lock` writes it; unknown keys are refused.",
    &[key(
        "models",
        Kind::Named(&LOCKED),
        Absent,
        "What is locked, by `provider/model` with a provider of `[providers]`: `[models.\"acme/large\"]`.",
    )],
);

static LOCKED: Table = table(
    "lock file: models.*",
    "What a name stands for: a floating name at any time, a pinned one after its last day.",
    &[
        key("snapshot", Kind::Text, Required, "The version that is called, a pinned name."),
        key(
            "evidence",
            Kind::Text,
            Depends("locked without a comparison, with `--override`"),
            "The evaluation run that it passed.",
        ),
        key("evidence_sha256", Kind::Text, Absent, "The hash of that run's results."),
        key("date", Kind::Text, Absent, "The UTC day on which it was locked."),
        key("reason", Kind::Text, Absent, "What `--override` was given."),
    ],
);
