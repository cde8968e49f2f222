//! The parts of `demo`: its configuration, the sample requests with what each must end as, and
//! the summary.

pub(crate) mod sample;
pub(crate) mod summary;

/// Two simulated providers, one of which always fails, and what is served from them.
pub(crate) const CONFIGURATION: &str = include_str!("demo/tollbar.toml");

/// The rules that the configuration names.
pub(crate) const RULES: &str = include_str!("demo/rules.toml");

/// Where the configuration looks for them.
pub(crate) const RULES_FILE: &str = "rules.toml";
