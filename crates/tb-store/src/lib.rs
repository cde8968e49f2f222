//! Storage back ends behind the ports of `tb_core`, and the journal.
mod journal;
mod memory;
mod sums;
pub use journal::{Durability, JournalSettings, MmapJournal};
pub use memory::MemoryStore;
