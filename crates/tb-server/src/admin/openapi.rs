//! The committed description of the admin API.

/// OpenAPI 3.1. A test compares it with the routes.
pub(crate) const DOCUMENT: &str = include_str!("../../openapi.json");
