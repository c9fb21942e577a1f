//! Address blocks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A block of addresses. Blocks of v4-mapped IPv6 addresses are kept as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// Its first address.
    base: IpAddr,
    /// Leading bits that all its addresses share.
    bits: u8,
}

/// Why a text is no block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CidrError {
    /// There is no `/` and a number behind it.
    NoLength,
    /// What stands before the `/` is no address.
    NoAddress,
    /// More bits than such an address has.
    TooLong,
}

impl fmt::Display for CidrError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            CidrError::NoLength => "it lacks a length such as /24",
            CidrError::NoAddress => "what stands before the / is no IPv4 or IPv6 address",
            CidrError::TooLong => {
                "the length is larger than the address: at most 32, or 128 for IPv6"
            }
        })
    }
}

/// An IPv4 address in the form of IPv6 (`::ffff:10.0.0.1`) is that IPv4 address.
#[must_use]
pub fn unmapped(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

impl Cidr {
    /// The block of this length that holds the address; none if it is too long.
    #[must_use]
    pub fn new(address: IpAddr, bits: u8) -> Option<Cidr> {
        match (address, unmapped(address)) {
            (IpAddr::V6(_), IpAddr::V4(inner)) if bits >= 96 => {
                Cidr::new(IpAddr::V4(inner), bits - 96)
            }
            (IpAddr::V4(v4), _) if bits <= 32 => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                let base = IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask));
                Some(Cidr { base, bits })
            }
            (IpAddr::V6(v6), _) if bits <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                let base = IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask));
                Some(Cidr { base, bits })
            }
            _ => None,
        }
    }

    /// Whether the address lies in it. Families never mix; a v4-mapped address is IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = unmapped(address);
        address.is_ipv4() == self.base.is_ipv4()
            && Cidr::new(address, self.bits).is_some_and(|block| block.base == self.base)
    }

    /// Whether the other block lies in this one and is smaller.
    #[must_use]
    pub fn strictly_holds(&self, other: &Cidr) -> bool {
        other.bits > self.bits && self.contains(other.base)
    }

    /// Its first address.
    #[must_use]
    pub fn base(&self) -> IpAddr {
        self.base
    }

    /// Its length.
    #[must_use]
    pub fn bits(&self) -> u8 {
        self.bits
    }
}

impl FromStr for Cidr {
    type Err = CidrError;

    fn from_str(text: &str) -> Result<Cidr, CidrError> {
        let (address, bits) = text.split_once('/').ok_or(CidrError::NoLength)?;
        let address: IpAddr = address.parse().map_err(|_| CidrError::NoAddress)?;
        if bits.is_empty() || !bits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(CidrError::NoLength);
        }
        let bits: u8 = bits.parse().map_err(|_| CidrError::TooLong)?;
        Cidr::new(address, bits).ok_or(CidrError::TooLong)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.base, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containment_at_the_edges() {
        let cases = [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("0.0.0.0/0", "255.1.2.3", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "fd00::1", true),
            ("::/0", "10.0.0.1", false),
            ("::/0", "::ffff:10.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
            ("10.0.0.7/32", "10.0.0.7", true),
            ("10.0.0.7/32", "10.0.0.6", false),
            ("fd00::/127", "fd00::1", true),
            ("fd00::/127", "fd00::2", false),
            ("fd00::1/128", "fd00::1", true),
        ];
        for (block, address, expected) in cases {
            let block: Cidr = block.parse().unwrap();
            assert_eq!(
                block.contains(address.parse().unwrap()),
                expected,
                "{block} {address}"
            );
        }
    }

    #[test]
    fn what_is_no_block_is_told_apart() {
        let cases = [
            ("10.0.0.0", CidrError::NoLength),
            ("10.0.0.0/", CidrError::NoLength),
            ("10.0.0.0/+8", CidrError::NoLength),
            ("10.0.0/8", CidrError::NoAddress),
            ("10.0.0.0/33", CidrError::TooLong),
            ("fd00::/129", CidrError::TooLong),
            ("fd00::/1000", CidrError::TooLong),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Cidr>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_block_holds_smaller_ones_only() {
        let block: Cidr = "10.0.0.0/8".parse().unwrap();
        assert!(block.strictly_holds(&"10.1.0.0/16".parse().unwrap()));
        assert!(!block.strictly_holds(&block));
        assert!(!block.strictly_holds(&"11.0.0.0/16".parse().unwrap()));
        assert!(!block.strictly_holds(&"fd00::/64".parse().unwrap()));
    }
}
