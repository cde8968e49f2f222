//! The rules file: the answers of `on_exhausted = ["rules"]`. It is a file of its own, named by
//! a model's `rules`.

use super::Default::{Absent, Depends, Required};
use super::{Kind, Table, key, table};

/// The whole rules file.
pub(crate) static RULES_FILE: Table = table(
    "rules file",
    "The file that a model's `rules` names: answers for the time when no provider answers. The first rule whose conditions all hold answers. Unknown keys are refused.",
    &[key("rules", Kind::Tables(&RULE), Required, "The rules, in order: `[[rules]]`.")],
);

static RULE: Table = table(
    "rules file: rules",
    "One rule. It has an `answer`, or a `json`, or both.",
    &[
        key(
            "name",
            Kind::Text,
            Required,
            "Its name in marks and records: 1 to 64 letters, digits, `-`, `_` and `.`.",
        ),
        key(
            "when",
            Kind::Table(&WHEN),
            Depends("the rule always fits"),
            "What must hold of the last user message; all of it.",
        ),
        key(
            "answer",
            Kind::Text,
            Absent,
            "The answer, a template: `{{name}}` stands for `model`, `service`, `request_id`, `date`, `language` or a named group of `regex`, `{{{{` for two braces.",
        ),
        key(
            "json",
            Kind::Json,
            Absent,
            "The answer to requests that ask for JSON, as a table: `{ state = \"unknown\" }`; it answers only where it follows the schema that was asked for. The strings in it are templates. Dates are refused, since JSON has none.",
        ),
    ],
);

static WHEN: Table = table(
    "rules file: rules.when",
    "Conditions of a rule.",
    &[
        key("always", Kind::Flag, Absent, "`true`: it always holds."),
        key(
            "literal",
            Kind::TextOrTexts,
            Absent,
            "One of these texts stands in it, whatever the case.",
        ),
        key(
            "regex",
            Kind::Text,
            Absent,
            "It matches somewhere (`(?i)` for any case); named groups become variables of the answer.",
        ),
        key(
            "keywords",
            Kind::TextSets,
            Absent,
            "All words of one of these sets stand in it as whole words, in any order and case: `[[\"reset\", \"password\"], [\"login\"]]`; one list of words is one set.",
        ),
        key(
            "intent",
            Kind::Texts,
            Absent,
            "Examples of what people say: it, or one of its sentences, is like one of them.",
        ),
        key("threshold", Kind::Share, Depends("0.5"), "How alike `intent` must be, 0 to 1."),
        key(
            "language",
            Kind::TextOrTexts,
            Absent,
            "It is in one of these languages, by their two letters: `en`.",
        ),
    ],
);
