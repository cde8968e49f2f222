//! How alike a message is to the examples of intents.
//!
//! Words and the three-letter pieces of words are counted, weighted by how rare they are among
//! the examples (tf-idf), and compared by the cosine. No model, no learning, the same result
//! every time: good for questions that share words with an example, blind to synonyms.

use std::collections::{BTreeMap, HashMap};

use super::message::{fold, sentences, words};

/// How many sentences of a message are looked at one by one, beside the whole of it.
const SENTENCES: usize = 24;

/// The shortest sentence that is looked at by itself: one or two words ("my card") are like too
/// much.
const SENTENCE_WORDS: usize = 3;

/// What is counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Feature {
    Word(String),
    Piece([char; 3]),
}

/// A feature among the examples.
#[derive(Debug, Default)]
struct Posting {
    /// How rare it is.
    rarity: f64,
    /// The examples that have it, with its weight in each.
    examples: Vec<(usize, f64)>,
}

/// All examples of all intents of one list of rules.
#[derive(Debug, Default)]
pub(super) struct IntentIndex {
    postings: HashMap<Feature, Posting>,
    examples: usize,
    /// The rarity of what no example has.
    unseen: f64,
}

impl IntentIndex {
    /// The index of `examples`; their places in it are those in [`Self::likeness`].
    pub(super) fn new(examples: &[&str]) -> Self {
        let counted: Vec<_> =
            examples.iter().map(|example| features(&words(&fold(example)))).collect();
        let mut postings: HashMap<Feature, Posting> = HashMap::new();
        for (place, counts) in counted.iter().enumerate() {
            for (feature, weight) in counts {
                let posting = postings.entry(feature.clone()).or_default();
                posting.examples.push((place, *weight));
            }
        }
        for posting in postings.values_mut() {
            posting.rarity = rarity(examples.len(), posting.examples.len());
        }
        let mut index =
            Self { postings, examples: examples.len(), unseen: rarity(examples.len(), 0) };
        let lengths: Vec<f64> = counted.iter().map(|counts| index.length(counts)).collect();
        for posting in index.postings.values_mut() {
            for (place, weight) in &mut posting.examples {
                let length = lengths.get(*place).copied().unwrap_or(1.0);
                *weight = *weight * posting.rarity / length;
            }
        }
        index
    }

    /// For each example, how like it the message or one of its sentences is: 0 to 1.
    pub(super) fn likeness(&self, text: &str) -> Vec<f64> {
        let mut best = self.likeness_of(&words(&fold(text)));
        for sentence in sentences(text, SENTENCES) {
            let folded = fold(sentence);
            let words = words(&folded);
            if words.len() >= SENTENCE_WORDS {
                for (best, score) in best.iter_mut().zip(self.likeness_of(&words)) {
                    *best = best.max(score);
                }
            }
        }
        best
    }

    fn likeness_of(&self, words: &[&str]) -> Vec<f64> {
        let counts = features(words);
        let length = self.length(&counts);
        let mut scores = vec![0.0; self.examples];
        for (feature, weight) in &counts {
            let Some(posting) = self.postings.get(feature) else { continue };
            let weight = weight * posting.rarity / length;
            for (place, example_weight) in &posting.examples {
                if let Some(score) = scores.get_mut(*place) {
                    *score += weight * example_weight;
                }
            }
        }
        scores
    }

    /// The Euclidean length of a text's weighted counts; 1 for a text without words.
    fn length(&self, counts: &BTreeMap<Feature, f64>) -> f64 {
        let rarity = |feature| self.postings.get(feature).map_or(self.unseen, |known| known.rarity);
        let squares: f64 =
            counts.iter().map(|(feature, weight)| (weight * rarity(feature)).powi(2)).sum();
        if squares > 0.0 { squares.sqrt() } else { 1.0 }
    }
}

/// The smoothed inverse document frequency.
fn rarity(examples: usize, having: usize) -> f64 {
    ((1.0 + count(examples)) / (1.0 + count(having))).ln() + 1.0
}

/// A count as a number; those here are far below 2³².
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

/// The features of a text, each with its dampened count. Sorted, so that sums are taken in the
/// same order every time.
fn features(words: &[&str]) -> BTreeMap<Feature, f64> {
    let mut counts: BTreeMap<Feature, u32> = BTreeMap::new();
    for word in words {
        *counts.entry(Feature::Word((*word).to_owned())).or_default() += 1;
        let mut piece = ['\0', '\0', ' '];
        for character in word.chars().chain([' ']) {
            let [_, second, third] = piece;
            piece = [second, third, character];
            if second != '\0' {
                *counts.entry(Feature::Piece(piece)).or_default() += 1;
            }
        }
    }
    counts.into_iter().map(|(feature, count)| (feature, 1.0 + f64::from(count).ln())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLES: [&str; 5] = [
        "Where is my package?",
        "My order has not arrived yet",
        "Can I track my delivery?",
        "I want my money back",
        "How do I get a refund?",
    ];

    fn best(text: &str) -> (usize, f64) {
        let scores = IntentIndex::new(&EXAMPLES).likeness(text);
        let best = scores.into_iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
        best.unwrap()
    }

    #[test]
    fn an_example_is_wholly_like_itself_and_unlike_other_words() {
        for (place, example) in EXAMPLES.iter().enumerate() {
            let (nearest, score) = best(&example.to_uppercase());
            assert_eq!(nearest, place);
            assert!((score - 1.0).abs() < 1e-9, "{score}");
        }
        assert!(best("Xyz qqq ggg").1 < 1e-9);
        assert!(best("").1 < 1e-9);
    }

    #[test]
    fn a_greeting_or_a_long_story_does_not_hide_the_question() {
        let story = "Hello there! I bought a sofa in the shop of yours in Hamburg. Where is my package? \
                     Many greetings from the far north of the country.";
        let (nearest, score) = best(story);
        assert_eq!(nearest, 0);
        assert!(score > 0.99, "{score}");
    }

    #[test]
    fn a_misspelt_word_costs_little() {
        assert!(best("Where is my packge").1 > 0.7, "{:?}", best("Where is my packge"));
    }

    #[test]
    fn is_the_same_every_time() {
        let text = "could you please track where the delivery of my order is";
        let first = IntentIndex::new(&EXAMPLES).likeness(text);
        for _ in 0..20 {
            // To the last bit: sums are taken in one order.
            assert_eq!(IntentIndex::new(&EXAMPLES).likeness(text), first);
        }
    }
}
