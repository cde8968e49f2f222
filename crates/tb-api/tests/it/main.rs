//! Tests of tb-api through its public interface.

#[cfg(test)]
mod json;
#[cfg(test)]
mod json_edits;
#[cfg(test)]
mod json_leaves;
#[cfg(test)]
mod multipart;
#[cfg(test)]
mod mutations;
#[cfg(test)]
mod sse;
