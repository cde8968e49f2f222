//! Many tests at once.

/// Holm's adjusted p-values (1979), with weights: the chance that any true hypothesis has an
/// adjusted p-value of at most α is at most α. Each entry is a p-value with its weight; weights
/// need not sum to 1. Equal weights give the usual method.
#[must_use]
pub fn adjusted(tests: &[(f64, f64)]) -> Vec<f64> {
    let mut order: Vec<(usize, f64, f64)> =
        tests.iter().enumerate().map(|(place, &(p, weight))| (place, p, weight)).collect();
    order.sort_by(|(_, p, v), (_, q, w)| (p / v).total_cmp(&(q / w)));
    let mut left: f64 = tests.iter().map(|(_, weight)| weight).sum();
    let mut adjusted = vec![1.0; tests.len()];
    let mut least = 0.0_f64;
    for (place, p, weight) in order {
        least = least.max((p * left / weight).min(1.0));
        left -= weight;
        if let Some(entry) = adjusted.get_mut(place) {
            *entry = least;
        }
    }
    adjusted
}

/// The same with equal weights.
#[must_use]
pub fn adjusted_alike(tests: &[f64]) -> Vec<f64> {
    adjusted(&tests.iter().map(|p| (*p, 1.0)).collect::<Vec<_>>())
}
