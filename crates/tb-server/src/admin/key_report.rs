//! A leaked key that somebody hands in: it is revoked, and what was done with it is listed.

use serde::Serialize;
use tb_core::ports::{GroupBy, StoreError, UsageQuery, UsageStore, UsageSum};
use tb_core::{KeyId, KeyRing, Timestamp, UsageRow};

use super::key_desk::{DeskFault, KeyDesk};
use super::views::{AttemptView, KeyView};

/// So many of its calls are listed.
const LISTED: usize = 100;

/// Rows that are looked at in one go, and the most that are looked at for the list.
const PAGE: u32 = 1_000;
const MAX_PAGES: u32 = 100;

/// What is known of a key that leaked.
#[derive(Debug, Serialize)]
pub struct KeyReport {
    /// Always 1.
    pub schema_version: u32,
    /// The key, revoked.
    pub key: KeyView,
    /// Requests since it was made, as far as usage rows are kept.
    pub requests: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// All input tokens.
    pub input_tokens: u64,
    /// All output tokens.
    pub output_tokens: u64,
    /// Measured cost in micro-dollars.
    pub cost_micro_usd: i64,
    /// Cost from estimated tokens, not part of `cost_micro_usd`.
    pub estimated_cost_micro_usd: i64,
    /// The newest attempts, at most 100, newest first.
    pub calls: Vec<CallView>,
}

/// One call of a leaked key.
#[derive(Debug, Serialize)]
pub struct CallView {
    /// The network it came from.
    pub peer: Option<String>,
    /// Which secret was presented.
    pub secret_version: Option<u32>,
    /// What is known of every attempt.
    #[serde(flatten)]
    pub attempt: AttemptView,
}

impl KeyReport {
    /// Revokes the key of this text, if it proves itself, and says what was done with it.
    ///
    /// # Errors
    /// `Unknown` for whatever is not a key of this gateway, or not its secret.
    pub fn make(
        desk: &KeyDesk<'_>,
        usage: &dyn UsageStore,
        presented: &str,
    ) -> Result<Self, DeskFault> {
        let ring = KeyRing::new(desk.store.keys()?, desk.pepper.clone());
        let id = ring.prove(presented.trim()).ok_or(DeskFault::Unknown("key"))?.id;
        let key = desk.revoke_key(id, "key.report")?;
        let sum = sum(usage, id, key.scope.created_at)?;
        Ok(Self {
            schema_version: 1,
            key: KeyView::new(&key, desk.now),
            requests: sum.requests,
            errors: sum.errors,
            input_tokens: sum.input_tokens,
            output_tokens: sum.output_tokens,
            cost_micro_usd: sum.cost.micro_usd(),
            estimated_cost_micro_usd: sum.estimated_cost.micro_usd(),
            calls: calls(usage, id, key.scope.created_at)?,
        })
    }
}

fn sum(usage: &dyn UsageStore, id: KeyId, since: Timestamp) -> Result<UsageSum, StoreError> {
    let query = UsageQuery { by: vec![GroupBy::Key], since: Some(since), until: None };
    let sums = usage.sum(&query)?;
    let is_its = |sum: &UsageSum| sum.group.first().is_some_and(|key| key == id.as_str());
    Ok(sums.into_iter().find(is_its).unwrap_or_default())
}

/// The newest calls. Bounded: a key that was last used long ago is not worth reading all rows.
fn calls(usage: &dyn UsageStore, id: KeyId, since: Timestamp) -> Result<Vec<CallView>, StoreError> {
    let (mut found, mut before) = (Vec::new(), None);
    for _ in 0..MAX_PAGES {
        let page = usage.recent(before, PAGE)?;
        let of_key = page.iter().filter(|row| row.key_id == Some(id));
        found.extend(of_key.map(CallView::from));
        let Some(last) = page.last() else { break };
        let arrived = Timestamp::from_unix_ms(last.request_id.unix_ms());
        if found.len() >= LISTED || arrived < since {
            break;
        }
        before = Some(arrived);
    }
    found.truncate(LISTED);
    Ok(found)
}

impl From<&UsageRow> for CallView {
    fn from(row: &UsageRow) -> Self {
        Self {
            peer: row.peer.map(|peer| peer.to_string()),
            secret_version: row.secret_version,
            attempt: row.into(),
        }
    }
}
