//! The seven stages. Each takes what the one before gives, so a wrong order does not compile.

pub(crate) mod admit;
pub(crate) mod compose;
pub(crate) mod deliver;
pub(crate) mod dispatch;
pub(crate) mod lookup;
pub(crate) mod route;
pub(crate) mod scrub;
