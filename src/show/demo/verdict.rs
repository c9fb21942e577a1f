//! What `explain` must say of each fault, and whether it did.

use forebay_core::explain::Finding;
use std::time::Duration;

/// A part of the stack, as its status names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The app: asks all others, answers the asker.
    App,
    /// The chat model's server.
    Chat,
    /// The embedding model's server.
    Embedding,
    /// The vector store.
    Store,
}

impl Part {
    /// Its name in the stack's JSON.
    pub fn of(name: &str) -> Option<Part> {
        match name {
            "app" => Some(Part::App),
            "chat" => Some(Part::Chat),
            "embedding" => Some(Part::Embedding),
            "postgres" => Some(Part::Store),
            _ => None,
        }
    }
}

/// What must be found while a fault is on.
#[derive(Debug)]
pub struct Expected {
    /// The fault's name.
    pub fault: &'static str,
    /// Who is at fault, for people.
    pub culprit: &'static str,
    /// The rule that must speak.
    pub rule: &'static str,
    /// Words that its sentence must have.
    pub words: &'static str,
    /// The client of the edge; `None`: anybody.
    pub client: Option<Part>,
    /// The server of the edge; `None`: any part.
    pub server: Option<Part>,
    /// Part of the default demo.
    pub usual: bool,
    /// How long it must be on to be felt.
    pub least: Duration,
}

/// Every fault of the stack, in the order of the demo.
pub static EXPECTED: &[Expected] = &[
    Expected {
        fault: "slow-reader",
        culprit: "the app, which reads its answers late",
        rule: "client_reads_late",
        words: "the client reads late",
        client: Some(Part::App),
        server: None,
        usual: true,
        least: Duration::ZERO,
    },
    Expected {
        fault: "lossy-link",
        culprit: "the link between app and vector store, which loses packets",
        rule: "slow_wire",
        words: "packets get lost",
        client: Some(Part::App),
        server: Some(Part::Store),
        usual: true,
        least: Duration::ZERO,
    },
    Expected {
        fault: "throttled-link",
        culprit: "the link between app and vector store, in front of which packets queue",
        rule: "slow_wire",
        words: "wait in a queue",
        client: Some(Part::App),
        server: Some(Part::Store),
        usual: false,
        least: Duration::ZERO,
    },
    Expected {
        fault: "starved-server",
        culprit: "the CPU of the chat model's server, which others take",
        rule: "cpu_starved",
        words: "for want of CPU",
        client: Some(Part::App),
        server: Some(Part::Chat),
        usual: true,
        least: Duration::ZERO,
    },
    Expected {
        fault: "slow-client",
        culprit: "the client of the app that reads its answer late",
        rule: "client_reads_late",
        words: "the client reads late",
        client: None,
        server: Some(Part::App),
        usual: false,
        // It asks every 5 s and reads its answer for as long.
        least: Duration::from_secs(12),
    },
];

/// A healthy stack shows a little of many things: a fault must make it this many times worse.
const WORSE_MIN: f64 = 2.0;

/// Workload names of the stack's parts, as the records have them.
#[derive(Clone, Debug, Default)]
pub struct Names(pub Vec<(Part, String)>);

impl Names {
    /// Whether this workload is that part.
    pub fn is(&self, workload: &str, part: Part) -> bool {
        self.0
            .iter()
            .any(|(p, name)| *p == part && name == workload)
    }
    /// Whether this workload is a part of the stack.
    pub fn knows(&self, workload: &str) -> bool {
        self.0.iter().any(|(_, name)| name == workload)
    }
    /// Remembers a name.
    pub fn learn(&mut self, part: Part, workload: &str) {
        if !self.is(workload, part) {
            self.0.push((part, workload.to_owned()));
        }
    }
}

impl Expected {
    /// What is expected of a fault.
    pub fn of(fault: &str) -> Option<&'static Expected> {
        EXPECTED.iter().find(|expected| expected.fault == fault)
    }

    /// Whether a finding blames the culprit.
    fn is_in(&self, finding: &Finding, names: &Names) -> bool {
        let edge = &finding.edge;
        let client = self.client.is_none_or(|part| names.is(&edge.client, part));
        let server = self.server.map_or_else(
            || names.knows(&edge.server),
            |part| names.is(&edge.server, part),
        );
        *finding.rule == *self.rule && finding.title.contains(self.words) && client && server
    }

    /// The place (from 0) of the first finding that names the fault: it blames the culprit, and
    /// for at least twice the time a request that it did before.
    pub fn place(&self, findings: &[Finding], before: &[Finding], names: &Names) -> Option<usize> {
        let per_request = |f: &Finding| f.lost_ns as f64 / f.requests.max(1) as f64;
        findings.iter().position(|found| {
            let same = before
                .iter()
                .find(|old| old.rule == found.rule && old.edge == found.edge);
            let base = same.map_or(0.0, per_request);
            self.is_in(found, names) && per_request(found) >= WORSE_MIN * base
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay_core::decode::Role;
    use forebay_core::exchange::record::Evidence;
    use forebay_core::explain::{EdgeKey, Severity};

    fn finding(client: &str, server: &str, rule: &str, title: &str, lost_ms: u64) -> Finding {
        Finding {
            rule: rule.into(),
            severity: Severity::Warning,
            title: title.into(),
            edge: EdgeKey {
                client: client.into(),
                server: server.into(),
                protocol: "http".into(),
                role: Role::Other,
            },
            lost_ns: lost_ms * 1_000_000,
            share: 0.5,
            evidence: Evidence::Exact,
            seen: 10,
            requests: 10,
            advice: String::new(),
            exemplars: Vec::new(),
        }
    }

    fn names() -> Names {
        let mut names = Names::default();
        names.learn(Part::App, "uvicorn");
        names.learn(Part::Store, "postgres");
        names.learn(Part::Chat, "llama-server");
        names
    }

    #[test]
    fn the_right_rule_on_the_right_edge_names_a_fault() {
        let lossy = Expected::of("lossy-link").unwrap();
        let lost = "on the wire: packets get lost (3 retransmissions in 3 of 10 requests)";
        let right = finding("uvicorn", "postgres", "slow_wire", lost, 600);
        let others = [
            finding("uvicorn", "llama-server", "slow_wire", lost, 600),
            finding("uvicorn", "postgres", "slow_wire", "wait in a queue", 600),
            finding("uvicorn", "postgres", "client_reads_late", lost, 600),
            finding("nginx", "postgres", "slow_wire", lost, 600),
        ];
        assert_eq!(lossy.place(&others, &[], &names()), None);
        let with = [others[0].clone(), right];
        assert_eq!(lossy.place(&with, &[], &names()), Some(1));
    }

    #[test]
    fn what_was_there_before_does_not_name_a_fault() {
        let reader = Expected::of("slow-reader").unwrap();
        let late = |ms| {
            let words = "in its receive queue: the client reads late";
            [finding(
                "uvicorn",
                "postgres",
                "client_reads_late",
                words,
                ms,
            )]
        };
        assert_eq!(reader.place(&late(150), &late(100), &names()), None);
        assert_eq!(reader.place(&late(250), &late(100), &names()), Some(0));
        assert_eq!(reader.place(&late(150), &[], &names()), Some(0));
    }
}
