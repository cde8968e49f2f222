//! What a comparison of a size can see at all.

use super::binomial::{at_most, exactly};
use super::special::{normal_cdf, normal_quantile};

/// The power at which effects are called detectable.
pub const USUAL_POWER: f64 = 0.8;

/// The smallest loss that `n` pairs show with a power, a one-sided `alpha` and this share of
/// discordant pairs; also the smallest margin at which a candidate that is as good is found
/// non-inferior so often: `(z_α + z_β) √(ψ / n)`.
#[must_use]
pub fn smallest_effect(n: f64, discordance: f64, (alpha, power): (f64, f64)) -> f64 {
    if n <= 0.0 {
        return 1.0;
    }
    let reach = normal_quantile(1.0 - alpha) + normal_quantile(power);
    (reach * (discordance / n).sqrt()).min(1.0)
}

/// How many pairs show a loss of `effect` under the same conditions.
#[must_use]
pub fn pairs_needed(effect: f64, discordance: f64, (alpha, power): (f64, f64)) -> f64 {
    let reach = normal_quantile(1.0 - alpha) + normal_quantile(power);
    (reach * reach * discordance / (effect * effect)).ceil()
}

/// The power of the exact one-sided test of McNemar to see a candidate that loses `loss` of the
/// cases, on `n` pairs of which a share of `discordance` differ: summed over every number of
/// discordant pairs.
#[must_use]
pub fn of_mcnemar(n: u64, discordance: f64, loss: f64, alpha: f64) -> f64 {
    let worse = f64::midpoint(1.0, loss / discordance).min(1.0);
    (0..=n)
        .map(|pairs| {
            let weight = exactly(pairs, n, discordance);
            if weight < 1e-16 {
                return 0.0;
            }
            // The fewest losses that are significant among so many discordant pairs.
            match fewest_significant(pairs, alpha) {
                Some(losses) => weight * at_most(pairs - losses, pairs, 1.0 - worse),
                None => 0.0,
            }
        })
        .sum()
}

/// The smallest number of losses among `pairs` whose upper tail is at most `alpha`.
fn fewest_significant(pairs: u64, alpha: f64) -> Option<u64> {
    let (mut tail, mut losses) = (0.0, None);
    for candidate in (0..=pairs).rev() {
        tail += exactly(candidate, pairs, 0.5);
        if tail > alpha {
            break;
        }
        losses = Some(candidate);
    }
    losses
}

/// The power to find a candidate with a true difference non-inferior, by the normal
/// approximation.
#[must_use]
pub fn of_non_inferiority(n: f64, discordance: f64, difference: f64, settings: (f64, f64)) -> f64 {
    let (margin, alpha) = settings;
    let spread = ((discordance - difference * difference) / n).sqrt();
    normal_cdf((difference + margin) / spread - normal_quantile(1.0 - alpha))
}
