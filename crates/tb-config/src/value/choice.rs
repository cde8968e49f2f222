//! Values that are one of a few words.

use tb_core::DataClass;
use tb_providers::DialectName;
use tb_providers::simulated::Fault;

use super::{Mistake, Value, Written};
use crate::codes::Code;
use crate::nearest::nearest;
use crate::redact::quoted;
use crate::snapshot::{CacheMode, LastRung, LogFormat};

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
        Some(known.map(|(_, meaning)| Self(*meaning)).ok_or_else(|| {
            Mistake::new(
                Code::UnknownWord,
                format!("{} is not {}", quoted(text), Self::expected()),
                "use one of these words",
            )
            .with_nearest(nearest(text, T::WORDS.iter().copied()))
        }))
    }

    fn show(&self) -> String {
        let word = T::MEANINGS.iter().zip(T::WORDS).find(|(meaning, _)| **meaning == self.0);
        quoted(word.map_or("", |(_, word)| word))
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

choices! {
    Authentication { "required" => Self::Required, "off" => Self::Off, }
    Durability { "process" => Self::Process, "power" => Self::Power, }
    Disconnect { "cancel" => Self::Cancel, "drain" => Self::Drain, }
    LogFormat { "json" => Self::Json, "text" => Self::Text, }
    LastRung { "stale_cache" => Self::StaleCache, "rules" => Self::Rules, }
    CacheMode { "on" => Self::On, "off" => Self::Off, "opt_in" => Self::OptIn, }
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
