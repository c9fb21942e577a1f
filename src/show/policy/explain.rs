//! `forebay policy explain`: how a verdict comes about, tier by tier.

use super::cases::line;
use super::{ONLY_JUDGED, PolicyError, sources};
use crate::show::failure::Failure;
use crate::show::observe::output::{print, width};
use clap::Args;
use forebay_core::policy::evaluate::trace::{Step, Trace};
use forebay_core::policy::read::port;
use forebay_core::policy::{
    Direction, Flow, Judge, Missed, Nearest, Protocol, Settings, Side, Tier, Verdict, ends,
};
use serde_json::json;
use std::path::PathBuf;

/// What else the help says.
pub const DETAILS: &str = "An end is namespace/name of a workload, an address, node/NAME, or the name of a host of an\n\
    Inventory. The files name who there is: Pods, Deployments and the like, or an Inventory.\n\n\
    Examples:\n  forebay policy explain --from rag/api --to rag/qdrant --port TCP/6333 policies/\n  \
    kubectl get ns,po,netpol -A -o yaml > all.yaml\n  \
    forebay policy explain --from rag/api --to 192.0.2.9 --port UDP/53 all.yaml";

/// Its flags.
#[derive(Args)]
pub struct Flags {
    /// Who begins
    #[arg(long, value_name = "END")]
    from: String,
    /// With whom
    #[arg(long, value_name = "END")]
    to: String,
    /// As TCP/80, UDP/53, SCTP/9003 or ICMP
    #[arg(long, value_name = "PORT", value_parser = port)]
    port: (Protocol, u16),
    /// Files or folders with policies and workloads; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Let every workload reach the node it runs on
    #[arg(long)]
    node_local_egress: bool,
    /// Print JSON: the verdict and every step to it
    #[arg(long)]
    json: bool,
}

/// Does it.
///
/// # Errors
/// When a file can't be read or has an error, or nobody has the name.
pub fn run(flags: &Flags) -> Result<(), Failure> {
    let files = sources::load_valid(&flags.files)?;
    let settings = Settings {
        node_local_egress: flags.node_local_egress,
    };
    let (from, to) = ends(&files.world, &flags.from, &flags.to).map_err(PolicyError::from)?;
    let (protocol, number) = flags.port;
    let flow = Flow {
        from,
        to,
        protocol,
        port: number,
    };
    let answers = files.world.host_answers();
    let mut trace = Trace::on();
    let judge = Judge::new(&files.policies, &files.world, &answers, settings);
    let verdict = judge.walk(&flow, &mut trace);
    let steps = trace.steps();
    if flags.json {
        return print(&line(&json!({
            "from": from.to_string(), "to": to.to_string(), "protocol": protocol, "port": number,
            "verdict": verdict, "steps": steps,
        })));
    }
    print(&wrapped(&text(&flow, &verdict, &steps), width()))
}

fn text(flow: &Flow<'_>, verdict: &Verdict, steps: &[Step]) -> String {
    let Flow {
        from,
        to,
        protocol,
        port,
    } = flow;
    let port = if *protocol == Protocol::Icmp {
        String::new()
    } else {
        format!("/{port}")
    };
    let word = if verdict.allowed { "allowed" } else { "denied" };
    let mut out = format!("{from} to {to}, {protocol}{port}: {word}\n");
    for (side, end) in [(&verdict.egress, from), (&verdict.ingress, to)] {
        out.push_str(&format!("\n{} of {end}\n", side.direction));
        for group in tiers(steps, side.direction) {
            tier(&mut out, group);
        }
        conclusion(&mut out, side);
    }
    out.push_str(&format!("\nReplies are not judged. {ONLY_JUDGED}\n"));
    out
}

/// Long lines go on below themselves, further in.
pub fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let start = line.len() - line.trim_start().len();
        let (first, further) = (" ".repeat(start), " ".repeat(start + 4));
        let options = textwrap::Options::new(width)
            .initial_indent(&first)
            .subsequent_indent(&further);
        out.push_str(&textwrap::fill(line.trim_start(), options));
        out.push('\n');
    }
    out
}

/// The steps of each tier of a direction, the tier's own first.
fn tiers(steps: &[Step], wanted: Direction) -> Vec<&[Step]> {
    let starts = |step: &&[Step]| matches!(step.first(), Some(Step::Tier { direction, .. }) if *direction == wanted);
    let groups = steps.chunk_by(|_, next| !matches!(next, Step::Tier { .. }));
    groups.filter(starts).collect()
}

fn tier(out: &mut String, steps: &[Step]) {
    let Some((Step::Tier { tier, .. }, rest)) = steps.split_first() else {
        return;
    };
    let looked = rest
        .iter()
        .filter(|step| matches!(step, Step::Policy { .. }))
        .count();
    let about = |step: &&Step| {
        matches!(
            step,
            Step::Policy {
                selects: true,
                speaks: true,
                ..
            }
        )
    };
    let abouts: Vec<&Step> = rest.iter().filter(about).collect();
    out.push_str(&format!(
        "  {tier} tier: {} of {looked} policies about it\n",
        abouts.len()
    ));
    for step in abouts {
        let Step::Policy {
            policy, priority, ..
        } = step
        else {
            continue;
        };
        let priority = match tier {
            Tier::NetworkPolicy => String::new(),
            _ => format!(", priority {priority}"),
        };
        out.push_str(&format!("    {policy}{priority}\n"));
        for step in rest {
            let Step::Rule {
                rule,
                action,
                missed,
                about,
            } = step
            else {
                continue;
            };
            if rule.policy == *policy {
                let fits = if missed.is_empty() {
                    "fits".to_owned()
                } else {
                    words(missed)
                };
                let action = if *tier == Tier::NetworkPolicy {
                    String::new()
                } else {
                    format!("{action} ")
                };
                out.push_str(&format!(
                    "      rule {}: {action}{about}: {fits}\n",
                    rule.index
                ));
            }
        }
    }
}

fn words(missed: &[Missed]) -> String {
    let all: Vec<String> = missed.iter().map(ToString::to_string).collect();
    format!("does not fit: {}", all.join(", "))
}

fn conclusion(out: &mut String, side: &Side) {
    out.push_str(&format!("  {side}\n"));
    if let Some(nearest) = &side.nearest {
        out.push_str(&format!("  {}\n", nearest_words(nearest)));
    }
}

/// The rule that came nearest, and what of it does not fit.
pub fn nearest_words(nearest: &Nearest) -> String {
    let Nearest {
        rule,
        missed,
        accepts,
    } = nearest;
    let missed: Vec<String> = missed.iter().map(ToString::to_string).collect();
    format!(
        "nearest: {rule} accepts {accepts}; what does not fit is {}",
        missed.join(" and ")
    )
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn long_lines_go_on_below_themselves() {
        let text = "a\n\n  one two three four\n";
        assert_eq!(
            wrapped(text, 12),
            "a\n\n  one two\n      three\n      four\n"
        );
    }
}
