//! Tokens are made at run time from parts, so that no look-alike stands in the repository.

use super::class::Class;
use super::formats::{self, Part, Parts};
use super::*;
use crate::Found;

/// A small generator (Marsaglia's xorshift), fixed by its seed.
struct Dice(u64);

impl Dice {
    const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(sides).unwrap()).unwrap()
    }

    /// Characters of a class. Those that have a place of their own in a token (between parts, as
    /// padding, in escapes) are left out.
    fn draw(&mut self, class: Class, length: usize) -> String {
        let letters: Vec<char> = (b'!'..=b'~')
            .filter(|byte| class.has(*byte) && !b".:|~=%".contains(byte))
            .map(char::from)
            .collect();
        let drawn = (0..length).map(|_| letters[self.roll(letters.len())]).collect();
        if class == class::UUID && length == 36 { as_uuid(drawn) } else { drawn }
    }

    /// A run of a format: short, long or between.
    fn run(&mut self, class: Class, least: usize, most: usize) -> String {
        let most = most.min(least + 64);
        let length = least + self.roll(most - least + 1);
        self.draw(class, length)
    }
}

fn as_uuid(mut digits: String) -> String {
    digits = digits.replace('-', "7");
    for at in [8, 13, 18, 23] {
        digits.replace_range(at..=at, "-");
    }
    digits
}

/// Characters of a class, fixed by their seed.
fn drawn(class: Class, length: usize, seed: u64) -> String {
    Dice::new(seed).draw(class, length)
}

fn token(format: &Format, seed: u64) -> String {
    let mut dice = Dice::new(seed);
    let mut text = format.prefix.to_owned();
    match format.parts {
        Parts::One(class, least, most) => text.push_str(&dice.run(class, least, most)),
        Parts::Many(parts) => {
            for part in parts {
                match part {
                    Part::Run(class, least, most) => {
                        text.push_str(&dice.run(*class, *least, *most));
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

/// Where tokens stand: bare, in quotes, after signs that also stand inside names, in addresses,
/// at ends of sentences, in JSON.
const PLACES: &[&str] = &[
    "@",
    "please rotate @ today",
    "'@'",
    "\"@\"",
    "`@`",
    "TOKEN=@",
    "x: @",
    "{\"x\": \"@\", \"y\": 1}",
    "It was @.",
    "First @, then",
    "(see @)",
    "https://example.com/@",
    "https://example.com/@?page=1",
    "https://example.com/a?key=@&page=1",
    "old-@",
    "old_@",
    "old.@",
    "old+@",
    "x%3D@",
];

/// Formats that are left alone in some places, with the reason.
const EXCEPTIONS: &[(&str, &[&str], &str)] = &[(
    "adyen_key",
    &["/@", "+@"],
    "three letters and an alphabet with `/` and `+`: it would begin anywhere in base64",
)];

#[test]
fn finds_199_of_200_tokens_of_every_format_wherever_they_stand() {
    let mut rules = std::collections::BTreeSet::new();
    let mut wrong = Vec::new();
    for (at, format) in formats::all().enumerate() {
        rules.insert(format.rule);
        let excepted = EXCEPTIONS.iter().filter(|one| one.0 == format.rule).flat_map(|one| one.1);
        let excepted: Vec<&&str> = excepted.collect();
        let places: Vec<&&str> = PLACES
            .iter()
            .filter(|place| !excepted.iter().any(|end| place.contains(**end)))
            .collect();
        let missed: Vec<String> = (0..200)
            .filter_map(|index| {
                let value = token(format, 1 + at as u64 * 1_000 + index as u64);
                let text = places[index % places.len()].replace('@', &value);
                let start = text.find(&value).unwrap();
                let named =
                    if format.prefix.ends_with(['=', ' ']) { format.prefix.len() } else { 0 };
                let is_whole =
                    |one: &Found| one.start <= start + named && one.end >= start + value.len();
                (!find(&text).iter().any(is_whole)).then_some(text)
            })
            .collect();
        if missed.len() > 1 {
            wrong.push((format.rule, format.prefix, missed.len(), missed));
        }
    }
    for one in &mut wrong {
        one.3.truncate(3);
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
    assert!(RULES.automaton.is_some());
    assert!(rules.len() >= 150, "{}", rules.len());
}

#[test]
fn finds_key_ids_without_digits_and_with_one_at_the_end() {
    for body in ["PFAVEPMVXSZSOXPX", "XCIVKMBGIXYEKJH4"] {
        let id = format!("{}{body}", "AKIA");
        assert_eq!(values(&format!("id {id}")), [id.as_str()]);
    }
    let body: String = (b'A'..=b'Z').chain(b'2'..=b'7').map(char::from).collect();
    let letters: Vec<char> = body.chars().collect();
    let missed = (0..2_000).filter(|seed| {
        let mut dice = Dice::new(1 + seed);
        let body: String = (0..16).map(|_| letters[dice.roll(32)]).collect();
        find(&format!("{}{body}", "AKIA")).is_empty()
    });
    assert!(missed.count() <= 10, "in 2000, the alphabet of base32");
}

#[test]
fn words_behind_a_prefix_are_no_token() {
    let texts = [
        ["ASIA", "PACIFICOPERATION"],
        ["AKIA", "AAAAAAAAAAAAAAAA"],
        ["AKIA", "XXXXXXXXXXXXXXXX"],
        ["sk-", "learn-contrib-preprocessing-tools"],
        ["re_", "compile_pattern_from_string_v2"],
        ["test_", "configurationofthegreatmachine2"],
        ["secret_", "managementserviceconfigurationprovideroptio"],
        ["bootstrap-token-", "authentication-v1"],
        ["live_", "channel_configuration_settings_manager_v"],
        ["st.", "session_state.current_user.preferences.display.language.code2"],
        ["depot_", "warehouse_location_service_get_default_shipping_options"],
    ];
    for text in texts.map(|parts| parts.concat()) {
        for before in ["", "/", "old_", "x."] {
            assert_eq!(values(&format!("see {before}{text} here")), [""; 0], "{before}{text}");
        }
    }
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
        "ton rôle d’esclave sera peut-\\u00eatre différent",
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
