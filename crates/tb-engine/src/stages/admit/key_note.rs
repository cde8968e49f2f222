//! What answers say of the end of a key.

use http::{HeaderMap, HeaderName, HeaderValue};
use tb_core::{Proven, Timestamp};

use crate::headers::KEY_EXPIRES;

/// The end is told from so long before it: 30 days.
const NOTICE_MS: i64 = 30 * 24 * 3_600_000;

/// When an old secret was replaced (RFC 9745), and when it ends (RFC 8594).
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// The end of a key or secret that is near.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyNote {
    /// When the presented secret is refused, by expiry, age or rotation.
    ends: Option<Timestamp>,
    /// Since when there is a newer secret, and when this one ends.
    replaced: Option<(Timestamp, Timestamp)>,
}

impl KeyNote {
    /// What there is to say; nothing of most keys.
    pub(super) fn of(
        proven: Proven<'_>,
        max_age_ms: Option<i64>,
        now: Timestamp,
    ) -> Option<Box<Self>> {
        let (record, secret) = (proven.record, proven.secret);
        let too_old = max_age_ms.map(|max_age_ms| secret.rotate_by(max_age_ms));
        let ends = [record.scope.expires_at, too_old, secret.valid_until].into_iter().flatten();
        let ends = ends.min().filter(|end| *end <= now.plus_ms(NOTICE_MS));
        let newer = record.secrets.first().filter(|newest| newest.version != secret.version);
        let replaced = newer.map(|newest| newest.created_at).zip(secret.valid_until);
        (ends.is_some() || replaced.is_some()).then(|| Box::new(Self { ends, replaced }))
    }

    /// Says it.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let replaced = self.replaced;
        let told = [
            (KEY_EXPIRES, self.ends.map(Timestamp::to_rfc3339)),
            (DEPRECATION, replaced.map(|(since, _)| format!("@{}", since.unix_ms() / 1_000))),
            (SUNSET, replaced.map(|(_, end)| end.to_http_date())),
        ];
        for (name, text) in told {
            if let Some(Ok(value)) = text.map(HeaderValue::try_from) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tb_core::{KeyId, KeyRecord, KeyScope, KeySecret};

    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn secret(version: u32, valid_until: Option<i64>) -> KeySecret {
        let valid_until = valid_until.map(Timestamp);
        KeySecret { version, digest: [0; 32], created_at: Timestamp(0), valid_until }
    }

    /// The headers of an answer to the last one of these secrets.
    fn told(secrets: Vec<KeySecret>, expires_at: Option<i64>, max_age: Option<i64>) -> Vec<String> {
        let mut scope = KeyScope::of_service("bot".into(), Timestamp(0));
        scope.expires_at = expires_at.map(Timestamp);
        let id = KeyId(*b"aaaaaaaa");
        let record = KeyRecord { id, secrets, scope, revoked_at: None, revision: 0 };
        let secret = record.secrets.last().unwrap();
        let mut headers = HeaderMap::new();
        if let Some(note) = KeyNote::of(Proven { record: &record, secret }, max_age, Timestamp(0)) {
            note.write(&mut headers);
        }
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn says_nothing_of_ends_that_are_far() {
        let far = Some(31 * DAY_MS);
        assert_eq!(told(vec![secret(1, None)], far, far), [] as [&str; 0]);
    }

    #[test]
    fn tells_the_first_of_all_ends_within_30_days() {
        let end = ["x-tollbar-key-expires: 1970-01-08T00:00:00.000Z"];
        assert_eq!(told(vec![secret(1, None)], Some(7 * DAY_MS), None), end);
        assert_eq!(told(vec![secret(1, None)], Some(20 * DAY_MS), Some(7 * DAY_MS)), end);
    }

    #[test]
    fn tells_of_the_newer_secret() {
        let secrets = vec![secret(2, None), secret(1, Some(DAY_MS))];
        let expected = [
            "x-tollbar-key-expires: 1970-01-02T00:00:00.000Z",
            "deprecation: @0",
            "sunset: Fri, 02 Jan 1970 00:00:00 GMT",
        ];
        assert_eq!(told(secrets, None, None), expected);
    }
}
