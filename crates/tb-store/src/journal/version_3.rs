//! Payloads of version 3, whose rows knew nothing of data classes, workloads and the audit log: a
//! journal that the version before left behind is read to its end. Nothing writes them any more.

use serde::Deserialize;
use tb_core::UsageRow;
use tb_core::ports::JournalRecord;

use super::version_1::Record;
use super::version_2;

/// The version byte.
pub(super) const VERSION: u8 = 3;

/// The record in the body of such a payload.
pub(super) fn decode(body: &[u8]) -> Option<JournalRecord> {
    Some(postcard::from_bytes::<Record<Row>>(body).ok()?.into())
}

/// In the order of the fields then; postcard writes those of an inner structure like its own.
#[derive(Deserialize)]
pub(super) struct Row {
    first: version_2::Row,
    guard: Option<String>,
    characters: Option<String>,
}

impl From<Row> for UsageRow {
    fn from(row: Row) -> Self {
        Self { guard: row.guard, characters: row.characters, ..row.first.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{Subject, decode, subject};
    use super::super::version_1::tests::{ROW, bytes};
    use super::super::version_2::tests::{LADDER, row as second_row};
    use super::*;

    #[test]
    fn reads_what_version_3_wrote() {
        // `Some("email=1:mask")` and `None` behind what version 2 wrote.
        let guard = "010c656d61696c3d313a6d61736b00";
        let row = UsageRow { guard: Some("email=1:mask".to_owned()), ..second_row() };
        let id = row.request_id;
        let ended = bytes(&format!("0301{ROW}{LADDER}{guard}"));
        assert_eq!(decode(&ended), Some(JournalRecord::Ended(row)));
        assert_eq!(subject(&ended), Some(Subject::Ended((id, 2), true)));
    }
}
