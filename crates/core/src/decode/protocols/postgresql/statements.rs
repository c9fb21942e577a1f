//! Remembers shapes: of statement texts, so that they are read once, and of prepared names.

mod alike;

use super::sql::{self, Shape};
use rustc_hash::FxHasher;
use std::hash::Hasher;
use std::sync::Arc;

/// Bound of all shapes of a connection. A usual shape takes 100 to 200 bytes: enough for the 100
/// statements that asyncpg and psycopg keep prepared.
const BYTES_MAX: usize = 8 * 1024;
/// An entry beside its text: key, age, `Arc` and its counters.
const ENTRY_BYTES: usize = 72;

/// What a key is the name of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Space {
    Text,
    CutText,
    Statement,
    Portal,
}

#[derive(Debug)]
struct Entry {
    used: u64,
    shape: Arc<Shape>,
}

/// Shapes by the hash of a text or name, least recently used out first. Hashes instead of names:
/// names are unbounded, and may be the user's.
#[derive(Debug, Default)]
pub(super) struct Statements {
    keys: Vec<u64>,
    entries: Vec<Entry>,
    bytes: usize,
    clock: u64,
}

impl Statements {
    /// The shape of a statement's text; read only if none is remembered of a text like it.
    pub(super) fn of_text(&mut self, text: &[u8], cut: bool) -> Arc<Shape> {
        let key = key(if cut { Space::CutText } else { Space::Text }, text);
        if let Some(known) = self.find(key) {
            return known;
        }
        let shape = Arc::new(sql::shape(text, cut));
        self.insert(key, shape.clone());
        shape
    }

    pub(super) fn get(&mut self, space: Space, name: &[u8]) -> Option<Arc<Shape>> {
        self.find(key(space, name))
    }

    pub(super) fn put(&mut self, space: Space, name: &[u8], shape: Arc<Shape>) {
        self.insert(key(space, name), shape);
    }

    pub(super) fn remove(&mut self, space: Space, name: &[u8]) {
        let key = key(space, name);
        if let Some(at) = self.keys.iter().position(|&k| k == key) {
            self.drop_at(at);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes
    }

    fn find(&mut self, key: u64) -> Option<Arc<Shape>> {
        let at = self.keys.iter().position(|&k| k == key)?;
        self.clock += 1;
        self.entries[at].used = self.clock;
        Some(self.entries[at].shape.clone())
    }

    fn insert(&mut self, key: u64, shape: Arc<Shape>) {
        if let Some(at) = self.keys.iter().position(|&k| k == key) {
            self.drop_at(at);
        }
        self.bytes += ENTRY_BYTES + shape.op.len();
        self.clock += 1;
        self.keys.push(key);
        self.entries.push(Entry {
            used: self.clock,
            shape,
        });
        while self.bytes > BYTES_MAX {
            let oldest = self.entries.iter().enumerate().min_by_key(|(_, e)| e.used);
            let Some((at, _)) = oldest else { return };
            self.drop_at(at);
        }
    }

    fn drop_at(&mut self, at: usize) {
        self.keys.swap_remove(at);
        let gone = self.entries.swap_remove(at);
        self.bytes -= ENTRY_BYTES + gone.shape.op.len();
    }
}

fn key(space: Space, name: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u8(space as u8);
    match space {
        Space::Text | Space::CutText => alike::feed(name, &mut hasher),
        Space::Statement | Space::Portal => hasher.write(name),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn least_recently_used_goes_first() {
        let mut all = Statements::default();
        for i in 0..1000u32 {
            let shape = all.of_text(format!("select c{i} from t").as_bytes(), false);
            all.put(Space::Statement, &i.to_be_bytes(), shape);
            assert!(
                all.get(Space::Statement, &0u32.to_be_bytes()).is_some(),
                "{i}"
            );
            assert!(all.memory_bytes() <= BYTES_MAX);
        }
        assert!(all.get(Space::Statement, &1u32.to_be_bytes()).is_none());
        all.remove(Space::Statement, &0u32.to_be_bytes());
        assert!(all.get(Space::Statement, &0u32.to_be_bytes()).is_none());
        assert!(all.get(Space::Portal, &999u32.to_be_bytes()).is_none());
    }

    #[test]
    fn a_cut_text_is_not_the_whole_text() {
        let mut all = Statements::default();
        assert_eq!(
            &*all.of_text(b"select a from b", false).op,
            "SELECT a FROM b"
        );
        assert_eq!(
            &*all.of_text(b"select a from b", true).op,
            "SELECT a FROM …"
        );
    }
}
