//! The room that the ends of running requests will need. It is counted when a request begins
//! and lies in blocks that are already allocated, so that a disk that fills up meanwhile
//! stops new work and never loses what was answered.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use tb_core::RequestId;
use tb_core::ports::StoreError;

use super::JournalSettings;
use super::record::MAX_FRAME;
use super::segment::{ActiveSegment, HEADER_BYTES, Spare};
use super::shared::{Appender, Shared};

/// What an end has more than its beginning: the model that was served, an error's code, the
/// binding of a response, and what was passed over up to the last rung.
const MORE_BYTES: u64 = 2048;

/// Spare segments and what they are kept for.
#[derive(Default)]
pub(super) struct Room {
    spares: Vec<Spare>,
    /// What each running request may still need, in bytes.
    reserves: HashMap<RequestId, u64>,
    /// Their sum.
    reserved: u64,
}

impl Room {
    /// What a request whose beginning takes `frame` bytes may need: the end of an attempt, and
    /// once more the same as the request's last word.
    pub(super) fn reserve_for(frame: usize) -> u64 {
        bytes(frame).saturating_mul(2).saturating_add(MORE_BYTES)
    }

    /// Keeps room for a request until [`Self::release`]. A second attempt of it keeps no more.
    pub(super) fn reserve(&mut self, request: RequestId, reserve: u64) {
        let before = self.reserves.insert(request, reserve).unwrap_or(0);
        self.reserved = self.reserved.saturating_sub(before).saturating_add(reserve);
    }

    /// Whether room is kept for a request.
    pub(super) fn is_kept_for(&self, request: RequestId) -> bool {
        self.reserves.contains_key(&request)
    }

    /// Gives back what was kept for a request.
    pub(super) fn release(&mut self, request: RequestId) {
        let before = self.reserves.remove(&request).unwrap_or(0);
        self.reserved = self.reserved.saturating_sub(before);
    }

    /// Whether `more` bytes can be taken and everything reserved still fits.
    pub(super) fn is_enough(&self, active: &ActiveSegment, segment_bytes: u64, more: u64) -> bool {
        self.free(active, segment_bytes) >= self.reserved.saturating_add(more)
    }

    /// Whether another spare should be made before anybody has to wait for it.
    pub(super) fn wants_spare(&self, active: &ActiveSegment, segment_bytes: u64) -> bool {
        self.spares.is_empty() || self.free(active, segment_bytes) < self.reserved.saturating_mul(2)
    }

    /// The bytes that surely can be written. Of each segment as much as the longest record is
    /// not counted: it is lost when a record does not fit into the rest.
    fn free(&self, active: &ActiveSegment, segment_bytes: u64) -> u64 {
        let lost = bytes(MAX_FRAME);
        let spare = segment_bytes.saturating_sub(HEADER_BYTES).saturating_sub(lost);
        let spares = spare.saturating_mul(bytes(self.spares.len()));
        bytes(active.free()).saturating_sub(lost).saturating_add(spares)
    }

    pub(super) fn add(&mut self, spare: Spare) {
        self.spares.push(spare);
    }

    pub(super) fn take(&mut self) -> Option<Spare> {
        self.spares.pop()
    }
}

/// Making the room.
impl Shared {
    /// Makes sure that the frame fits and that what running requests need fits behind it.
    /// Mostly the storer was here before, and this is an addition and a comparison.
    pub(super) fn make_room(
        &self,
        appender: &mut Appender,
        frame: usize,
        reserve: u64,
    ) -> Result<(), StoreError> {
        let more = bytes(frame).saturating_add(reserve);
        let segment_bytes = self.settings.segment_bytes;
        while !appender.room.is_enough(&appender.active, segment_bytes, more) {
            let spare = self.make_spare()?;
            appender.room.add(spare);
        }
        Ok(())
    }

    pub(super) fn make_spare(&self) -> Result<Spare, StoreError> {
        let number = self.spares_made.fetch_add(1, Ordering::Relaxed);
        let JournalSettings { path, segment_bytes, allocate, .. } = &self.settings;
        Spare::create(path, number, *segment_bytes, *allocate)
    }

    /// Makes spare segments before they are needed. For the storer: allocating takes time
    /// that no request should wait.
    pub(super) fn prepare_spares(&self) -> Result<(), StoreError> {
        loop {
            let appender = self.appender();
            let is_wanted = appender.closed.is_none()
                && appender.room.wants_spare(&appender.active, self.settings.segment_bytes);
            drop(appender);
            if !is_wanted {
                return Ok(());
            }
            let spare = self.make_spare()?;
            self.appender().room.add(spare);
        }
    }

    /// Gives the room of the spare segments back: nothing is appended any more.
    pub(super) fn discard_spares(&self) {
        let mut appender = self.appender();
        while let Some(spare) = appender.room.take() {
            spare.discard();
        }
    }
}

fn bytes(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
