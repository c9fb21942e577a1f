//! Names of records: a number inside, sixteen hex digits outside.

use super::text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// 64 bits that name a record. As text, and in JSON, sixteen hex digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u64);

impl Id {
    /// Its text, made without allocation.
    fn text(self) -> [u8; 16] {
        let digits = b"0123456789abcdef";
        std::array::from_fn(|place| digits[(self.0 >> (60 - 4 * place)) as usize & 0xf])
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::display(&self.text(), f)
    }
}

/// A text that is no record's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoId;

impl fmt::Display for NoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id must be 16 hex digits")
    }
}

impl FromStr for Id {
    type Err = NoId;
    fn from_str(text: &str) -> Result<Self, NoId> {
        let plain = text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| plain);
        number.map(Self).ok_or(NoId)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        text::serialize(self.0, &self.text(), to)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text::deserialize(from, Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_sixteen_digits_and_come_back() {
        for number in [0, 0xaa, 0x0123_4567_89ab_cdef, u64::MAX] {
            let text = Id(number).to_string();
            assert_eq!(text, format!("{number:016x}"));
            assert_eq!(text.parse(), Ok(Id(number)));
        }
        for wrong in ["", "aa", "+123456789abcdef", "0123456789abcdefg"] {
            assert_eq!(wrong.parse::<Id>(), Err(NoId), "{wrong}");
        }
    }
}
