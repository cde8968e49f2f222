//! The binomial distribution, and McNemar's exact test on it.

use std::f64::consts::PI;

use super::special::stirling_error;

/// The chance of exactly `k` of `n`. Loader's saddle-point form ("Fast and accurate computation
/// of binomial probabilities", 2000): it loses no digits where differences of logarithms of
/// large factorials would.
#[must_use]
pub fn exactly(k: u64, n: u64, p: f64) -> f64 {
    let (of, rest) = (n as f64, n.saturating_sub(k) as f64);
    if k > n {
        return 0.0;
    }
    if k == 0 {
        return (of * (-p).ln_1p()).exp();
    }
    if k == n {
        return (of * p.ln()).exp();
    }
    let k = k as f64;
    let logarithm = stirling_error(of)
        - stirling_error(k)
        - stirling_error(rest)
        - deviance(k, of * p)
        - deviance(rest, of * (1.0 - p));
    logarithm.exp() * (of / (2.0 * PI * k * rest)).sqrt()
}

/// `x ln(x/m) + m − x`, also where `x` is near `m`.
fn deviance(x: f64, m: f64) -> f64 {
    if (x - m).abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() + m - x;
    }
    let v = (x - m) / (x + m);
    let (mut sum, mut power, mut odd) = ((x - m) * v, 2.0 * x * v, 1.0);
    loop {
        power *= v * v;
        odd += 2.0;
        let next = sum + power / odd;
        if (next - sum).abs() <= f64::EPSILON * 0.01 * next.abs() || next == sum {
            return next;
        }
        sum = next;
    }
}

/// The chance of at most `k` of `n`.
#[must_use]
pub fn at_most(k: u64, n: u64, p: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    if k as f64 > n as f64 * p {
        return 1.0 - at_least_summed(k + 1, n, p);
    }
    at_least_summed(n - k, n, 1.0 - p)
}

/// The chance of at least `k` of `n`.
#[must_use]
pub fn at_least(k: u64, n: u64, p: f64) -> f64 {
    if k == 0 { 1.0 } else { at_most(n.saturating_sub(k), n, 1.0 - p) }
}

/// The upper tail, term by term from its largest: right only above the mean.
fn at_least_summed(k: u64, n: u64, p: f64) -> f64 {
    let mut term = exactly(k, n, p);
    let (mut sum, mut at) = (0.0, k as f64);
    while term > sum * 1e-18 && term > 0.0 {
        sum += term;
        term *= (n as f64 - at) / (at + 1.0) * (p / (1.0 - p));
        at += 1.0;
    }
    sum
}

/// McNemar's exact test, two-sided: the chance of a split of `b + c` discordant pairs as uneven
/// as this one, when each falls on either side alike.
#[must_use]
pub fn mcnemar(b: u64, c: u64) -> f64 {
    (2.0 * at_most(b.min(c), b + c, 0.5)).min(1.0)
}

/// One-sided: the chance of as many losses as `b`, or more, when the candidate is as good.
#[must_use]
pub fn mcnemar_worse(b: u64, c: u64) -> f64 {
    at_least(b, b + c, 0.5)
}
