//! Which fault each request gets.

use std::collections::VecDeque;
use std::time::Duration;

/// What happens to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: the upstream answers, byte for byte.
    Pass,
    /// The answer begins so much later.
    Latency(Duration),
    /// The connection is reset (RST) before any byte of an answer; the upstream is not asked.
    ResetBeforeHead,
    /// The head of the answer comes, then a reset.
    ResetAfterHead,
    /// Half of the answer's body comes, then a reset.
    ResetInBody,
    /// The request is read and nothing ever comes; the upstream is not asked.
    NeverAnswers,
    /// Half-open: no more than the request's head is read, and nothing ever comes.
    StopsReading,
    /// Half of the answer's body comes and then nothing; the connection stays open.
    Stall,
    /// The answer comes in pieces of so many bytes with such pauses between them.
    Drip {
        /// The size of a piece, at least 1.
        bytes: usize,
        /// The pause before each piece.
        pause: Duration,
    },
    /// Half of the answer's body comes, and the framing says that this was all. An event stream
    /// is cut between two events.
    Truncated,
    /// Bytes that are no HTTP.
    Garbage,
    /// A good head of the answer's own kind and a body that is none.
    GarbageBody,
    /// 429 with a `retry-after-ms`; the upstream is not asked.
    Throttled(Duration),
    /// An error with this status; the upstream is not asked.
    Status(u16),
    /// `content-length` promises more than comes before the connection is closed.
    LengthTooLong,
    /// `content-length` promises less than comes: the rest stands where the next answer should.
    LengthTooShort,
    /// A piece of the answer's body comes twice; of an event stream, one event.
    DuplicatedChunk,
}

impl Fault {
    /// Whether the client gets the upstream's whole answer nonetheless, if it waits.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        matches!(self, Self::Pass | Self::Latency(_) | Self::Drip { .. })
    }

    /// Whether the upstream is asked at all.
    #[must_use]
    pub fn asks_upstream(&self) -> bool {
        !matches!(
            self,
            Self::ResetBeforeHead
                | Self::NeverAnswers
                | Self::StopsReading
                | Self::Garbage
                | Self::Throttled(_)
                | Self::Status(_)
        )
    }
}

/// Gives each request its fault.
#[derive(Debug, Clone)]
pub struct FaultPlan {
    /// What comes next, before the dice.
    next: VecDeque<Fault>,
    dice: Option<Dice>,
}

#[derive(Debug, Clone)]
struct Dice {
    seed: u64,
    /// Of 1,000 requests so many get a fault.
    permille: u64,
}

/// The longest pause of seeded latency, and of a seeded drip.
const MAX_LATENCY_MS: u64 = 30;
const MAX_DRIP_MS: u64 = 3;
/// The longest seeded storm of 429.
const MAX_STORM: u64 = 4;

impl FaultPlan {
    /// These faults in this order, and then none.
    #[must_use]
    pub fn script(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { next: faults.into_iter().collect(), dice: None }
    }

    /// No fault.
    #[must_use]
    pub fn none() -> Self {
        Self::script([])
    }

    /// Faults of every kind, drawn from a seed: `permille` of 1,000 requests get one. One kind
    /// is a storm: a few requests in a row are throttled. The same seed gives the same plan.
    #[must_use]
    pub fn seeded(seed: u64, permille: u64) -> Self {
        Self { next: VecDeque::new(), dice: Some(Dice { seed, permille }) }
    }

    /// The fault of the next request.
    pub fn draw(&mut self) -> Fault {
        if let Some(fault) = self.next.pop_front() {
            return fault;
        }
        let Some(dice) = &mut self.dice else { return Fault::Pass };
        if dice.below(1_000) >= dice.permille {
            return Fault::Pass;
        }
        let fault = dice.fault();
        if let Fault::Throttled(_) = fault {
            let storm = dice.below(MAX_STORM);
            self.next.extend((0..storm).map(|_| fault.clone()));
        }
        fault
    }
}

impl Dice {
    /// A number below `limit` (splitmix64).
    fn below(&mut self, limit: u64) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }

    fn fault(&mut self) -> Fault {
        match self.below(17) {
            0 => Fault::Latency(Duration::from_millis(self.below(MAX_LATENCY_MS))),
            1 => Fault::ResetBeforeHead,
            2 => Fault::ResetAfterHead,
            3 => Fault::ResetInBody,
            4 => Fault::NeverAnswers,
            5 => Fault::StopsReading,
            6 => Fault::Stall,
            7 => Fault::Drip {
                bytes: usize::try_from(40 + self.below(80)).unwrap_or(40),
                pause: Duration::from_millis(self.below(MAX_DRIP_MS)),
            },
            8 => Fault::Truncated,
            9 => Fault::Garbage,
            10 => Fault::GarbageBody,
            11 => Fault::Throttled(Duration::from_millis(10 * self.below(20))),
            12 => Fault::Status(500),
            13 => Fault::Status(if self.below(2) == 0 { 503 } else { 502 }),
            14 => Fault::LengthTooLong,
            15 => Fault::LengthTooShort,
            _ => Fault::DuplicatedChunk,
        }
    }
}
