//! Finds the edge of a record by the parties' places in memory: no text is read.

use crate::decode::Role;
use crate::exchange::record::{Record, Who};
use std::borrow::Cow;
use std::sync::Arc;

/// Edges remembered; two that fall on one place take turns.
const PLACES: usize = 64;

/// Numbers of the edges met lately. Parties are kept alive, so that no other comes to lie where
/// they lie.
#[derive(Debug)]
pub struct Recall(Box<[Option<Met>]>);

#[derive(Clone, Debug)]
struct Met {
    client: Arc<Who>,
    server: Arc<Who>,
    protocol: Cow<'static, str>,
    role: Role,
    number: u32,
}

impl Default for Recall {
    fn default() -> Self {
        Self(vec![None; PLACES].into())
    }
}

impl Recall {
    /// Heap bytes of one, the parties left out: records share them.
    pub const BYTES: usize = PLACES * size_of::<Option<Met>>();

    /// The number that was put for records like this one.
    pub fn find(&self, record: &Record) -> Option<u32> {
        let met = self.0[place(record)].as_ref()?;
        let same = Arc::ptr_eq(&met.client, &record.client.who)
            && Arc::ptr_eq(&met.server, &record.server.who)
            && met.role == record.role
            && met.protocol == record.protocol;
        same.then_some(met.number)
    }

    /// Remembers the number of this record's edge.
    pub fn put(&mut self, record: &Record, number: u32) {
        self.0[place(record)] = Some(Met {
            client: Arc::clone(&record.client.who),
            server: Arc::clone(&record.server.who),
            protocol: record.protocol.clone(),
            role: record.role,
            number,
        });
    }

    /// Forgets all: a number means another edge from now on.
    pub fn clear(&mut self) {
        self.0.fill(None);
    }
}

fn place(record: &Record) -> usize {
    let client = Arc::as_ptr(&record.client.who) as usize;
    let server = Arc::as_ptr(&record.server.who) as usize;
    // Allocations lie 16 bytes apart.
    let mixed = (client >> 4).wrapping_mul(31) ^ (server >> 4) ^ record.role as usize;
    (mixed ^ (mixed >> 6)) % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::record::Party;
    use crate::explain::testing::record;

    #[test]
    fn only_the_same_parties_protocol_and_role_are_met_again() {
        let mut recall = Recall::default();
        let one = record(|_| {});
        assert_eq!(recall.find(&one), None);
        recall.put(&one, 7);
        assert_eq!(recall.find(&one.clone()), Some(7));
        let changes: [fn(&mut Record); 4] = [
            |r| r.client = Party::new((*r.client.who).clone(), r.client.addr),
            |r| r.server.workload = "another".into(),
            |r| r.protocol = "http".into(),
            |r| r.role = Role::Queue,
        ];
        for change in changes {
            let mut other = one.clone();
            change(&mut other);
            assert_eq!(recall.find(&other), None);
        }
        recall.clear();
        assert_eq!(recall.find(&one), None);
    }
}
