//! What fills the slots of templates: names of people, places and organisations, numbers, code.

use super::dice::Dice;
use super::gazetteer::LISTS;
use super::places;

/// Products and techniques: capitalised, and nobody's name.
const PRODUCTS: &str = include_str!("products.txt");

const MONTHS: &str =
    "January February March April May June July August September October November December";
const WEEKDAYS: &str = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday";
const HONORIFICS: &str =
    "Mr. Mrs. Ms. Miss Dr. Prof. Mr Mrs Ms Dr Sir Madam Herr Frau Mme Sr. Sra.";
const BEFORE_JOBS: &str = "Senior Junior Chief Head Lead Assistant Financial Medical Network Software \
    Sales Marketing Electrical Mechanical Forest Machine Nuclear Dental Social Public Legal Human Data";
const STARTS: &str = "Ka Be Lo Mi Sza Tor Gu Che Ur Ha Bri Ye Dzha Va Ne Ol Pra Qui Ro Su Tha Wo Xi Zu Fe \
    Ly Bar Mor Gal Stan Krist Hild Øs Ás Žel Ši Éd Ób Oke Nwa Chi Ama Ngu Tse Abra Kho Mag Far Sho";
const MIDDLES: &str = "ra li no ve ma ti sa ki lo be du ni ga re mo ha ta bi le so ná rö zé";
const ENDS: &str = "ova ev son sen dóttir ez es i o a ic ić ski ska berg ström er mann nen la ro na ta us os \
    ides yan dze ke nwa eh abi ani oğlu ára ek ík ák ný in ina ard aux eau elli ini ato ito";

/// The word lists, capitalised.
pub(super) struct Fillers {
    given: Vec<String>,
    surnames: Vec<String>,
    pub(super) countries: Vec<String>,
    cities: Vec<String>,
    nationalities: Vec<String>,
    jobs: Vec<String>,
    words: Vec<String>,
}

impl Fillers {
    pub(super) fn new() -> Self {
        let list = |at: usize| -> Vec<String> {
            let words = LISTS.get(at).map_or("", |list| list.1);
            words.split_whitespace().map(capitalised).collect()
        };
        let words = list(12).into_iter().filter(|word| word.len() > 3).collect();
        Self {
            given: list(0),
            surnames: list(1),
            countries: list(2),
            cities: list(3),
            nationalities: list(5),
            jobs: list(10),
            words,
        }
    }

    /// Fills a slot.
    pub(super) fn fill(&self, slot: &str, dice: &mut Dice) -> String {
        match slot {
            "person" => self.person(dice),
            "first" => self.first(dice),
            "last" => self.last(dice),
            "city" => self.city(dice),
            "country" => one_of(&self.countries, dice),
            "place" => {
                if dice.percent(50) {
                    self.city(dice)
                } else {
                    one_of(&self.countries, dice)
                }
            }
            "address" => places::address(self, dice),
            "street" => places::street_with_number(self, dice),
            "unit" => places::unit(dice),
            "zip" => places::zip(dice),
            "org" => self.organisation(dice),
            "job" => self.job(dice),
            "honorific" => any(HONORIFICS, dice),
            "age" => dice.between(1, 99).to_string(),
            "nationality" => one_of(&self.nationalities, dice),
            "date" => date(dice),
            "year" => dice.between(1930, 2026).to_string(),
            "month" => any(MONTHS, dice),
            "weekday" => any(WEEKDAYS, dice),
            "product" => any(PRODUCTS, dice),
            _ => self.code(slot, dice),
        }
    }

    fn code(&self, slot: &str, dice: &mut Dice) -> String {
        let word = |dice: &mut Dice| one_of(&self.words, dice);
        match slot {
            "ident" => format!("{}_{}", word(dice), word(dice)).to_lowercase(),
            "Ident" => word(dice) + &word(dice),
            "IDENT" => format!("{}_{}", word(dice), word(dice)).to_uppercase(),
            "Word" => word(dice),
            "prose" | "Prose" => {
                let words: Vec<_> = (0..dice.between(2, 8))
                    .map(|_| one_of(&self.words, dice).to_lowercase())
                    .collect();
                if slot == "Prose" { capitalised(&words.join(" ")) } else { words.join(" ") }
            }
            "Invented" => {
                if dice.percent(50) {
                    invented(dice)
                } else {
                    word(dice) + &one_of(&self.given, dice)
                }
            }
            "email" => format!("{}.{}@example.com", word(dice), word(dice)).to_lowercase(),
            _ => number(slot, dice),
        }
    }

    pub(super) fn first(&self, dice: &mut Dice) -> String {
        match dice.below(20) {
            0..=4 => invented(dice),
            5 => format!("{}-{}", one_of(&self.given, dice), one_of(&self.given, dice)),
            _ => one_of(&self.given, dice),
        }
    }

    pub(super) fn last(&self, dice: &mut Dice) -> String {
        match dice.below(24) {
            0..=7 => invented(dice),
            8 => format!("{}-{}", one_of(&self.surnames, dice), one_of(&self.surnames, dice)),
            9 => {
                format!("{}{}", dice.pick(&["O'", "Mc", "Mac", "D'"]), one_of(&self.surnames, dice))
            }
            10 => format!(
                "{} {}",
                dice.pick(&["de", "van", "von", "de la", "El", "Al", "van der"]),
                invented(dice)
            ),
            _ => one_of(&self.surnames, dice),
        }
    }

    fn person(&self, dice: &mut Dice) -> String {
        let (first, last) = (self.first(dice), self.last(dice));
        match dice.below(20) {
            0..=2 => format!("{first} {}. {last}", initial(dice)),
            3 => format!("{first} {} {last}", initial(dice)),
            4 => format!("{first} {} {last}", self.first(dice)),
            5 => format!("{first} {last} {}", self.last(dice)),
            6 => format!("{}. {last}", initial(dice)),
            7 => first,
            8 => format!("{first} {last}").to_uppercase(),
            _ => format!("{first} {last}"),
        }
    }

    pub(super) fn city(&self, dice: &mut Dice) -> String {
        let name =
            if dice.percent(45) { places::invented_town(dice) } else { one_of(&self.cities, dice) };
        if dice.percent(12) { name.to_uppercase() } else { name }
    }

    fn job(&self, dice: &mut Dice) -> String {
        let job = one_of(&self.jobs, dice);
        match dice.below(6) {
            0 | 1 => format!("{} {}", any(BEFORE_JOBS, dice), job.to_lowercase()),
            2 => format!("{} {job}", any(BEFORE_JOBS, dice)),
            3 => format!("{} {}", one_of(&self.words, dice), job.to_lowercase()),
            4 => format!(
                "{} {} {}",
                any(BEFORE_JOBS, dice),
                one_of(&self.words, dice).to_lowercase(),
                job.to_lowercase()
            ),
            _ => job,
        }
    }

    fn organisation(&self, dice: &mut Dice) -> String {
        let tail = "Inc LLC Ltd GmbH Corp Corporation Group AG Oy AB Company Bank Holdings Solutions \
            Technologies Systems Partners Media Labs Insurance Services Foundation Capital Health Networks";
        let last = self.last(dice);
        let word = one_of(&self.words, dice);
        match dice.below(14) {
            0 => format!("{last}, {} and {}", self.last(dice), self.last(dice)),
            1 => format!("{last}-{}", self.last(dice)),
            2 => format!("{last} {}", any(tail, dice)),
            3 => {
                format!("{last} & {}", dice.pick(&["Sons", "Co", "Partners", "Söhne", "Brothers"]))
            }
            4 => format!("{word}{}", one_of(&self.words, dice)),
            5 => format!("{word}{}", one_of(&self.words, dice).to_lowercase()),
            6 => format!(
                "{word}{}",
                dice.pick(&["ly", "io", "ify", "ia", "ex", "tech", "soft", "net", "era"])
            ),
            7 => format!("{word} {} {}", one_of(&self.words, dice), any(tail, dice)),
            8 => format!("University of {}", self.city(dice)),
            9 => format!(
                "{} {}",
                self.city(dice),
                dice.pick(&["University", "Hospital", "Bank", "Airlines", "College"])
            ),
            10 => invented(dice),
            11 => (0..dice.between(3, 4)).map(|_| initial(dice)).collect(),
            _ => format!("{word} {}", any(tail, dice)),
        }
    }
}

/// One word of a list.
pub(super) fn any(words: &str, dice: &mut Dice) -> String {
    let words: Vec<&str> = words.split_whitespace().collect();
    dice.pick(&words).to_owned()
}

pub(super) fn one_of(words: &[String], dice: &mut Dice) -> String {
    words.get(dice.below(words.len())).cloned().unwrap_or_default()
}

/// A name that is in no list.
pub(super) fn invented(dice: &mut Dice) -> String {
    let mut name = any(STARTS, dice);
    for _ in 0..dice.below(3) {
        name += &any(MIDDLES, dice);
    }
    name + &any(ENDS, dice)
}

fn initial(dice: &mut Dice) -> char {
    char::from(b'A' + u8::try_from(dice.below(26)).unwrap_or_default())
}

/// Capitalises each part of a word; `_` becomes a space.
fn capitalised(word: &str) -> String {
    let parts = word.split('_').map(|part| {
        let mut letters = part.chars();
        letters
            .next()
            .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    });
    parts.collect::<Vec<_>>().join(" ")
}

fn date(dice: &mut Dice) -> String {
    let (day, month, year) = (dice.between(1, 28), dice.between(1, 12), dice.between(1940, 2026));
    match dice.below(7) {
        0 => format!("{year}-{month:02}-{day:02}"),
        1 => format!("{month}/{day}/{year}"),
        2 => format!("{day:02}.{month:02}.{year}"),
        3 => format!("{} {day}, {year}", any(MONTHS, dice)),
        4 => format!("{day} {} {year}", any(MONTHS, dice)),
        5 => format!("{} {year}", any(MONTHS, dice)),
        _ => format!("{year}-{month:02}-{day:02} {:02}:{:02}:{:02}", day % 24, month * 4, day),
    }
}

fn number(slot: &str, dice: &mut Dice) -> String {
    match slot {
        "phone" => format!(
            "{} {} {}",
            dice.pick(&["+44", "+1", "0049", "555", "(212)"]),
            dice.digits(3),
            dice.digits(4)
        ),
        "num" => {
            let length = dice.between(3, 8);
            dice.digits(length)
        }
        "small" => dice.between(1, 120).to_string(),
        "money" => format!(
            "{}{}.{}",
            dice.pick(&["$", "€", "£", "USD "]),
            dice.between(1, 9999),
            dice.digits(2)
        ),
        "cardno" => {
            let gap = dice.pick(&["", " ", "-", " - "]);
            let count = dice.between(3, 4);
            (0..count).map(|_| dice.digits(4)).collect::<Vec<_>>().join(gap)
        }
        "ssn" => {
            let digits = format!("{}-{}-{}", dice.digits(3), dice.digits(2), dice.digits(4));
            let spaced = digits.chars().map(|c| format!("{c} ")).collect::<String>();
            if dice.percent(50) { digits } else { spaced.trim_end().to_owned() }
        }
        "iban" => format!(
            "DE{} {} {} {} {}",
            dice.digits(2),
            dice.digits(4),
            dice.digits(4),
            dice.digits(4),
            dice.digits(2)
        ),
        "secret" => {
            let count = dice.between(8, 40);
            let letters =
                "A b C d E f G h I j K l M n O p Q r S t U v W x Y z 0 1 2 3 4 5 6 7 8 9 _ - / +";
            (0..count).map(|_| any(letters, dice)).collect()
        }
        "ABBR" => (0..dice.between(2, 5)).map(|_| initial(dice)).collect(),
        "time" => format!("{:02}:{:02}", dice.below(24), dice.below(60)),
        "version" => format!("{}.{}.{}", dice.below(12), dice.below(30), dice.below(9)),
        "code" => format!("{}{}-{}", initial(dice), initial(dice), dice.digits(5)),
        "hex" => (0..20)
            .map(|_| dice.pick(&["a", "b", "c", "d", "e", "f", "0", "1", "3", "5", "7", "8", "9"]))
            .collect(),
        other => format!("{{{other}}}"),
    }
}
