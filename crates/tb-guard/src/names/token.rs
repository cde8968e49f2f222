//! Cuts a text into words, numbers, punctuation and line ends, in one pass.

use super::gazetteer::Gazetteer;

/// One token and everything about it that features are made of.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Token {
    /// First byte; on a character boundary.
    pub(crate) start: usize,
    /// Byte after the last one; on a character boundary.
    pub(crate) end: usize,
    /// Hash of the lower-case word.
    pub(crate) word: u32,
    /// Hashes of its first 2 and 3 and its last 2, 3 and 4 characters, in lower case.
    pub(crate) affixes: [u32; 5],
    /// Hash of its shape: capitals, small letters and digits, runs shortened.
    pub(crate) shape: u32,
    /// The word lists that it stands in; bits of [`super::gazetteer`].
    pub(crate) classes: u16,
    /// What it is made of.
    pub(crate) make: Make,
    /// No space stands before it.
    pub(crate) is_glued: bool,
}

/// What a token is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Make {
    /// A letter word that begins with a capital.
    Capital,
    /// Any other word with a letter.
    Small,
    /// Digits alone.
    Number,
    /// One character of punctuation.
    #[default]
    Mark,
    /// One or more line ends and the spaces around them.
    Line,
}

/// One step of FNV-1a.
const fn step(hash: u32, value: u32) -> u32 {
    (hash ^ value).wrapping_mul(0x0100_0193)
}

/// Start of FNV-1a.
const BASIS: u32 = 0x811c_9dc5;

/// The hash of a word in lower case, as [`Token::word`] has it.
pub(crate) fn hash_word(word: &str) -> u32 {
    word.chars().flat_map(char::to_lowercase).fold(BASIS, |hash, c| step(hash, u32::from(c)))
}

/// Letters, digits, marks that belong to letters, and `_`: all that words are made of.
fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    c.is_alphanumeric() || matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{dff}')
}

/// Cuts a text. The tokens go into `out`, in order; what lies between two is white space.
pub(crate) fn cut(text: &str, gazetteer: &Gazetteer, out: &mut Vec<Token>) {
    out.clear();
    let mut characters = text.char_indices().peekable();
    let mut end_before = usize::MAX;
    while let Some((start, first)) = characters.next() {
        let mut end = start.saturating_add(first.len_utf8());
        let token = if is_word(first) {
            let mut word = Word::new(first);
            while let Some((at, c)) = characters.next_if(|(_, c)| is_word(*c)) {
                word.push(c);
                end = at.saturating_add(c.len_utf8());
            }
            word.token(gazetteer)
        } else if first.is_whitespace() {
            let mut lines = u32::from(first == '\n');
            while let Some((at, c)) = characters.next_if(|(_, c)| c.is_whitespace()) {
                lines = lines.saturating_add(u32::from(c == '\n'));
                end = at.saturating_add(c.len_utf8());
            }
            if lines == 0 {
                continue;
            }
            mark(u32::from('\n').wrapping_add(lines.min(2)), Make::Line)
        } else {
            mark(u32::from(first), Make::Mark)
        };
        out.push(Token { start, end, is_glued: start == end_before, ..token });
        end_before = end;
    }
    gazetteer.mark_pairs(out);
}

fn mark(value: u32, make: Make) -> Token {
    let hash = step(step(BASIS, 7), value);
    Token { word: hash, affixes: [hash; 5], shape: hash, make, ..Token::default() }
}

/// A word while it is read.
struct Word {
    hash: u32,
    shape: u32,
    /// Class and length of the run of characters of one class that is being read.
    run: (u32, u32),
    length: u32,
    prefixes: [u32; 2],
    /// The last four characters in lower case, the newest first.
    last: [u32; 4],
    begins_with_capital: bool,
    has_letter: bool,
}

impl Word {
    fn new(first: char) -> Self {
        let mut word = Self {
            hash: BASIS,
            shape: BASIS,
            run: (0, 0),
            length: 0,
            prefixes: [0; 2],
            last: [0; 4],
            begins_with_capital: first.is_uppercase(),
            has_letter: false,
        };
        word.push(first);
        word
    }

    fn push(&mut self, c: char) {
        let class = if c.is_ascii_lowercase() {
            2
        } else if c.is_ascii_uppercase() || (!c.is_ascii() && c.is_uppercase()) {
            1
        } else if c.is_ascii_digit() {
            3
        } else if c.is_alphabetic() {
            2
        } else {
            4
        };
        self.has_letter |= class < 3;
        if self.run.0 == class {
            self.run.1 = self.run.1.saturating_add(1);
        } else {
            self.end_run();
            self.run = (class, 1);
        }
        if c.is_ascii() {
            self.push_lower(u32::from(c.to_ascii_lowercase()));
        } else {
            for lower in c.to_lowercase() {
                self.push_lower(u32::from(lower));
            }
        }
    }

    fn push_lower(&mut self, lower: u32) {
        self.hash = step(self.hash, lower);
        self.length = self.length.saturating_add(1);
        let [newest, second, third, _] = self.last;
        self.last = [lower, newest, second, third];
        match self.length {
            2 => self.prefixes = [self.hash, 0],
            3 => self.prefixes = [self.prefixes[0], self.hash],
            _ => {}
        }
    }

    /// Runs of letters count 1, 2 to 3, more; runs of digits up to 6.
    fn end_run(&mut self) {
        let (class, length) = self.run;
        let shown = match (class, length) {
            (3, _) => length.min(6),
            (_, 0 | 1) => 1,
            (_, 2 | 3) => 2,
            _ => 3,
        };
        self.shape = step(self.shape, class.wrapping_mul(16).wrapping_add(shown));
    }

    fn token(mut self, gazetteer: &Gazetteer) -> Token {
        self.end_run();
        let [a, b, c, d] = self.last;
        let two = step(step(BASIS, a), b);
        let three = step(two, c);
        let [first, second] = self.prefixes;
        let make = match (self.has_letter, self.begins_with_capital) {
            (false, _) => Make::Number,
            (true, true) => Make::Capital,
            (true, false) => Make::Small,
        };
        let is_number = make == Make::Number;
        // Which number it is says nothing about unseen text: its length is in the shape.
        let word = if is_number && self.length > 1 { self.shape } else { self.hash };
        Token {
            word,
            affixes: if is_number { [0; 5] } else { [first, second, two, three, step(three, d)] },
            shape: self.shape,
            classes: if is_number { 0 } else { gazetteer.classes(self.hash) },
            make,
            ..Token::default()
        }
    }
}
