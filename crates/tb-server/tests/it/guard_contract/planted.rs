//! Values that must not leave, and the search for them in what left.

use tb_testkit::Recorded;

/// A secret, a card and a password, made up and different each time.
#[derive(Debug, Clone)]
pub(super) struct Planted {
    pub(super) secret: String,
    pub(super) card: String,
    pub(super) password: String,
}

/// Makes values from a seed.
pub(super) struct Planter {
    seed: u64,
    made: usize,
}

const DIGITS: &[u8] = b"0123456789";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &[u8] = b"0123456789abcdef";

/// Prefix, alphabet and length of what follows, as the vendors document them.
const FORMATS: [(&str, &[u8], usize); 8] = [
    ("ghp_", MIXED, 36),
    ("AKIA", UPPER, 16),
    ("sk_live_", MIXED, 24),
    ("glpat-", MIXED, 20),
    ("AIza", MIXED, 35),
    ("npm_", MIXED, 36),
    ("shpat_", HEX, 32),
    ("dop_v1_", HEX, 64),
];

impl Planter {
    pub(super) fn new() -> Self {
        Self { seed: 0x5EED_C0DE, made: 0 }
    }

    pub(super) fn plant(&mut self) -> Planted {
        let (prefix, alphabet, length) = FORMATS[self.made % FORMATS.len()];
        self.made += 1;
        // Which values a detector takes for real is for its own tests; these are plain cases.
        let [first, second] = [self.word(alphabet, 3), self.word(alphabet, 3)];
        let secret = format!("{prefix}{first}7{second}4{}", self.word(alphabet, length - 8));
        let card = with_check_digit(&format!("4{}", self.word(DIGITS, 14)));
        let password = format!("Zq7!{}", self.word(MIXED, 12));
        Planted { secret, card, password }
    }

    fn word(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(alphabet[self.below(alphabet.len())])).collect()
    }

    /// xorshift64
    fn below(&mut self, bound: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        usize::try_from(self.seed >> 33).unwrap() % bound
    }
}

/// Luhn's check digit, ISO/IEC 7812-1.
fn with_check_digit(digits: &str) -> String {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(position, digit)| {
            let digit = u32::from(digit - b'0') * (2 - u32::try_from(position % 2).unwrap());
            digit / 10 + digit % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

impl Planted {
    /// What is written into a string.
    pub(super) fn text(&self) -> String {
        format!("{} {}", self.secret, self.card)
    }

    /// `template` with `{S}`, `{C}` and `{P}` replaced, and `{B}`, `{U}` and `{H}`: the text in
    /// base64, in `\u` escapes and in percent escapes.
    pub(super) fn fill(&self, template: &str) -> String {
        let text = self.text();
        let escaped = |write: fn(u8) -> String| text.bytes().map(write).collect::<String>();
        template
            .replace("{S}", &self.secret)
            .replace("{C}", &self.card)
            .replace("{P}", &self.password)
            .replace("{B}", &base64(text.as_bytes()))
            .replace("{U}", &escaped(|byte| format!("\\u{byte:04x}")))
            .replace("{H}", &escaped(|byte| format!("%{byte:02X}")))
    }

    /// What of it stands in one of `views`.
    pub(super) fn leak(&self, views: &[String]) -> Option<String> {
        let (first, rest) = self.card.split_at(4);
        let (second, rest) = rest.split_at(4);
        let (third, last) = rest.split_at(4);
        let mut wanted = vec![self.secret.clone(), self.card.clone(), self.password.clone()];
        wanted.extend([" ", "-"].map(|between| [first, second, third, last].join(between)));
        for value in [&self.secret, &self.card] {
            // The same in base64, wherever it begins in a longer text; its ends depend on what
            // stands beside it.
            for shift in 0..3 {
                let shifted = [&b"\0\0"[..shift], value.as_bytes()].concat();
                let encoded = base64(&shifted[..shifted.len() / 3 * 3]);
                wanted.push(encoded.split_at(4).1.to_owned());
            }
            wanted.push(value.bytes().map(|byte| format!("{byte:02x}")).collect());
        }
        wanted.into_iter().find(|wanted| views.iter().any(|view| view.contains(wanted)))
    }
}

/// Everything that a reader could make of the bytes of a request: as they are, unescaped as
/// JSON, unescaped as a URL.
pub(super) fn views(recorded: &Recorded) -> Vec<String> {
    let headers = recorded.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
    let head = recorded.request_line.clone() + "\n" + &headers.collect::<String>();
    let body = String::from_utf8_lossy(&recorded.body);
    let mut views = vec![unescaped(&head), unescaped(&body), head, body.into_owned()];
    if let Ok(json) = serde_json::from_slice::<serde_json::Value>(&recorded.body) {
        views.push(json.to_string());
    }
    views
}

fn unescaped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        let escape = match rest {
            [b'%', high, low, behind @ ..] => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok())
                .map(|byte| (byte, behind)),
            _ => None,
        };
        let (byte, behind) = escape.unwrap_or((*byte, behind));
        out.push(byte);
        rest = behind;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// RFC 4648 section 4.
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for piece in bytes.chunks(3) {
        let bits = piece.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - piece.len()));
        for position in 0..4 {
            let index = usize::try_from(bits >> (18 - 6 * position) & 63).unwrap();
            out.push(if position <= piece.len() { char::from(ALPHABET[index]) } else { '=' });
        }
    }
    out
}
