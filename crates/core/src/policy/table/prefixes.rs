//! Values by prefix of a key; the longest that fits counts.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// As the kernel's trie, for keys of up to 128 bits.
#[derive(Debug, Clone)]
pub struct Prefixes<V> {
    width: u8,
    by_length: BTreeMap<Reverse<u8>, BTreeMap<u128, V>>,
}

impl<V> Prefixes<V> {
    /// Of keys with that many bits, at most 128.
    pub(super) fn new(width: u8) -> Self {
        Self {
            width,
            by_length: BTreeMap::new(),
        }
    }

    pub(super) fn insert(&mut self, key: u128, bits: u8, value: V) {
        let key = self.cut(key, bits);
        self.by_length
            .entry(Reverse(bits))
            .or_default()
            .insert(key, value);
    }

    /// The value of the longest prefix of a key.
    #[must_use]
    pub fn get(&self, key: u128) -> Option<&V> {
        self.by_length
            .iter()
            .find_map(|(bits, values)| values.get(&self.cut(key, bits.0)))
    }

    /// Every prefix: its key, its length, its value.
    pub fn iter(&self) -> impl Iterator<Item = (u128, u8, &V)> {
        self.by_length
            .iter()
            .flat_map(|(bits, values)| values.iter().map(move |(key, v)| (*key, bits.0, v)))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_length.values().map(BTreeMap::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_length.is_empty()
    }

    /// The key without what is behind its first bits.
    fn cut(&self, key: u128, bits: u8) -> u128 {
        let behind = u32::from(self.width.saturating_sub(bits));
        key & u128::MAX.checked_shl(behind).unwrap_or(0)
    }
}
