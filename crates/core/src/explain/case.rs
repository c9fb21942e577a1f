//! One edge before the rules: its blame, set right by what the rest of the host knows.

use super::blame::{Blame, Slot};
use super::culprit::Culprit;
use super::edge::{EXTERNAL, OTHER};
use super::finding::{self, Finding, Severity, evidence_word};
use super::process::{CpuWait, ProcessTable};
use super::view::EdgeView;

/// A cause must make up this part of the edge's time: less would not change what people see.
pub const SHARE_MIN: f64 = 0.10;
/// A process that waits for less of its runnable time is not short of CPU.
pub const STARVED_MIN: f64 = 0.10;

/// Work of the server whose CPU wait no thread told.
const ANY_THREAD: [Slot; 5] = [
    Slot::ServerAnyThread,
    Slot::FirstAnyThread,
    Slot::GapEngine,
    Slot::StallEngine,
    Slot::Body,
];
/// All work of the server.
const WORK: [Slot; 7] = [
    Slot::Server,
    Slot::First,
    Slot::ServerAnyThread,
    Slot::FirstAnyThread,
    Slot::GapEngine,
    Slot::StallEngine,
    Slot::Body,
];

/// Everything known about the window.
pub struct Window<'a> {
    /// All edges.
    pub views: &'a [EdgeView],
    /// CPU waits.
    pub processes: &'a ProcessTable,
    /// End of the window.
    pub now_ns: u64,
    /// Its length.
    pub span_ns: u64,
}

/// One edge, ready to be judged.
pub struct Case<'a> {
    /// The edge.
    pub view: &'a EdgeView,
    /// Its blame: waits of the server for other services taken out (those edges have their own
    /// findings), CPU waits of the server's other threads moved to [`Slot::ServerCpu`].
    pub blame: Blame,
    /// The server's CPU wait.
    pub server_cpu: Option<CpuWait>,
    /// The client's CPU wait.
    pub client_cpu: Option<CpuWait>,
}

impl<'a> Case<'a> {
    /// Prepares an edge.
    pub fn of(view: &'a EdgeView, window: &Window<'_>) -> Self {
        let wait_of = |name: &str| {
            window
                .processes
                .wait_of(name, window.now_ns, window.span_ns)
        };
        let server_cpu = wait_of(&view.key.server);
        let mut blame = view.sums().blame;
        let own = own_share(&view.key.server, window.views);
        for slot in WORK {
            let ns = &mut blame.0[slot as usize];
            *ns = (*ns as f64 * own) as u64;
        }
        if let Some(cpu) = server_cpu {
            move_starved(&mut blame, &cpu);
        }
        Self {
            view,
            blame,
            server_cpu,
            client_cpu: wait_of(&view.key.client),
        }
    }

    /// What the edge does, as the subject of a sentence.
    pub fn subject(&self) -> String {
        finding::subject(&self.view.key)
    }
    /// Time of a slot.
    pub fn ns(&self, slot: Slot) -> u64 {
        self.blame.get(slot)
    }
    /// Time a culprit answers for.
    pub fn of_culprit(&self, culprit: Culprit) -> u64 {
        culprit.ns(&self.blame)
    }
    /// Part of the edge's time as text.
    pub fn percent(&self, ns: u64) -> String {
        finding::percent(self.view.share(ns))
    }
    /// Mean over the edge's requests as text.
    pub fn per_request(&self, ns: u64) -> String {
        finding::duration(ns / self.view.sums().requests.max(1))
    }

    /// Whether a loss is worth a finding: seen in a request, and a tenth of the edge's time.
    pub fn matters(&self, lost_ns: u64, seen: u64) -> bool {
        seen > 0 && self.view.share(lost_ns) >= SHARE_MIN
    }

    /// Makes the finding of a cause that matters.
    pub fn finding(&self, cause: Found) -> Finding {
        let requests = self.view.sums().requests;
        let evidence = self.view.evidence();
        let word = evidence_word(evidence);
        Finding {
            rule: cause.rule.into(),
            severity: severity(cause.lost_ns / cause.seen.max(1)),
            title: format!(
                "{} ({word}, {} of {requests} requests)",
                cause.sentence, cause.seen
            ),
            edge: self.view.key.clone(),
            lost_ns: cause.lost_ns,
            share: self.view.share(cause.lost_ns),
            evidence,
            seen: cause.seen,
            requests,
            advice: cause.advice,
            exemplars: {
                let ids = self.view.exemplars();
                ids.iter().map(|id| id.to_string().into()).collect()
            },
        }
    }
}

/// What a rule found.
pub struct Found {
    /// The rule's name.
    pub rule: &'static str,
    /// Time lost.
    pub lost_ns: u64,
    /// Requests that show it.
    pub seen: u64,
    /// The finding, without evidence and counts.
    pub sentence: String,
    /// What to check next.
    pub advice: String,
}

fn severity(per_request_ns: u64) -> Severity {
    if per_request_ns >= finding::CRITICAL_NS {
        Severity::Critical
    } else if per_request_ns >= finding::WARNING_NS {
        Severity::Warning
    } else {
        Severity::Notice
    }
}

/// Part of a server's work that is its own, 0 to 1: the rest it spent as a client of others.
///
/// The sums of the window are compared, not single requests: calls that a server makes in the
/// background or at the same time make its own part look smaller, never larger.
fn own_share(server: &str, views: &[EdgeView]) -> f64 {
    if server == OTHER || server == EXTERNAL {
        return 1.0;
    }
    let serving = views.iter().filter(|view| &*view.key.server == server);
    let work: u64 = serving.map(|view| view.sums().blame.sum(&WORK)).sum();
    let asks_others = |view: &&EdgeView| &*view.key.client == server && &*view.key.server != server;
    let waiting: u64 = views
        .iter()
        .filter(asks_others)
        .map(|v| v.sums().duration_ns)
        .sum();
    if work == 0 {
        1.0
    } else {
        1.0 - (waiting as f64 / work as f64).min(1.0)
    }
}

/// Moves the part that the server waited for a CPU out of its work, but no more than it waited.
fn move_starved(blame: &mut Blame, cpu: &CpuWait) {
    if cpu.share() < STARVED_MIN {
        return;
    }
    let mut left = cpu.waited_ns;
    for slot in ANY_THREAD {
        let ns = blame.get(slot);
        let starved = ((ns as f64 * cpu.share()) as u64).min(left);
        left -= starved;
        blame.0[slot as usize] -= starved;
        blame.0[Slot::ServerCpu as usize] += starved;
    }
}
