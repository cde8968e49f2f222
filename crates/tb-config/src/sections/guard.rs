//! `[guard]`, of the file and of services.

use crate::snapshot::GuardRules;

/// `[guard]`
pub(super) fn rules() -> Option<GuardRules> {
    GuardRules::standard().ok()
}
