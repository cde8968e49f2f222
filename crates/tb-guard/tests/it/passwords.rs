//! Ways of writing passwords and tokens that a scan must see, each beside what it must not.

use tb_guard::{Guard, GuardSettings, Kind};

fn guard() -> Guard {
    Guard::new(&GuardSettings { without_names: true, ..Default::default() }).unwrap()
}

/// The secrets of a text, as they stand there.
fn secrets(text: &str) -> Vec<&str> {
    let findings = guard().scan(text).findings;
    let secrets = findings.iter().filter(|one| one.kind == Kind::SECRET);
    secrets.map(|one| &text[one.start..one.end]).collect()
}

/// Each text with what must be found in it.
fn finds(rows: &[(&str, &[&str])]) {
    let wrong: Vec<_> = rows
        .iter()
        .filter(|(text, expected)| secrets(text) != *expected)
        .map(|(text, expected)| (text, secrets(text), expected))
        .collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), rows.len());
}

/// Texts with nothing in them.
fn leaves_alone(texts: &[&str]) {
    let wrong: Vec<_> = texts.iter().map(|text| (text, secrets(text))).collect();
    let wrong: Vec<_> = wrong.into_iter().filter(|(_, found)| !found.is_empty()).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), texts.len());
}

/// A token of the code host, made here so that none stands in the repository.
fn token() -> (String, String) {
    (["gh", "p_"].concat(), "q7Rt2LmX9vBn4KdZ8sWc3HyJ6fGp1TuE5aQo".to_owned())
}

#[test]
fn finds_passwords_of_several_words_in_prose() {
    finds(&[
        ("the password is correct horse battery staple", &["correct horse battery staple"]),
        ("The password is correct horse battery staple.", &["correct horse battery staple"]),
        ("My passphrase: tulip magnet oven gravel cloud", &["tulip magnet oven gravel cloud"]),
        ("password = tulip-magnet-oven-gravel", &["tulip-magnet-oven-gravel"]),
        ("the password is tulip-magnet-oven-gravel, ok?", &["tulip-magnet-oven-gravel"]),
        ("das Passwort lautet Tulpe Magnet Ofen Kies", &["Tulpe Magnet Ofen Kies"]),
    ]);
    leaves_alone(&[
        "The password is stored securely inside our vault.",
        "the password is wrong please try again",
        "The password is hashed before it is stored anywhere.",
        "Password: minimum eight characters required",
        "Password: Change Request Form Template",
        "Your password is weak, choose another one now.",
        "The password was changed successfully yesterday evening.",
        "The password is shared between several teams, which nobody likes.",
        "the password is never sent over plain connections",
        "The password is read-only-by-default here.",
        "Password is required and cannot stay empty",
        "password: state-of-the-art protection",
    ]);
}

#[test]
fn finds_a_password_on_the_line_after_its_cue() {
    finds(&[
        ("Username:\nanna\nPassword:\nhunter2xyz\n", &["hunter2xyz"]),
        ("password:\n\n  hunter2!x", &["hunter2!x"]),
        ("The password is:\r\nhunter2xyz\r\nThanks", &["hunter2xyz"]),
        ("Password:\n```\nhunter2xyz\n```", &["hunter2xyz"]),
        ("**Password**\nhunter2!xyz\n", &["hunter2!xyz"]),
    ]);
    leaves_alone(&[
        "password:\n  type: string\n  minLength: 12",
        "Username:\nPassword:\nRemember me:\n",
        "Password:\nrequired\n",
        "Forgot your password:\n1. Open the page.\n",
        "password:\n2024-05-01 the page was changed",
        "password:\n\n\n\nhunter2 is a joke",
        "Password:\n<your-password>\n",
    ]);
}

#[test]
fn finds_what_other_cues_announce() {
    finds(&[
        ("p@ssw0rd is hunter2xyz", &["hunter2xyz"]),
        ("the passw0rd: hunter2xyz", &["hunter2xyz"]),
        ("pa$$word = hunter2xyz", &["hunter2xyz"]),
        ("passwd is hunter2xyz", &["hunter2xyz"]),
        ("passwd hunter2xyz", &["hunter2xyz"]),
        ("pwd is hunter2xyz", &["hunter2xyz"]),
        ("the pwd: hunter2xyz", &["hunter2xyz"]),
        ("my PIN is 4821", &["4821"]),
        ("PIN: 4821", &["4821"]),
        ("the pin code is 4821.", &["4821"]),
        ("PIN code 48213", &["48213"]),
        ("PIN-Code lautet 4821", &["4821"]),
        ("the PIN of my card is 4821", &["4821"]),
        ("pin=4821", &["4821"]),
        ("{\"pin\": \"4821\"}", &["4821"]),
        ("the passcode is 482133", &["482133"]),
    ]);
    leaves_alone(&[
        "GPIO pin is 13",
        "pin 4 is ground",
        "Mumbai, PIN code 400001",
        "shipping: 4821 parcels",
        "the opinion is 1984 pages long",
        "pin the version to 2024",
        "Pinterest pin: 48213377123 views",
        "a PIN is 4 digits long, or 6",
        "The PIN must have 4 to 8 digits.",
        "the PIN is 4821 digits long",
    ]);
}

#[test]
fn finds_passwords_behind_cues_in_letters_of_other_scripts() {
    finds(&[
        ("my pаsswоrd is hunter2xyz", &["hunter2xyz"]),
        ("раѕѕԝоrd: hunter2xyz", &["hunter2xyz"]),
        ("ΡΑSSWΟRD=hunter2xyz", &["hunter2xyz"]),
        ("db_рassword = \"hunter2xyz\"", &["hunter2xyz"]),
        ("{\"pаsswоrd\":\"hunter2xyz\"}", &["hunter2xyz"]),
        ("my pass\u{200b}word is hunter2xyz", &["hunter2xyz"]),
    ]);
    leaves_alone(&[
        "пасворд это слово",
        "Οδός Πατησίων 42, password",
        "мы рассматриваем вариант: hunter2xyz",
    ]);
}

#[test]
fn finds_tokens_that_are_escaped_or_cut() {
    let (prefix, body) = token();
    let whole = format!("{prefix}{body}");
    let (first, second) = whole.split_at(20);
    for text in [
        format!("use {}", whole.replace('_', "\\_")),
        format!("use {first}\n{second} now"),
        format!("use {first}\r\n    {second}"),
        format!("t = \"{first}\" + \"{second}\";"),
        format!("t = '{first}' +\n    '{second}'"),
        format!("t = \"{first}\" \\\n \"{second}\""),
        format!("$t = \"{first}\" . \"{second}\";"),
    ] {
        let found = secrets(&text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].ends_with(second), "{text}: {found:?}");
        let start = found[0].trim_start_matches('"');
        assert!(start.starts_with("gh"), "{text}: {found:?}");
    }
    finds(&[
        ("password = \"hunter\" + \"2xyz!\"", &["hunter\" + \"2xyz!"]),
        ("password = 'hun' + 'ter2xyz'", &["hun' + 'ter2xyz"]),
    ]);
}

#[test]
fn lines_of_prose_and_code_are_not_joined_to_tokens() {
    let (prefix, _) = token();
    leaves_alone(&[
        &format!("tokens begin with {prefix}\nand have more characters behind"),
        &format!("the prefix \"{prefix}\" + \"the rest of it\" is checked"),
        &format!("use {prefix}short\nConfigurationOfTheGreatMachineOfTheNorth"),
        "sk-learn\nlearn-contrib-preprocessing-tools",
        "snake\\_case\\_names\\_are\\_escaped\\_in\\_markdown2",
        "password = \"\" + value",
        "password = prefix + \"abc\" + suffix",
    ]);
    let (prefix, body) = token();
    let text = format!("{prefix}{body}\nFollowing lines stay as they are");
    assert_eq!(secrets(&text), [format!("{prefix}{body}")]);
}

#[test]
fn a_placeholders_word_inside_a_longer_value_is_no_placeholder() {
    finds(&[
        ("password: secret_9f2k", &["secret_9f2k"]),
        ("password: secret_abc7x", &["secret_abc7x"]),
        ("password: changeme123", &["changeme123"]),
        ("password=\"Sample#42kX\"", &["Sample#42kX"]),
        ("password: fakeNews2024!", &["fakeNews2024!"]),
        ("DB_PASSWORD=change_me_8842", &["change_me_8842"]),
    ]);
    leaves_alone(&[
        "password: changeme",
        "password: change_me",
        "password=your_password_here",
        "password: your-password-123",
        "password: <secret>",
        "password: example-password",
        "password: xxxxxxxx",
        "password = secret_name",
        "password: REPLACE_ME",
    ]);
}

#[test]
fn finds_values_beside_the_names_that_stand_in_values() {
    finds(&[
        ("{\"name\":\"DB_PASSWORD\",\"value\":\"hunter2xyz\"}", &["hunter2xyz"]),
        ("{\"name\": \"DB_PASSWORD\", \"type\": \"env\", \"value\": \"letmein\"}", &["letmein"]),
        ("{\"value\":\"hunter2xyz\",\"name\":\"DB_PASSWORD\"}", &["hunter2xyz"]),
        ("{\"key\":\"password\",\"value\":\"hunter2xyz\"}", &["hunter2xyz"]),
        ("{\\\"name\\\":\\\"DB_PASSWORD\\\",\\\"value\\\":\\\"hunter2xyz\\\"}", &["hunter2xyz"]),
        ("env:\n- name: DB_PASSWORD\n  value: hunter2xyz\n- name: X\n", &["hunter2xyz"]),
        ("- name: DB_PASSWORD\n  value: \"letmein\"\n", &["letmein"]),
        ("- value: hunter2xyz\n  name: DB_PASSWORD\n", &["hunter2xyz"]),
        ("<add key=\"password\" value=\"letmein\"/>", &["letmein"]),
        ("<add value=\"letmein\" key=\"password\"/>", &["letmein"]),
        ("<entry key=\"db.password\">hunter2xyz</entry>", &["hunter2xyz"]),
        ("<password>letmein</password>", &["letmein"]),
        ("{\"password\":{\"value\":\"letmein\"}}", &["letmein"]),
        ("{\"password\": {\"type\": \"plain\", \"value\": \"letmein\"}}", &["letmein"]),
        ("password:\n  value: hunter2xyz\n", &["hunter2xyz"]),
    ]);
    leaves_alone(&[
        "{\"name\":\"password\",\"type\":\"string\",\"required\":true}",
        "{\"name\":\"DB_PASSWORD\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"db\",\"key\":\"p\"}}}",
        "{\"name\":\"DB_PASSWORD\",\"value\":\"\"},{\"name\":\"REGION\",\"value\":\"eu-west-1\"}",
        "- name: DB_PASSWORD\n- name: REGION\n  value: eu-west-1\n",
        "{\"password\":{\"type\":\"string\",\"minLength\":12}}",
        "{\"password\":{\"value\":\"${DB_PASSWORD}\"}}",
        "<label>Password</label><input value=\"Continue\">",
        "{\"name\":\"password_policy\",\"value\":\"strong16\"}",
        "{\"name\":\"anna\",\"value\":\"hunter2xyz\"}",
        "<password>string</password>",
    ]);
}

#[test]
fn finds_every_password_of_a_list() {
    finds(&[
        ("{\"passwords\": [\"a1b2c3\", \"hunter2\"]}", &["a1b2c3", "hunter2"]),
        ("passwords = ('a1b2c3', 'letmein')", &["a1b2c3", "letmein"]),
        ("{\"password\": [\"a1b2c3\"]}", &["a1b2c3"]),
        ("passwords:\n  - a1b2c3x\n  - hunter2x\n", &["a1b2c3x", "hunter2x"]),
        ("passwords: [a1b2c3x, hunter2x]", &["a1b2c3x", "hunter2x"]),
        ("passwords:\n[\n  \"a1b2c3\",\n  \"hunter2\"\n]", &["a1b2c3", "hunter2"]),
        ("the passwords are a1b2c3x and hunter2x.", &["a1b2c3x", "hunter2x"]),
    ]);
    leaves_alone(&[
        "passwords = [line.strip() for line in file]",
        "passwords: []",
        "{\"passwords\": [\"********\", \"<secret>\"]}",
        "The passwords are stored with argon2 and bcrypt.",
        "passwords:\n  - min length 12\n  - no reuse\n",
        "passwords[0], users[1]",
    ]);
}

#[test]
fn finds_passwords_in_environments_and_commands() {
    finds(&[
        ("environment:\n  - DB_PASSWORD=letmein\n", &["letmein"]),
        ("environment:\n  DB_PASSWORD: letmein\n", &["letmein"]),
        ("ENV DB_PASSWORD hunter2xyz", &["hunter2xyz"]),
        ("setx DB_PASSWORD hunter2xyz", &["hunter2xyz"]),
        ("tool --password=letmein run", &["letmein"]),
        ("tool --password=xyz run", &["xyz"]),
        ("mysql -u root -p hunter2 shop", &["hunter2"]),
        ("mysql -u root -phunter2 shop", &["hunter2"]),
        ("psql -h db -p hunter2", &["hunter2"]),
        ("PGPASSWORD=letmein psql -h db", &["letmein"]),
    ]);
    leaves_alone(&[
        "psql -h db -p 5432 shop",
        "mysql -u root -p shop",
        "tool --password=$DB",
        "tool --password run",
        "DB_PASSWORD: required\n",
        "MAX_PASSWORD_LENGTH: sixteen",
    ]);
}

#[test]
fn finds_passwords_in_other_languages() {
    finds(&[
        ("la contraseña es hunter2xyz", &["hunter2xyz"]),
        ("CONTRASEÑA: hunter2xyz", &["hunter2xyz"]),
        ("das Passwort ist hunter2xyz", &["hunter2xyz"]),
        ("mein Kennwort lautet hunter2xyz", &["hunter2xyz"]),
        ("le mot de passe est hunter2xyz", &["hunter2xyz"]),
        ("a senha é hunter2xyz", &["hunter2xyz"]),
        ("мой пароль: hunter2xyz", &["hunter2xyz"]),
        ("Пароль — hunter2xyz", &["hunter2xyz"]),
        ("пароль это hunter2xyz", &["hunter2xyz"]),
        ("密码是hunter2xyz", &["hunter2xyz"]),
        ("密码：hunter2xyz。", &["hunter2xyz"]),
        ("密碼: hunter2xyz", &["hunter2xyz"]),
        ("パスワードはhunter2xyzです", &["hunter2xyz"]),
        ("비밀번호는 hunter2xyz 입니다", &["hunter2xyz"]),
        ("la parola d'ordine è hunter2xyz", &["hunter2xyz"]),
        ("parola: hunter2xyz", &["hunter2xyz"]),
        ("moje hasło to hunter2xyz", &["hunter2xyz"]),
        ("mijn wachtwoord is hunter2xyz", &["hunter2xyz"]),
        ("mitt lösenord är hunter2xyz", &["hunter2xyz"]),
        ("moje heslo je hunter2xyz", &["hunter2xyz"]),
        ("şifre: hunter2xyz", &["hunter2xyz"]),
        ("كلمة المرور: hunter2xyz", &["hunter2xyz"]),
    ]);
    leaves_alone(&[
        "La contraseña es obligatoria.",
        "das Passwort ist zu kurz",
        "пароль должен содержать 12 символов",
        "密码是必填项",
        "パスワードは8文字以上です",
        "una parola di 5 lettere",
        "la parola è importante",
        "hasło jest wymagane",
    ]);
}
