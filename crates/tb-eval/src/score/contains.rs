//! The answer contains texts.

use super::Finding;

pub(super) fn find(text: &str, texts: &[String], all: bool, ignore_case: bool) -> Finding {
    let folded = |text: &str| if ignore_case { text.to_lowercase() } else { text.to_owned() };
    let answer = folded(text);
    let missing = texts.iter().filter(|wanted| !answer.contains(&folded(wanted))).count();
    let holds = if all { missing == 0 } else { missing < texts.len() };
    Finding::holds(holds, || format!("contains: {missing} of {} are missing", texts.len()))
}
