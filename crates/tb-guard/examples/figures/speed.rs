//! Bytes and texts for each second of one core.

use std::error::Error;
use std::hint::black_box;
use std::path::Path;

use serde::Serialize;
use tb_guard::{Guard, GuardSettings, Kind};

use crate::clock::{cpu, median, percentile};
use crate::labelled::read;
use crate::{hostile, prompts};

/// Rounds; in each, every set-up has its turn.
const ROUNDS: usize = 9;
/// Bytes of hostile texts, and of the long one.
const LONG: usize = 1 << 20;

/// All figures about speed.
#[derive(Serialize)]
pub(crate) struct Speed {
    set_ups: Vec<SetUp>,
    hostile: Vec<Hostile>,
}

/// What one kind of guard reaches.
#[derive(Serialize)]
struct SetUp {
    name: &'static str,
    /// Prompts of 4 KB, one after another.
    prompts_mb_s: f64,
    /// One text of 1 MiB.
    long_mb_s: f64,
    /// Each 4 KB prompt.
    prompt_4k_p50_us: f64,
    prompt_4k_p99_us: f64,
    /// Each 1 KB prompt.
    prompt_1k_p50_us: f64,
    prompt_1k_p99_us: f64,
    prompt_1k_mean_us: f64,
    /// The sentences of the folder.
    sentences_per_s: Option<f64>,
    /// Their bytes.
    sentences_mb_s: Option<f64>,
}

/// A text made to be slow.
#[derive(Serialize)]
struct Hostile {
    name: &'static str,
    mb_s: f64,
}

/// What is read.
struct Texts {
    four: Vec<String>,
    one: Vec<String>,
    long: String,
    sentences: Vec<String>,
}

/// What was measured of one set-up, round after round.
#[derive(Default)]
struct Rounds {
    prompts: Vec<f64>,
    long: Vec<f64>,
    four_us: Vec<f64>,
    one_us: Vec<f64>,
    sentences: Vec<f64>,
}

/// Measures; on the sentences of a folder too.
pub(crate) fn measure(folder: Option<&Path>) -> Result<Speed, Box<dyn Error>> {
    let sentences = match folder {
        Some(folder) => read(folder, "synth_v2")?.into_iter().map(|line| line.text).collect(),
        None => Vec::new(),
    };
    let texts = Texts {
        four: prompts::prompts(64, 4_000),
        one: prompts::prompts(256, 1_000),
        long: prompts::prompts(1, LONG).concat(),
        sentences,
    };
    let guards = guards()?;
    let mut rounds: Vec<Rounds> = guards.iter().map(|_| Rounds::default()).collect();
    for _ in 0..ROUNDS {
        for ((_, guard), rounds) in guards.iter().zip(&mut rounds) {
            rounds.add(guard, &texts);
        }
    }
    let set_up =
        |((name, _), rounds): (&(&'static str, Guard), Rounds)| rounds.set_up(name, &texts);
    let set_ups = guards.iter().zip(rounds).map(set_up).collect();
    Ok(Speed { set_ups, hostile: hostile_texts(&guards) })
}

fn guards() -> Result<[(&'static str, Guard); 3], Box<dyn Error>> {
    let structured =
        GuardSettings { without_names: true, off: [Kind::SECRET].into(), ..Default::default() };
    let secrets = GuardSettings { without_names: true, ..Default::default() };
    let all = [
        ("structured", Guard::new(&structured)?),
        ("with secrets", Guard::new(&secrets)?),
        ("with names", Guard::new(&GuardSettings::default())?),
    ];
    for (_, guard) in &all {
        guard.warm();
    }
    Ok(all)
}

impl Rounds {
    fn add(&mut self, guard: &Guard, texts: &Texts) {
        let each = |texts: &[String], times: &mut Vec<f64>| -> f64 {
            let before = times.len();
            times.extend(texts.iter().map(|text| seconds(guard, text) * 1e6));
            times.iter().skip(before).sum::<f64>() / 1e6
        };
        self.prompts.push(each(&texts.four, &mut self.four_us));
        each(&texts.one, &mut self.one_us);
        self.long.push(seconds(guard, &texts.long));
        self.sentences.push(each(&texts.sentences, &mut Vec::new()));
    }

    fn set_up(mut self, name: &'static str, texts: &Texts) -> SetUp {
        let per_prompt = texts.one.len().max(1) * ROUNDS;
        let size = |texts: &[String]| texts.iter().map(String::len).sum::<usize>();
        let has_sentences = !texts.sentences.is_empty();
        let took = median(self.sentences);
        SetUp {
            name,
            prompts_mb_s: rate(size(&texts.four), median(self.prompts)),
            long_mb_s: rate(texts.long.len(), median(self.long)),
            prompt_4k_p50_us: percentile(&mut self.four_us, 50),
            prompt_4k_p99_us: percentile(&mut self.four_us, 99),
            prompt_1k_p50_us: percentile(&mut self.one_us, 50),
            prompt_1k_p99_us: percentile(&mut self.one_us, 99),
            prompt_1k_mean_us: self.one_us.iter().sum::<f64>() / count(per_prompt),
            sentences_per_s: has_sentences.then(|| 1e6 * rate(texts.sentences.len(), took)),
            sentences_mb_s: has_sentences.then(|| rate(size(&texts.sentences), took)),
        }
    }
}

/// What the full guard makes of texts that are meant to be slow.
fn hostile_texts(guards: &[(&'static str, Guard)]) -> Vec<Hostile> {
    let Some((_, guard)) = guards.last() else { return Vec::new() };
    let texts = hostile::texts(LONG);
    let measured = texts.map(|(name, text)| {
        let rounds = (0..3).map(|_| seconds(guard, &text)).collect();
        Hostile { name, mb_s: rate(text.len(), median(rounds)) }
    });
    measured.collect()
}

fn seconds(guard: &Guard, text: &str) -> f64 {
    let (scan, took) = cpu(|| guard.scan(black_box(text)));
    black_box(scan);
    took.as_secs_f64()
}

/// Millions for each second.
fn rate(units: usize, seconds: f64) -> f64 {
    count(units) / seconds / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "sizes stay far below 2^52")]
const fn count(units: usize) -> f64 {
    units as f64
}
