//! The form of a record in a segment.
//!
//! `u32 length | u32 CRC32C | payload`, padded with zeros to 8 bytes, little-endian. The
//! payload is a version byte and the postcard form of a `JournalRecord`. A length of zero is
//! the end of what was written; so is anything whose CRC does not fit.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use tb_core::RequestId;
use tb_core::ports::{JournalEntry, JournalRecord, StoreError};

use super::{version_1, version_2, version_3, version_4};

/// Bytes before the payload.
const HEADER: usize = 8;

/// Records begin at multiples of this, so that their length is written in one piece.
const ALIGNMENT: usize = 8;

/// The version of the payload: to be raised with every change to `JournalRecord`, `UsageRow`
/// or `ResponseBinding`, because postcard does not describe itself. The shape before goes to a
/// module like [`version_4`], so that no update of the program loses a row.
const PAYLOAD_VERSION: u8 = 5;

/// The most bytes that a record may take. Rows are a few hundred; a client that sends an
/// endless user name must not fill the journal.
pub(super) const MAX_FRAME: usize = 64 * 1024;

/// Bytes read from a segment at a time; more than the longest record.
const CHUNK: usize = 256 * 1024;

/// An attempt, as the journal tells them apart.
pub(super) type AttemptKey = (RequestId, u32);

/// What a record is about, read without decoding the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    Begun(AttemptKey),
    /// An end, and whether it is the one that the client saw: another attempt may follow an
    /// end that is not.
    Ended(AttemptKey, bool),
    /// A binding, made or dissolved.
    Binding,
}

thread_local! {
    static FRAME: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Encodes `record` into this thread's buffer and hands the whole frame on.
pub(super) fn with_frame<T>(
    entry: JournalEntry<'_>,
    write: impl FnOnce(&[u8]) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    FRAME.with_borrow_mut(|buffer| {
        buffer.resize(MAX_FRAME, 0);
        let length = encode(entry, buffer)
            .ok_or_else(|| StoreError::Failed("a journal record is too large".to_owned()))?;
        let frame = buffer.get(..length).unwrap_or_default();
        write(frame)
    })
}

/// Encodes into `buffer` and gives the length of the frame.
fn encode(entry: JournalEntry<'_>, buffer: &mut [u8]) -> Option<usize> {
    let (header, payload) = buffer.split_at_mut_checked(HEADER)?;
    let (version, body) = payload.split_first_mut()?;
    *version = PAYLOAD_VERSION;
    let body_length = postcard::to_slice(&entry, body).ok()?.len();
    let length = body_length + 1;
    let crc = crc32c::crc32c(payload.get(..length)?);
    let (length_field, crc_field) = header.split_at_mut_checked(4)?;
    length_field.copy_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
    crc_field.copy_from_slice(&crc.to_le_bytes());
    let padded = padded(length);
    payload.get_mut(length..padded - HEADER)?.fill(0);
    Some(padded)
}

/// The length of the frame of a payload of `length` bytes.
const fn padded(length: usize) -> usize {
    (HEADER + length).next_multiple_of(ALIGNMENT)
}

/// The record in a payload; `None` when it is of an unknown version or not one at all.
pub(super) fn decode(payload: &[u8]) -> Option<JournalRecord> {
    match payload.split_first()? {
        (&PAYLOAD_VERSION, body) => postcard::from_bytes(body).ok(),
        (&version_4::VERSION, body) => version_4::decode(body),
        (&version_3::VERSION, body) => version_3::decode(body),
        (&version_2::VERSION, body) => version_2::decode(body),
        (&version_1::VERSION, body) => version_1::decode(body),
        _ => None,
    }
}

/// What the record in a payload is about. Reads the variant and the first three fields of
/// `UsageRow`, which stand first in the encoding of every version; a test holds the two
/// together.
pub(super) fn subject(payload: &[u8]) -> Option<Subject> {
    let (&version, body) = payload.split_first()?;
    if !(version_1::VERSION..=PAYLOAD_VERSION).contains(&version) {
        return None;
    }
    let (variant, rest) = postcard::take_from_bytes::<u32>(body).ok()?;
    if matches!(variant, 2 | 3) {
        return Some(Subject::Binding);
    }
    let (key, rest) = postcard::take_from_bytes::<AttemptKey>(rest).ok()?;
    match variant {
        0 => Some(Subject::Begun(key)),
        1 => Some(Subject::Ended(key, postcard::take_from_bytes::<bool>(rest).ok()?.0)),
        _ => None,
    }
}

/// Reads the records of one segment through its file, piece by piece.
pub(super) struct Records<'f> {
    file: &'f File,
    /// Where the next record begins, in bytes from the start of the file.
    offset: u64,
    /// Where reading stops at the latest.
    limit: u64,
    chunk: Vec<u8>,
    /// How many bytes of `chunk` were read.
    filled: usize,
    /// Where `chunk` begins.
    chunk_start: u64,
}

impl<'f> Records<'f> {
    /// The records between two offsets; `offset` is the start of one.
    pub(super) fn new(file: &'f File, offset: u64, limit: u64) -> Self {
        Self { file, offset, limit, chunk: Vec::new(), filled: 0, chunk_start: offset }
    }

    /// Reads into the memory of an earlier reader.
    pub(super) fn into_chunk(self, chunk: Vec<u8>) -> Self {
        Self { chunk, ..self }
    }

    /// The memory for the next reader.
    pub(super) fn chunk(self) -> Vec<u8> {
        self.chunk
    }

    /// Where the next record begins, or would.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The next record as (offset, payload); `None` at the limit, at the first zero length
    /// and at the first record that was not written whole.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        if self.frame_length().is_none() {
            self.refill()?;
        }
        let Some(length) = self.frame_length() else {
            return Ok(None);
        };
        let start = self.offset;
        let from = usize::try_from(start - self.chunk_start).unwrap_or(usize::MAX);
        let Some(payload) = self.chunk.get(from..from + length).and_then(checked_payload) else {
            return Ok(None);
        };
        self.offset += u64::try_from(length.next_multiple_of(ALIGNMENT)).unwrap_or(u64::MAX);
        Ok(Some((start, payload)))
    }

    /// The length of the frame at `offset` without its padding, when the chunk holds all of it.
    fn frame_length(&self) -> Option<usize> {
        let from = usize::try_from(self.offset.checked_sub(self.chunk_start)?).ok()?;
        let length = frame_length(self.chunk.get(from..self.filled)?)?;
        (from + length <= self.filled).then_some(length)
    }

    fn refill(&mut self) -> io::Result<()> {
        let left = usize::try_from(self.limit.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let wanted = left.min(CHUNK);
        if self.chunk.len() < wanted {
            self.chunk.resize(wanted, 0);
        }
        self.chunk_start = self.offset;
        self.filled = 0;
        while let Some(rest) = self.chunk.get_mut(self.filled..wanted).filter(|r| !r.is_empty()) {
            let at = self.offset + u64::try_from(self.filled).unwrap_or(u64::MAX);
            match self.file.read_at(rest, at) {
                Ok(0) => break,
                Ok(count) => self.filled += count,
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }
}

fn little_endian(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The length of the frame that begins here by its own account, without its padding.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let length = usize::try_from(little_endian(bytes, 0)?).ok()?;
    (length > 0 && length <= MAX_FRAME - HEADER).then_some(HEADER + length)
}

/// The payload of a whole frame, when its CRC fits.
fn checked_payload(frame: &[u8]) -> Option<&[u8]> {
    let length = usize::try_from(little_endian(frame, 0)?).ok()?;
    let payload = frame.get(HEADER..HEADER.checked_add(length)?)?;
    (crc32c::crc32c(payload) == little_endian(frame, 4)?).then_some(payload)
}

#[cfg(test)]
mod tests {
    use tb_core::ports::ResponseBinding;
    use tb_core::{
        Cause, Cost, DataClass, EndReason, NanoUsd, Rung, Surface, Timestamp, TokenCounts,
        UsageRow, UsageSource,
    };

    use super::*;

    fn row(id: u128, attempt: u32) -> UsageRow {
        UsageRow {
            request_id: RequestId(id),
            attempt,
            is_final: true,
            started_at: Timestamp(-1),
            service: "s".into(),
            key_id: None,
            purpose: "p".into(),
            user: None,
            surface: Surface::Messages,
            stream: false,
            provider: None,
            model_requested: "m".into(),
            model_resolved: None,
            model_served: None,
            status: 0,
            error_code: None,
            end_reason: EndReason::Limit,
            usage_source: UsageSource::None,
            tokens: TokenCounts::default(),
            cost: Cost::Unpriced,
            price_version: "".into(),
            ttft_ms: None,
            duration_ms: 0,
            overhead_us: 0,
            config_hash: 0,
            rung: Rung::StaleCache,
            cause: Cause::AllUnhealthy,
            waited_ms: 5,
            key_index: Some(u32::MAX),
            passed_over: Some("p/m=breaker_open".to_owned()),
            saved: NanoUsd(-9),
            guard: Some("email=2:tokenize".to_owned()),
            characters: Some("tags=1".to_owned()),
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

    fn payload_of(record: &JournalRecord) -> Vec<u8> {
        with_frame(record.into(), |frame| Ok(checked_payload(frame).unwrap().to_vec())).unwrap()
    }

    #[test]
    fn tells_the_subject_without_decoding_the_rest() {
        for (id, attempt) in [(0, 0), (7, 1), (u128::MAX, u32::MAX)] {
            let begun = payload_of(&JournalRecord::Begun(row(id, attempt)));
            assert_eq!(subject(&begun), Some(Subject::Begun((RequestId(id), attempt))));
            for is_final in [true, false] {
                let row = UsageRow { is_final, ..row(id, attempt) };
                let ended = payload_of(&JournalRecord::Ended(row));
                let expected = Subject::Ended((RequestId(id), attempt), is_final);
                assert_eq!(subject(&ended), Some(expected));
            }
        }
        let bound = payload_of(&JournalRecord::Bound(ResponseBinding {
            response_id: "r".to_owned(),
            service: "s".into(),
            provider: "p".into(),
            model: "m".into(),
            key_index: 0,
            created_at: Timestamp(0),
        }));
        assert_eq!(subject(&bound), Some(Subject::Binding));
    }

    #[test]
    fn decodes_what_it_encoded_and_nothing_of_an_unknown_version() {
        let record = JournalRecord::Ended(row(3, 2));
        let mut payload = payload_of(&record);
        assert_eq!(decode(&payload), Some(record));
        payload[0] = PAYLOAD_VERSION + 1;
        assert_eq!(decode(&payload), None);
        assert_eq!(subject(&payload), None);
    }
}
