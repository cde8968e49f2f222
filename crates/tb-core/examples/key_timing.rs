//! Measures whether the time of a refusal tells guesses of keys apart:
//! `cargo run -p tb-core --release --example key_timing`.
//!
//! 20,000 guesses of five classes (unknown id, known id with a wrong secret, a revoked and an
//! expired key with a wrong secret, a wrong CRC) come interleaved in random order. As dudect does
//! (Reparaz, Balasch, Verbauwhede: "Dude, is my code constant time?", 2017), the times above the
//! 95th percentile of all are cropped, since interrupts are no secret, and Welch's t compares each
//! class with all others. |t| of 4.5 or more ends with exit code 1.
#![expect(clippy::print_stdout, reason = "a command line tool")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;
use std::time::Instant;

use ring::rand::{SecureRandom, SystemRandom};
use tb_core::{KeyRing, KeyScope, NewKey, NoRandomness, Pepper, Timestamp};

const GUESSES: usize = 20_000;
const CLASSES: [&str; 5] =
    ["unknown id", "wrong secret", "revoked, wrong secret", "expired, wrong secret", "wrong CRC"];
const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
const NOW: Timestamp = Timestamp(1_000_000);
const KEYS_OF_EACH: usize = 250;
const THRESHOLD: f64 = 4.5;

fn main() -> Result<ExitCode, NoRandomness> {
    let random = SystemRandom::new();
    let pepper = Pepper::from_bytes(&[7; 32]);
    let make = || {
        let scope = KeyScope::of_service("bot".into(), Timestamp(0));
        NewKey::generate(&random, &pepper, scope)
    };
    let (mut records, mut ids) = (Vec::new(), [const { Vec::new() }; 3]);
    for of_kind in 0..3 * KEYS_OF_EACH {
        let mut record = make()?.record;
        match of_kind % 3 {
            1 => record.revoked_at = Some(Timestamp(1)),
            2 => record.scope.expires_at = Some(Timestamp(1)),
            _ => {}
        }
        if let Some(ids) = ids.get_mut(of_kind % 3) {
            ids.push(record.id);
        }
        records.push(record);
    }
    let ring = KeyRing::new(records, pepper.clone());
    let mut guesses = Vec::with_capacity(GUESSES);
    for number in 0..GUESSES {
        let class = number % CLASSES.len();
        let stranger = make()?;
        let known = |kind: usize| ids.get(kind)?.get(number / CLASSES.len() % KEYS_OF_EACH);
        let text = match class {
            0 => stranger.key.expose().to_owned(),
            // Every guess is new, as every guess of an attacker is.
            4 => {
                let mut text = stranger.key.expose().to_owned();
                let last = text.pop();
                text.push(if last == Some('0') { '1' } else { '0' });
                text
            }
            kind => known(kind - 1).map_or_else(String::new, |id| {
                // A right CRC over a known id and a secret that is not its own.
                let mut other = stranger.record.clone();
                other.id = *id;
                let seed = tb_core::Seed::derived(&pepper, &[&number.to_string()]);
                NewKey::rotated(&other, seed, &pepper, (NOW, 0))
                    .map_or_else(|_| String::new(), |made| made.key.expose().to_owned())
            }),
        };
        guesses.push((class, text));
    }
    shuffle(&random, &mut guesses)?;
    for (_, guess) in guesses.iter().take(2_000) {
        let _ = black_box(ring.authenticate(guess, HOME, NOW));
    }
    let mut times = Vec::with_capacity(GUESSES);
    // Where a guess happened to be allocated must not count: each is read from the same place.
    let mut presented = String::with_capacity(128);
    for (class, guess) in &guesses {
        presented.clear();
        presented.push_str(guess);
        let began = Instant::now();
        let answer = black_box(ring.authenticate(black_box(&presented), HOME, NOW));
        let ns = began.elapsed().as_nanos();
        assert!(answer.is_err(), "a guess was right");
        times.push((*class, u32::try_from(ns).map_or(f64::MAX, f64::from)));
    }
    Ok(judge(&mut times))
}

fn shuffle<T>(random: &dyn SecureRandom, list: &mut [T]) -> Result<(), NoRandomness> {
    for last in (1..list.len()).rev() {
        let mut bytes = [0; 8];
        random.fill(&mut bytes).map_err(|_| NoRandomness)?;
        let modulus = u64::try_from(last + 1).unwrap_or(u64::MAX);
        list.swap(last, usize::try_from(u64::from_le_bytes(bytes) % modulus).unwrap_or(0));
    }
    Ok(())
}

/// Prints t of each class against all others.
fn judge(times: &mut Vec<(usize, f64)>) -> ExitCode {
    let mut sorted: Vec<f64> = times.iter().map(|(_, ns)| *ns).collect();
    sorted.sort_by(f64::total_cmp);
    let cut = sorted.get(sorted.len() * 95 / 100).copied().unwrap_or(f64::MAX);
    times.retain(|(_, ns)| *ns <= cut);
    let mut worst: f64 = 0.0;
    for (class, name) in CLASSES.iter().enumerate() {
        let (own, others): (Vec<_>, Vec<_>) = times.iter().partition(|(of, _)| *of == class);
        let (own, others) = (moments(&own), moments(&others));
        let t = (own.1 - others.1) / (own.2 / own.0 + others.2 / others.0).sqrt();
        println!("{name}: n = {}, mean = {:.1} ns, t = {t:.2}", own.0, own.1);
        worst = worst.max(t.abs());
    }
    println!("largest |t| = {worst:.2}, must be below {THRESHOLD}");
    if worst < THRESHOLD { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Number, mean and variance.
fn moments(times: &[(usize, f64)]) -> (f64, f64, f64) {
    let n = u32::try_from(times.len()).map_or(f64::MAX, f64::from);
    let mean = times.iter().map(|(_, ns)| ns).sum::<f64>() / n;
    let variance = times.iter().map(|(_, ns)| (ns - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (n, mean, variance)
}
