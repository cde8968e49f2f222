//! Texts, cut into what one call of a moderation model takes. Nothing is left out: what does
//! not fit the calls that one judgement may make is not judged at all.

use tb_config::ModerationForm;

/// The most calls of one judgement.
const MAX_CALLS: usize = 8;

/// The most texts in one call of `/v1/moderations`; vendors state no limit above it.
const MAX_INPUTS: usize = 32;

/// The most bytes of text in one call of `/v1/moderations`: some 16,000 tokens, half of what
/// the text models of its inventor take.
const MAX_INPUT_BYTES: usize = 64 * 1024;

/// The most bytes in the message to a guard model: some 6,000 tokens, since many of them have a
/// context of 8,192.
const MAX_MESSAGE_BYTES: usize = 24 * 1024;

/// Where one call does not take all texts, neighbours share an input up to this size: then a
/// conversation of many short messages takes as many calls as its bytes need.
const SHARED_BYTES: usize = 4 * 1024;

/// A text that is cut shows its last bytes again in the next portion, so that what stands on
/// the border is seen whole.
const OVERLAP_BYTES: usize = 256;

/// What one call is about.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Portion {
    /// The inputs of `/v1/moderations`.
    Inputs(Vec<String>),
    /// The message to a chat model.
    Message(String),
}

/// Portions of texts that stand in the order of the conversation; the newest come first.
/// `None` when they would be too many.
pub(super) fn portions(form: ModerationForm, texts: Vec<String>) -> Option<Vec<Portion>> {
    let (most_bytes, most_texts) = match form {
        ModerationForm::Moderations => (MAX_INPUT_BYTES, MAX_INPUTS),
        ModerationForm::Chat => (MAX_MESSAGE_BYTES, usize::MAX),
    };
    if texts.iter().map(String::len).sum::<usize>() > most_bytes * MAX_CALLS {
        return None;
    }
    let texts = if texts.len() > most_texts { shared(texts) } else { texts };
    let mut groups: Vec<Vec<String>> = Vec::new();
    let mut room = 0;
    for text in texts.into_iter().rev() {
        for piece in cut(text, most_bytes).into_iter().rev() {
            let size = piece.len() + SEPARATOR.len();
            match groups.last_mut().filter(|group| size <= room && group.len() < most_texts) {
                Some(group) => {
                    room -= size;
                    group.push(piece);
                }
                None => {
                    room = most_bytes.saturating_sub(size);
                    groups.push(vec![piece]);
                }
            }
        }
    }
    if groups.len() > MAX_CALLS {
        return None;
    }
    let portion = |group: Vec<String>| match form {
        ModerationForm::Moderations => Portion::Inputs(group),
        ModerationForm::Chat => {
            let ordered: Vec<String> = group.into_iter().rev().collect();
            Portion::Message(ordered.join(SEPARATOR))
        }
    };
    Some(groups.into_iter().map(portion).collect())
}

/// Stands between the texts of one message.
const SEPARATOR: &str = "\n\n";

/// Neighbours put together.
fn shared(texts: Vec<String>) -> Vec<String> {
    let mut inputs: Vec<String> = Vec::new();
    for text in texts {
        let fits = |input: &&mut String| input.len() + SEPARATOR.len() + text.len() <= SHARED_BYTES;
        match inputs.last_mut().filter(fits) {
            Some(input) => {
                input.push_str(SEPARATOR);
                input.push_str(&text);
            }
            None => inputs.push(text),
        }
    }
    inputs
}

/// Pieces of at most so many bytes that overlap.
fn cut(text: String, most_bytes: usize) -> Vec<String> {
    if text.len() <= most_bytes {
        return vec![text];
    }
    let mut pieces = Vec::new();
    let mut start = 0;
    while let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
        let end = rest.floor_char_boundary(most_bytes);
        pieces.push(rest.get(..end).unwrap_or_default().to_owned());
        if end == rest.len() {
            break;
        }
        start += rest.floor_char_boundary(end.saturating_sub(OVERLAP_BYTES));
    }
    pieces
}

/// Shows sizes only: the text of a request must not reach logs.
impl std::fmt::Debug for Portion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inputs(inputs) => write!(f, "Inputs({})", inputs.len()),
            Self::Message(text) => write!(f, "Message({} bytes)", text.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(texts: Vec<String>) -> Option<Vec<Vec<String>>> {
        let portions = portions(ModerationForm::Moderations, texts)?;
        let of = |portion| match portion {
            Portion::Inputs(inputs) => inputs,
            Portion::Message(_) => panic!("a message"),
        };
        Some(portions.into_iter().map(of).collect())
    }

    #[test]
    fn the_newest_texts_come_first() {
        let texts: Vec<String> = (0..40).map(|number| format!("{number:04000}")).collect();
        let calls = inputs(texts).unwrap();
        assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [16, 16, 8]);
        assert!(calls[0][0].ends_with("39") && calls[2][7].ends_with("00"));
    }

    #[test]
    fn many_short_messages_share_inputs() {
        let texts = |count: u32| (0..count).map(|number| number.to_string()).collect();
        assert_eq!(inputs(texts(32)).unwrap()[0].len(), 32);
        let calls = inputs(texts(2_000)).unwrap();
        let [call] = calls.as_slice() else { panic!("{} calls", calls.len()) };
        assert!(call.len() <= 4 && call.iter().all(|input| input.len() <= 4 * 1024));
        let order: Vec<&str> = call.iter().rev().flat_map(|input| input.split("\n\n")).collect();
        assert!(order.iter().enumerate().all(|(number, text)| number.to_string() == *text));
        assert_eq!(order.len(), 2_000);
    }

    #[test]
    fn a_message_keeps_the_order_of_the_conversation() {
        let texts = vec!["first".to_owned(), "second".to_owned()];
        let calls = portions(ModerationForm::Chat, texts).unwrap();
        assert_eq!(calls, [Portion::Message("first\n\nsecond".to_owned())]);
    }

    #[test]
    fn every_byte_of_a_long_text_is_in_some_call() {
        let text: String = (0..30_000).map(|number| format!("é{number} ")).collect();
        let calls = inputs(vec![text.clone()]).unwrap();
        assert!(calls.len() > 1);
        assert!(calls.iter().all(|call| call.iter().map(String::len).sum::<usize>() <= 64 * 1024));
        let mut pieces: Vec<&String> = calls.iter().flatten().collect();
        pieces.reverse();
        let mut whole = pieces[0].clone();
        for piece in &pieces[1..] {
            let seam = piece.get(..OVERLAP_BYTES - 1).unwrap_or(piece);
            let at = whole.rfind(seam).unwrap();
            whole.truncate(at);
            whole.push_str(piece);
        }
        assert!(whole == text, "something is missing");
    }

    #[test]
    fn what_takes_too_many_calls_is_not_cut_short() {
        assert!(inputs(vec!["x".repeat(64 * 1024 * 8 + 1)]).is_none());
        let long = vec!["x".repeat(24 * 1024 * 8 + 1)];
        assert!(portions(ModerationForm::Chat, long.clone()).is_none());
        assert!(inputs(long).is_some());
    }
}
