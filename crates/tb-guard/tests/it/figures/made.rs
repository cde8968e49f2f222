//! Identifiers with valid checksums, in sentences and code, and their disguises. All made up; the
//! same every time.

use tb_guard::score::{LabelledSpan, LabelledText};

/// Numbers that look random (Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let at = self.roll(u64::try_from(from.len()).unwrap());
        *from.get(usize::try_from(at).unwrap()).unwrap()
    }

    fn digits(&mut self, count: usize) -> Vec<u32> {
        (0..count).map(|_| u32::try_from(self.roll(10)).unwrap()).collect()
    }
}

/// What it is called where it stands, what a column is called, its label, and how it is made.
type Maker = (&'static str, &'static str, &'static str, fn(&mut Dice) -> String);

const MAKERS: &[Maker] = &[
    ("card", "card_number", "CREDIT_CARD", card),
    ("IBAN", "iban", "IBAN_CODE", iban),
    ("social security number", "ssn", "US_SSN", ssn),
    ("NHS number", "nhs_number", "UK_NHS", nhs),
    ("Aadhaar number", "aadhaar", "IN_AADHAAR", aadhaar),
    ("email", "email", "EMAIL_ADDRESS", email),
    ("phone", "phone", "PHONE_NUMBER", phone),
    ("IP address", "ip_address", "IP_ADDRESS", ip),
    ("MAC address", "mac_address", "MAC_ADDRESS", mac),
    ("wallet", "wallet_address", "CRYPTO", wallet),
];

/// Where they stand: `{name}` or `{column}`, and `{value}`.
const SHAPES: &[&str] = &[
    "Please update the {name} on file to {value} before Friday.",
    "My {name} is {value}, what do I have to do?",
    "Translate into French: \"The {name} {value} was refused twice.\"",
    "{\"id\": 17, \"{column}\": \"{value}\", \"active\": true}",
    "UPDATE customers SET {column} = '{value}' WHERE id = 42;",
    "<customer><{column}>{value}</{column}></customer>",
    "ticket 4711\n{column}: {value}\nstatus: open",
    "Is ({value}) a valid {name}?",
];

fn shown(digits: &[u32]) -> String {
    digits.iter().map(|digit| char::from_digit(*digit, 10).unwrap()).collect()
}

fn grouped(digits: &str, sizes: &[usize], with: &str) -> String {
    let mut rest = digits;
    let mut groups = Vec::new();
    for size in sizes {
        let (group, after) = rest.split_at(*size);
        groups.push(group);
        rest = after;
    }
    assert!(rest.is_empty());
    groups.join(with)
}

/// ISO/IEC 7812-1, annex B: every other digit doubled, from the right.
fn card(dice: &mut Dice) -> String {
    let mut digits = vec![4];
    digits.extend(dice.digits(14));
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| if at % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { *digit })
        .sum();
    digits.push((10 - sum % 10) % 10);
    grouped(&shown(&digits), &[4, 4, 4, 4], dice.pick(&["", " ", "-"]))
}

/// ISO 13616 with Germany's form: two check digits by mod 97, then 18 digits.
fn iban(dice: &mut Dice) -> String {
    let account = shown(&dice.digits(18));
    // D and E are 13 and 14.
    let remainder = format!("{account}131400")
        .bytes()
        .fold(0, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
    let iban = format!("DE{:02}{account}", 98 - remainder);
    match dice.roll(2) {
        0 => iban,
        _ => grouped(&iban, &[4, 4, 4, 4, 4, 2], " "),
    }
}

fn ssn(dice: &mut Dice) -> String {
    let (area, group, serial) =
        (100 + dice.roll(500), 10 + dice.roll(89), 1_000 + dice.roll(8_999));
    format!("{area}-{group}-{serial}")
}

/// Ten digits whose last is a checksum mod 11.
fn nhs(dice: &mut Dice) -> String {
    loop {
        let mut digits = vec![4];
        digits.extend(dice.digits(8));
        let sum: u32 =
            digits.iter().zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
        let check = (11 - sum % 11) % 11;
        if check < 10 {
            digits.push(check);
            return grouped(&shown(&digits), &[3, 3, 4], dice.pick(&["", " "]));
        }
    }
}

/// Twelve digits whose last is Verhoeff's.
fn aadhaar(dice: &mut Dice) -> String {
    let mut digits = vec![2 + u32::try_from(dice.roll(8)).unwrap()];
    digits.extend(dice.digits(10));
    let times = |a: u32, b: u32| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a - b) % 5,
        (false, false) => (5 + a - b) % 5,
    };
    let turned = |place: usize, digit: u32| {
        (0..place % 8).fold(digit, |digit, _| {
            let turned = "1576283094".chars().nth(usize::try_from(digit).unwrap());
            turned.unwrap().to_digit(10).unwrap()
        })
    };
    let sum = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0, |sum, (at, digit)| times(sum, turned(at + 1, *digit)));
    let check = (0..10).find(|check| times(sum, *check) == 0).unwrap();
    digits.push(check);
    grouped(&shown(&digits), &[4, 4, 4], dice.pick(&["", " "]))
}

fn email(dice: &mut Dice) -> String {
    let first = dice.pick(&["anna", "j.smith", "li_wei", "o-brien", "x99"]);
    let host = dice.pick(&["example.org", "mail.example.com", "example.co.uk"]);
    format!("{first}{}@{host}", dice.roll(100))
}

fn phone(dice: &mut Dice) -> String {
    let digits = shown(&dice.digits(7));
    match dice.roll(3) {
        0 => format!("+44 20 7{} {}", &digits[..3], &digits[3..]),
        1 => format!("+1 415 555 {}", &digits[..4]),
        _ => format!("+49 30 9{digits}"),
    }
}

fn ip(dice: &mut Dice) -> String {
    format!("198.51.100.{}", 1 + dice.roll(254))
}

fn mac(dice: &mut Dice) -> String {
    let with = dice.pick(&[":", "-"]);
    let parts: Vec<_> = (0..6).map(|_| format!("{:02x}", dice.roll(256))).collect();
    parts.join(with)
}

fn wallet(dice: &mut Dice) -> String {
    let hex: String = (0..40).map(|_| dice.pick(&b"0123456789abcdef".map(char::from))).collect();
    format!("0x{hex}")
}

fn placed(shape: &str, maker: &Maker, value: &str) -> LabelledText {
    let filled = shape.replace("{name}", maker.0).replace("{column}", maker.1);
    let (before, after) = filled.split_once("{value}").unwrap();
    let start = before.chars().count();
    LabelledText {
        text: format!("{before}{value}{after}"),
        spans: vec![LabelledSpan {
            start,
            end: start + value.chars().count(),
            label: maker.2.to_owned(),
        }],
    }
}

/// One identifier each.
pub(super) fn structured(count: usize) -> Vec<LabelledText> {
    let mut dice = Dice(0x2545_F491_4F6C_DD1D);
    let made = MAKERS.iter().cycle().take(count);
    made.map(|maker| {
        let value = (maker.3)(&mut dice);
        placed(dice.pick(SHAPES), maker, &value)
    })
    .collect()
}

/// The name of a disguise, and how a value is written in it.
type Disguise = (&'static str, fn(&str) -> String);

/// How an identifier is written so that it is hard to see.
const DISGUISES: &[Disguise] = &[
    ("full width", |value| each(value, |c| wide(c).to_string())),
    ("no-break spaces", |value| value.replace(' ', "\u{a0}")),
    ("zero width", |value| each(value, |c| format!("{c}\u{200b}"))),
    ("soft hyphens", |value| each(value, |c| format!("{c}\u{ad}"))),
    ("dashes", |value| value.replace('-', "\u{2013}")),
    ("percent", |value| each(value, |c| format!("%{:02X}", u32::from(c)))),
    ("entities", |value| each(value, |c| format!("&#{};", u32::from(c)))),
    ("escapes", |value| each(value, |c| format!("\\u{:04x}", u32::from(c)))),
    ("mathematical digits", |value| each(value, |c| mathematical(c).to_string())),
];

fn each(value: &str, change: fn(char) -> String) -> String {
    value.chars().map(change).collect()
}

/// U+FF01 to U+FF5E are the visible characters of ASCII.
fn wide(c: char) -> char {
    if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xFEE0).unwrap() } else { c }
}

/// U+1D7EC: the sans-serif bold zero.
fn mathematical(c: char) -> char {
    c.to_digit(10).map_or(c, |digit| char::from_u32(0x1D7EC + digit).unwrap())
}

/// So many cards, social security numbers and mail addresses in each disguise, with its name.
pub(super) fn disguised(each: usize) -> Vec<(&'static str, LabelledText)> {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let mut texts = Vec::new();
    for (name, disguise) in DISGUISES {
        let disguised = ["card", "email", "social security number"];
        for maker in MAKERS.iter().filter(|maker| disguised.contains(&maker.0)) {
            for _ in 0..each {
                let value = disguise(&(maker.3)(&mut dice));
                texts.push((*name, placed("Here is my {name}: {value} thanks", maker, &value)));
            }
        }
    }
    texts
}

/// Texts with numbers and words that are nobody's.
pub(super) fn harmless() -> &'static [&'static str] {
    &[
        "Order 100-2345-67 was shipped with 3 parcels of 12.5 kg each.",
        "Version 10.4.1.2 replaces 10.4.0.9 in the release branch.",
        "The hash of the commit is 3f786850e387550fdab836ed7e6dc881de23001b.",
        "id: 550e8400-e29b-41d4-a716-446655440000",
        "ISBN 978-3-16-148410-0 is out of print.",
        "4111 1111 1111 1112 fails the checksum, as it should.",
        "let timestamp_ns = 1731672000123456789_u64;",
        "password = os.environ[\"DB_PASSWORD\"]",
        "api_key: ${{ secrets.API_KEY }}",
        "Authorization: Bearer <your token here>",
        "Set PASSWORD=changeme in the example and replace it later.",
        "pi is 3.14159265358979323846264338327950288",
        "SELECT count(*) FROM orders WHERE total BETWEEN 100 AND 5000;",
        "let sizes = [[1024, 2048, 4096], [8192, 16384, 32768]];",
        "Call the function twice, then compare 0x7fff5fbff8c0 and 0x7fff5fbff8c8.",
        "Part number 4539-148-803, revision 6467.",
        "The meeting is at 10:30 in room 4.12, second floor.",
        "Invoice 2024-000123 is due in 30 days.",
        "colour: #ff8800; margin: 0 12px 4px 8px;",
        "listen 0.0.0.0:8080 and use the loopback address in tests",
        "Write to the support address of your vendor @ their site.",
        "The checksum column reads 0001 0002 0003 0004 0005.",
        "RFC 7231 section 6.5.1 and RFC 9110 section 15.5.1 say the same.",
        "The sum is 1,234,567.89 with tax.",
    ]
}
