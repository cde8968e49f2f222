//! The types that a key's value may have, each read from a document node or from the text of a
//! variable or flag, and each printed back in one canonical way.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Date;
use tb_core::Network;
use tb_providers::BaseUrl;
use toml::de::DeValue;

use crate::codes::Code;
use crate::redact::quoted;

pub(crate) mod amount;
mod checkpoint;
mod choice;
pub(crate) mod term;
mod time_zone;

pub(crate) use checkpoint::{Checkpoint, is_safe};

pub(crate) use choice::{
    AnswerAction, Authentication, Choice, Consequence, Disconnect, Durability, Word,
};
pub(crate) use term::Term;
pub(crate) use time_zone::TimeZoneName;

/// A value as it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Written<'a> {
    /// In the file.
    Node(&'a DeValue<'a>),
    /// In a variable or flag, or as a default of the table of keys.
    Text(&'a str),
}

impl<'a> Written<'a> {
    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            Self::Node(DeValue::String(text)) => Some(text),
            Self::Text(text) => Some(text),
            Self::Node(_) => None,
        }
    }

    pub(crate) fn integer(self) -> Option<i64> {
        match self {
            Self::Node(DeValue::Integer(number)) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok()
            }
            Self::Text(text) => text.parse().ok(),
            Self::Node(_) => None,
        }
    }

    /// A whole or decimal number as its digits, never through a float.
    fn decimal(self) -> Option<&'a str> {
        match self {
            Self::Node(DeValue::Integer(number)) if number.radix() == 10 => Some(number.as_str()),
            Self::Node(DeValue::Float(number)) => Some(number.as_str()),
            other => other.text(),
        }
    }

    pub(crate) fn type_word(self) -> &'static str {
        match self {
            Self::Node(DeValue::String(_)) | Self::Text(_) => "a string",
            Self::Node(DeValue::Integer(_)) => "an integer",
            Self::Node(DeValue::Float(_)) => "a float",
            Self::Node(DeValue::Boolean(_)) => "a boolean",
            Self::Node(DeValue::Datetime(_)) => "a date-time",
            Self::Node(DeValue::Array(_)) => "a list",
            Self::Node(DeValue::Table(_)) => "a table",
        }
    }
}

/// What is wrong with a value, before it is known where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) help: String,
    pub(crate) nearest: Option<String>,
}

impl Mistake {
    pub(crate) fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: help.into(), nearest: None }
    }

    pub(crate) fn with_nearest(mut self, nearest: Option<String>) -> Self {
        self.nearest = nearest;
        self
    }
}

/// A type that a key's value may have.
pub(crate) trait Value: Sized {
    /// What the key takes, with an example: `a duration such as "30s"`.
    fn expected() -> String;

    /// Reads it; `None` when it is of another type altogether.
    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>>;

    /// The canonical TOML text.
    fn show(&self) -> String;
}

impl Value for String {
    fn expected() -> String {
        "a string".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        written.text().map(|text| Ok(text.to_owned()))
    }

    fn show(&self) -> String {
        quoted(self)
    }
}

impl Value for bool {
    fn expected() -> String {
        "true or false".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        match written {
            Written::Node(DeValue::Boolean(flag)) => Some(Ok(*flag)),
            Written::Text(text) => text.parse().ok().map(Ok),
            Written::Node(_) => None,
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A whole number.
impl Value for i64 {
    fn expected() -> String {
        "a whole number".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        written.integer().map(Ok)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// A share between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Share(pub(crate) f64);

impl Value for Share {
    fn expected() -> String {
        "a number from 0 to 1".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        let number = written.decimal()?.parse::<f64>().ok()?;
        Some(if (0.0..=1.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(Mistake::new(
                Code::OutOfRange,
                "a share lies between 0 and 1",
                "write 0.1 for one request in ten",
            ))
        })
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// How sure something is, between 0 and 1: an `f32` or `f64`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Score<T>(pub(crate) T);

impl<T: FromStr + PartialOrd + From<u8> + ToString> Value for Score<T> {
    fn expected() -> String {
        "a number from 0 to 1".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        let number = written.decimal()?.parse::<T>().ok()?;
        Some(if (T::from(0)..=T::from(1)).contains(&number) {
            Ok(Self(number))
        } else {
            let help = "0 counts everything, 1 only what is certain";
            Err(Mistake::new(Code::OutOfRange, "a score lies between 0 and 1", help))
        })
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

impl Value for Duration {
    fn expected() -> String {
        "a duration such as \"30s\"".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        written.text().map(amount::duration)
    }

    fn show(&self) -> String {
        quoted(&amount::show_duration(*self))
    }
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl Value for Bytes {
    fn expected() -> String {
        "a size such as \"16MiB\"".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        let text = match written {
            Written::Node(DeValue::Integer(number)) if number.radix() == 10 => number.as_str(),
            other => other.text()?,
        };
        Some(amount::size(text).map(Self))
    }

    fn show(&self) -> String {
        quoted(&amount::show_size(self.0))
    }
}

/// An amount of money in micro-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MicroUsd(pub(crate) u64);

impl Value for MicroUsd {
    fn expected() -> String {
        "dollars such as 0.15".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        written.decimal().map(|digits| amount::micro_usd(digits).map(Self))
    }

    fn show(&self) -> String {
        format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000)
    }
}

impl Value for SocketAddr {
    fn expected() -> String {
        "an address such as \"127.0.0.1:8787\"".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        let text = written.text()?;
        Some(text.parse().map_err(|_| {
            let nearest = text
                .strip_prefix("localhost:")
                .map(|port| format!("127.0.0.1:{port}"))
                .or_else(|| text.strip_prefix(':').map(|port| format!("0.0.0.0:{port}")))
                .filter(|guess| guess.parse::<Self>().is_ok());
            Mistake::new(
                Code::BadAddress,
                format!("{} is not an address to listen on", quoted(text)),
                "write an IP address and a port, such as \"127.0.0.1:8787\" or \"[::1]:8787\"",
            )
            .with_nearest(nearest)
        }))
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Value for Network {
    fn expected() -> String {
        "a network such as \"10.0.0.0/8\"".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        let text = written.text()?;
        Some(Self::try_from(text.to_owned()).map_err(|why| {
            Mistake::new(
                Code::BadNetwork,
                format!("not a network: {why}"),
                "write an address and a prefix length, such as \"10.0.0.0/8\" or \"127.0.0.1/32\"",
            )
        }))
    }

    fn show(&self) -> String {
        quoted(&String::from(*self))
    }
}

/// A base URL and the text it was written as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) base: BaseUrl,
    text: String,
}

impl Value for Url {
    fn expected() -> String {
        "a URL such as \"https://api.example.com/v1\"".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        let text = written.text()?;
        // A URL may hold a password, so the message does not repeat it.
        Some(BaseUrl::parse(text).map(|base| Self { base, text: text.to_owned() }).map_err(|why| {
            Mistake::new(
                Code::BadUrl,
                format!("not a base URL: {why}"),
                "write it as \"https://host/path\"; keys belong into `api_keys`",
            )
        }))
    }

    fn show(&self) -> String {
        quoted(&self.text)
    }
}

impl Value for Date {
    fn expected() -> String {
        "a date such as \"2027-01-31\"".to_owned()
    }

    fn read(written: Written<'_>) -> Option<Result<Self, Mistake>> {
        let text = written.text()?;
        // jiff also takes date-times; a term of a contract is a day.
        let day = (text.len() == 10).then(|| text.parse().ok()).flatten();
        Some(day.ok_or_else(|| {
            Mistake::new(
                Code::BadDate,
                format!("{} is not a date", quoted(text)),
                "write year, month and day in quotes: \"2027-01-31\"",
            )
        }))
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}
