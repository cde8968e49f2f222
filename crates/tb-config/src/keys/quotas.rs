//! Limits and budgets: of the organisation, of services and their end users, of models.

use tb_core::BudgetWindow;

use super::Default::{Absent, Depends, Required, Value};
use super::{Default, Key, Kind, Table, key, table};
use crate::value::Choice;

/// What holds for a limit that is not written.
const UNLIMITED: Default = Depends("no limit of its own");

/// A number of requests or tokens.
const MANY: Kind = Kind::Whole { min: 1, max: i64::MAX };

const CONCURRENT: Kind = Kind::Whole { min: 1, max: 1_000_000 };

/// The limits of every scope, with what it says of `concurrent` and more keys after it.
macro_rules! limit_keys {
    ($concurrent:literal $(, $more:expr)*) => {
        &[
            key("requests_per_minute", MANY, UNLIMITED, "Requests in any 60 seconds."),
            key("requests_per_hour", MANY, UNLIMITED, "Requests in any 60 minutes."),
            key("requests_per_day", MANY, UNLIMITED, "Requests in any 24 hours."),
            key("tokens_per_minute", MANY, UNLIMITED, "Input and output tokens in any 60 seconds."),
            key("tokens_per_hour", MANY, UNLIMITED, "Input and output tokens in any 60 minutes."),
            key("tokens_per_day", MANY, UNLIMITED, "Input and output tokens in any 24 hours."),
            key("concurrent", CONCURRENT, UNLIMITED, $concurrent),
            $($more,)*
        ]
    };
}

const fn limits(below: &'static Table, doc: &'static str) -> Key {
    key("limits", Kind::Table(below), Absent, doc)
}

const fn budget(below: &'static Table, doc: &'static str) -> Key {
    key("budget", Kind::Table(below), Absent, doc)
}

pub(super) const SERVICE_LIMITS_KEY: Key = limits(&SERVICE_LIMITS, "How much it may do.");
pub(super) const SERVICE_BUDGET_KEY: Key =
    budget(&SERVICE_BUDGET, "How much money it may spend in a period.");
pub(super) const USER_LIMITS_KEY: Key =
    key("user_limits", Kind::Table(&USER_LIMITS), Absent, "How much each of its end users may do.");
pub(super) const MODEL_LIMITS_KEY: Key =
    limits(&MODEL_LIMITS, "How much all its callers together may do.");
pub(super) const MODEL_BUDGET_KEY: Key =
    budget(&MODEL_BUDGET, "How much money all its callers together may spend in a period.");

pub(super) static ORGANISATION: Table = table(
    "organisation",
    "What all services together may do and spend.",
    &[
        limits(&ORGANISATION_LIMITS, "How much all services together may do."),
        budget(&ORGANISATION_BUDGET, "How much money they may spend in a period."),
    ],
);

static ORGANISATION_LIMITS: Table = table(
    "organisation.limits",
    "How much all services together may do.",
    limit_keys!(
        "Requests served at the same time; more are refused with `concurrency_limit_exceeded`."
    ),
);

static SERVICE_LIMITS: Table = table(
    "services.*.limits",
    "How much a service may do.",
    limit_keys!(
        "Its requests served at the same time. More wait for at most `server.queue_timeout`, and are then refused with `concurrency_limit_exceeded`."
    ),
);

static USER_LIMITS: Table = table(
    "services.*.user_limits",
    "How much each end user of a service may do: `x-tollbar-user`, else the body's `user`.",
    limit_keys!(
        "Requests of one end user served at the same time; more are refused with `concurrency_limit_exceeded`.",
        budget(&USER_BUDGET, "How much money one end user may spend in a period.")
    ),
);

static MODEL_LIMITS: Table = table(
    "models.*.limits",
    "How much all callers of a model together may do.",
    limit_keys!(
        "Requests served at the same time; more are refused with `concurrency_limit_exceeded`."
    ),
);

macro_rules! budgets {
    ($($name:ident $place:literal $doc:literal;)+) => {$(
        static $name: Table = table($place, $doc, BUDGET);
    )+};
}

budgets! {
    ORGANISATION_BUDGET "organisation.budget" "Money that all services together may spend in each period.";
    SERVICE_BUDGET "services.*.budget" "Money that a service may spend in each period.";
    USER_BUDGET "services.*.user_limits.budget" "Money that each end user of a service may spend in each period.";
    MODEL_BUDGET "models.*.budget" "Money that all callers of a model together may spend in each period.";
}

const BUDGET: &[Key] = &[
    key("amount", Kind::Dollars, Required, "The most: `\"500 usd\"`, or a number of dollars."),
    key(
        "window",
        Kind::Choice(BudgetWindow::WORDS),
        Required,
        "The calendar period: `day`, `week` (from Monday), `month`, `quarter` (from January, April, July, October).",
    ),
    key(
        "time_zone",
        Kind::Text,
        Value("UTC"),
        "The IANA name of the zone whose calendar holds, such as `Europe/Berlin`.",
    ),
];
