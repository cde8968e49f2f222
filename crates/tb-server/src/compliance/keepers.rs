//! How long what is kept, how old keys are, and who has access.

use std::time::Duration;

use tb_config::{CacheMode, Snapshot};
use tb_core::{KeyRecord, Timestamp};

use super::{Access, Kept, KeyAge, Records, days};

/// Every kind of record with its time, the exceptions of classes behind it.
pub(super) fn retention(snapshot: &Snapshot) -> Vec<Kept> {
    let rules = &snapshot.retention;
    let kept = |kind: &str, period: Option<Duration>| Kept {
        kind: kind.to_owned(),
        data_class: None,
        seconds: period.map(|period| period.as_secs()),
    };
    let mut rows = vec![kept("content log", Some(rules.content))];
    let classes = rules.classes.iter();
    rows.extend(classes.clone().filter_map(|(class, terms)| {
        let data_class = Some(class.as_str());
        terms.content.map(|period| Kept { data_class, ..kept("content log", Some(period)) })
    }));
    rows.push(kept("requests (metadata)", rules.requests));
    rows.extend(classes.filter_map(|(class, terms)| {
        let data_class = Some(class.as_str());
        terms
            .requests
            .map(|period| Kept { data_class, ..kept("requests (metadata)", Some(period)) })
    }));
    rows.push(kept("audit log", rules.audit));
    rows.push(kept("which provider keeps which stored response", Some(rules.responses)));
    let caching = snapshot.models.values().filter(|model| model.cache.mode != CacheMode::Off);
    rows.extend(caching.map(|model| {
        let period = model.cache.ttl.saturating_add(model.stale_if_error);
        kept(&format!("kept answers of the model {}", model.name), Some(period))
    }));
    rows
}

/// The keys that are not revoked, by service.
pub(super) fn keys(snapshot: &Snapshot, records: &Records<'_>) -> Vec<KeyAge> {
    let live = records.keys.iter().filter(|key| key.revoked_at.is_none());
    let mut keys: Vec<KeyAge> = live.map(|key| key_age(snapshot, records, key)).collect();
    keys.sort_by(|one, other| (&one.service, &one.id).cmp(&(&other.service, &other.id)));
    keys
}

fn key_age(snapshot: &Snapshot, records: &Records<'_>, key: &KeyRecord) -> KeyAge {
    let now = records.now;
    let works = key.secrets.iter().filter(|secret| secret.valid_until.is_none_or(|end| now < end));
    KeyAge {
        id: key.id.to_string(),
        service: key.scope.service.to_string(),
        name: key.scope.name.clone(),
        secret_age_days: days(newest_secret(key), now),
        secrets: works.count(),
        rotation_due_at: rotation_due(snapshot, key).map(Timestamp::to_rfc3339),
        expires_at: key.scope.expires_at.map(Timestamp::to_rfc3339),
        last_used_at: records.last_used.get(&key.id).map(|at| at.to_rfc3339()),
    }
}

fn newest_secret(key: &KeyRecord) -> Timestamp {
    key.secrets.iter().map(|secret| secret.created_at).max().unwrap_or(key.scope.created_at)
}

/// From when on the newest secret of a key is refused for its age.
pub(super) fn rotation_due(snapshot: &Snapshot, key: &KeyRecord) -> Option<Timestamp> {
    let oldest = i64::try_from(snapshot.keys.max_age?.as_millis()).ok()?;
    Some(newest_secret(key).plus_ms(oldest))
}

/// The admin tokens that are not revoked, the mightiest role first.
pub(super) fn access(records: &Records<'_>) -> Vec<Access> {
    let mut live: Vec<_> = records.tokens.iter().filter(|one| one.revoked_at.is_none()).collect();
    live.sort_by(|one, other| other.role.cmp(&one.role).then(one.id.cmp(&other.id)));
    live.into_iter()
        .map(|token| Access {
            id: token.id.to_string(),
            name: token.name.clone(),
            role: token.role.as_str(),
            created_at: token.created_at.to_rfc3339(),
            expires_at: token.expires_at.map(Timestamp::to_rfc3339),
            last_used_at: records.last_used.get(&token.id).map(|at| at.to_rfc3339()),
        })
        .collect()
}
