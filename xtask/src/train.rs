//! `cargo xtask train-names`: the weights of the guard's tagger.
//!
//! The tagger learns from the labelled sentences of a folder and from sentences made of our own
//! templates and word lists. The same folder and seed give the same file. First it is measured:
//! in each of five rounds the templates of one fifth are kept from it.
//!
//! What cuts texts and makes features is compiled from the guard's own files, so that training
//! and use cannot differ, and this program still depends on no crate of ours.

mod dice;
mod expect;
mod fillers;
mod generate;
mod learn;
mod places;
mod sample;
mod score;
mod write;

#[path = "../../crates/tb-guard/src/names/features.rs"]
mod features;
#[path = "../../crates/tb-guard/src/names/gazetteer.rs"]
mod gazetteer;
#[path = "../../crates/tb-guard/src/names/label.rs"]
mod label;
#[path = "../../crates/tb-guard/src/names/lattice.rs"]
mod lattice;
#[path = "../../crates/tb-guard/src/names/model.rs"]
mod model;
#[path = "../../crates/tb-guard/src/names/segment.rs"]
mod segment;
#[path = "../../crates/tb-guard/src/names/span.rs"]
mod span;
#[path = "../../crates/tb-guard/src/names/tag.rs"]
mod tag;
#[path = "../../crates/tb-guard/src/names/token.rs"]
mod token;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::workspace::Workspace;
use dice::Dice;
use gazetteer::Gazetteer;
use label::LEAST_SCORE;
use learn::Plan;
use model::Model;
use sample::Sample;
use score::{Counts, Score};

/// How often the data set is measured with a part kept back.
const FOLDS: usize = 5;

/// Texts made of each template of our own.
const ROUNDS: usize = 18;

/// The seed of the weights that are part of the program.
const SEED: u64 = 4;

/// What `train-names` needs.
#[derive(Args)]
pub(crate) struct TrainArguments {
    /// The folder of `synth_v2.dev.jsonl` or `synth_v2.dev.jsonl.gz`.
    #[arg(long)]
    data: PathBuf,
    /// The same seed gives the same weights.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Only measure; write nothing.
    #[arg(long)]
    measure_only: bool,
    /// Do not measure.
    #[arg(long, conflicts_with = "measure_only")]
    no_measure: bool,
}

/// Measures, learns and writes the weights.
pub(crate) fn run(arguments: &TrainArguments) -> Result<bool> {
    let samples = sample::read(&arguments.data)?;
    let gazetteer = Gazetteer::load();
    if !arguments.no_measure {
        println!("{}", measure(&samples, &gazetteer, arguments.seed)?.table());
    }
    if arguments.measure_only {
        return Ok(true);
    }
    let file = Workspace::load()?.root.join("crates/tb-guard/model/names.bin");
    let bytes = train(&samples, &gazetteer, arguments.seed);
    fs::write(&file, &bytes).with_context(|| format!("writing {}", file.display()))?;
    println!("{} bytes in {}", bytes.len(), file.display());
    Ok(true)
}

/// Counts by label, and of bytes whatever their label.
type ByLabel = (Vec<(&'static str, Counts)>, Counts);

/// What the tagger finds in sentences whose templates were kept from it.
pub(crate) fn kept_apart(folder: &Path) -> Result<ByLabel> {
    let samples = sample::read(folder)?;
    Ok(measure(&samples, &Gazetteer::load(), SEED)?.counts())
}

/// Learns from samples of the data set and from our own.
fn train(samples: &[Sample], gazetteer: &Gazetteer, seed: u64) -> Vec<u8> {
    let mut all = generate::generate(ROUNDS, &mut Dice::new(seed));
    all.extend(samples.iter().cloned());
    let plan = Plan { seed, epochs: 8, least_groups: 3 };
    write::bytes(&learn::learn(&all, gazetteer, plan))
}

fn measure(samples: &[Sample], gazetteer: &Gazetteer, seed: u64) -> Result<Score> {
    let mut score = Score::default();
    for fold in 0..FOLDS {
        let (kept_back, seen): (Vec<Sample>, Vec<Sample>) =
            samples.iter().cloned().partition(|sample| sample.group % FOLDS == fold);
        let bytes = train(&seen, gazetteer, seed).leak();
        let model = Model::read(bytes).context("the weights cannot be read back")?;
        for sample in &kept_back {
            score.add(sample, &model, gazetteer);
        }
    }
    Ok(score)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn few() -> Vec<Sample> {
        generate::generate(1, &mut Dice::new(1)).into_iter().step_by(9).collect()
    }

    #[test]
    fn the_same_samples_and_seed_give_the_same_bytes() {
        let gazetteer = Gazetteer::load();
        let plan = |seed| Plan { seed, epochs: 2, least_groups: 2 };
        let bytes = |seed| write::bytes(&learn::learn(&few(), &gazetteer, plan(seed)));
        assert_eq!(bytes(1), bytes(1));
        assert_ne!(bytes(1), bytes(2));
        assert!(Model::read(bytes(1).leak()).is_some());
    }

    #[test]
    fn generated_spans_are_inside_their_text_and_no_slot_is_left() {
        for sample in generate::generate(2, &mut Dice::new(3)) {
            for (_, start, end) in &sample.spans {
                assert!(
                    sample.text.get(*start..*end).is_some_and(|span| !span.is_empty()),
                    "{}",
                    sample.text
                );
            }
            for slot in ["{person}", "{city}", "{num}", "{prose}", "{unit}", "{Word}"] {
                assert!(!sample.text.contains(slot), "{}", sample.text);
            }
        }
    }

    #[test]
    fn learns_to_tell_a_name_from_a_sentence() {
        let gazetteer = Gazetteer::load();
        let samples = generate::generate(2, &mut Dice::new(3));
        let plan = Plan { seed: 3, epochs: 2, least_groups: 3 };
        let bytes = write::bytes(&learn::learn(&samples, &gazetteer, plan));
        let model = Model::read(bytes.leak()).unwrap();
        let text = "Hello, my name is Martina Keller.".to_owned();
        let sample = Sample { text, spans: vec![(1, 18, 32)], group: 0 };
        let mut score = Score::default();
        score.add(&sample, &model, &gazetteer);
        assert!(score.table().contains("all                 1      1      1"), "{}", score.table());
    }
}
