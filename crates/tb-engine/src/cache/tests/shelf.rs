//! What a purge does to answers on their way.

use std::sync::{Arc, Barrier};

use tb_config::CacheLimits;
use tb_core::Clock;
use tb_core::ports::AnswerFilter;

use super::entry;
use super::gateway::{SetClock, Written};
use crate::cache::shelf::{Shelf, Waiting};

fn shelf(written: &Arc<Written>) -> Shelf {
    let limits = CacheLimits { memory_bytes: 1 << 20, disk_bytes: 1 << 20, entry_bytes: 1 << 16 };
    let store = Arc::clone(written);
    Shelf::new(limits, store, &[3; 32], Arc::new(SetClock::default()))
}

fn waiting(shelf: &Shelf, key: u8) -> Waiting {
    Waiting { key: [key; 32], entry: entry(shelf.clock.now()), purges: shelf.purges() }
}

#[test]
fn an_answer_that_was_asked_for_before_a_purge_is_neither_kept_nor_written() {
    let written = Arc::<Written>::default();
    let shelf = shelf(&written);
    let (early, late) = (waiting(&shelf, 1), waiting(&shelf, 2));
    assert!(shelf.insert(&early));
    assert_eq!(shelf.purge(&AnswerFilter::default()).unwrap(), 1);
    assert!(!shelf.insert(&late));
    let new = waiting(&shelf, 3);
    assert!(shelf.insert(&new));
    shelf.write(&[early, late, new]).unwrap();
    let kept = |key: u8| shelf.memory.get(&[key; 32], shelf.clock.now()).is_some();
    assert_eq!([1, 2, 3].map(kept), [false, false, true]);
    let stored: Vec<_> = written.answers.lock().unwrap().keys().copied().collect();
    assert_eq!(stored, [[3; 32]]);
}

#[test]
fn a_purge_at_the_same_moment_leaves_nothing_of_before() {
    let shelf = shelf(&Arc::default());
    let start = Barrier::new(2);
    for _ in 0..3_000 {
        let waiting = waiting(&shelf, 1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                shelf.insert(&waiting)
            });
            start.wait();
            shelf.purge(&AnswerFilter::default()).unwrap();
        });
        assert!(shelf.memory.get(&[1; 32], shelf.clock.now()).is_none());
    }
}

#[test]
fn the_newest_are_loaded_as_far_as_there_is_room() {
    let written = Arc::<Written>::default();
    let clock = Arc::new(SetClock::default());
    let room = u64::try_from(entry(clock.now()).bytes()).unwrap() * 5 / 2;
    let limits =
        |memory_bytes| CacheLimits { memory_bytes, disk_bytes: 1 << 20, entry_bytes: 1 << 16 };
    let shelf = |bytes| {
        let store = Arc::clone(&written);
        Shelf::new(limits(bytes), store, &[3; 32], Arc::clone(&clock) as _)
    };
    let first = shelf(1 << 20);
    for key in [1, 2, 3, 4] {
        first.write(&[waiting(&first, key)]).unwrap();
        clock.advance_s(1);
    }
    let loaded = |bytes| {
        let next = shelf(bytes);
        let number = next.load(|| false).unwrap();
        let there = |key: u8| next.memory.get(&[key; 32], clock.now()).is_some();
        (number, [1, 2, 3, 4].map(there))
    };
    assert_eq!(loaded(1 << 20), (4, [true; 4]));
    assert_eq!(loaded(room), (2, [false, false, true, true]));
    assert_eq!(shelf(room).load(|| true).unwrap(), 0);
}
