//! Tests that stay valid when they are looked at after every case and stopped at will.
//!
//! An e-process is a bet against a hypothesis that nobody expects to win when the hypothesis is
//! true: the chance that the stake ever grows `1/α`-fold is at most α (Ville). Where it did, the
//! hypothesis is rejected, whenever one looked.

use super::special::{incomplete_beta, ln_beta};

/// The logarithm of the stake of a bet that the candidate loses more often than it wins, after
/// `b` losses and `c` wins. It bets on every share of losses above one half, spread as
/// Beta(½, ½), so no size of the effect needs to be guessed.
#[must_use]
pub fn ln_evidence_of_loss(b: f64, c: f64) -> f64 {
    // The part of the mixture above one half; its prior mass is one half.
    let above = incomplete_beta(0.5, c + 0.5, b + 0.5);
    let likelihood = ln_beta(b + 0.5, c + 0.5) - ln_beta(0.5, 0.5) + above.max(1e-300).ln();
    likelihood + (b + c + 1.0) * std::f64::consts::LN_2
}

/// How many sizes of bets are mixed, and the share of the largest possible one that the smallest
/// and the largest of them stake.
const BETS: (u32, f64, f64) = (24, 0.005, 0.9);

/// A bet that the candidate is better than `−margin`: it stakes on each pair's difference, with
/// several sizes at once (Waudby-Smith and Ramdas, "Estimating means of bounded random variables
/// by betting", 2024).
#[derive(Debug, Clone)]
pub struct NonInferiority {
    margin: f64,
    /// Each bet's size, and the logarithm of what its stake has become.
    bets: Vec<(f64, f64)>,
}

impl NonInferiority {
    /// No pair seen yet.
    #[must_use]
    pub fn new(margin: f64) -> Self {
        let (count, least, most) = BETS;
        let largest = 1.0 / (1.0 - margin);
        let step = (most / least).ln() / f64::from(count - 1);
        let bets =
            (0..count).map(|at| (largest * least * (step * f64::from(at)).exp(), 0.0)).collect();
        Self { margin, bets }
    }

    /// One pair more: candidate minus baseline, from −1 to 1.
    pub fn push(&mut self, difference: f64) {
        for (size, stake) in &mut self.bets {
            *stake += (*size * (difference + self.margin)).ln_1p();
        }
    }

    /// The logarithm of the mean stake.
    #[must_use]
    pub fn ln_evidence(&self) -> f64 {
        let most = self.bets.iter().map(|(_, stake)| *stake).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = self.bets.iter().map(|(_, stake)| (stake - most).exp()).sum();
        most + (sum / self.bets.len() as f64).ln()
    }
}

/// What a look says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Ask on.
    Open,
    /// Not worse than the margin allows.
    NonInferior,
    /// Not worse than the margin allows, and better than the baseline.
    Improved,
    /// Worse.
    Regressed,
}

/// Losses and wins of pairs, looked at after each one.
#[derive(Debug, Clone)]
pub struct Watch {
    threshold: f64,
    b: f64,
    c: f64,
    non_inferiority: NonInferiority,
    best: Best,
}

/// The most that each bet was ever worth, as a logarithm.
#[derive(Debug, Clone, Copy, Default)]
struct Best {
    loss: f64,
    gain: f64,
    non_inferior: f64,
}

impl Watch {
    /// No pair seen yet.
    #[must_use]
    pub fn new(margin: f64, alpha: f64) -> Self {
        let non_inferiority = NonInferiority::new(margin);
        Self { threshold: -alpha.ln(), b: 0.0, c: 0.0, non_inferiority, best: Best::default() }
    }

    /// One pair more: candidate minus baseline. Says what holds now; it never takes back a
    /// verdict, so one may stop or go on.
    pub fn push(&mut self, difference: f64) -> Look {
        self.non_inferiority.push(difference);
        self.best.non_inferior = self.best.non_inferior.max(self.non_inferiority.ln_evidence());
        if difference != 0.0 {
            // A part of a loss bets nothing on its size: the sign is what is exchangeable.
            if difference < 0.0 {
                self.b += 1.0;
            } else {
                self.c += 1.0;
            }
            self.best.loss = self.best.loss.max(ln_evidence_of_loss(self.b, self.c));
            self.best.gain = self.best.gain.max(ln_evidence_of_loss(self.c, self.b));
        }
        self.look()
    }

    /// What holds now.
    #[must_use]
    pub fn look(&self) -> Look {
        match self.best {
            best if best.non_inferior >= self.threshold && best.gain >= self.threshold => {
                Look::Improved
            }
            best if best.non_inferior >= self.threshold => Look::NonInferior,
            best if best.loss >= self.threshold => Look::Regressed,
            _ => Look::Open,
        }
    }

    /// Anytime-valid p-values: of being as good (small where it is worse), of being no better
    /// (small where it is better), and of being worse than the margin.
    #[must_use]
    pub fn p_values(&self) -> (f64, f64, f64) {
        let p = |evidence: f64| (-evidence).exp().min(1.0);
        (p(self.best.loss), p(self.best.gain), p(self.best.non_inferior))
    }
}
