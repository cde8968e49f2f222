//! Passwords in command lines whose options do not say so.

use super::hit::Hit;
use super::password::is_password_like;
use super::placeholder::is_placeholder;
use super::value;

/// A command and the option that takes a password.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) name: &'static str,
    option: &'static str,
    takes: Takes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// The password follows, blanks or not.
    Password,
    /// The password follows at once (`mysql -pSECRET`); with a blank it is prompted for.
    Glued,
    /// The password follows after a blank, if it cannot be a port or the name of a database.
    Likely,
    /// `user:password` follows.
    Pair,
}

const fn command(name: &'static str, option: &'static str, takes: Takes) -> Command {
    Command { name, option, takes }
}

/// All of them.
pub(super) const COMMANDS: &[Command] = &[
    command("curl ", " -u", Takes::Pair),
    command("curl ", " --user", Takes::Pair),
    command("curl ", " -U", Takes::Pair),
    command("http ", " -a", Takes::Pair),
    command("sshpass ", " -p", Takes::Password),
    command("mysql ", " -p", Takes::Glued),
    command("mysql ", " -p", Takes::Likely),
    command("psql ", " -p", Takes::Likely),
    command("mysqldump ", " -p", Takes::Glued),
    command("mysqladmin ", " -p", Takes::Glued),
    command("mongo", " -p", Takes::Password),
    command("redis-cli ", " -a", Takes::Password),
    command(" login ", " -p", Takes::Password),
    command("sqlcmd ", " -P", Takes::Password),
    command("plink ", " -pw", Takes::Password),
    command("7z ", " -p", Takes::Glued),
    command("unzip ", " -P", Takes::Password),
    command("openssl ", "pass:", Takes::Glued),
    command("ldapsearch ", " -w", Takes::Password),
    command("smbclient ", "%", Takes::Glued),
];

/// How far the option may stand from the command.
const REACH: usize = 200;

/// The password of the command whose name ends at `end`.
pub(super) fn find(text: &str, end: usize, command: &Command) -> Option<Hit> {
    let bytes = text.as_bytes();
    // The blank at the end of the name may be the one before the option.
    let from = end.checked_sub(1)?;
    let rest = bytes.get(from..)?;
    let window = rest.get(..rest.len().min(REACH))?;
    let line = memchr::memchr(b'\n', window).unwrap_or(window.len());
    let option = memchr::memmem::find(window.get(..line)?, command.option.as_bytes())?;
    let mut at = from + option + command.option.len();
    let gap = bytes.get(at..)?.iter().take(3).take_while(|byte| b" =".contains(byte)).count();
    if command.takes == Takes::Glued && gap > 0 {
        return None;
    }
    at += gap;
    let found = value::read(text, at)?;
    let value = bytes.get(found.place.clone())?;
    let skip = match command.takes {
        Takes::Pair => memchr::memchr(b':', value)? + 1,
        _ => 0,
    };
    let password = value.get(skip..)?;
    let is_port = command.takes != Takes::Pair && password.iter().all(u8::is_ascii_digit);
    let is_password = password.len() >= 4
        && !password.starts_with(b"-")
        && !password.contains(&b' ')
        && !is_port
        && (command.takes != Takes::Likely || gap > 0 && is_password_like(password))
        && !is_placeholder(password);
    is_password.then_some(Hit {
        rule: "password_command",
        start: found.place.start + skip,
        end: found.place.end,
        score: 0.8,
    })
}
