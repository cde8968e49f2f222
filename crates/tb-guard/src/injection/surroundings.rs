//! What stands around a word: the beginning of a line, the end of a clause, who is spoken to.

/// Words before a verb that turn it round.
const DENYING: &[&str] =
    &["not", "never", "cannot", "without", "nicht", "nie", "ne", "no", "nunca", "não", "не"];

/// Words before a verb that is a command.
const COMMANDING: &[&str] = &[
    "please",
    "now",
    "and",
    "then",
    "must",
    "should",
    "just",
    "also",
    "can",
    "simply",
    "first",
    "completely",
    "instead",
    "but",
    "immediately",
    "will",
    "shall",
    "kindly",
    "safely",
    "always",
    "again",
    "or",
    "ok",
    "okay",
    "hello",
    "hi",
    "bitte",
    "jetzt",
    "und",
    "nun",
    "maintenant",
    "et",
    "ahora",
    "y",
    "por",
    "favor",
    "agora",
    "e",
    "теперь",
    "и",
    "пожалуйста",
];

/// How far an image's address is read, in bytes.
const IMAGE_BYTES: usize = 400;

/// Whether a sentence ends within: a stop before a blank, a stop of Chinese, an empty line.
pub(super) fn ends_sentence(between: &str) -> bool {
    let mut symbols = between.chars().peekable();
    while let Some(symbol) = symbols.next() {
        let is_before_blank = symbols.peek().is_none_or(|next| next.is_whitespace());
        match symbol {
            '.' | '!' | '?' | ';' if is_before_blank => return true,
            '。' | '！' | '？' | '；' => return true,
            '\n' if symbols.peek() == Some(&'\n') => return true,
            _ => {}
        }
    }
    false
}

/// Whether only marks of lists, headings and brackets stand before it in its line.
pub(super) fn begins_line(text: &str, start: usize) -> bool {
    let before = text.get(..start).unwrap_or_default();
    // Longer heads are no heads; a line of marks must not be read again for each of them.
    let mut back = before.chars().rev().take(12);
    back.find(|symbol| !" \t#*->[<({/\"'|=_".contains(*symbol)).is_none_or(|symbol| symbol == '\n')
}

/// Whether a clause ends here: nothing follows, a punctuation mark does, or what is to be done.
pub(super) fn ends_clause(text: &str, end: usize) -> bool {
    let rest = text.get(end..).unwrap_or_default().trim_start_matches([' ', '\t']);
    let next = rest.split(|symbol: char| !symbol.is_alphabetic()).next().unwrap_or_default();
    if next.is_empty() {
        return true;
    }
    // No word of the list is longer.
    next.len() < 12 && ["and", "then", "instead", "just", "but"].contains(&&*next.to_lowercase())
}

/// What precedes a verb, in percent of a command: 100 where it commands, 50 where it tells what
/// somebody does, 0 where it is denied.
pub(super) fn command(text: &str, start: usize) -> u8 {
    let line = text.get(..start).unwrap_or_default();
    let line =
        line.get(crate::view::ceil(line, line.len().saturating_sub(48))..).unwrap_or_default();
    let line = line.rsplit('\n').next().unwrap_or_default().trim_end();
    let Some(last) = line.chars().next_back() else { return 100 };
    if ["不要", "别", "请勿", "切勿"].iter().any(|denied| line.ends_with(denied)) {
        return 0;
    }
    if !last.is_alphanumeric() || ('\u{3000}'..='\u{9FFF}').contains(&last) {
        return 100;
    }
    let line = line.to_lowercase().replace('’', "'");
    let mut words = line.rsplit([' ', '\t', ',', '.', ':', '"']);
    let last = words.next().unwrap_or_default();
    let previous = words.next().unwrap_or_default();
    let is_short_denial = last.ends_with("nt") && last.len() <= 5;
    if last.ends_with("n't") || is_short_denial || DENYING.contains(&last) {
        return 0;
    }
    let commands = match last {
        // `you` commands; `can you` asks for the same.
        "you" => !["do", "did"].contains(&previous),
        "to" => ["you", "have", "need", "going", "want", "is"].contains(&previous),
        _ => COMMANDING.contains(&last),
    };
    if commands { 100 } else { 50 }
}

/// Whether a noun stands for any of its kind: `a system prompt`, `good prompts`.
pub(super) fn is_any(text: &str, start: usize) -> bool {
    let before = text.get(..start).unwrap_or_default().trim_end();
    let word = before.rsplit(|symbol: char| !symbol.is_alphabetic()).next().unwrap_or_default();
    let any =
        ["a", "an", "some", "good", "better", "best", "example", "sample", "new", "my", "our"];
    word.len() < 10 && any.contains(&&*word.to_lowercase())
}

/// The weight of an image whose address has room for what the model knows, from behind its `![`.
pub(super) fn image(text: &str, end: usize) -> u8 {
    let rest = text.get(end..crate::view::floor(text, end + IMAGE_BYTES)).unwrap_or_default();
    let Some((_, address)) = rest.split_once("](") else { return 0 };
    let address = address.split(')').next().unwrap_or_default();
    let Some((scheme, query)) = address.split_once('?') else { return 0 };
    let is_remote = scheme.starts_with("http") && scheme.contains("://");
    let has_room = ["{", "[", "<", "$", "%7B", "%5B"].iter().any(|mark| query.contains(mark));
    if is_remote && has_room { 65 } else { 0 }
}
