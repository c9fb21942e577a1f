//! What another set of policies would do to the traffic that was seen.

use super::evaluate::Judge;
use super::flow::{Flow, Protocol};
use super::traffic::{Amount, How, Places, Talk, Traffic, Unplaced};
use super::verdict::Verdict;
use serde::Serialize;
use std::collections::BTreeMap;

/// One set of policies, and who there is with it.
pub struct Set<'a> {
    /// Judges by it.
    pub judge: Judge<'a>,
    /// Finds the ends.
    pub places: Places<'a>,
}

/// Flows and their requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Distinct by ends, protocol and port.
    pub flows: u64,
    /// All of theirs.
    pub requests: u64,
}

impl Tally {
    fn add(&mut self, requests: u64) {
        self.flows += 1;
        self.requests = self.requests.saturating_add(requests);
    }
}

/// A flow on which the sets do not agree.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Who begins.
    pub from: String,
    /// With whom.
    pub to: String,
    /// The protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
    /// What was seen of it.
    pub amount: Amount,
    /// What the first set says.
    pub before: Verdict,
    /// What the second says.
    pub after: Verdict,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Comparison {
    /// Passes under the first set only; most requests first.
    pub denied: Vec<Change>,
    /// Passes under the second set only; most requests first.
    pub allowed: Vec<Change>,
    /// The same under both.
    pub unchanged: Tally,
    /// Those of the unchanged that neither lets pass.
    pub refused: Tally,
    /// An end of theirs is unknown, and why.
    pub not_judged: BTreeMap<Unplaced, Tally>,
    /// How ends were found, each end of a flow counted.
    pub ends: BTreeMap<How, u64>,
    /// Everything.
    pub all: Tally,
}

/// What is told apart: the ends as both sets know them, protocol and port.
type Key = ([String; 4], Protocol, u16);

enum Placed<'t> {
    Judged {
        talk: &'t Talk,
        hows: [How; 2],
        amount: Amount,
    },
    /// By what the record says: the ends have no other name.
    Not(Unplaced, Amount),
}

/// Judges everything that was seen under both sets.
#[must_use]
pub fn compare(traffic: &Traffic, before: &Set<'_>, after: &Set<'_>) -> Comparison {
    let mut found = Comparison::default();
    let mut judged: BTreeMap<Key, Placed<'_>> = BTreeMap::new();
    for (talk, amount) in traffic.talks() {
        let (key, placed) = place(talk, amount, before, after);
        match judged.get_mut(&key) {
            Some(Placed::Judged { amount: sum, .. } | Placed::Not(_, sum)) => sum.merge(amount),
            None => {
                judged.insert(key, placed);
            }
        }
    }
    for ((ends, protocol, port), placed) in judged {
        match placed {
            Placed::Not(why, amount) => {
                found.all.add(amount.requests);
                found
                    .not_judged
                    .entry(why)
                    .or_default()
                    .add(amount.requests);
            }
            Placed::Judged { talk, hows, amount } => {
                found.all.add(amount.requests);
                for how in hows {
                    *found.ends.entry(how).or_default() += 1;
                }
                let verdicts = (verdict(talk, before), verdict(talk, after));
                if let (Some(before), Some(after)) = verdicts {
                    let [_, _, from, to] = ends;
                    found.add(Change {
                        from,
                        to,
                        protocol,
                        port,
                        amount,
                        before,
                        after,
                    });
                }
            }
        }
    }
    for list in [&mut found.denied, &mut found.allowed] {
        list.sort_by_key(|change| std::cmp::Reverse(change.amount.requests));
    }
    found
}

impl Comparison {
    fn add(&mut self, change: Change) {
        let requests = change.amount.requests;
        match (change.before.allowed, change.after.allowed) {
            (true, false) => self.denied.push(change),
            (false, true) => self.allowed.push(change),
            (before, _) => {
                self.unchanged.add(requests);
                if !before {
                    self.refused.add(requests);
                }
            }
        }
    }
}

fn place<'t>(
    talk: &'t Talk,
    amount: &Amount,
    before: &Set<'_>,
    after: &Set<'_>,
) -> (Key, Placed<'t>) {
    let ends = [
        before.places.find(&talk.from),
        before.places.find(&talk.to),
        after.places.find(&talk.from),
        after.places.find(&talk.to),
    ];
    let why = ends.iter().find_map(|end| end.err());
    if let ([Ok(a), Ok(b), Ok(c), Ok(d)], None) = (ends, why) {
        let names = [a, b, c, d].map(|(end, _)| end.to_string());
        let placed = Placed::Judged {
            talk,
            hows: [c.1, d.1],
            amount: amount.clone(),
        };
        return ((names, talk.protocol, talk.port), placed);
    }
    let why = why.unwrap_or(Unplaced::NoAddress);
    let [from, to] = [&talk.from, &talk.to].map(|seen| format!("{seen:?}"));
    let names = [String::new(), String::new(), from, to];
    let placed = Placed::Not(why, amount.clone());
    ((names, talk.protocol, talk.port), placed)
}

fn verdict(talk: &Talk, set: &Set<'_>) -> Option<Verdict> {
    let (from, _) = set.places.find(&talk.from).ok()?;
    let (to, _) = set.places.find(&talk.to).ok()?;
    Some(set.judge.judge(&Flow {
        from,
        to,
        protocol: talk.protocol,
        port: talk.port,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Role;
    use crate::exchange::record::Time;
    use crate::policy::evaluate::Settings;
    use crate::policy::read::Files;
    use crate::policy::traffic::tests::{files, seen};

    const WORLD: &str = "
apiVersion: forebay.dev/v1alpha1
kind: Inventory
workloads:
- {namespace: rag, name: api, labels: {app: api}, addresses: [10.0.0.1, 'fd00::1'], match: {unit: api.service}}
- {namespace: rag, name: db, labels: {app: db}, addresses: [10.0.0.2, 'fd00::2']}
---
";

    fn policy(from: &str, port: u16) -> Files {
        files(&format!(
            "{WORLD}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: db, namespace: rag}}
spec:
  podSelector: {{matchLabels: {{app: db}}}}
  ingress: [{{from: [{{podSelector: {{matchLabels: {{app: {from}}}}}}}], ports: [{{port: {port}}}]}}]
"
        ))
    }

    fn compared(before: &Files, after: &Files, traffic: &Traffic) -> Comparison {
        let answers = [before.world.host_answers(), after.world.host_answers()];
        let one = Set {
            judge: Judge::new(
                &before.policies,
                &before.world,
                &answers[0],
                Settings::default(),
            ),
            places: Places::new(&before.world),
        };
        let other = Set {
            judge: Judge::new(
                &after.policies,
                &after.world,
                &answers[1],
                Settings::default(),
            ),
            places: Places::new(&after.world),
        };
        compare(traffic, &one, &other)
    }

    fn traffic(all: &[(&str, &str, u16, u64)]) -> Traffic {
        let mut traffic = Traffic::default();
        for (from, to, port, requests) in all {
            let talk = Talk {
                from: seen(from),
                to: seen(to),
                protocol: Protocol::Tcp,
                port: *port,
            };
            for at in 0..*requests {
                traffic.add_talk(talk.clone(), Time(at), Role::Database);
            }
        }
        traffic
    }

    #[test]
    fn each_flow_is_judged_once_under_both_and_the_busiest_come_first() {
        let (before, after) = (policy("api", 5432), policy("other", 5432));
        let traffic = traffic(&[
            ("10.0.0.1", "10.0.0.2", 5432, 3),
            ("fd00::1", "fd00::2", 5432, 7),
            ("10.0.0.1", "10.0.0.2", 6000, 2),
            ("192.0.2.1", "10.0.0.1", 80, 4),
            ("127.0.0.1", "10.0.0.2", 5432, 5),
        ]);
        let found = compared(&before, &after, &traffic);
        let denied: Vec<_> = found
            .denied
            .iter()
            .map(|one| (one.from.as_str(), one.amount.requests))
            .collect();
        assert_eq!(
            denied,
            [("rag/api (fd00::1)", 7), ("rag/api (10.0.0.1)", 3)]
        );
        let nearest = found.denied[0].after.ingress.nearest.as_ref().unwrap();
        assert_eq!(
            nearest.accepts,
            "TCP/5432 from workloads with app=other in namespace rag"
        );
        assert!(found.allowed.is_empty());
        let tally = |flows, requests| Tally { flows, requests };
        assert_eq!((found.unchanged, found.refused), (tally(2, 6), tally(1, 2)));
        assert_eq!(
            found.not_judged,
            BTreeMap::from([(Unplaced::Loopback, tally(1, 5))])
        );
        assert_eq!(found.all, tally(5, 21));
        assert_eq!(
            found.ends,
            BTreeMap::from([(How::Address, 7), (How::Outside, 1)])
        );
        let back = compared(&after, &before, &traffic);
        assert_eq!((back.denied.len(), back.allowed.len()), (0, 2));
    }

    #[test]
    fn ends_that_are_the_same_by_different_marks_are_one_flow() {
        let (before, after) = (policy("api", 1), policy("api", 2));
        let mut traffic = traffic(&[("10.0.0.1", "10.0.0.2", 1, 2)]);
        let mut from = seen("10.0.0.1");
        from.unit = Some("api.service".into());
        let talk = Talk {
            from,
            to: seen("10.0.0.2"),
            protocol: Protocol::Tcp,
            port: 1,
        };
        traffic.add_talk(talk, Time(9), Role::Other);
        let found = compared(&before, &after, &traffic);
        assert_eq!(found.denied.len(), 1);
        assert_eq!(
            (found.denied[0].amount.requests, found.denied[0].amount.last),
            (3, Some(Time(9)))
        );
    }
}
