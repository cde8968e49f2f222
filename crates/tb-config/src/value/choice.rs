//! Values that are one of a few words.

use tb_core::{BudgetWindow, DataClass};
use tb_guard::{Action, Checksum, Handling};
use tb_providers::DialectName;
use tb_providers::simulated::Fault;

use super::{Mistake, Value, Written};
use crate::codes::Code;
use crate::nearest::nearest;
use crate::redact::quoted;
use crate::snapshot::{
    AuditPolicy, CacheMode, LastRung, LogFormat, ModerationForm, OnRetired, OnTrouble, PinPolicy,
    Reaction, TokenAlgorithm,
};

/// A type that is written as one of a few words.
pub(crate) trait Choice: Copy + PartialEq + 'static {
    /// The words.
    const WORDS: &'static [&'static str];
    /// What they mean, in the same order.
    const MEANINGS: &'static [Self];
}

/// A [`Choice`] as the value of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word<T>(pub(crate) T);

impl<T: Choice> Value for Word<T> {
    fn expected() -> String {
        let words: Vec<_> = T::WORDS.iter().map(|word| quoted(word)).collect();
        format!("one of {}", words.join(", "))
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        let text = written.text()?;
        let known = T::WORDS.iter().zip(T::MEANINGS).find(|(word, _)| **word == text);
        let unknown = || Self::unknown(text, "use one of these words");
        Some(known.map(|(_, meaning)| Self(*meaning)).ok_or_else(unknown))
    }

    fn show(&self) -> String {
        let word = T::MEANINGS.iter().zip(T::WORDS).find(|(meaning, _)| **meaning == self.0);
        quoted(word.map_or("", |(_, word)| word))
    }
}

impl<T: Choice> Word<T> {
    /// What is said of a text that is none of the words.
    pub(crate) fn unknown(text: &str, help: &str) -> Mistake {
        let message = format!("{} is not {}", quoted(text), Self::expected());
        let near = nearest(text, T::WORDS.iter().copied());
        Mistake::new(Code::UnknownWord, message, help).with_nearest(near)
    }
}

impl Value for AnswerAction {
    fn expected() -> String {
        Word::<Self>::expected()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        let read = Word::read(written)?.map(|word| word.0);
        let known = Word::<Action>::read(written).and_then(Result::ok);
        Some(read.map_err(|mistake| match known {
            Some(_) => Mistake::new(
                Code::Irreversible,
                "what a model wrote has nobody for whom it could be restored",
                format!("choose {}", Self::expected()),
            ),
            None => mistake,
        }))
    }

    fn show(&self) -> String {
        Word(*self).show()
    }
}

macro_rules! choices {
    ($($type:ty { $($word:literal => $meaning:expr,)+ })+) => {$(
        impl Choice for $type {
            const WORDS: &'static [&'static str] = &[$($word,)+];
            const MEANINGS: &'static [Self] = &[$($meaning,)+];
        }
    )+};
}

/// `authentication`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authentication {
    Required,
    Off,
}

/// `durability`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    Process,
    Power,
}

/// `on_client_disconnect`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disconnect {
    Cancel,
    Drain,
}

/// `reaction` to what is looked for in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consequence {
    Report,
    Block,
}

impl From<Consequence> for Reaction {
    fn from(consequence: Consequence) -> Self {
        match consequence {
            Consequence::Report => Self::Report,
            Consequence::Block => Self::Block,
        }
    }
}

impl From<Reaction> for Consequence {
    fn from(reaction: Reaction) -> Self {
        match reaction {
            Reaction::Off | Reaction::Report => Self::Report,
            Reaction::Block => Self::Block,
        }
    }
}

/// `answers` of the guard: there is nobody for whom what a model wrote could be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AnswerAction(pub(crate) Action);

choices! {
    Authentication { "required" => Self::Required, "off" => Self::Off, }
    Durability { "process" => Self::Process, "power" => Self::Power, }
    Disconnect { "cancel" => Self::Cancel, "drain" => Self::Drain, }
    LogFormat { "json" => Self::Json, "text" => Self::Text, }
    LastRung { "stale_cache" => Self::StaleCache, "rules" => Self::Rules, }
    CacheMode { "on" => Self::On, "off" => Self::Off, "opt_in" => Self::OptIn, }
    OnTrouble { "block" => Self::Block, "allow" => Self::Allow, }
    Reaction { "off" => Self::Off, "report" => Self::Report, "block" => Self::Block, }
    Consequence { "report" => Self::Report, "block" => Self::Block, }
    ModerationForm { "moderations" => Self::Moderations, "chat" => Self::Chat, }
    Action {
        "allow" => Self::Allow,
        "report" => Self::Report,
        "mask" => Self::Mask,
        "redact" => Self::Redact,
        "tokenize" => Self::Tokenize,
        "hash" => Self::Hash,
        "block" => Self::Block,
    }
    AnswerAction {
        "allow" => Self(Action::Allow),
        "report" => Self(Action::Report),
        "mask" => Self(Action::Mask),
        "redact" => Self(Action::Redact),
        "block" => Self(Action::Block),
    }
    Handling {
        "allow" => Self::Allow,
        "report" => Self::Report,
        "strip" => Self::Strip,
        "reject" => Self::Reject,
    }
    Checksum {
        "luhn" => Self::Luhn,
        "mod97" => Self::Mod97,
        "mod11" => Self::Mod11,
        "verhoeff" => Self::Verhoeff,
    }
    PinPolicy {
        "refuse" => Self::Refuse,
        "resolve" => Self::Resolve,
        "warn" => Self::Warn,
        "off" => Self::Off,
    }
    OnRetired { "refuse" => Self::Refuse, "successor" => Self::Successor, }
    AuditPolicy { "required" => Self::Required, "best_effort" => Self::BestEffort, }
    TokenAlgorithm { "RS256" => Self::Rs256, "ES256" => Self::Es256, "EdDSA" => Self::EdDsa, }
    BudgetWindow {
        "day" => Self::Day,
        "week" => Self::Week,
        "month" => Self::Month,
        "quarter" => Self::Quarter,
    }
    DataClass {
        "public" => Self::Public,
        "internal" => Self::Internal,
        "personal" => Self::Personal,
        "health" => Self::Health,
    }
    DialectName {
        "openai" => Self::OpenAi,
        "azure" => Self::Azure,
        "anthropic" => Self::Anthropic,
        "gemini" => Self::Gemini,
        "simulated" => Self::Simulated,
    }
    Fault {
        "reset" => Self::Reset,
        "cut" => Self::Cut,
        "hang" => Self::Hang,
        "garbage" => Self::Garbage,
        "html" => Self::Html,
        "error_event" => Self::ErrorEvent,
        "early_error" => Self::EarlyError,
        "early_cut" => Self::EarlyCut,
        "startup_hang" => Self::StartupHang,
    }
}
