//! Payloads of version 2, whose rows knew nothing of the guard: a journal that the version before
//! left behind is read to its end. Nothing writes them any more.

use serde::Deserialize;
use tb_core::ports::JournalRecord;
use tb_core::{Cause, NanoUsd, Rung, UsageRow};

use super::version_1::{self, Record};

/// The version byte.
pub(super) const VERSION: u8 = 2;

/// The record in the body of such a payload.
pub(super) fn decode(body: &[u8]) -> Option<JournalRecord> {
    Some(postcard::from_bytes::<Record<Row>>(body).ok()?.into())
}

/// In the order of the fields then; postcard writes those of an inner structure like its own.
#[derive(Deserialize)]
pub(super) struct Row {
    first: version_1::Row,
    rung: Rung,
    cause: Cause,
    waited_ms: u32,
    key_index: Option<u32>,
    passed_over: Option<String>,
    saved: NanoUsd,
}

impl From<Row> for UsageRow {
    fn from(row: Row) -> Self {
        Self {
            rung: row.rung,
            cause: row.cause,
            waited_ms: row.waited_ms,
            key_index: row.key_index,
            passed_over: row.passed_over,
            saved: row.saved,
            ..row.first.into()
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::record::{Subject, decode, subject};
    use super::super::version_1::tests::{ROW, bytes, row as first_row};
    use super::*;

    /// What the version before wrote behind [`ROW`] for [`row`].
    pub(in super::super) const LADDER: &str = "0302fa0101010110702f6d3d627265616b65725f6f70656e11";

    pub(in super::super) fn row() -> UsageRow {
        UsageRow {
            rung: Rung::StaleCache,
            cause: Cause::Retry,
            waited_ms: 250,
            key_index: Some(1),
            passed_over: Some("p/m=breaker_open".to_owned()),
            saved: NanoUsd(-9),
            ..first_row()
        }
    }

    #[test]
    fn reads_what_version_2_wrote() {
        let id = row().request_id;
        let begun = bytes(&format!("0200{ROW}{LADDER}"));
        assert_eq!(decode(&begun), Some(JournalRecord::Begun(row())));
        assert_eq!(subject(&begun), Some(Subject::Begun((id, 2))));
        let ended = bytes(&format!("0201{ROW}{LADDER}"));
        assert_eq!(decode(&ended), Some(JournalRecord::Ended(row())));
        assert_eq!(subject(&ended), Some(Subject::Ended((id, 2), true)));
        let unbound = bytes("020303626f7406726573705f31");
        let expected = JournalRecord::Unbound("bot".into(), "resp_1".to_owned());
        assert_eq!(decode(&unbound), Some(expected));
        assert_eq!(subject(&unbound), Some(Subject::Binding));
    }
}
