//! The functions behind the distributions: gamma, error, incomplete beta, and the quantiles of
//! the normal and of Student's distribution.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// From here on the series of Stirling is exact to the last digit.
const SERIES_FROM: f64 = 16.0;

/// `ln n! − (½ ln 2πn + n ln n − n)` for `n ≥ 16`: the first terms of Stirling's series
/// (Abramowitz and Stegun 6.1.41).
fn stirling_series(n: f64) -> f64 {
    let square = n * n;
    (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square)
            / square)
        / n
}

/// The natural logarithm of the gamma function, for `x > 0`.
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    let (mut shifted, mut fallen) = (x, 0.0);
    while shifted < SERIES_FROM {
        fallen += shifted.ln();
        shifted += 1.0;
    }
    (shifted - 0.5) * shifted.ln() - shifted + 0.5 * (2.0 * PI).ln() + stirling_series(shifted)
        - fallen
}

/// The error of Stirling's formula for `n!`, `n` a whole number above zero.
#[must_use]
pub(super) fn stirling_error(n: f64) -> f64 {
    if n >= SERIES_FROM {
        return stirling_series(n);
    }
    // 15! is still exact in a double.
    let (mut factorial, mut factor) = (1.0, 2.0);
    while factor <= n {
        factorial *= factor;
        factor += 1.0;
    }
    f64::ln(factorial) - 0.5 * (2.0 * PI * n).ln() - n * n.ln() + n
}

/// The complementary error function.
fn erfc(z: f64) -> f64 {
    if z < 0.0 {
        return 2.0 - erfc(-z);
    }
    if z < 2.5 {
        // Abramowitz and Stegun 7.1.6: all terms are positive, so nothing cancels.
        let (mut term, mut sum, mut odd) = (z, z, 1.0);
        while term > sum * 1e-17 {
            odd += 2.0;
            term *= 2.0 * z * z / odd;
            sum += term;
        }
        return 1.0 - 2.0 / PI.sqrt() * (-z * z).exp() * sum;
    }
    // The continued fraction 7.1.14, from its far end.
    let mut fraction = z;
    for k in (1..=120).rev() {
        fraction = z + f64::from(k) / 2.0 / fraction;
    }
    (-z * z).exp() / PI.sqrt() / fraction
}

/// The chance that a standard normal variable is at most `x`.
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x * FRAC_1_SQRT_2)
}

/// The value that a standard normal variable stays below with chance `p`.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if p > 0.5 {
        return -normal_quantile(1.0 - p);
    }
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    bisect((-40.0, 0.0), |x| normal_cdf(x) - p)
}

/// The chance that a variable of Student's distribution with `freedom` degrees is above `t`.
#[must_use]
pub fn student_above(t: f64, freedom: f64) -> f64 {
    let tail = 0.5 * incomplete_beta(freedom / (freedom + t * t), freedom / 2.0, 0.5);
    if t >= 0.0 { tail } else { 1.0 - tail }
}

/// The value that a variable of Student's distribution stays below with chance `p`.
#[must_use]
pub fn student_quantile(p: f64, freedom: f64) -> f64 {
    if p < 0.5 {
        return -student_quantile(1.0 - p, freedom);
    }
    bisect((0.0, 1e6), |t| 1.0 - p - student_above(t, freedom))
}

/// Where a rising function is zero, to the last digit.
pub(super) fn bisect((mut low, mut high): (f64, f64), f: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if f(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

/// `ln B(a, b)`
#[must_use]
pub fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// The regularised incomplete beta function `I_x(a, b)`: the continued fraction 26.5.8 of
/// Abramowitz and Stegun, evaluated by the method of Lentz.
#[must_use]
pub fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = (a * x.ln() + b * (-x).ln_1p() - ln_beta(a, b)).exp() / a;
    front * beta_fraction(x, a, b)
}

fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    let away_from_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    let mut m = 1.0;
    while m < 100_000.0 {
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for coefficient in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + coefficient * d);
            c = away_from_zero(1.0 + coefficient / c);
            step = c * d;
            fraction *= step;
        }
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
        m += 1.0;
    }
    fraction
}
