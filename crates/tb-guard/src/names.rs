//! Names of people, places and organisations, addresses, titles, ages: by a small tagger of our
//! own, a linear-chain conditional random field over shapes, affixes, neighbours and word lists.
//!
//! The weights are made by `cargo xtask train-names`. The trainer compiles the modules below as
//! they are, so that training and use see the same features.

mod features;
mod gazetteer;
mod label;
mod lattice;
mod model;
mod number;
mod segment;
mod span;
mod tag;
mod token;

use std::sync::LazyLock;

use crate::{Found, Kind};
use gazetteer::Gazetteer;
use label::{LEAST_SCORE, NAMES};
use lattice::Lattice;
use model::Model;

static MODEL: &[u8] = include_bytes!("../model/names.bin");

/// The trained model with its word lists.
#[derive(Debug)]
struct Tagger {
    model: Model,
    gazetteer: Gazetteer,
}

/// The model that is part of the program; read when the first text comes.
static TAGGER: LazyLock<Option<Tagger>> =
    LazyLock::new(|| Some(Tagger { model: Model::read(MODEL)?, gazetteer: Gazetteer::load() }));

/// Reads the model, if it is not read yet.
pub(crate) fn warm() {
    LazyLock::force(&TAGGER);
}

/// Finds people, places, organisations, addresses and the like.
pub(crate) fn find(text: &str, out: &mut Vec<Found>) {
    if let Some(tagger) = TAGGER.as_ref() {
        tagger.find(text, out);
    }
}

impl Tagger {
    fn find(&self, text: &str, out: &mut Vec<Found>) {
        let mut tokens = Vec::with_capacity(text.len() / 4);
        token::cut(text, &self.gazetteer, &mut tokens);
        let mut lattice = Lattice::default();
        for segment in
            segment::cut(text, &tokens).filter(|segment| segment.iter().any(tag::is_bright))
        {
            tag::tag(segment, &self.model, &mut lattice);
            span::each(text, segment, &lattice, |span| {
                let kind = span.label.checked_sub(1).and_then(|at| NAMES.get(at));
                if let Some(kind) =
                    kind.filter(|_| span.score >= LEAST_SCORE && number::is_fitting(text, &span))
                {
                    out.push(Found {
                        kind: Kind::fixed(kind),
                        rule: None,
                        start: span.start,
                        end: span.end,
                        score: span.score.min(0.99),
                    });
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find(text: &str) -> Vec<(Kind, &str)> {
        let mut found = Vec::new();
        super::find(text, &mut found);
        found.into_iter().map(|one| (one.kind, text.get(one.start..one.end).unwrap())).collect()
    }

    #[test]
    fn reads_the_model_of_the_program() {
        assert!(Model::read(MODEL).is_some());
        assert!(MODEL.len() <= 400_000);
        assert!(Model::read(&MODEL[..MODEL.len() - 1]).is_none());
        assert!(Model::read(b"TBN1\xff\xff\xff\xff").is_none());
    }

    #[test]
    fn finds_people_and_places() {
        assert_eq!(
            find("My name is Veronika Pospíšil and I live in Rotterdam."),
            [(Kind::PERSON, "Veronika Pospíšil"), (Kind::LOCATION, "Rotterdam")]
        );
    }

    #[test]
    fn finds_a_person_who_is_in_no_list() {
        assert_eq!(find("Dear Zorvilda Quembrant,")[0], (Kind::PERSON, "Zorvilda Quembrant"));
    }

    #[test]
    fn finds_a_small_letter_name_after_its_cue() {
        assert_eq!(find("my name is rebecca and i have a question"), [(Kind::PERSON, "rebecca")]);
    }

    #[test]
    fn finds_names_in_other_languages() {
        assert_eq!(find("Mein Name ist Annika Vogt.")[0], (Kind::PERSON, "Annika Vogt"));
        assert_eq!(find("Me llamo Lucia Navarro.")[0], (Kind::PERSON, "Lucia Navarro"));
    }

    #[test]
    fn finds_an_address_over_several_lines() {
        let text = "Please send it to 48 Harrow Lane\nApt. 12\nBristol, United Kingdom 40213";
        assert_eq!(find(text)[0], (Kind::ADDRESS, text.get(18..).unwrap()));
    }

    #[test]
    fn leaves_prose_headings_and_code_alone() {
        for text in [
            "How do I reset my password?",
            "Table of Contents\n1. Introduction\n2. Installation",
            "SELECT id, name FROM users WHERE age > 30;",
            "See you on Monday in the office.",
            "matrix [095, 234, 211, 525, 259, 294]",
            "The matrix is [[1024, 2048, 4096], [8192, 1, 2]].",
            "A sum of 1,234,567.89 in local currency.",
            "We use Docker and Kubernetes in production.",
        ] {
            assert_eq!(find(text), [], "{text}");
        }
    }

    #[test]
    fn tokens_and_segments_cover_all_words_of_a_long_text() {
        let text = "word ".repeat(5_000);
        let mut tokens = Vec::new();
        token::cut(&text, &Gazetteer::load(), &mut tokens);
        let pieces: Vec<_> = segment::cut(&text, &tokens).map(<[_]>::len).collect();
        assert_eq!(pieces.iter().sum::<usize>(), 5_000);
        assert!(pieces.iter().all(|length| *length <= 240));
    }

    #[test]
    fn decoding_follows_transitions_and_weighs_alternatives() {
        let mut lattice = Lattice::default();
        let mut transitions = [[0.0; label::COUNT]; label::COUNT];
        transitions[1][1] = 3.0;
        let sure = std::array::from_fn(|at| if at == 1 { 5.0 } else { 0.0 });
        lattice.emissions = vec![sure, [0.0; label::COUNT], [0.0; label::COUNT]];
        lattice.solve(&transitions);
        assert_eq!(lattice.labels, [1, 1, 1]);
        assert!(lattice.posteriors[0][1] > lattice.posteriors[2][1]);
        for row in &lattice.posteriors {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-4);
        }
    }

    proptest! {
        #[test]
        fn places_are_on_boundaries_in_order_and_apart(text in "(\\PC|[A-Z][a-z]{2,6}|[ \n.,'é\u{301}]|Straße|Émile|Łódź|[0-9]{1,5}){0,60}") {
            let mut found = Vec::new();
            super::find(&text, &mut found);
            let mut end = 0;
            for one in found {
                prop_assert!(one.start >= end && one.start < one.end);
                prop_assert!(text.get(one.start..one.end).is_some());
                prop_assert!((0.0..1.0).contains(&one.score));
                end = one.end;
            }
        }
    }
}
