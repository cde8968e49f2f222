//! Labelled texts out of templates and word lists of our own.

use super::dice::Dice;
use super::fillers::Fillers;
use super::sample::Sample;

/// Texts with something to find; `{slot}` is filled, `\n` is a line end.
const TEMPLATES: &str = include_str!("templates.txt");

/// Texts with nothing to find.
const NEGATIVES: &str = include_str!("negatives.txt");

/// Groups of our own templates begin here, above those of the data set.
const FIRST_GROUP: usize = 10_000;

/// Makes `rounds` texts of each template.
pub(super) fn generate(rounds: usize, dice: &mut Dice) -> Vec<Sample> {
    let fillers = Fillers::new();
    let mut samples = Vec::new();
    for (group, template) in TEMPLATES.lines().chain(NEGATIVES.lines()).enumerate() {
        for _ in 0..rounds {
            samples.push(fill(template, FIRST_GROUP + group, &fillers, dice));
        }
    }
    samples
}

/// The label of a slot; 0 for what other detectors find, or nobody.
fn label(slot: &str) -> usize {
    match slot {
        "person" | "first" | "last" => 1,
        "city" | "country" | "place" => 2,
        "address" | "street" | "unit" => 3,
        "org" => 4,
        "job" | "honorific" => 5,
        "age" => 6,
        "nationality" => 7,
        "zip" => 8,
        "date" | "year" => 9,
        _ => 0,
    }
}

fn fill(template: &str, group: usize, fillers: &Fillers, dice: &mut Dice) -> Sample {
    let template = template.replace("\\n", "\n").replace("\\t", "\t");
    let mut sample = Sample { text: String::new(), spans: Vec::new(), group };
    let mut rest = template.as_str();
    while let Some((before, slot, after)) = next_slot(rest) {
        sample.text += before;
        let start = sample.text.len();
        sample.text += &fillers.fill(slot, dice);
        if label(slot) > 0 {
            sample.spans.push((label(slot), start, sample.text.len()));
        }
        rest = after;
    }
    sample.text += rest;
    sample
}

/// What stands before the next slot, its name, and what stands after it. Braces around anything
/// but letters are text.
fn next_slot(text: &str) -> Option<(&str, &str, &str)> {
    for (open, _) in text.match_indices('{') {
        let (before, inside) = text.split_at_checked(open)?;
        let inside = inside.strip_prefix('{')?;
        if let Some((slot, after)) = inside.split_once('}')
            && !slot.is_empty()
            && slot.bytes().all(|byte| byte.is_ascii_alphabetic())
        {
            return Some((before, slot, after));
        }
    }
    None
}
