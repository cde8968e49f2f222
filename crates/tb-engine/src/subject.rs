//! How end users are named in what is kept.

use tb_core::ServiceName;

use crate::Engine;
use crate::guarded::kept_forms;

impl Engine {
    /// Every name under which rows of this service may have an end user: as it was given, cut,
    /// or hashed where the guard found something in it.
    #[must_use]
    pub fn kept_names(&self, service: &ServiceName, user: &str) -> Vec<String> {
        kept_forms(user, &self.shared.guard_keys.of(service)).into()
    }
}
