//! What a scope (organisation, service, key, end user, model) may use in which time. Plain
//! values.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::NanoUsd;

/// The limits of one scope; what is `None` is not limited.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests in any 60 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u64>,
    /// Requests in any 60 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_hour: Option<u64>,
    /// Requests in any 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_day: Option<u64>,
    /// Input and output tokens in any 60 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// Input and output tokens in any 60 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_hour: Option<u64>,
    /// Input and output tokens in any 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_day: Option<u64>,
    /// Requests at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent: Option<u64>,
    /// Money in a calendar period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<Budget>,
}

impl Limits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Money that may be spent in each calendar period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// The most, in nano-dollars.
    pub amount: NanoUsd,
    /// The kind of period.
    pub window: BudgetWindow,
    /// The IANA name of the zone whose calendar holds, `Europe/Berlin`.
    pub time_zone: Arc<str>,
}

/// `25.00 usd/month Europe/Berlin`
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} usd/{} {}", self.amount, self.window.as_str(), self.time_zone)
    }
}

/// Reads `25 usd/month`, in UTC, or `25 usd/month Europe/Berlin`.
impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no budget; write one like `25 usd/month`");
        let (amount, rest) = text.split_once("usd").ok_or_else(wrong)?;
        let rest = rest.trim_start().strip_prefix('/').ok_or_else(wrong)?.trim();
        let (window, zone) = rest.split_once(' ').unwrap_or((rest, "UTC"));
        let windows = BudgetWindow::ALL.map(BudgetWindow::as_str);
        let window = BudgetWindow::ALL.into_iter().find(|known| known.as_str() == window);
        let window =
            window.ok_or_else(|| format!("a budget is for one of: {}", windows.join(", ")))?;
        let zone = zone.trim();
        if jiff::tz::TimeZone::get(zone).is_err() {
            return Err(format!("`{zone}` is no time zone; write one like Europe/Berlin"));
        }
        let amount = nano_usd(amount.trim()).filter(|nano| *nano > 0).ok_or_else(|| {
            "a budget is more than nothing and at most 9,223,372,036 dollars".to_owned()
        })?;
        Ok(Self { amount: NanoUsd(amount), window, time_zone: zone.into() })
    }
}

/// Nano-dollars in dollars with at most nine decimals.
fn nano_usd(dollars: &str) -> Option<i64> {
    let (whole, decimals) = dollars.split_once('.').unwrap_or((dollars, "0"));
    let is_number =
        |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || decimals.len() > 9 {
        return None;
    }
    let decimals = format!("{decimals:0<9}").parse::<i64>().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(decimals)
}

/// The calendar period of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BudgetWindow {
    /// From midnight to midnight.
    Day,
    /// From Monday (ISO 8601).
    Week,
    /// From the first of the month.
    Month,
    /// From the first of January, April, July and October.
    Quarter,
}

impl BudgetWindow {
    /// Every window, from the shortest to the longest.
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Quarter];

    /// The word for it in configuration and refusals.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_read_as_they_are_written() {
        let budget: Budget = "25 usd/month".parse().unwrap();
        assert_eq!(budget.amount, NanoUsd(25_000_000_000));
        assert_eq!((budget.window, &*budget.time_zone), (BudgetWindow::Month, "UTC"));
        for text in ["0.000000001usd / day", "500.5 usd/quarter Europe/Berlin"] {
            let budget: Budget = text.parse().unwrap();
            assert_eq!(budget.to_string().parse(), Ok(budget), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_budget() {
        for text in [
            "",
            "25",
            "25 usd",
            "25 usd/year",
            "-1 usd/day",
            "0 usd/day",
            "1e3 usd/day",
            "usd/day",
            "1.0000000001 usd/day",
            "25 usd/day Mars/Olympus",
            "99999999999 usd/day",
        ] {
            assert!(text.parse::<Budget>().is_err(), "{text}");
        }
    }
}
