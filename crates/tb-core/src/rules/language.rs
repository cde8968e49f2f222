//! In which language a message is written: by its script, else by common words and letters.
//!
//! Meant for "answer Germans in German", not for linguistics. A language that is not known here
//! can be taken for a near relative of it; a short or mixed text has no language at all, and then
//! no rule with a `language` fits.

mod evidence;

use std::collections::HashMap;
use std::sync::LazyLock;

use evidence::EVIDENCE;

use super::message::{fold, words};

/// How many words are looked at.
const WORDS: usize = 400;

/// The share of the letters that one script must have.
const SCRIPT_SHARE: f64 = 0.7;

/// The least evidence for a language, in words that no other language has.
const LEAST_EVIDENCE: f64 = 1.5;

/// The least evidence a word, on average.
const LEAST_SHARE: f64 = 0.12;

/// How far the best language must be ahead of the next.
const LEAD: f64 = 1.4;

/// Chinese without a word that only Chinese has must be this long, in characters; a Japanese
/// headline can do without kana.
const HAN_CHARACTERS: usize = 10;

/// Scripts that one language writes, and nobody else in numbers: first and last character.
const SCRIPTS: [(char, char, &str); 15] = [
    ('\u{0370}', '\u{03ff}', "el"),
    ('\u{0530}', '\u{058f}', "hy"),
    ('\u{0590}', '\u{05ff}', "he"),
    ('\u{0980}', '\u{09ff}', "bn"),
    ('\u{0a00}', '\u{0a7f}', "pa"),
    ('\u{0a80}', '\u{0aff}', "gu"),
    ('\u{0b80}', '\u{0bff}', "ta"),
    ('\u{0c00}', '\u{0c7f}', "te"),
    ('\u{0c80}', '\u{0cff}', "kn"),
    ('\u{0d00}', '\u{0d7f}', "ml"),
    ('\u{0e00}', '\u{0e7f}', "th"),
    ('\u{10a0}', '\u{10ff}', "ka"),
    ('\u{1100}', '\u{11ff}', "ko"),
    ('\u{1780}', '\u{17ff}', "km"),
    ('\u{ac00}', '\u{d7af}', "ko"),
];

/// Characters of everyday Chinese that Japanese does not write.
const CHINESE: &str = "你们們吗嗎么麼这這您怎哪呢吧啊谁誰没";

/// The codes that can be found, in order.
pub(super) fn codes() -> Vec<&'static str> {
    let scripts = SCRIPTS.iter().map(|(_, _, code)| *code);
    let mut codes: Vec<_> = scripts.chain(EVIDENCE.iter().map(|row| row.code)).collect();
    codes.extend(["ja", "zh"]);
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// The ISO 639-1 code of the language of `text`; `None` when unsure.
pub(super) fn detect(text: &str) -> Option<&'static str> {
    let letters = || text.chars().filter(|character| character.is_alphabetic());
    let share = |of: &dyn Fn(char) -> bool| {
        let (part, all) = (letters().filter(|letter| of(*letter)).count(), letters().count());
        ratio(part, all)
    };
    let first = letters().find_map(script_language);
    if let Some(code) = first
        && letters().nth(1).is_some()
        && share(&|letter| script_language(letter) == Some(code)) >= SCRIPT_SHARE
    {
        return Some(code);
    }
    if share(&|letter| is_kana(letter) || is_han(letter)) >= SCRIPT_SHARE {
        return east_asian(text);
    }
    by_words(text)
}

fn script_language(character: char) -> Option<&'static str> {
    let row = SCRIPTS.iter().find(|(first, last, _)| (*first..=*last).contains(&character));
    row.map(|(_, _, code)| *code)
}

fn is_kana(character: char) -> bool {
    matches!(character, '\u{3041}'..='\u{30ff}')
}

fn is_han(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{2fa1f}')
}

fn east_asian(text: &str) -> Option<&'static str> {
    if text.chars().any(is_kana) {
        return Some("ja");
    }
    let sure = text.chars().any(|character| CHINESE.contains(character));
    (sure || text.chars().filter(|character| is_han(*character)).count() >= HAN_CHARACTERS)
        .then_some("zh")
}

/// What the words and letters of [`EVIDENCE`] say for which of its rows.
struct Votes {
    words: HashMap<&'static str, Vec<usize>>,
    letters: HashMap<char, Vec<usize>>,
}

static VOTES: LazyLock<Votes> = LazyLock::new(|| {
    let mut votes = Votes { words: HashMap::new(), letters: HashMap::new() };
    for (place, row) in EVIDENCE.iter().enumerate() {
        // No row names a word or letter twice: a test looks.
        for word in row.words.split_whitespace() {
            votes.words.entry(word).or_default().push(place);
        }
        for letter in row.letters.chars() {
            votes.letters.entry(letter).or_default().push(place);
        }
    }
    votes
});

/// A word that k languages share says 1/k for each; so do the letters of a word, of which the
/// best counts.
fn by_words(text: &str) -> Option<&'static str> {
    let folded = fold(text);
    let mut words = words(&folded);
    words.truncate(WORDS);
    let mut scores = [0.0; EVIDENCE.len()];
    for word in &words {
        let mut votes = [0.0_f64; EVIDENCE.len()];
        let letters = word.chars().filter_map(|letter| VOTES.letters.get(&letter));
        for places in letters.chain(VOTES.words.get(word)) {
            for place in places {
                if let Some(vote) = votes.get_mut(*place) {
                    *vote = vote.max(ratio(1, places.len()));
                }
            }
        }
        scores.iter_mut().zip(votes).for_each(|(score, vote)| *score += vote);
    }
    let mut ranked: Vec<_> = scores.into_iter().zip(EVIDENCE.iter().map(|row| row.code)).collect();
    ranked.sort_by(|(left, _), (right, _)| right.total_cmp(left));
    let [(best, code), (next, _), ..] = ranked.as_slice() else { return None };
    let enough = *best >= LEAST_EVIDENCE && best * ratio(1, words.len()) >= LEAST_SHARE;
    (enough && *best >= next * LEAD).then_some(*code)
}

/// A part of a whole; 0 of nothing.
fn ratio(part: usize, whole: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    if whole == 0 { 0.0 } else { number(part) / number(whole) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_questions_to_a_support_bot() {
        for (code, text) in [
            ("en", "What are your opening hours?"),
            ("en", "Hi, where is my package? I ordered it on Monday."),
            ("de", "Wann habt ihr geöffnet?"),
            ("de", "Wo ist mein Paket und wann kommt es an?"),
            ("de", "Wie geht es dir heute?"),
            ("fr", "Quels sont vos horaires d'ouverture ?"),
            ("fr", "Où est ma commande ? Je l'attends depuis lundi."),
            ("es", "¿Cuál es el horario de la tienda?"),
            ("es", "Donde esta mi pedido, no ha llegado todavia"),
            ("it", "Quali sono gli orari di apertura del negozio?"),
            ("it", "Dove si trova il mio pacco? Non è ancora arrivato."),
            ("pt", "Qual é o horário de funcionamento? Não consigo encontrar."),
            ("pt", "Onde está o meu pedido?"),
            ("nl", "Wat zijn jullie openingstijden?"),
            ("nl", "Waar blijft mijn pakket? Ik heb het maandag besteld."),
            ("sv", "Vad har ni för öppettider och var är mitt paket?"),
            ("da", "Hvad er jeres åbningstider, og hvornår kommer pakken?"),
            ("no", "Hva er åpningstidene deres, og når kommer pakken?"),
            ("pl", "Jakie są godziny otwarcia? Gdzie jest moja paczka?"),
            ("cs", "Jaká je otevírací doba? Kde je můj balíček?"),
            ("tr", "Çalışma saatleriniz nedir? Siparişim nerede?"),
            ("fi", "Mitkä ovat aukioloajat? Missä minun pakettini on?"),
            ("hu", "Mikor vannak nyitva? Hol van a csomagom?"),
            ("ro", "Care este programul de lucru? Unde este comanda mea?"),
            ("id", "Jam berapa toko ini buka dan di mana paket saya?"),
            ("vi", "Giờ mở cửa của cửa hàng là mấy giờ? Đơn hàng của tôi ở đâu?"),
            ("ru", "Какие у вас часы работы? Где мой заказ?"),
            ("uk", "Який у вас графік роботи? Де моє замовлення?"),
            ("bg", "Какво е работното ви време? Къде е моята поръчка?"),
            ("ar", "ما هي ساعات العمل؟ أين طلبي؟"),
            ("fa", "ساعت کاری شما چیست؟ سفارش من کجا است؟"),
            ("ur", "آپ کے اوقات کار کیا ہیں؟ میرا آرڈر کہاں ہے؟"),
            ("hi", "आपके खुलने का समय क्या है? मेरा ऑर्डर कहाँ है?"),
            ("mr", "तुमची वेळ काय आहे? माझी ऑर्डर कुठे आहे?"),
            ("el", "Ποιο είναι το ωράριο;"),
            ("he", "מה שעות הפתיחה?"),
            ("th", "เปิดกี่โมง"),
            ("ko", "영업시간이 어떻게 되나요?"),
            ("ja", "営業時間を教えてください"),
            ("zh", "你们几点开门？"),
        ] {
            assert_eq!(detect(text), Some(code), "{text}");
            assert!(codes().contains(&code));
        }
    }

    #[test]
    fn short_mixed_and_wordless_texts_have_no_language() {
        for text in [
            "",
            "?",
            "ok",
            "hello",
            "Invoice 4711",
            "営業時間",
            "https://example.org/a/b?c=d",
            "fn main() { let x = vec![1]; }",
            "Ω = 3 V / A",
            "Die Hard",
            "No problem",
            "Привет",
            "0xdeadbeef 12:30 -> 14:00",
        ] {
            assert_eq!(detect(text), None, "{text}");
        }
    }

    #[test]
    fn no_row_names_a_word_or_letter_twice() {
        for row in &EVIDENCE {
            let mut all: Vec<_> = row.words.split_whitespace().map(str::to_owned).collect();
            all.extend(row.letters.chars().map(|letter| format!("letter {letter}")));
            all.sort();
            let repeated: Vec<_> = all.windows(2).filter(|pair| pair[0] == pair[1]).collect();
            assert!(repeated.is_empty(), "{}: {repeated:?}", row.code);
            assert!(all.iter().all(|word| fold(word) == *word), "{}", row.code);
        }
    }

    #[test]
    fn a_foreign_word_changes_nothing() {
        assert_eq!(
            detect("Can you tell me what the word Straße means in this sentence?"),
            Some("en")
        );
        assert_eq!(
            detect("Was bedeutet 営業 in diesem Satz, und wie spricht man es aus?"),
            Some("de")
        );
    }
}
