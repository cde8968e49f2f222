//! All detectors together: which reading holds, and what nothing may be found in.

use super::context::Surroundings;
use super::find;
use super::hits::Hits;
use super::runs::{Run, runs};

/// What one detector finds in a text by itself: the kind and what it is.
pub(super) fn hits_of(
    text: &str,
    find: impl FnOnce(&[u8], &[Run], &Surroundings<'_>, &mut Hits),
) -> Vec<(String, &str)> {
    let runs = runs(text.as_bytes());
    let mut hits = Hits::default();
    find(text.as_bytes(), &runs, &Surroundings::new(text.as_bytes(), &runs), &mut hits);
    let mut out = Vec::new();
    hits.settle(&mut out);
    let hit = |found: &crate::Found| text.get(found.start..found.end).unwrap();
    out.iter().map(|found| (found.kind.as_str().to_owned(), hit(found))).collect()
}

fn kinds(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    find(text, &mut out);
    for found in &out {
        assert!(text.get(found.start..found.end).is_some_and(|hit| !hit.is_empty()), "{text}");
    }
    out.iter().map(|found| found.kind.as_str().to_owned()).collect()
}

#[test]
fn national_numbers_are_found_next_to_their_names_and_not_with_a_wrong_digit() {
    for (name, kind, number) in [
        ("SIN", "ca_sin", "130 692 544"),
        ("TFN", "au_tfn", "123 456 782"),
        ("ABN", "au_abn", "51 824 753 556"),
        ("CPF", "br_cpf", "529.982.247-25"),
        ("CNPJ", "br_cnpj", "11.222.333/0001-81"),
        ("Steuer-ID", "de_tax_id", "86 095 742 719"),
        ("NIF", "es_nif", "12345678Z"),
        ("NIE", "es_nie", "X1234567L"),
        ("codice fiscale", "it_fiscal_code", "RSSMRA85T10A562S"),
        ("BSN", "nl_bsn", "111222333"),
        ("PESEL", "pl_pesel", "44051401359"),
        ("personnummer", "se_personnummer", "811228-9874"),
        ("HETU", "fi_hetu", "131052-308T"),
        ("contribuinte", "pt_nif", "123456789"),
        ("rijksregisternummer", "be_national_number", "85.07.30-033.28"),
        ("AHV", "ch_ahv", "756.9217.0769.85"),
        ("NRIC", "sg_nric", "S1234567D"),
        ("CURP", "mx_curp", "HEGG560427MVZRRL04"),
        ("CUIT", "ar_cuit", "20-17254359-7"),
        ("RUT", "cl_rut", "12.345.678-5"),
        ("TC kimlik", "tr_tckn", "10000000146"),
        ("NPI", "us_npi", "1234567893"),
        ("national id", "tw_id", "A123456789"),
        ("身份证", "cn_resident_id", "11010519491231002X"),
        ("NHS", "uk_nhs", "943 476 5919"),
        ("NI number", "uk_nino", "AB 12 34 56 C"),
        ("OIB", "hr_oib", "69435151530"),
    ] {
        assert_eq!(kinds(&format!("{name}: {number}, thanks")), [kind], "{number}");
        let (digit, last) =
            number.char_indices().rfind(|(_, character)| character.is_ascii_digit()).unwrap();
        let mut changed = number.to_owned();
        changed.replace_range(digit..=digit, if last == '4' { "9" } else { "4" });
        let found = kinds(&format!("{name}: {changed}, thanks"));
        assert!(!found.contains(&kind.to_owned()) || kind == "uk_nino", "{changed} {found:?}");
    }
}

#[test]
fn cards_are_found_in_any_grouping_and_next_to_anything() {
    for card in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4.1.1.1.1.1.1.1.1.1.1.1.1.1.1.1",
        "3782 822463 10005",
        "30569309025904",
        "4111_1111_1111_1111",
        "41 11 11 11 11 11 11 11",
    ] {
        assert_eq!(kinds(&format!("my card {card}, 12/27")), ["credit_card"], "{card}");
        assert_eq!(kinds(&format!("{{\"q\":\"{card}\"}}")), ["credit_card"], "{card}");
    }
    assert_eq!(kinds("卡号4111111111111111。"), ["credit_card"]);
    assert_eq!(kinds("https://x.example/?c=4111111111111111"), ["url", "credit_card"]);
    assert_eq!(kinds("4111111111111111.0"), ["credit_card"]);
}

#[test]
fn what_only_looks_like_an_identifier_is_left_alone() {
    for text in [
        "order 4111111111111112 shipped",
        "epoch 1708035710 ms 1700834352712",
        "ISBN 978-0-306-40615-7",
        "550e8400-e29b-41d4-a716-446655440000",
        "deadbeef-dead-beef-1234-411111111111",
        "0x4111111111111111",
        "3.14159265358979323846",
        "v1.2.3",
        "2024-05-06T07:08:09.123456Z",
        "lines 100-200, 12 pages",
        "000-12-3456",
        "666-12-3456",
        "078-05-1120",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14",
        "12:30-14:45",
        "the 3 cards cost 1,234,567.89 in 2023",
        "sha1 356a192b7913b04c54574d18c28d46e6395428ab",
    ] {
        assert!(kinds(text).is_empty(), "{text} {:?}", kinds(text));
    }
}

#[test]
fn hostile_texts_end_and_give_places_on_characters() {
    for piece in ["1 ", "1.", "a@", "+1 ", "é1", "1é@", "(1)", "12-", "::1", "http://", "DE1"] {
        kinds(&piece.repeat(3_000));
    }
}
