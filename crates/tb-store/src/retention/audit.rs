//! The days of the audit log as what retention deletes.

use std::sync::Arc;

use tb_core::Timestamp;
use tb_core::ports::{Shelf, StoreError};
use tb_core::retention::{Part, RecordKind, day_start};

use crate::FileAuditLog;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The audit log's days. A day goes when its last moment is older than the time of the log, so
/// that its records stay up to a day longer than their time and none goes before it.
pub struct AuditShelf(pub Arc<FileAuditLog>);

impl Shelf for AuditShelf {
    fn kind(&self) -> RecordKind {
        RecordKind::Audit
    }

    fn list(&self) -> Result<Vec<Part>, StoreError> {
        let segments = self.0.segments()?.into_iter();
        let parts = segments.map(|segment| {
            let from = day_start(&segment.day).unwrap_or(Timestamp(i64::MIN));
            Part {
                kind: RecordKind::Audit,
                class: None,
                from,
                until: from.plus_ms(DAY_MS),
                bytes: segment.bytes,
                name: segment.day,
            }
        });
        Ok(parts.collect())
    }

    fn unlink(&self, part: &Part) -> Result<(), StoreError> {
        match self.0.retire(&part.name)? {
            Some(_) => Ok(()),
            None => Err(StoreError::Unavailable(
                "the day is being written or not signed yet".to_owned(),
            )),
        }
    }
}
