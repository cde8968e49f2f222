//! Tokens are made at run time from parts, so that no look-alike stands in the repository.

use super::class::Class;
use super::formats::{self, Part, Parts};
use super::*;
use crate::Found;

/// Characters of a class drawn by a small generator; fixed by its seed.
fn drawn(class: Class, length: usize, seed: u64) -> String {
    let letters: Vec<char> = (b'!'..=b'~')
        .filter(|byte| class.has(*byte) && !b".:|~=%-".contains(byte))
        .map(char::from)
        .collect();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let count = u64::try_from(letters.len()).unwrap();
            letters[usize::try_from((state >> 11) % count).unwrap()]
        })
        .collect()
}

fn token(format: &Format, seed: u64) -> String {
    let mut text = format.prefix.to_owned();
    match format.parts {
        Parts::One(class, least, _) => text.push_str(&drawn(class, least, seed)),
        Parts::Many(parts) => {
            for (index, part) in parts.iter().enumerate() {
                match part {
                    Part::Run(class, least, _) => {
                        text.push_str(&drawn(*class, *least, seed + index as u64));
                    }
                    Part::Text(fixed) => text.push_str(fixed),
                }
            }
        }
    }
    text
}

fn find(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    super::find(text, &mut found);
    found
}

fn values(text: &str) -> Vec<&str> {
    find(text).iter().filter_map(|found| text.get(found.start..found.end)).collect()
}

#[test]
fn knows_at_least_150_formats_and_finds_a_token_of_each() {
    assert!(RULES.automaton.is_some());
    let mut rules = std::collections::BTreeSet::new();
    for format in formats::all() {
        rules.insert(format.rule);
        let missed = (1..=20)
            .filter(|seed| {
                let text = format!("please rotate {} today", token(format, *seed));
                let mut found = Vec::new();
                super::find(&text, &mut found);
                !found.iter().any(|found| found.end >= text.len() - " today".len())
            })
            .count();
        assert!(missed <= 2, "{}: {missed} of 20 missed", format.rule);
    }
    assert!(rules.len() >= 150, "{}", rules.len());
}

#[test]
fn a_right_checksum_is_surer_than_a_wrong_one_and_both_are_found() {
    let body = drawn(class::ALNUM, 30, 7);
    let check = checksum::base62(checksum::crc32(body.as_bytes()));
    let right = format!("{}{body}{}", "ghp_", String::from_utf8_lossy(&check));
    let wrong = format!("{}{body}{}", "ghp_", "0a0b0c");
    let (right, wrong) = (find(&right), find(&wrong));
    assert!((right[0].score - 1.0).abs() < f32::EPSILON);
    assert!(wrong[0].score < right[0].score);
}

#[test]
fn finds_passwords_wherever_they_are_written() {
    let value = ["kit", "Ten", "42!"].concat();
    let forms = [
        "DB_PASSWORD=@",
        "password: @",
        "{\"password\": \"@\"}",
        "{\\\"password\\\":\\\"@\\\"}",
        "<password>@</password>",
        "<add key=\"Password\" value=\"@\"/>",
        "IDENTIFIED BY '@'",
        "tool --password @ --host h",
        "let password = \"@\";",
        "password: str = '@'",
        "'password' => '@',",
        "Server=d;Pwd=@;Database=x",
        "curl -u anna:@ h",
        "mysql -u a -p@ db",
        "my password is @",
        "the pw: @",
        "log in with user anna and pass @",
        "das Passwort ist @",
        "mon mot de passe est @",
        "mi contraseña es @",
        "use @ as the password",
        "**Password:** @",
        "credentials: anna / @",
        "my password was changed to @ today",
    ];
    for form in forms {
        let text = form.replace('@', &value);
        assert_eq!(values(&text), [value.as_str()], "{form}");
    }
}

#[test]
fn leaves_placeholders_code_and_sentences_alone() {
    let texts = [
        "password = os.environ['DB_PASSWORD']",
        "PASSWORD=${DB_PASSWORD}",
        "password=<password>",
        "password: ********",
        "password = get_password()",
        "password: String,",
        "pwd = $PASSWORD",
        "password = request.form['password']",
        "password=changeme",
        "\"password\": \"password\"",
        "The password is incorrect.",
        "Your password must have 12 characters and 2 digits.",
        "max_tokens = 4096",
        "Use the Authorization: Bearer <token> header.",
        "pass: &str",
        "let token = parser.next_token();",
        "commit 447fc348a09a09436e9cbb542eddd00c1d3de355",
        "a compass, a secretary, a monkey: 12345678",
        "postgres://user:password@localhost/db",
        "key: 1ed72462-ed89-a2cc-5246-5cfb1939e0f8",
    ];
    for text in texts {
        assert!(find(text).is_empty(), "{text}");
    }
}

#[test]
fn a_url_with_a_password_is_one_finding() {
    let url = ["amqp://anna:", "kitTen42", "@mq.internal:5672/v"].concat();
    assert_eq!(values(&format!("connect to {url}, then")), [url.as_str()]);
}

#[test]
fn finds_blocks_with_and_without_their_end() {
    let (begin, end) =
        (["-----BEGIN RSA ", "PRIVATE KEY-----"], ["-----END RSA ", "PRIVATE KEY-----"]);
    let body = drawn(class::ALNUM, 64, 3);
    let whole = format!("{}\n{body}\n{body}\n{}", begin.concat(), end.concat());
    assert_eq!(values(&format!("x {whole} y")), [whole.as_str()]);
    let cut = format!("{}\n{body}\n{body}", begin.concat());
    assert_eq!(values(&format!("x {cut} y")), [cut.as_str()]);
    let public = whole.replace("PRIVATE", "PUBLIC");
    assert!(find(&public).is_empty());
}

#[test]
fn a_json_web_token_needs_a_header_of_json() {
    let real = ["eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiIxMjM0In0", "c2lnbmF0dXJlLW9mLTMy"].join(".");
    assert_eq!(values(&format!("jwt {real}")), [real.as_str()]);
    assert!(find("eyJhbGciOnotjson.eyJzdWIiOiIxMjM0In0").is_empty());
}

#[test]
fn finds_the_secret_key_beside_its_id() {
    let id = format!("{}{}", "AKIA", drawn(class::UPPER, 16, 5));
    let key = drawn(class::ALNUM, 40, 9);
    assert_eq!(values(&format!("{id} {key}")), [id.as_str(), key.as_str()]);
}

proptest::proptest! {
    #[test]
    fn places_are_in_order_apart_and_on_character_boundaries(text in "(password|pw|key|é|“|”|=|:|//|@| |sk-|eyJ|\\\\|\"|[a-zA-Z0-9ü]{1,9}){0,40}") {
        let mut last = 0;
        for found in find(&text) {
            proptest::prop_assert!(found.start >= last && found.start < found.end);
            proptest::prop_assert!(text.get(found.start..found.end).is_some());
            last = found.end;
        }
    }
}
