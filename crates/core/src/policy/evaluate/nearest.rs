//! The rule that came nearest to letting a refused flow pass.

use super::{Case, Judge, named, rules};
use crate::policy::model::{Action, Policy};
use crate::policy::verdict::{Missed, Nearest, Why};

impl Judge<'_> {
    /// Of the policies of the tier that refused; the first where several are as near.
    pub(super) fn nearest(
        &self,
        policies: &[&Policy],
        case: Case<'_>,
        why: &Why,
    ) -> Option<Nearest> {
        let refusing = match why {
            Why::Rule { rule, .. } => Some((&rule.policy, rule.index)),
            _ => None,
        };
        let mut refused = false;
        let mut best: Option<(u32, Nearest)> = None;
        for (policy, index, rule) in rules(policies, case.direction) {
            refused |= refusing == Some((&policy.name, index));
            if rule.action != Action::Accept {
                continue;
            }
            let mut missed = self.fit(policy, rule, case).missed();
            if refused {
                missed.push(Missed::Order);
            }
            let distance = missed.iter().map(weight).sum();
            if best.as_ref().is_none_or(|(least, _)| distance < *least) {
                let nearest = Nearest {
                    rule: named(policy, index, rule),
                    missed,
                    accepts: super::trace::words(policy, rule, case.direction),
                };
                best = Some((distance, nearest));
            }
        }
        best.map(|(_, nearest)| nearest)
    }
}

/// How far away a rule is: a wrong port is the likeliest mistake, a wrong peer the least.
fn weight(missed: &Missed) -> u32 {
    match missed {
        Missed::Port => 2,
        Missed::Order => 3,
        Missed::Protocol => 4,
        Missed::Peer => 5,
        Missed::Unknown => 20,
    }
}
