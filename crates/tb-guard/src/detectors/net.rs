//! Addresses of machines: IPv4, IPv6 and MAC.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::Kind;

use super::context::Surroundings;
use super::cues;
use super::hits::{Certainty, Hits};
use super::runs::{Run, at, before};

/// The longest written address: IPv6 with an embedded IPv4.
const LONGEST: usize = 45;

/// Finds all addresses that hold a digit.
pub(super) fn find(text: &str, runs: &[Run], around: &Surroundings<'_>, hits: &mut Hits) {
    let bytes = text.as_bytes();
    let mut cursor = 0;
    for run in runs {
        if run.start < cursor || run.len() > 4 || !is_joined(bytes, *run) {
            continue;
        }
        let (start, end) = token(bytes, *run, cursor);
        cursor = end;
        if let Some((kind, end, certainty)) = read(text, start, end, around) {
            hits.add(kind, start, end, certainty);
        }
    }
}

const fn is_mark(byte: u8) -> bool {
    matches!(byte, b':' | b'.' | b'-')
}

fn is_joined(bytes: &[u8], run: Run) -> bool {
    is_mark(at(bytes, run.end)) || is_mark(before(bytes, run.start))
}

/// The place of all hexadecimal digits and marks around a run.
fn token(bytes: &[u8], run: Run, cursor: usize) -> (usize, usize) {
    let is_part = |byte: &&u8| byte.is_ascii_hexdigit() || is_mark(**byte);
    let head = bytes.get(cursor..run.start).unwrap_or_default();
    let tail = bytes.get(run.end..).unwrap_or_default();
    let mut start = run.start - head.iter().rev().take(LONGEST).take_while(is_part).count();
    let mut end = run.end + tail.iter().take_while(is_part).count();
    while is_mark(at(bytes, start)) && !(at(bytes, start) == b':' && at(bytes, start + 1) == b':') {
        start += 1;
    }
    while end > start && is_mark(before(bytes, end)) && bytes.get(end - 2..end) != Some(b"::") {
        end -= 1;
    }
    (start, end.max(run.end))
}

fn read(
    text: &str,
    start: usize,
    end: usize,
    around: &Surroundings<'_>,
) -> Option<(Kind, usize, Certainty)> {
    let bytes = text.as_bytes();
    let is_inside = before(bytes, start).is_ascii_alphanumeric()
        || at(bytes, end).is_ascii_alphanumeric()
        || matches!(before(bytes, start), b'@' | b'_');
    if is_inside {
        return None;
    }
    let token = text.get(start..end)?;
    if is_mac(token.as_bytes()) {
        return Some((Kind::MAC_ADDRESS, end, Certainty::Checked));
    }
    // `203.0.113.9:443`: the port is not part of the address.
    let v4 = token.split_once(':').map_or(token, |(host, _)| host);
    let v4_end = start + v4.len();
    if let Ok(address) = v4.parse::<Ipv4Addr>() {
        return (reaches_someone(bytes, v4_end, address)
            && is_announced_v4(address, start, v4_end, around))
        .then_some((Kind::IP_ADDRESS, v4_end, Certainty::Checked));
    }
    let address = token.parse::<Ipv6Addr>().ok()?;
    let digits = token.bytes().filter(u8::is_ascii_hexdigit).count();
    let is_network = at(bytes, end) == b'/' && address.segments().last() == Some(&0);
    let context = || around.of(start, end).has(cues::IP);
    let is_someone = !address.is_loopback() && !address.is_unspecified() && !is_network;
    (is_someone && (digits >= 8 || context())).then_some((
        Kind::IP_ADDRESS,
        end,
        Certainty::Checked,
    ))
}

/// Not loopback, not a mask, not a network (`10.0.0.0/8`), not a range of all machines.
fn reaches_someone(bytes: &[u8], end: usize, address: Ipv4Addr) -> bool {
    let [first, .., last] = address.octets();
    let is_network = last == 0 && (at(bytes, end) == b'/' || address.is_private());
    let is_longer = at(bytes, end) == b'-' && at(bytes, end + 1).is_ascii_alphabetic();
    !address.is_loopback() && first != 0 && first != 255 && !is_network && !is_longer
}

/// Versions look like addresses; numbers that small are addresses only with a word that says so.
fn is_announced_v4(address: Ipv4Addr, start: usize, end: usize, around: &Surroundings<'_>) -> bool {
    let context = around.of(start, end);
    let is_small = address.octets().iter().all(|octet| *octet < 20);
    if is_small { context.is_about(cues::IP) } else { !context.is_about(cues::VERSION) }
}

fn is_mac(token: &[u8]) -> bool {
    let mark = match token.len() {
        14 => at(token, 4),
        17 => at(token, 2),
        _ => return false,
    };
    let (groups, size) = if token.len() == 14 { (3, 4) } else { (6, 2) };
    let is_mark = if size == 4 { mark == b'.' } else { matches!(mark, b':' | b'-') };
    let mut parts = token.split(|byte| *byte == mark);
    let is_parts = parts.clone().count() == groups
        && parts.all(|part| part.len() == size && part.iter().all(u8::is_ascii_hexdigit));
    let is_date = size == 4 && token.iter().all(|byte| !byte.is_ascii_alphabetic());
    let is_nobody = token.iter().all(|byte| matches!(byte, b'0' | b':' | b'-' | b'.'));
    is_mark && is_parts && !is_nobody && !is_date
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::tests::hits_of;

    fn found(text: &str) -> Vec<&str> {
        hits_of(text, |_, runs, around, hits| find(text, runs, around, hits))
            .into_iter()
            .map(|(_, hit)| hit)
            .collect()
    }

    #[test]
    fn finds_addresses_of_machines() {
        for address in [
            "203.0.113.9",
            "192.168.7.21",
            "2001:db8::2c9f:549",
            "fe80::1ff:fe23:4567:890a",
            "aa:bb:cc:dd:ee:01",
            "AA-BB-CC-DD-EE-01",
            "aabb.ccdd.ee01",
            "::ffff:203.0.113.9",
        ] {
            assert_eq!(found(&format!("it was {address}.")), [address]);
            assert_eq!(found(&format!("{{\"q\":\"{address}\"}}")), [address]);
        }
        assert_eq!(found("203.0.113.9:8080 and ip 1.2.3.4"), ["203.0.113.9", "1.2.3.4"]);
    }

    #[test]
    fn networks_masks_versions_times_and_code_are_none() {
        for text in [
            "10.0.0.0/8",
            "127.0.0.1",
            "mask 255.255.255.0",
            "version 10.9.43.92",
            "10.9.43.92-rc1",
            "1.2.3.4",
            "1.22.333.4444",
            "192.168.1.1.5",
            "std::a1::b2",
            "12:34:56",
            "2001:db8::/32",
            "300.1.2.3",
            "01:02:03:04:05",
            "request 1ed72462-ed89-a2cc-5246-5cfb1939e0f8",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
