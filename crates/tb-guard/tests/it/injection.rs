//! The signals of injection on sentences of our own: `tests/fixtures/injection`, one a line, every
//! second of them held out from the choice of words and weights. They are no measure of real
//! attacks, only of whether a change makes things worse.

use tb_guard::injection;

/// From this score on the gateway reports, where nothing else is said.
const THRESHOLD: f32 = 0.5;

const ATTACKS: &str = include_str!("../fixtures/injection/attacks.txt");
const BENIGN: &str = include_str!("../fixtures/injection/benign.txt");

/// How many of the sentences are held for attacks, in percent, of those that were used for the
/// choice and of those that were not.
fn flagged(sentences: &str) -> (usize, usize) {
    let percent = |first| {
        let lines = sentences.lines().skip(first).step_by(2);
        let texts: Vec<_> =
            lines.map(|line| line.replace("\\n", "\n").replace("\\\\", "\\")).collect();
        let flagged = texts.iter().filter(|text| injection(text).score >= THRESHOLD).count();
        flagged * 100 / texts.len()
    };
    (percent(0), percent(1))
}

#[test]
fn most_attacks_of_our_own_are_found_and_few_harmless_sentences() {
    let (chosen_on, held_out) = flagged(ATTACKS);
    assert!(chosen_on >= 95, "{chosen_on} %");
    assert!(held_out >= 91, "{held_out} %");
    let (chosen_on, held_out) = flagged(BENIGN);
    assert!(chosen_on <= 2, "{chosen_on} %");
    assert!(held_out <= 2, "{held_out} %");
}
