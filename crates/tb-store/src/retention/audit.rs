//! The segments of the audit log as what retention deletes.

use std::sync::Arc;

use tb_core::ports::{Shelf, StoreError};
use tb_core::retention::{Part, RecordKind, Span};

use crate::FileAuditLog;

/// The audit log's half hours. One goes when its last moment is older than the time of the log.
pub struct AuditShelf(pub Arc<FileAuditLog>);

impl Shelf for AuditShelf {
    fn kind(&self) -> RecordKind {
        RecordKind::Audit
    }

    fn list(&self) -> Result<Vec<Part>, StoreError> {
        let segments = self.0.segments()?.into_iter();
        let parts = segments.map(|segment| Part {
            kind: RecordKind::Audit,
            class: None,
            from: segment.span.start(),
            until: segment.span.end(),
            bytes: segment.bytes,
            name: segment.span.to_string(),
        });
        Ok(parts.collect())
    }

    fn unlink(&self, part: &Part) -> Result<(), StoreError> {
        let retired = Span::parse(&part.name).map(|span| self.0.retire(span)).transpose()?;
        match retired.flatten() {
            Some(_) => Ok(()),
            None => Err(StoreError::Unavailable(
                "the segment is being written or not signed yet".to_owned(),
            )),
        }
    }
}
