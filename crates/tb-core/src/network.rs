//! Networks that a key or service may be used from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An IPv4 or IPv6 network in CIDR notation, `10.0.0.0/8`. IPv4-mapped IPv6 addresses
/// (`::ffff:10.1.2.3`) count as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether `address` lies in this network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(host)) => {
                (network.to_bits() ^ host.to_bits()) & mask_v4(self.prefix) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(host)) => {
                (network.to_bits() ^ host.to_bits()) & mask_v6(self.prefix) == 0
            }
            _ => false,
        }
    }

    /// The network of `address` with its host bits cleared.
    fn around(address: IpAddr, prefix: u8) -> Self {
        let address = match address {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask_v4(prefix))),
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask_v6(prefix))),
        };
        Self { address, prefix }
    }
}

/// The mask of an IPv4 prefix; a prefix of 0 would shift by the whole width, hence `checked`.
fn mask_v4(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(prefix))).unwrap_or(0)
}

fn mask_v6(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(prefix))).unwrap_or(0)
}

impl FromStr for Network {
    type Err = String;

    /// Reads `ADDRESS/PREFIX`, or a single address.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address
            .parse()
            .map_err(|_| format!("`{text}` is not a network: write one like 10.0.0.0/8"))?;
        let width: u8 = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(digits) => {
                plain_number(digits).filter(|bits| *bits <= width).ok_or_else(|| {
                    format!("`{text}`: the part after the slash is a number from 0 to {width}")
                })?
            }
        };
        let network = match address.to_canonical() {
            IpAddr::V4(v4) if address.is_ipv6() && prefix >= 96 => {
                Self::around(IpAddr::V4(v4), prefix - 96)
            }
            _ => Self::around(address, prefix),
        };
        if network.address != address && network.address != address.to_canonical() {
            return Err(format!("`{text}` has host bits set: write {network}"));
        }
        Ok(network)
    }
}

/// Digits only, without a sign or leading zeros.
fn plain_number(digits: &str) -> Option<u8> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits.len() == 1 || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn holds_its_own_addresses_only() {
        let ten = network("10.0.0.0/8");
        assert!(ten.contains(ip("10.255.0.1")));
        assert!(ten.contains(ip("::ffff:10.1.2.3")));
        assert!(!ten.contains(ip("11.0.0.0")));
        assert!(!ten.contains(ip("::1")));
        assert!(network("0.0.0.0/0").contains(ip("203.0.113.9")));
        assert!(!network("::/0").contains(ip("203.0.113.9")));
        assert!(network("2001:db8::/32").contains(ip("2001:db8:ffff::1")));
        assert!(!network("2001:db8::/32").contains(ip("2001:db9::1")));
        assert!(network("192.0.2.7").contains(ip("192.0.2.7")));
        assert!(!network("192.0.2.7").contains(ip("192.0.2.6")));
    }

    #[test]
    fn names_the_network_that_was_meant() {
        let fault = "10.1.2.3/8".parse::<Network>().unwrap_err();
        assert!(fault.contains("write 10.0.0.0/8"), "{fault}");
        let fault = "2001:db8::1/32".parse::<Network>().unwrap_err();
        assert!(fault.contains("write 2001:db8::/32"), "{fault}");
    }

    #[test]
    fn refuses_what_is_not_a_network() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/08", "x/8"]
        {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn reads_a_mapped_network_as_ipv4() {
        assert_eq!(network("::ffff:10.0.0.0/104"), network("10.0.0.0/8"));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_and_holds_the_address(bits: u32, prefix in 0_u8..=32) {
            let address = IpAddr::V4(Ipv4Addr::from_bits(bits));
            let network = Network::around(address, prefix);
            prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
            prop_assert!(network.contains(address));
        }
    }
}
