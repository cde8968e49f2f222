//! The classes of one request: how sensitive it is, and which of the operator's own labels it
//! bears.

use crate::DataClass;

/// The most classes of the operator's own: one bit each.
pub const MAX_OWN_CLASSES: usize = 32;

/// What a request is. The built-in classes are a chain, of which it has one; the operator's own
/// are labels, of which it may have any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Classes {
    /// The built-in class.
    pub level: DataClass,
    /// The operator's own ones: a bit for each, in the order of the configuration.
    pub own: u32,
}

impl Classes {
    /// A built-in class and nothing else.
    #[must_use]
    pub const fn of(level: DataClass) -> Self {
        Self { level, own: 0 }
    }

    /// The stricter level and the labels of both. Nothing that is joined ever loosens.
    #[must_use]
    pub fn joined(self, other: Self) -> Self {
        Self { level: self.level.max(other.level), own: self.own | other.own }
    }

    /// Whether it bears the operator's class of this place.
    #[must_use]
    pub const fn bears(self, place: usize) -> bool {
        place < MAX_OWN_CLASSES && self.own & (1 << place) != 0
    }
}

/// Which classes somebody may send or receive. Each level stands for itself: who may have
/// `personal` may not have `internal` for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassSet {
    levels: u8,
    own: u32,
}

impl ClassSet {
    /// Every class there can be.
    pub const ALL: Self = Self { levels: u8::MAX, own: u32::MAX };

    /// These levels, and the operator's classes of these bits.
    #[must_use]
    pub fn new(levels: &[DataClass], own: u32) -> Self {
        Self { levels: levels.iter().fold(0, |bits, level| bits | bit(*level)), own }
    }

    /// What is in both.
    #[must_use]
    pub const fn both(self, other: Self) -> Self {
        Self { levels: self.levels & other.levels, own: self.own & other.own }
    }

    /// The same with one level more.
    #[must_use]
    pub const fn with(self, level: DataClass) -> Self {
        Self { levels: self.levels | bit(level), own: self.own }
    }

    /// Whether the level is in it.
    #[must_use]
    pub const fn has_level(self, level: DataClass) -> bool {
        self.levels & bit(level) != 0
    }

    /// The labels of `classes` that are not in it.
    #[must_use]
    pub const fn own_beyond(self, classes: Classes) -> u32 {
        classes.own & !self.own
    }

    /// Whether the level and every label of `classes` are in it.
    #[must_use]
    pub const fn contains(self, classes: Classes) -> bool {
        self.has_level(classes.level) && self.own_beyond(classes) == 0
    }
}

const fn bit(level: DataClass) -> u8 {
    match level {
        DataClass::Public => 1,
        DataClass::Internal => 2,
        DataClass::Personal => 4,
        DataClass::Health => 8,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn classes() -> impl Strategy<Value = Classes> {
        (0..4usize, any::<u32>()).prop_map(|(at, own)| Classes { level: DataClass::ALL[at], own })
    }

    proptest! {
        /// Whoever may not have a part may not have the whole: order and number of the sources
        /// of classes never matter.
        #[test]
        fn joining_never_loosens(one in classes(), other in classes(), may in classes()) {
            let joined = one.joined(other);
            prop_assert_eq!(joined, other.joined(one));
            prop_assert_eq!(joined.joined(one), joined);
            prop_assert!(joined.level >= one.level && joined.own & one.own == one.own);
            let levels: Vec<_> = DataClass::ALL.into_iter().filter(|l| *l <= may.level).collect();
            let set = ClassSet::new(&levels, may.own);
            prop_assert!(!set.contains(joined) || (set.contains(one) && set.contains(other)));
        }
    }

    #[test]
    fn a_set_holds_what_it_was_made_of_and_nothing_below_it() {
        let set = ClassSet::new(&[DataClass::Health], 0b10);
        assert!(set.contains(Classes { level: DataClass::Health, own: 0b10 }));
        assert!(!set.contains(Classes::of(DataClass::Personal)));
        assert!(!set.contains(Classes { level: DataClass::Health, own: 0b11 }));
        assert_eq!(set.own_beyond(Classes { level: DataClass::Health, own: 0b11 }), 1);
        assert!(set.with(DataClass::Public).contains(Classes::of(DataClass::Public)));
        assert_eq!(set.both(ClassSet::default()), ClassSet::default());
        assert!(!Classes { level: DataClass::Public, own: 1 << 31 }.bears(32));
    }
}
