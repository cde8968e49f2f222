//! How sensitive a request is, in the order in which a header may tighten it.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The class of the text in a request. Providers state which classes they may receive.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "snake_case")]
pub enum DataClass {
    /// Published already, or meant to be.
    Public,
    /// The company's own, no person in it. The class of a request that states none.
    #[default]
    Internal,
    /// About a person.
    Personal,
    /// About a person's health.
    Health,
}

impl DataClass {
    /// The classes from the loosest to the strictest.
    pub const ALL: [Self; 4] = [Self::Public, Self::Internal, Self::Personal, Self::Health];

    /// The word for it in configuration, headers and records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Personal => "personal",
            Self::Health => "health",
        }
    }
}

impl FromStr for DataClass {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|class| class.as_str() == text).ok_or(())
    }
}
