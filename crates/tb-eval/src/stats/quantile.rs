//! Quantiles of what was measured.

/// The value below which a share of the values lies, between neighbours in proportion (the
/// default of R and NumPy). The values change their order.
#[must_use]
pub fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and the length"
    )]
    let below = place.floor() as usize;
    let (_, low, above) = values.select_nth_unstable_by(below.min(last), f64::total_cmp);
    let low = *low;
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    Some(low + (place - place.floor()) * (high - low))
}
