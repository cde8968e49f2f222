//! `[prompts]`: templates that requests name by their id.

use super::Default::Value;
use super::{Kind, Table, key, table};

pub(super) static PROMPTS: Table = table(
    "prompts",
    "Versioned templates that requests name by their id. Without this section no files are read; versions in the storage are served all the same.",
    &[
        key(
            "path",
            Kind::Path,
            Value("prompts/"),
            "The folder of the files `NAME.prompt`, and of the folder `partials/` with what they include; relative to the folder of this file, read again when one of them changes.",
        ),
        key(
            "protected",
            Kind::Texts,
            Value("[\"production\"]"),
            "Labels that move with evidence, or with an override and its reason; and the only ones that make a version good enough for services with `templates_only` in production.",
        ),
        key(
            "templates_only",
            Kind::Flag,
            Value("false"),
            "Whether requests must name a prompt (403 `template_required`), for services that say nothing of their own.",
        ),
    ],
);
