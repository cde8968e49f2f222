//! Forms of driver's licences by state: `A` a letter, `9` a digit. From the state agencies'
//! descriptions, as the American Association of Motor Vehicle Administrators collects them.

/// Each form with the states that use it.
const FORMS: &[(&str, &str)] = &[
    ("A9999999", "CA HI NV VA WV GU"),
    ("A99999999", "AZ HI KS KY MA MO NE OK VA"),
    ("A999999999", "IA MO"),
    ("A9999999999", "VA MO"),
    ("A99999999999", "MN MD MI FL IL VA"),
    ("A999999999999", "FL MD MI MN RI"),
    ("A9999999999999", "WI"),
    ("A99999999999999", "NJ"),
    ("A999999", "AL RI WV"),
    ("A9999999999999999999", "NY"),
    ("AA999999", "WV WY"),
    ("AA999999A", "ID"),
    ("AAA999999", "ND"),
    ("AA99999", "NH OH"),
    ("AA9999999", "OH"),
    ("99AAA99999", "NH"),
    ("99AAA9999", "IA"),
    ("999AA9999", "NM IA"),
    ("9999999A", "VT ME"),
    ("999999999", "AK AR CO CT GA IA IN LA MS MT NM NY NC OH OK OR PA PR SC SD TN TX UT WI WY"),
    ("99999999", "AK DC IA ME MS NM NY PA SC SD TN TX UT VT OR"),
    ("9999999", "AL AK DC DE GA LA ME NC OR RI SC TN UT AR VT"),
    ("9999999999", "NV UT SC GA MT WY NC"),
    ("99999999999", "SC NC"),
    ("999999999999", "NC NV"),
    ("9999999999999", "MT"),
    ("AAAAAAA999AA", "WA"),
    ("AAAAAAAAA999", "WA"),
    ("A9A9A9A9A9", "KS"),
];

/// Whether a word has the form of some state's licence, dashes and spaces left out.
pub(super) fn has_form(word: &[u8]) -> bool {
    let characters = || word.iter().filter(|byte| byte.is_ascii_alphanumeric());
    FORMS.iter().any(|(form, _)| {
        characters().count() == form.len()
            && characters().zip(form.bytes()).all(|(character, class)| match class {
                b'A' => character.is_ascii_alphabetic(),
                _ => character.is_ascii_digit(),
            })
    })
}
