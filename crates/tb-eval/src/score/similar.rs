//! Cosine similarity of embeddings.

use super::{Desk, Finding, graded};

pub(super) fn find(text: &str, wanted: &str, model: &str, desk: &mut Desk<'_>) -> Finding {
    if text.is_empty() {
        return Finding::Score(0.0, "similar: an empty answer".to_owned());
    }
    match desk.target.embed(model, &[text, wanted]) {
        Err(fault) => Finding::Error(format!("similar: {fault}")),
        Ok(embedded) => {
            desk.paid(embedded.cost_micro_usd);
            match embedded.vectors.as_slice() {
                [a, b] => match cosine(a, b) {
                    Some(cosine) => graded("similar", cosine.clamp(0.0, 1.0)),
                    None => Finding::Error("similar: the embeddings have no angle".to_owned()),
                },
                _ => Finding::Error("similar: not one embedding a text".to_owned()),
            }
        }
    }
}

fn cosine(a: &[f64], b: &[f64]) -> Option<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let length = (dot(a, a) * dot(b, b)).sqrt();
    (a.len() == b.len() && length > 0.0 && length.is_finite()).then(|| dot(a, b) / length)
}
