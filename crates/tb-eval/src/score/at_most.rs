//! An upper limit of a measure.

use super::Finding;
use crate::case::Measure;
use crate::run::Answer;

pub(super) fn find(answer: &Answer, measure: Measure, limit: f64) -> Finding {
    match answer.measures.get(&measure) {
        None => Finding::Invalid(format!("at_most: {measure:?} is not known")),
        Some(found) => {
            Finding::holds(*found <= limit, || format!("at_most: {measure:?} is {found:.0}"))
        }
    }
}
