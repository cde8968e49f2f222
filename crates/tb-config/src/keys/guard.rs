//! `[guard]`, and `[services.NAME.guard]`, which has most of the same keys: what a service does
//! not write is as `[guard]` says.

use tb_core::DataClass;
use tb_guard::{Action, Checksum, Handling};

use super::Default::{Absent, Depends, Required, Value};
use super::{Default, Key, Kind, Table, key, table};
use crate::snapshot::{ModerationForm, OnTrouble, Reaction};
use crate::value::{AnswerAction, Choice, Consequence};

/// What holds for a key that a service does not write.
const INHERITED: Default = Depends("what `[guard]` says");

/// A table of `[guard]` and the same of services, whose keys have no defaults of their own. The
/// kind of a table below stands twice: that of `[guard]` and that of services.
macro_rules! overlaid {
    (
        $global:ident, $service:ident, $place:literal, $doc:literal,
        [$($name:literal: $kind:expr $(=> $own:expr)?, $default:expr, $text:literal;)+]
        $(only [$($more:expr,)+])?
    ) => {
        pub(super) static $global: Table = table(
            $place,
            $doc,
            &[$(key($name, $kind, $default, $text),)+ $($($more,)+)?],
        );
        pub(super) static $service: Table = table(
            concat!("services.*.", $place),
            $doc,
            &[$(key($name, last!($kind $(, $own)?), INHERITED, $text),)+],
        );
    };
}

macro_rules! last {
    ($only:expr) => {
        $only
    };
    ($_first:expr, $last:expr) => {
        $last
    };
}

overlaid! {
    GUARD, SERVICE_GUARD, "guard",
    "What is looked for in texts and what is done about it. Without this table the guard is on, with these defaults. What a service writes under `guard` goes before it, key by key and entry by entry.",
    [
        "enabled": Kind::Flag, Value("true"), "Whether texts are looked at and changed. Limits, keywords and moderation hold in any case.";
        "on_error": Kind::Choice(OnTrouble::WORDS), Value("block"), "What happens to a request whose texts could not be looked at because the guard itself failed.";
        "opaque": Kind::Choice(OnTrouble::WORDS), Value("block"), "What happens to a request with a text that cannot be looked at as a whole, because too much is encoded in it.";
        "attachments": Kind::Choice(OnTrouble::WORDS), Value("allow"), "What happens to a request with images, audio or files, which the guard cannot read.";
        "actions": Kind::WordMap(Action::WORDS), Depends("`mask`: `credit_card`; `tokenize`: `email`, `person`, `phone`, `date_of_birth`, `address`, `crypto_address`; `redact`: `secret`, national numbers, `iban`, `driver_license`, `medical_record`, your own types; `report`: the rest"), "What is done with each type of finding before a text leaves. `tokenize` puts a placeholder in its place, which the answer gets back restored; secrets and cards cannot have it.";
        "answers": Kind::WordMap(AnswerAction::WORDS), Absent, "The types that are looked for in what models write, and what is done with them. What was restored for the caller is exempt. Answers are not looked at without it.";
        "data_classes": Kind::WordMap(DataClass::WORDS), Absent, "A request with a finding of that type has at least that class of data.";
        "characters": Kind::Table(&CHARACTERS) => Kind::Table(&SERVICE_CHARACTERS), Absent, "What is done with characters that people do not see.";
        "injection": Kind::Table(&INJECTION) => Kind::Table(&SERVICE_INJECTION), Absent, "What is done with texts that try to give the model other orders.";
        "limits": Kind::Table(&LIMITS) => Kind::Table(&SERVICE_LIMITS), Absent, "How much one request may send.";
        "moderation": Kind::Table(&MODERATION) => Kind::Table(&SERVICE_MODERATION), Absent, "A model that judges texts.";
    ]
    only [
        key("names", Kind::Flag, Value("true"), "Whether names of people, places and organisations are looked for; it is the slowest part."),
        key("thresholds", Kind::ShareMap, Depends("0.4"), "How sure a finding of that type must be, 0 to 1, to count."),
        key("detectors", Kind::Tables(&DETECTOR), Absent, "Detectors of your own: `[[guard.detectors]]`."),
        key("keywords", Kind::Tables(&KEYWORDS), Absent, "Lists of words that requests should not have: `[[guard.keywords]]`. They know no meaning."),
    ]
}

overlaid! {
    CHARACTERS, SERVICE_CHARACTERS, "guard.characters",
    "Characters that people do not see. `strip`: they are taken out and counted. `report`: they are counted. `reject`: the request is refused.",
    [
        "controls": Kind::Choice(Handling::WORDS), Value("strip"), "C0 and C1 controls but tab, line feed and carriage return.";
        "bidi": Kind::Choice(Handling::WORDS), Value("report"), "Those that change the direction of writing.";
        "tags": Kind::Choice(Handling::WORDS), Value("strip"), "Tag characters (U+E0000 to U+E007F) but those of flags.";
        "zero_width": Kind::Choice(Handling::WORDS), Value("report"), "Those without a width, but joiners where a script or an emoji needs them.";
    ]
}

overlaid! {
    INJECTION, SERVICE_INJECTION, "guard.injection",
    "Signals of prompt injection. They are guesses.",
    [
        "reaction": Kind::Choice(Reaction::WORDS), Value("report"), "`off`: nobody looks. `report`: it is counted and noted. `block`: the request is refused.";
        "threshold": Kind::Share, Value("0.5"), "From this score on, 0 to 1.";
    ]
}

overlaid! {
    LIMITS, SERVICE_LIMITS, "guard.limits",
    "How much one request may send. What is not written has no limit but `server.max_body`.",
    [
        "characters": MANY, Absent, "Unicode characters of all its texts together.";
        "tokens": MANY, Absent, "Estimated tokens of all that it sends.";
        "messages": MANY, Absent, "Messages, or items of `input`.";
        "images": Kind::Whole { min: 0, max: i64::MAX }, Absent, "Images; 0 = none.";
        "routes": Kind::Named(&ROUTE_LIMITS) => Kind::Named(&SERVICE_ROUTE_LIMITS), Absent, "The same by route, over those of all routes: `chat_completions`, `completions`, `responses`, `embeddings`, `moderations`, `images_generations`, `images_edits`, `images_variations`, `audio_speech`, `audio_transcriptions`, `audio_translations`, `messages`, `count_tokens`.";
    ]
}

overlaid! {
    ROUTE_LIMITS, SERVICE_ROUTE_LIMITS, "guard.limits.routes.*",
    "How much one request may send on this route.",
    [
        "characters": MANY, INHERITED_BY_ROUTES, "Unicode characters of all its texts together.";
        "tokens": MANY, INHERITED_BY_ROUTES, "Estimated tokens of all that it sends.";
        "messages": MANY, INHERITED_BY_ROUTES, "Messages, or items of `input`.";
        "images": Kind::Whole { min: 0, max: i64::MAX }, INHERITED_BY_ROUTES, "Images; 0 = none.";
    ]
}

const MANY: Kind = Kind::Whole { min: 1, max: i64::MAX };
const INHERITED_BY_ROUTES: Default = Depends("that of all routes");

overlaid! {
    MODERATION, SERVICE_MODERATION, "guard.moderation",
    "A model that judges texts, after what is sensitive was hidden in them. It is asked through the gateway: what it costs is accounted, and it gets only what its providers may receive.",
    [
        "model": Kind::Text, Required, "A name of `[models]`.";
        "form": Kind::Choice(ModerationForm::WORDS), Value("moderations"), "How it is asked. `moderations`: on `/v1/moderations`. `chat`: as a chat model that answers `safe`, or `unsafe` and a line of categories.";
        "before": Kind::Flag, Value("true"), "What callers send is judged before it goes on.";
        "after": Kind::Flag, Value("false"), "What models answer is judged. With `before` also off nobody is asked.";
        "threshold": Kind::Share, Value("0.5"), "From this score on a category counts, 0 to 1.";
        "thresholds": Kind::ShareMap, Absent, "The same for single categories, by their names.";
        "reaction": Kind::Choice(Consequence::WORDS), Value("block"), "What is done with what is judged harmful. `report`: it is counted and noted. `block`: it is refused.";
        "on_failure": Kind::Choice(OnTrouble::WORDS), Value("block"), "What happens when no judgement comes.";
        "timeout": Kind::Duration { min_ms: 1 }, Value("5s"), "How long a judgement may take.";
    ]
}

const WORDS_FILE: Key = key(
    "words_file",
    Kind::Path,
    Absent,
    "A file with more of them, one a line, relative to the folder of this file. Empty lines and lines that begin with `#` are left out.",
);

static DETECTOR: Table = table(
    "guard.detectors",
    "A detector of your own. It needs `words`, `words_file` or `patterns`.",
    &[
        key(
            "type",
            Kind::Text,
            Required,
            "The type of what it finds, as in `actions`: a new name of 1 to 48 of `a-z`, `0-9` and `_`, or a built-in type, of which it then finds more.",
        ),
        key(
            "words",
            Kind::Texts,
            Value("[]"),
            "Words and phrases, found as whole words, whatever the case.",
        ),
        WORDS_FILE,
        key(
            "patterns",
            Kind::Texts,
            Value("[]"),
            "Regular expressions; `\\w`, `\\d` and `\\b` know ASCII only.",
        ),
        key(
            "checksum",
            Kind::Choice(Checksum::WORDS),
            Absent,
            "What the digits of a match must satisfy.",
        ),
        key(
            "context",
            Kind::Texts,
            Value("[]"),
            "Words of which one must stand near; none: not needed.",
        ),
        key(
            "context_window",
            Kind::Whole { min: 1, max: 4_096 },
            Value("64"),
            "How far the context may be from the match, in bytes.",
        ),
        key("score", Kind::Share, Value("0.9"), "How sure its findings are, 0 to 1."),
        key("services", Kind::Texts, Depends("all"), "The services that it is meant for."),
    ],
);

static KEYWORDS: Table = table(
    "guard.keywords",
    "A list of words that requests should not have. It needs `words` or `words_file`.",
    &[
        key(
            "name",
            Kind::Text,
            Required,
            "Its name in reports: 1 to 64 letters, digits, `-`, `_` and `.`.",
        ),
        key(
            "words",
            Kind::Texts,
            Value("[]"),
            "Words and phrases, found as whole words, whatever the case.",
        ),
        WORDS_FILE,
        key(
            "reaction",
            Kind::Choice(Consequence::WORDS),
            Value("block"),
            "`report`: it is counted and noted. `block`: the request is refused.",
        ),
    ],
);
