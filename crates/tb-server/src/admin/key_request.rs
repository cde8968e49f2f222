//! What is asked for when a key is made, checked against the configuration.

mod scope;

use serde::Deserialize;
use tb_config::{Service, Snapshot, matches_pattern, nearest};
use tb_core::{KeyScope, Limits, ModelName, Network, Timestamp};

/// The longest label of a key, in characters.
const MAX_NAME_CHARS: usize = 100;

/// A key to make, as the admin API and the command line are told.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// A service of the configuration.
    pub service: String,
    /// A label for people.
    #[serde(default)]
    pub name: Option<String>,
    /// Names, or patterns with a trailing `*`; none = those of the service.
    #[serde(default)]
    pub models: Option<Vec<String>>,
    /// The labels of routes, `chat_completions`; none = all.
    #[serde(default)]
    pub routes: Option<Vec<String>>,
    /// The purposes it may declare; none = those of the service.
    #[serde(default)]
    pub purposes: Option<Vec<String>>,
    /// The purpose of calls that state none.
    #[serde(default)]
    pub purpose: Option<String>,
    /// The classes of data it may send, the operator's own included; none = those of the service.
    #[serde(default)]
    pub data_classes: Option<Vec<String>>,
    /// CIDR notation.
    #[serde(default)]
    pub networks: Vec<String>,
    /// What it may use: `requests_per_minute` and the like, see [`Limits`]; the budget stands
    /// apart.
    #[serde(default)]
    pub limits: Limits,
    /// `25 usd/month`, with a time zone behind it if it shall not be UTC.
    #[serde(default)]
    pub budget: Option<String>,
    /// From when on it is good: RFC 3339, or a period from now, `12h`.
    #[serde(default)]
    pub not_before: Option<String>,
    /// How long it is good, `90d`; none = for ever.
    #[serde(default)]
    pub expires: Option<String>,
}

/// Why a key cannot be made as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyFault(String);

impl KeyRequest {
    /// The scope of the key, if the configuration has all that it names.
    ///
    /// # Errors
    /// Says what is wrong, and which names there are.
    pub fn checked(&self, snapshot: &Snapshot, now: Timestamp) -> Result<KeyScope, KeyFault> {
        let services = || snapshot.services.keys().map(ToString::to_string).collect();
        let service = snapshot
            .services
            .get(self.service.as_str())
            .ok_or_else(|| unknown("service", &self.service, services()))?;
        let mut scope = KeyScope::of_service(service.name.clone(), now);
        scope.name = self.name.clone().map(check_name).transpose().map_err(KeyFault)?;
        scope.models = self.checked_models(snapshot, service)?;
        scope.routes = self.checked_routes()?;
        scope.purposes = self.checked_purposes(service)?;
        scope.purpose = self.checked_purpose(service, scope.purposes.as_deref())?;
        scope.data_classes = self.checked_classes(snapshot, service)?;
        scope.networks = self.checked_networks()?;
        scope.limits = self.checked_limits()?;
        scope.expires_at = self.checked_expiry(now)?;
        scope.not_before = self.checked_beginning(now)?;
        if scope.not_before.zip(scope.expires_at).is_some_and(|(begin, end)| begin >= end) {
            return Err(KeyFault("the key would expire before it becomes valid".to_owned()));
        }
        Ok(scope)
    }

    fn checked_models(
        &self,
        snapshot: &Snapshot,
        service: &Service,
    ) -> Result<Option<Vec<ModelName>>, KeyFault> {
        let Some(models) = &self.models else { return Ok(None) };
        if models.is_empty() {
            return Err(KeyFault("a key without any model could call nothing".to_owned()));
        }
        for model in models {
            if !is_callable(snapshot, service, model) {
                let names = snapshot.models.keys().map(ModelName::as_str);
                let callable = names.filter(|name| service.may_call(name));
                let known = callable.map(str::to_owned).collect();
                return Err(unknown("model of this service", model, known));
            }
        }
        Ok(Some(models.iter().map(|model| model.as_str().into()).collect()))
    }

    fn checked_networks(&self) -> Result<Vec<Network>, KeyFault> {
        self.networks.iter().map(|text| text.parse().map_err(KeyFault)).collect()
    }
}

/// The label of a key or token, if it is one.
pub(super) fn check_name(name: String) -> Result<String, String> {
    let good =
        (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if good {
        return Ok(name);
    }
    Err(format!("a name has 1 to {MAX_NAME_CHARS} characters and no control characters"))
}

/// Whether the service can call the model, or something under the pattern.
fn is_callable(snapshot: &Snapshot, service: &Service, model: &str) -> bool {
    let Some(prefix) = model.strip_suffix('*') else {
        return service.may_call(model) && snapshot.model(model).is_some();
    };
    let some_model = snapshot
        .models
        .keys()
        .any(|name| service.may_call(name.as_str()) && matches_pattern(model, name.as_str()));
    // `provider/*` names models that the configuration does not list.
    let some_provider = snapshot.direct_models
        && snapshot.providers.keys().any(|provider| {
            let models = format!("{provider}/");
            (prefix.starts_with(&models) || models.starts_with(prefix))
                && service.models.iter().any(|allowed| overlaps(allowed.as_str(), prefix))
        });
    some_model || some_provider
}

/// Whether a pattern or name of the service and a prefix have a name in common.
fn overlaps(allowed: &str, prefix: &str) -> bool {
    let allowed = allowed.strip_suffix('*').unwrap_or(allowed);
    allowed.starts_with(prefix) || prefix.starts_with(allowed)
}

fn unknown(what: &str, wanted: &str, mut known: Vec<String>) -> KeyFault {
    known.sort();
    let mut wanted: String = wanted.chars().filter(|c| !c.is_control()).take(100).collect();
    if wanted.is_empty() {
        wanted.push_str("(empty)");
    }
    if known.is_empty() {
        return KeyFault(format!("`{wanted}` is no {what}; the configuration has none"));
    }
    let meant = nearest(&wanted, known.iter().map(String::as_str))
        .map_or_else(String::new, |name| format!(", did you mean `{name}`?"));
    let separator = if meant.is_empty() { ";" } else { "" };
    KeyFault(format!("`{wanted}` is no {what}{meant}{separator} there are: {}", known.join(", ")))
}

/// Milliseconds in `250ms`, `30s`, `5m`, `12h` or `90d`.
#[must_use]
pub fn period_ms(text: &str) -> Option<i64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(unit_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_periods_with_a_unit_only() {
        assert_eq!(period_ms("90d"), Some(7_776_000_000));
        assert_eq!(period_ms("250ms"), Some(250));
        for text in ["", "7", "d", "-1d", "7 d", "1w", "9223372036854775807d"] {
            assert_eq!(period_ms(text), None, "{text}");
        }
    }
}
