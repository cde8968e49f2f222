//! Reservations under way, each with the end of its lease.

/// One reservation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Live {
    /// When it was made.
    pub(super) at_ms: i64,
    /// All tokens, those that it grew by included.
    pub(super) tokens: u64,
    /// Nano-dollars.
    pub(super) money: u64,
    /// When it last grew, and by how many tokens: the first to be taken back.
    pub(super) grown_at_ms: i64,
    pub(super) grown: u64,
    /// The tokens that it grew by before. Output was seen to need them, so they stay counted.
    pub(super) grown_before: u64,
    pub(super) lease_end_ms: i64,
}

/// The right to settle one reservation of one account, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    place: u32,
    serial: u32,
    pub(super) at_ms: i64,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    serial: u32,
    live: Option<Live>,
}

/// The reservations of one account. Their places are used again, so that settling one is a step
/// and not a search.
#[derive(Debug, Clone, Default)]
pub(super) struct Leases {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// No lease ends before.
    earliest_ms: Option<i64>,
}

impl Leases {
    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    pub(super) fn insert(&mut self, live: Live) -> Ticket {
        let end = live.lease_end_ms;
        self.earliest_ms = Some(self.earliest_ms.map_or(end, |earliest| earliest.min(end)));
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { serial: 0, live: None });
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        let mut serial = 0;
        if let Some(slot) = self.slot(place) {
            slot.serial = slot.serial.wrapping_add(1);
            slot.live = Some(live);
            serial = slot.serial;
        }
        Ticket { place, serial, at_ms: live.at_ms }
    }

    pub(super) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut Live> {
        let slot = self.slot(ticket.place)?;
        if slot.serial == ticket.serial { slot.live.as_mut() } else { None }
    }

    /// Takes a reservation out; `None` when its lease has ended.
    pub(super) fn take(&mut self, ticket: Ticket) -> Option<Live> {
        let slot = self.slot(ticket.place)?;
        if slot.serial != ticket.serial {
            return None;
        }
        let live = slot.live.take()?;
        self.free.push(ticket.place);
        Some(live)
    }

    /// Takes out one reservation whose lease has ended. To be called until there is none; while
    /// no lease can have ended it costs one comparison.
    pub(super) fn take_ended(&mut self, now_ms: i64) -> Option<Live> {
        if self.earliest_ms.is_none_or(|earliest| now_ms < earliest) {
            return None;
        }
        let has_ended = |slot: &Slot| slot.live.is_some_and(|live| live.lease_end_ms <= now_ms);
        if let Some(place) = self.slots.iter().position(has_ended) {
            let place = u32::try_from(place).unwrap_or(u32::MAX);
            let live = self.slot(place)?.live.take();
            self.free.push(place);
            return live;
        }
        self.earliest_ms = self.live().map(|live| live.lease_end_ms).min();
        None
    }

    pub(super) fn live(&self) -> impl Iterator<Item = &Live> {
        self.slots.iter().filter_map(|slot| slot.live.as_ref())
    }

    fn slot(&mut self, place: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(place).ok()?)
    }
}
