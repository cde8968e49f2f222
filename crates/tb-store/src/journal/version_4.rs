//! Payloads of version 4, whose rows knew nothing of prompts and fingerprints: a journal that the
//! version before left behind is read to its end. Nothing writes them any more.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Deserialize;
use tb_core::ports::JournalRecord;
use tb_core::{DataClass, UsageRow};

use super::version_1::Record;
use super::version_3;

/// The version byte.
pub(super) const VERSION: u8 = 4;

/// The record in the body of such a payload.
pub(super) fn decode(body: &[u8]) -> Option<JournalRecord> {
    Some(postcard::from_bytes::<Record<Row>>(body).ok()?.into())
}

/// In the order of the fields then; postcard writes those of an inner structure like its own.
#[derive(Deserialize)]
struct Row {
    first: version_3::Row,
    secret_version: Option<u32>,
    workload: Option<Arc<str>>,
    peer: Option<IpAddr>,
    data_class: DataClass,
    own_classes: Option<Arc<str>>,
    region: Option<Arc<str>>,
    agreement: Option<Arc<str>>,
    request_hmac: Option<[u8; 32]>,
    answer_hmac: Option<[u8; 32]>,
}

impl From<Row> for UsageRow {
    fn from(row: Row) -> Self {
        Self {
            secret_version: row.secret_version,
            workload: row.workload,
            peer: row.peer,
            data_class: row.data_class,
            own_classes: row.own_classes,
            region: row.region,
            agreement: row.agreement,
            request_hmac: row.request_hmac,
            answer_hmac: row.answer_hmac,
            ..row.first.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{Subject, decode, subject};
    use super::super::version_1::tests::{ROW, bytes};
    use super::super::version_2::tests::{LADDER, row as second_row};
    use super::*;

    #[test]
    fn reads_what_version_4_wrote() {
        // `None` twice for the guard of version 3; then `Some(7)`, `None`, `Some(203.0.113.0)`,
        // personal, `None`, `Some("eu")`, `None`, `Some` of 32 bytes and `None`.
        let guard = "0000";
        let later = format!("01070001 00cb007100 0200 010265750001{}00", "ab".repeat(32));
        let row = UsageRow {
            secret_version: Some(7),
            peer: Some("203.0.113.0".parse().unwrap()),
            data_class: DataClass::Personal,
            region: Some("eu".into()),
            request_hmac: Some([0xAB; 32]),
            ..second_row()
        };
        let id = row.request_id;
        let ended = bytes(&format!("0401{ROW}{LADDER}{guard}{}", later.replace(' ', "")));
        assert_eq!(decode(&ended), Some(JournalRecord::Ended(row)));
        assert_eq!(subject(&ended), Some(Subject::Ended((id, 2), true)));
    }
}
