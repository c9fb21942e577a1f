//! Numbers that are a text outside: written as that text where people read, else as the number.

use serde::{Deserialize, Deserializer, Serializer, de, ser};
use std::borrow::Cow;
use std::fmt;
use std::str::{FromStr, from_utf8};

pub(super) fn display(text: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(from_utf8(text).map_err(|_| fmt::Error)?)
}

pub(super) fn serialize<S: Serializer>(number: u64, text: &[u8], to: S) -> Result<S::Ok, S::Error> {
    if to.is_human_readable() {
        to.serialize_str(from_utf8(text).map_err(ser::Error::custom)?)
    } else {
        to.serialize_u64(number)
    }
}

pub(super) fn deserialize<'de, D, T>(from: D, of: impl FnOnce(u64) -> T) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    if from.is_human_readable() {
        let text = Cow::<str>::deserialize(from)?;
        text.parse().map_err(de::Error::custom)
    } else {
        u64::deserialize(from).map(of)
    }
}
