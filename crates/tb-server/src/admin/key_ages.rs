//! Warnings in the log before secrets become too old (`[keys] max_age`).

use std::collections::HashMap;
use std::time::Duration;

use tb_core::{KeyId, KeyRecord, Timestamp};

const DAY_MS: i64 = 24 * 3_600_000;

/// So many days before the end there is a warning.
const DAYS: [i64; 3] = [30, 7, 1];

/// What was warned of: the secret, and how many days before its end.
#[derive(Debug, Default)]
pub(super) struct AgeWarnings(HashMap<KeyId, (u32, i64)>);

impl AgeWarnings {
    /// Writes the warnings that are due, each once.
    pub(super) fn warn<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k KeyRecord>,
        max_age: Duration,
        now: Timestamp,
    ) {
        for (key, days, rotate_by) in self.due(keys, max_age, now) {
            tracing::warn!(
                key_id = %key.id,
                service = %key.scope.service,
                days,
                rotate_by = rotate_by.to_rfc3339(),
                "a key is refused soon because of its age (`[keys] max_age`): rotate it with \
                 `tollbar keys rotate`"
            );
        }
    }

    fn due<'k>(
        &mut self,
        keys: impl Iterator<Item = &'k KeyRecord>,
        max_age: Duration,
        now: Timestamp,
    ) -> Vec<(&'k KeyRecord, i64, Timestamp)> {
        let max_age_ms = i64::try_from(max_age.as_millis()).unwrap_or(i64::MAX);
        let mut due = Vec::new();
        for key in keys {
            let is_dead =
                key.revoked_at.is_some() || key.scope.expires_at.is_some_and(|end| now >= end);
            let Some(newest) = key.secrets.first().filter(|_| !is_dead) else { continue };
            let rotate_by = newest.rotate_by(max_age_ms);
            let left_ms = rotate_by.unix_ms().saturating_sub(now.unix_ms());
            let stage = DAYS.into_iter().filter(|days| left_ms <= days * DAY_MS).min();
            let Some(stage) = stage.filter(|_| left_ms > 0) else { continue };
            let before = self.0.get(&key.id).copied();
            if before.is_none_or(|(version, days)| version != newest.version || stage < days) {
                self.0.insert(key.id, (newest.version, stage));
                due.push((key, stage, rotate_by));
            }
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use tb_core::{KeyScope, KeySecret};

    use super::*;

    fn key(version: u32, created_days: i64) -> KeyRecord {
        let created_at = Timestamp(created_days * DAY_MS);
        let secret = KeySecret { version, digest: [0; 32], created_at, valid_until: None };
        KeyRecord {
            id: KeyId(*b"aaaaaaaa"),
            secrets: vec![secret],
            scope: KeyScope::of_service("bot".into(), Timestamp(0)),
            revoked_at: None,
            revision: 0,
        }
    }

    #[test]
    fn warns_once_at_30_7_and_1_days_and_again_of_the_next_secret() {
        let mut warnings = AgeWarnings::default();
        let max_age = Duration::from_secs(90 * 86_400);
        let mut due = |key: &KeyRecord, day: i64| -> Vec<i64> {
            let now = Timestamp(day * DAY_MS);
            warnings.due([key].into_iter(), max_age, now).iter().map(|due| due.1).collect()
        };
        let first = key(1, 0);
        let found: Vec<_> =
            (0..95).flat_map(|day| due(&first, day).into_iter().map(move |n| (day, n))).collect();
        assert_eq!(found, [(60, 30), (83, 7), (89, 1)]);
        assert_eq!(due(&key(2, 89), 95), [] as [i64; 0]);
        assert_eq!(due(&key(2, 89), 149), [30]);
        let revoked = KeyRecord { revoked_at: Some(Timestamp(1)), ..key(3, 100) };
        assert_eq!(due(&revoked, 189), [] as [i64; 0]);
    }
}
