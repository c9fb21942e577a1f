//! Numbers for what decides.

use crate::policy::verdict::Why;
use std::fmt;

/// No policy said anything.
pub const DEFAULT: u32 = 0;
/// A workload that talks to itself, or to a loopback address.
pub const ITSELF: u32 = 1;
/// From, or to, the node that the workload runs on.
pub const NODE_LOCAL: u32 = 2;
/// No policy can be about this end.
pub const NOT_GOVERNED: u32 = 3;
/// No verdict stands yet for this workload.
pub const PENDING: u32 = 4;
/// The table has a hole.
pub const BROKEN: u32 = 5;
/// The first number that stands for a rule or for isolation.
pub const FIRST_RULE: u32 = 16;

/// What decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// As the reference evaluator has it.
    Why(Why),
    /// The workload is new: until its verdict stands it reaches its own node alone.
    Pending,
    /// The table has a hole; it fails closed.
    Broken,
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Why(why) => why.fmt(out),
            Reason::Pending => {
                out.write_str("the workload is new and no verdict stands for it yet")
            }
            Reason::Broken => {
                out.write_str("the tables in the kernel have a hole, and fail closed")
            }
        }
    }
}

/// Every reason of a table.
#[derive(Debug, Clone, Default)]
pub(super) struct Reasons {
    all: Vec<Why>,
}

impl Reasons {
    /// A number for it. Callers ask once for each rule.
    pub fn number(&mut self, why: Why) -> u32 {
        self.all.push(why);
        FIRST_RULE + self.all.len() as u32 - 1
    }

    pub fn get(&self, number: u32) -> Option<Reason> {
        Some(match number {
            DEFAULT => Reason::Why(Why::Default),
            ITSELF => Reason::Why(Why::Itself),
            NODE_LOCAL => Reason::Why(Why::NodeLocal),
            NOT_GOVERNED => Reason::Why(Why::NotGoverned),
            PENDING => Reason::Pending,
            BROKEN => Reason::Broken,
            _ => {
                let place = number.checked_sub(FIRST_RULE)?;
                Reason::Why(self.all.get(place as usize)?.clone())
            }
        })
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }
}
