//! What is asked for when a key is made, checked against the configuration.

use serde::Deserialize;
use tb_config::{Service, Snapshot, matches_pattern, nearest};
use tb_core::{KeyScope, ModelName, Network, Purpose, Timestamp};

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
    /// The purpose of calls that state none.
    #[serde(default)]
    pub purpose: Option<String>,
    /// CIDR notation.
    #[serde(default)]
    pub networks: Vec<String>,
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
        scope.name = self.checked_name()?;
        scope.models = self.checked_models(snapshot, service)?;
        scope.purpose = self.checked_purpose(service)?;
        scope.networks = self.checked_networks()?;
        scope.expires_at = self.checked_expiry(now)?;
        Ok(scope)
    }

    fn checked_name(&self) -> Result<Option<String>, KeyFault> {
        let Some(name) = &self.name else { return Ok(None) };
        let good = (1..=MAX_NAME_CHARS).contains(&name.chars().count())
            && !name.chars().any(char::is_control);
        if good {
            return Ok(Some(name.clone()));
        }
        Err(KeyFault(format!(
            "a name has 1 to {MAX_NAME_CHARS} characters and no control characters"
        )))
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

    fn checked_purpose(&self, service: &Service) -> Result<Option<Purpose>, KeyFault> {
        let Some(wanted) = &self.purpose else { return Ok(None) };
        let found = service.purposes.iter().find(|purpose| purpose.as_str() == wanted);
        found.cloned().map(Some).ok_or_else(|| {
            let known = service.purposes.iter().map(ToString::to_string).collect();
            unknown("purpose of this service", wanted, known)
        })
    }

    fn checked_networks(&self) -> Result<Vec<Network>, KeyFault> {
        self.networks.iter().map(|text| text.parse().map_err(KeyFault)).collect()
    }

    fn checked_expiry(&self, now: Timestamp) -> Result<Option<Timestamp>, KeyFault> {
        let Some(text) = &self.expires else { return Ok(None) };
        let period = period_ms(text).filter(|ms| *ms > 0);
        period.map(|ms| Some(now.plus_ms(ms))).ok_or_else(|| {
            KeyFault(format!("`{text}` is not a duration; write one like 90d, 12h or 30m"))
        })
    }
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
