//! Payloads of version 1, whose rows knew nothing of the ladder: a journal that an earlier
//! version left behind is read to its end. Nothing writes them any more.

use std::sync::Arc;

use serde::Deserialize;
use tb_core::ports::{JournalRecord, ResponseBinding};
use tb_core::{
    Cause, Cost, DataClass, EndReason, KeyId, ModelName, NanoUsd, ProviderName, Purpose, RequestId,
    Rung, ServiceName, Surface, Timestamp, TokenCounts, UsageRow, UsageSource,
};

/// The version byte.
pub(super) const VERSION: u8 = 1;

/// The record in the body of such a payload.
pub(super) fn decode(body: &[u8]) -> Option<JournalRecord> {
    Some(postcard::from_bytes::<Record<Row>>(body).ok()?.into())
}

/// In the order of the variants of all versions so far; only their rows differ.
#[derive(Deserialize)]
pub(super) enum Record<R> {
    Begun(R),
    Ended(R),
    Bound(ResponseBinding),
    Unbound(ServiceName, String),
}

impl<R: Into<UsageRow>> From<Record<R>> for JournalRecord {
    fn from(record: Record<R>) -> Self {
        match record {
            Record::Begun(row) => Self::Begun(row.into()),
            Record::Ended(row) => Self::Ended(row.into()),
            Record::Bound(binding) => Self::Bound(binding),
            Record::Unbound(service, id) => Self::Unbound(service, id),
        }
    }
}

/// In the order of the fields then.
#[derive(Deserialize)]
pub(super) struct Row {
    request_id: RequestId,
    attempt: u32,
    is_final: bool,
    started_at: Timestamp,
    service: ServiceName,
    key_id: Option<KeyId>,
    purpose: Purpose,
    user: Option<String>,
    surface: Surface,
    stream: bool,
    provider: Option<ProviderName>,
    model_requested: ModelName,
    model_resolved: Option<ModelName>,
    model_served: Option<String>,
    status: u16,
    error_code: Option<String>,
    end_reason: EndReason,
    usage_source: UsageSource,
    tokens: TokenCounts,
    cost: Cost,
    price_version: Arc<str>,
    ttft_ms: Option<u32>,
    duration_ms: u32,
    overhead_us: u32,
    config_hash: u64,
}

impl From<Row> for UsageRow {
    fn from(row: Row) -> Self {
        Self {
            request_id: row.request_id,
            attempt: row.attempt,
            is_final: row.is_final,
            started_at: row.started_at,
            service: row.service,
            key_id: row.key_id,
            purpose: row.purpose,
            user: row.user,
            surface: row.surface,
            stream: row.stream,
            provider: row.provider,
            model_requested: row.model_requested,
            model_resolved: row.model_resolved,
            model_served: row.model_served,
            status: row.status,
            error_code: row.error_code,
            end_reason: row.end_reason,
            usage_source: row.usage_source,
            tokens: row.tokens,
            cost: row.cost,
            price_version: row.price_version,
            ttft_ms: row.ttft_ms,
            duration_ms: row.duration_ms,
            overhead_us: row.overhead_us,
            config_hash: row.config_hash,
            rung: Rung::default(),
            cause: Cause::default(),
            waited_ms: 0,
            key_index: None,
            passed_over: None,
            saved: NanoUsd(0),
            guard: None,
            characters: None,
            secret_version: None,
            workload: None,
            peer: None,
            data_class: DataClass::default(),
            own_classes: None,
            region: None,
            agreement: None,
            request_hmac: None,
            answer_hmac: None,
            prompt: None,
            fingerprint: None,
            has_drifted: false,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::record::{Subject, decode, subject};
    use super::*;

    /// What that version wrote for [`row`], as a payload after its version byte and its
    /// variant.
    pub(in super::super) const ROW: &str = "909eb8e8c0e1828589909cb0d080c18182020201f6f9b2e5bd6803626f74010861626364\
         454631320767656e6572616c0106757365722d310001010676656e646f7207737570706f72740107736d616c\
         6c2d310107736d616c6c2d31ad03010a726174655f6c696d6974020264140304f40306010d0a323032362d31\
         312d32330178c10a43e78a8d89f0ddefd6de01";

    pub(in super::super) fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u32> = hex.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
        digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
    }

    pub(in super::super) fn row() -> UsageRow {
        UsageRow {
            request_id: RequestId(0x0102_0304_0506_0708_090A_0B0C_0D0E_0F10),
            attempt: 2,
            is_final: true,
            started_at: Timestamp(1_795_000_000_123),
            service: "bot".into(),
            key_id: KeyId::parse("abcdEF12"),
            purpose: "general".into(),
            user: Some("user-1".to_owned()),
            surface: Surface::ChatCompletions,
            stream: true,
            provider: Some("vendor".into()),
            model_requested: "support".into(),
            model_resolved: Some("small-1".into()),
            model_served: Some("small-1".to_owned()),
            status: 429,
            error_code: Some("rate_limit".to_owned()),
            end_reason: EndReason::UpstreamError,
            usage_source: UsageSource::Estimate,
            tokens: TokenCounts {
                input_fresh: 100,
                cache_read: 20,
                cache_write: 3,
                cache_write_1h: 4,
                output_visible: 500,
                reasoning: 6,
            },
            cost: Cost::Estimated(NanoUsd(-7)),
            price_version: "2026-11-23".into(),
            ttft_ms: Some(120),
            duration_ms: 1345,
            overhead_us: 67,
            config_hash: 0xDEAD_BEEF_0123_4567,
            rung: Rung::Target,
            cause: Cause::First,
            waited_ms: 0,
            key_index: None,
            passed_over: None,
            saved: NanoUsd(0),
            guard: None,
            characters: None,
            secret_version: None,
            workload: None,
            peer: None,
            data_class: DataClass::default(),
            own_classes: None,
            region: None,
            agreement: None,
            request_hmac: None,
            answer_hmac: None,
            prompt: None,
            fingerprint: None,
            has_drifted: false,
        }
    }

    #[test]
    fn reads_what_version_1_wrote() {
        let begun = bytes(&format!("0100{ROW}"));
        assert_eq!(decode(&begun), Some(JournalRecord::Begun(row())));
        assert_eq!(subject(&begun), Some(Subject::Begun((row().request_id, 2))));
        let ended = bytes(&format!("0101{ROW}"));
        assert_eq!(decode(&ended), Some(JournalRecord::Ended(row())));
        assert_eq!(subject(&ended), Some(Subject::Ended((row().request_id, 2), true)));
        let bound = bytes("010206726573705f3103626f740676656e646f7207737570706f7274030a");
        let binding = ResponseBinding {
            response_id: "resp_1".to_owned(),
            service: "bot".into(),
            provider: "vendor".into(),
            model: "support".into(),
            key_index: 3,
            created_at: Timestamp(5),
        };
        assert_eq!(decode(&bound), Some(JournalRecord::Bound(binding)));
        let unbound = bytes("010303626f7406726573705f31");
        let expected = JournalRecord::Unbound("bot".into(), "resp_1".to_owned());
        assert_eq!(decode(&unbound), Some(expected));
        assert_eq!(subject(&unbound), Some(Subject::Binding));
    }
}
