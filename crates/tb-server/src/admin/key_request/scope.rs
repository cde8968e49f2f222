//! The narrower parts of a key's scope.

use tb_config::{Service, Snapshot};
use tb_core::{Limits, Purpose, Surface, Timestamp};

use super::{KeyFault, KeyRequest, period_ms, unknown};

impl KeyRequest {
    pub(super) fn checked_routes(&self) -> Result<Option<Vec<Surface>>, KeyFault> {
        let Some(labels) = &self.routes else { return Ok(None) };
        let known = || Surface::ALL.map(|route| route.label().to_owned()).to_vec();
        let route = |label: &String| {
            Surface::of_label(label).ok_or_else(|| unknown("route", label, known()))
        };
        not_empty(labels, "route")?;
        labels.iter().map(route).collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn checked_purposes(
        &self,
        service: &Service,
    ) -> Result<Option<Vec<Purpose>>, KeyFault> {
        let Some(wanted) = &self.purposes else { return Ok(None) };
        not_empty(wanted, "purpose")?;
        let found = wanted.iter().map(|wanted| known_purpose(wanted, &service.purposes));
        found.collect::<Result<_, _>>().map(Some)
    }

    pub(super) fn checked_purpose(
        &self,
        service: &Service,
        own: Option<&[Purpose]>,
    ) -> Result<Option<Purpose>, KeyFault> {
        let wanted = self.purpose.as_ref();
        let allowed = own.unwrap_or(&service.purposes);
        wanted.map(|wanted| known_purpose(wanted, allowed)).transpose()
    }

    pub(super) fn checked_classes(
        &self,
        snapshot: &Snapshot,
        service: &Service,
    ) -> Result<Option<Vec<String>>, KeyFault> {
        let Some(wanted) = &self.data_classes else { return Ok(None) };
        not_empty(wanted, "class of data")?;
        let built_in = service.data_classes.iter().map(|class| class.as_str().to_owned());
        let own = snapshot.classes.own.iter().zip(0_u32..);
        let own =
            own.filter(|(_, bit)| service.own_classes.checked_shr(*bit).unwrap_or(0) & 1 == 1);
        let known: Vec<String> =
            built_in.chain(own.map(|(class, _)| class.name.to_string())).collect();
        for class in wanted {
            if !known.contains(class) {
                return Err(unknown("class of data of this service", class, known));
            }
        }
        Ok(Some(wanted.clone()))
    }

    pub(super) fn checked_limits(&self) -> Result<Limits, KeyFault> {
        let limits = &self.limits;
        if limits.budget.is_some() {
            let message = "a budget stands beside `limits`: write `\"budget\": \"25 usd/month\"`";
            return Err(KeyFault(message.to_owned()));
        }
        let counts = [
            limits.requests_per_minute,
            limits.requests_per_hour,
            limits.requests_per_day,
            limits.tokens_per_minute,
            limits.tokens_per_hour,
            limits.tokens_per_day,
            limits.concurrent,
        ];
        if counts.contains(&Some(0)) {
            return Err(KeyFault("a limit of 0 lets nothing pass: revoke the key".to_owned()));
        }
        let budget = self.budget.as_deref().map(str::parse).transpose().map_err(KeyFault)?;
        Ok(Limits { budget, ..limits.clone() })
    }

    pub(super) fn checked_expiry(&self, now: Timestamp) -> Result<Option<Timestamp>, KeyFault> {
        let Some(text) = &self.expires else { return Ok(None) };
        let period = period_ms(text).filter(|ms| *ms > 0);
        period.map(|ms| Some(now.plus_ms(ms))).ok_or_else(|| {
            KeyFault(format!("`{text}` is not a duration; write one like 90d, 12h or 30m"))
        })
    }

    pub(super) fn checked_beginning(&self, now: Timestamp) -> Result<Option<Timestamp>, KeyFault> {
        let Some(text) = &self.not_before else { return Ok(None) };
        let moment = period_ms(text).map(|ms| now.plus_ms(ms));
        moment.or_else(|| Timestamp::parse_rfc3339(text)).map(Some).ok_or_else(|| {
            KeyFault(format!(
                "`{text}` is no moment; write one like 2026-12-01T00:00:00Z, or a period from \
                 now like 12h"
            ))
        })
    }
}

fn known_purpose(wanted: &str, allowed: &[Purpose]) -> Result<Purpose, KeyFault> {
    let found = allowed.iter().find(|purpose| purpose.as_str() == wanted);
    found.cloned().ok_or_else(|| {
        let known = allowed.iter().map(ToString::to_string).collect();
        unknown("purpose of this service", wanted, known)
    })
}

fn not_empty(list: &[String], what: &str) -> Result<(), KeyFault> {
    match list {
        [] => Err(KeyFault(format!("a key without any {what} could call nothing"))),
        _ => Ok(()),
    }
}
