//! Invented towns, streets and addresses in the manner of several countries.

use super::dice::Dice;
use super::fillers::{Fillers, any, invented, one_of};

const TOWN_STARTS: &str = "Hem Ber Kirk Wald Nor Sund Mon Val Cas Rib Har Lang Grim Øster Väst Ald Bran Pod \
    Vel Lip Szent Kis Nagy Alto San Vila Pen Llan Bally Dun Tar Kal Agia Kara Gro Zee Ko Ha Bra Sto";
const TOWN_ENDS: &str = "burg stad ham ton by borg feld dorf heim ville ford wick ach au ingen ice ov ín any \
    háza falva inha eira ela osa lahti järvi koski vik næs lund dal mouth chester combe worth bach bria";

/// A town that is in no list.
pub(super) fn invented_town(dice: &mut Dice) -> String {
    let town = any(TOWN_STARTS, dice) + &any(TOWN_ENDS, dice);
    match dice.below(9) {
        0 => format!(
            "{} {town}",
            dice.pick(&[
                "Bad", "New", "San", "Santa", "Great", "Velká", "Sankt", "Nova", "Port", "Le"
            ])
        ),
        1 => format!(
            "{town} {}",
            dice.pick(&["Bay", "am See", "Beach", "Village", "Hills", "Springs", "Park", "Falls"])
        ),
        2 => format!(
            "{town} {} {}",
            dice.pick(&["de", "de la", "del", "do", "upon", "u", "pod", "di", "sur"]),
            invented(dice)
        ),
        3 => invented(dice),
        _ => town,
    }
}

/// A street without its number.
fn street(fillers: &Fillers, dice: &mut Dice) -> String {
    let name = match dice.below(4) {
        0 => fillers.last(dice),
        1 => fillers.first(dice),
        2 => invented(dice),
        _ => invented_town(dice),
    };
    match dice.below(14) {
        0..=3 => {
            let kinds = "Street Road Avenue Drive Lane St Rd Ave Dr Close Way Court Crescent Boulevard Place \
                Terrace Hill Gardens Squares Extensions Gateway Loop Ridge Mews Parkway Junction Trail";
            format!("{name} {}", any(kinds, dice))
        }
        4 => format!(
            "{} {name}",
            dice.pick(&["Rue", "Rue de", "Avenue", "Boulevard", "Place", "Avenue du", "Rue des"])
        ),
        5 => format!(
            "{} {name}",
            dice.pick(&["Via", "Viale", "Piazza", "Corso", "Via dei", "Strada Provinciale"])
        ),
        6 => format!(
            "{} {name}",
            dice.pick(&["Calle", "Avenida", "Plaza", "Carrera", "Rua", "Rua do", "Travessa", "C/"])
        ),
        7 => name + dice.pick(&["straße", "strasse", "weg", "gasse", "platz", "allee", "ring"]),
        8 => {
            format!("{name} {}", dice.pick(&["Strasse", "Straße", "Platz", "Allee", "Weg", "Ring"]))
        }
        9 => {
            name + dice.pick(&[
                "gatan", "vägen", "gade", "vej", "veien", "gata", "katu", "tie", "kuja", "vangur",
            ])
        }
        10 => name + dice.pick(&["straat", "laan", "weg", "plein", "gracht", "kade"]),
        11 => format!(
            "{name} {}",
            dice.pick(&["u.", "utca", "út", "tér", "ulica", "ulice", "náměstí", "pst", "cesta"])
        ),
        12 => format!("{} {name}", dice.pick(&["ul.", "al.", "os.", "Λ.", "Οδός", "Str."])),
        _ => name,
    }
}

/// A street with a house number before or after it.
pub(super) fn street_with_number(fillers: &Fillers, dice: &mut Dice) -> String {
    let street = street(fillers, dice);
    let length = dice.between(1, 4);
    let number = format!("{}{}", dice.between(1, 9), dice.digits(length - 1));
    match dice.below(14) {
        0..=4 => format!("{number} {street}"),
        5..=9 => format!("{street} {number}"),
        10 => format!("{} {street} {number}", dice.between(1, 9999)),
        11 => format!("{street} {number}{}", dice.pick(&["a", "B", "/2", "-3", " bis"])),
        12 => format!("{number} {street} {}", street_kind(fillers, dice)),
        _ => format!(
            "{} {}",
            dice.pick(&["P.O. Box", "PO Box", "Postfach", "Unit 12 Box", "Casilla"]),
            number
        ),
    }
}

fn street_kind(fillers: &Fillers, dice: &mut Dice) -> String {
    format!(
        "{} {}",
        fillers.last(dice),
        dice.pick(&["Squares", "Extensions", "Mills", "Streets", "Points", "Ville"])
    )
}

/// A flat, or an office in a house.
pub(super) fn unit(dice: &mut Dice) -> String {
    format!(
        "{} {}",
        dice.pick(&["Apt.", "Suite", "Apt", "Flat", "Unit", "Floor", "#"]),
        dice.between(1, 999)
    )
}

pub(super) fn zip(dice: &mut Dice) -> String {
    match dice.below(9) {
        0..=4 => dice.digits(5),
        5 | 6 => dice.digits(4),
        7 => format!("{}-{}", dice.digits(4), dice.digits(3)),
        _ => format!(
            "{}{} {}{}",
            dice.pick(&["SW", "N", "LS", "M", "EC"]),
            dice.between(1, 20),
            dice.below(9),
            dice.pick(&["AB", "QT", "XY"])
        ),
    }
}

/// A whole address, on one line or several.
pub(super) fn address(fillers: &Fillers, dice: &mut Dice) -> String {
    let mut text = street_with_number(fillers, dice);
    if dice.percent(45) {
        text += dice.pick(&[" ", ", ", "\n", "\n "]);
        text += &unit(dice);
    }
    if dice.percent(15) {
        return text;
    }
    let gap = dice.pick(&[", ", ", ", "\n", "\n ", " "]);
    let (city, country, zip) = (fillers.city(dice), one_of(&fillers.countries, dice), zip(dice));
    let region = dice.pick(&["CO", "NI", "PA", "TX", "NY", "RS", "32", "CA", "OH", "nan", "VIC"]);
    text += gap;
    text += &match dice.below(8) {
        0 => format!("{city}, {region} {zip}"),
        1 => format!("{city}{gap}{country} {zip}"),
        2 => format!("{zip} {city}"),
        3 => format!("{zip} {city}{gap}{country}"),
        4 => format!("{city}{gap}{country}"),
        5 => format!("{city}\n, {region}\n {country} {zip}"),
        6 => format!("{city} {country} {zip}"),
        _ => city,
    };
    text
}
