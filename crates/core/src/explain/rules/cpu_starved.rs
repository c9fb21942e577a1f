//! The server could run but had no CPU.

use super::{Info, Rule};
use crate::explain::case::{Case, Found, STARVED_MIN};
use crate::explain::culprit::Culprit;
use crate::explain::finding::{Finding, percent};

/// The rule.
pub const RULE: Rule = Rule {
    info: Info {
        name: "cpu_starved",
        about: "The server waits for a CPU, by its quota or because others run.",
        evidence: "run-queue wait of the serving thread; for work of other threads, the part of its \
                   runnable time that the process waited",
        culprits: &[Culprit::Cpu],
    },
    find,
};

fn find(case: &Case<'_>, out: &mut Vec<Finding>) {
    let lost_ns = case.of_culprit(Culprit::Cpu);
    let starved = case.server_cpu.filter(|cpu| cpu.share() >= STARVED_MIN);
    let seen = &case.view.sums().seen;
    let mut shown = seen.of(Culprit::Cpu);
    if starved.is_some() {
        // The process waited: every request with work of its other threads shows it.
        let work = [Culprit::Engine, Culprit::FirstChunk, Culprit::StallEngine];
        shown = work
            .into_iter()
            .map(|culprit| seen.of(culprit))
            .fold(shown, u64::max);
    }
    if !case.matters(lost_ns, shown) {
        return;
    }
    let server = &case.view.key.server;
    let cause = match starved {
        Some(cpu) => format!(
            "{server} waited {} of its runnable time for a CPU",
            percent(cpu.share())
        ),
        None => format!("{server}'s serving thread waits for a CPU"),
    };
    let advice = match starved {
        Some(cpu) if cpu.is_quota() => {
            format!(
                "raise the CPU quota of {server} (cpu.max, CPUQuota=, limits.cpu): it is throttled"
            )
        }
        _ => format!("give {server} more CPU, or move what runs beside it"),
    };
    out.push(case.finding(Found {
        rule: RULE.info.name,
        lost_ns,
        seen: shown,
        sentence: format!(
            "{} loses {} of its time for want of CPU: {cause}",
            case.subject(),
            case.percent(lost_ns)
        ),
        advice,
    }));
}
