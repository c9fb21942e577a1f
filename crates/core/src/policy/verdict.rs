//! What was decided, and why.

use super::model::{Action, Direction, PolicyName, Tier};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Both ends' decision. A flow passes when both let it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether it passes.
    pub allowed: bool,
    /// Out of the one who begins.
    pub egress: Side,
    /// Into the other.
    pub ingress: Side,
}

impl Verdict {
    /// The side that decided: the first that refuses, or the destination's.
    #[must_use]
    pub fn deciding(&self) -> &Side {
        if self.egress.allowed {
            &self.ingress
        } else {
            &self.egress
        }
    }

    /// Both, in the order of the packet's way.
    #[must_use]
    pub fn sides(&self) -> [&Side; 2] {
        [&self.egress, &self.ingress]
    }
}

/// One end's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Which end.
    pub direction: Direction,
    /// Whether it lets the flow pass.
    pub allowed: bool,
    /// What decided.
    pub why: Why,
    /// The rule that came nearest to letting it pass, where it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Nearest>,
}

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Why {
    /// A rule that matched.
    Rule {
        /// Which.
        rule: RuleName,
        /// What it does; never `Pass`.
        action: Action,
        /// It has something this version does not know, so that it refuses everything.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        fails_closed: bool,
    },
    /// These policies of the `NetworkPolicy` tier isolate the workload, and no rule of theirs matched.
    Isolated {
        /// In order of their names.
        policies: Vec<PolicyName>,
    },
    /// No rule decided.
    Default,
    /// A workload that talks to itself.
    Itself,
    /// From, or to, the node that the workload runs on.
    NodeLocal,
    /// This end is no workload with a network of its own: no policy is about it.
    NotGoverned,
}

/// A rule of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleName {
    /// Of which policy.
    pub policy: PolicyName,
    /// Of which tier.
    pub tier: Tier,
    /// The policy's priority; none in the `NetworkPolicy` tier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u16>,
    /// Which one of the direction's list, from 0.
    pub index: usize,
    /// What the operator calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A rule that would have let the flow pass, but for something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nearest {
    /// Which.
    pub rule: RuleName,
    /// What does not fit.
    pub missed: Vec<Missed>,
    /// What it lets pass, in words.
    pub accepts: String,
}

/// What of a rule does not fit a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// The other end is none of its peers.
    Peer,
    /// It is about other protocols.
    Protocol,
    /// It is about other ports of this protocol.
    Port,
    /// It fits, but a rule that is asked before it refuses.
    Order,
    /// It has something this version does not know.
    Unknown,
}

impl fmt::Display for Missed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Missed::Peer => "the peer",
            Missed::Protocol => "the protocol",
            Missed::Port => "the port",
            Missed::Order => "the order: a rule before it refuses",
            Missed::Unknown => "something this version does not know",
        })
    }
}

impl fmt::Display for RuleName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} rule {}", self.policy, self.index)?;
        match &self.name {
            Some(name) => write!(out, " ({name:?})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.allowed { "allowed" } else { "denied" };
        write!(out, "{} {word}: {}", self.direction, self.why)
    }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Rule {
                rule,
                action,
                fails_closed,
            } => {
                write!(out, "{rule}, {} tier", rule.tier)?;
                if let Some(priority) = rule.priority {
                    write!(out, " priority {priority}")?;
                }
                write!(out, ", says {action}")?;
                let unknown = "; it has something this version does not know and fails closed";
                out.write_str(if *fails_closed { unknown } else { "" })
            }
            Why::Isolated { policies } => {
                let names: Vec<String> = policies.iter().map(ToString::to_string).collect();
                write!(out, "isolated by {}, and no rule matched", names.join(", "))
            }
            Why::Default => out.write_str("no rule decides it, so it passes"),
            Why::Itself => out.write_str("a workload always reaches itself"),
            Why::NodeLocal => out.write_str("the other end is the node that the workload runs on"),
            Why::NotGoverned => out.write_str(
                "this end is no workload with a network of its own, so no policy is about it",
            ),
        }
    }
}
