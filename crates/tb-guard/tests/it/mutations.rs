//! Damaged texts: no panic, findings lie in order, and what was hidden comes back.

#[expect(unreachable_pub, reason = "compiled from the file of the fuzz targets")]
#[path = "../../../../fuzz/src/guard.rs"]
mod guard;

/// Texts with much to find in them, in scripts and codings that the views undo.
const TEXTS: [&str; 5] = [
    "Mail jo.doe@example.com or call +1 (202) 555-0143, card 4539 1488 0343 6467, ssn 219-09-9999.",
    "password: hunter2-Zq7 \u{200b}AKIA7XQ2K4MPLZ3T\u{FF2A}\u{FF2F} https://jo:pw@example.com/?key=a%40b.com&x=1",
    "\u{202e}John Smith\u{202c} from Berlin wrote am9AZXhhbXBsZS5jb20gaXMgbWU= \\u006a\\u006f@example.com",
    "a <EMAIL_7f3a_1> &lt;person\\_7f3a\\_2&gt; jo@example.com [EMAIL_7f3a_1] \u{1F469}\u{200d}\u{1F4BB} \"\\",
    "IBAN DE89 3704 0044 0532 0130 00, \u{0664}\u{0665}\u{0663}\u{0669} 1488 0343 6467, j&#111;@ex\u{00ad}ample.com",
];

/// What is put in: parts of findings, of placeholders, of codings, and characters nobody sees.
const TOKENS: [&str; 24] = [
    "<EMAIL_7f3a_1>",
    "<EMAIL_7f3a_",
    "_7f3a_2>",
    "[",
    "]",
    "<",
    "&lt;",
    "\\",
    "\\u003c",
    "@",
    "%40",
    "&#64;",
    "\u{200b}",
    "\u{e0041}",
    "\u{202e}",
    "\u{0301}",
    "\u{FF10}",
    "\u{1F600}",
    "\0",
    "anE9PQ==",
    "4539148803436467",
    "jo@example.com",
    " is ",
    "\n",
];

const ROUNDS: usize = 600;

fn below(seed: &mut u64, bound: usize) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    usize::try_from(*seed >> 33).unwrap() % bound
}

/// One of the texts, cut and with one to five changes.
fn damaged(round: usize, seed: &mut u64) -> Vec<u8> {
    let text = TEXTS.get(round % TEXTS.len()).unwrap().as_bytes();
    let mut bytes = text.to_vec();
    for _ in 0..=below(seed, 5) {
        let at = below(seed, bytes.len() + 1);
        let end = (at + below(seed, 7)).min(bytes.len());
        match below(seed, 6) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let copy = bytes.get(at..end).unwrap().to_vec();
                bytes.splice(at..at, copy);
            }
            2 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << below(seed, 8)),
            _ => {
                let token = TOKENS.get(below(seed, TOKENS.len())).unwrap();
                bytes.splice(at..end, token.bytes());
            }
        }
    }
    bytes
}

#[test]
fn findings_of_damaged_texts_lie_in_order() {
    let mut seed = 0x5EED_0011;
    let mut found = 0;
    for round in 0..ROUNDS {
        found += guard::scan(&damaged(round, &mut seed));
    }
    assert!(found > ROUNDS, "{found}");
}

#[test]
fn damaged_texts_come_back_however_the_answer_is_cut() {
    let mut seed = 0x5EED_0012;
    let mut hidden = 0;
    for round in 0..ROUNDS {
        hidden += guard::restore(&damaged(round, &mut seed));
    }
    assert!(hidden > ROUNDS / 2, "{hidden}");
}
