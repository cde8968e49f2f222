//! ROUGE-L: F1 of the longest common subsequence of words, in lower case, without punctuation.

use super::ratio;

pub(super) fn f1(answer: &str, reference: &str) -> f64 {
    let (answer, reference) = (words(answer), words(reference));
    if answer.is_empty() || reference.is_empty() {
        return if answer.len() == reference.len() { 1.0 } else { 0.0 };
    }
    let common = common(&answer, &reference);
    // 2pr / (p + r) with p = c/a and r = c/b is 2c / (a + b).
    ratio(common.saturating_mul(2), answer.len().saturating_add(reference.len()))
}

fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    parts.map(str::to_lowercase).collect()
}

fn common(a: &[String], b: &[String]) -> usize {
    let mut row = vec![0_usize; b.len().saturating_add(1)];
    for from in a {
        let (mut diagonal, mut left) = (0, 0);
        for (cell, to) in row.iter_mut().skip(1).zip(b) {
            let here = if from == to { diagonal + 1 } else { left.max(*cell) };
            diagonal = *cell;
            left = here;
            *cell = here;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_f1_of_the_longest_common_subsequence() {
        // LCS "police the gunman": 3 of 4 and 3 of 4.
        assert!((f1("police kill the gunman", "police, killed the Gunman!") - 0.75).abs() < 1e-12);
        assert!((f1("a b c d", "a c") - 2.0 / 3.0).abs() < 1e-12);
        assert!(f1("x", "").abs() < 1e-12);
    }
}
