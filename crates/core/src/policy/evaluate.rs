//! The reference evaluator.
//!
//! A flow is judged once, at its beginning, by the policies about either end; replies are not judged.
//! Tiers are asked in order: Admin, `NetworkPolicy`, Baseline; what none of them decides is allowed.

mod case;
pub(super) mod fit;
mod nearest;
pub mod trace;

use super::domain::Answers;
use super::flow::Flow;
use super::model::{Action, Direction, Policies, Policy, Subject, Tier};
use super::verdict::{Side, Verdict, Why};
use super::world::{Workload, World};
pub(in crate::policy) use case::why;
use case::{Case, is_same, named, rules};
use fit::Fit;
use trace::Trace;

/// Where the APIs leave something to whoever implements them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// A workload may always reach the node it runs on. The other way is always free, as the API says.
    pub node_local_egress: bool,
}

/// Judges flows by policies.
pub struct Judge<'a> {
    /// By tier, priority and name.
    pub(in crate::policy) ordered: Vec<&'a Policy>,
    pub(in crate::policy) world: &'a World,
    pub(in crate::policy) answers: &'a Answers,
    pub(in crate::policy) settings: Settings,
}

/// What one tier says.
enum Said {
    Allowed(Why),
    Denied(Why),
    Nothing,
}

impl<'a> Judge<'a> {
    /// Equal priorities, which the API leaves undefined, are asked in order of their names.
    #[must_use]
    pub fn new(
        policies: &'a Policies,
        world: &'a World,
        answers: &'a Answers,
        settings: Settings,
    ) -> Self {
        let mut ordered: Vec<&Policy> = policies.all.iter().collect();
        ordered.sort_by(|a, b| (a.tier, a.priority, &a.name).cmp(&(b.tier, b.priority, &b.name)));
        Judge {
            ordered,
            world,
            answers,
            settings,
        }
    }

    /// The verdict.
    #[must_use]
    pub fn judge(&self, flow: &Flow<'_>) -> Verdict {
        self.walk(flow, &mut Trace::off())
    }

    /// The verdict, and every step to it.
    pub fn walk(&self, flow: &Flow<'_>, trace: &mut Trace) -> Verdict {
        let egress = self.side(
            Case {
                flow,
                direction: Direction::Egress,
            },
            trace,
        );
        let ingress = self.side(
            Case {
                flow,
                direction: Direction::Ingress,
            },
            trace,
        );
        Verdict {
            allowed: egress.allowed && ingress.allowed,
            egress,
            ingress,
        }
    }

    fn side(&self, case: Case<'_>, trace: &mut Trace) -> Side {
        let allowed = |why| Side {
            direction: case.direction,
            allowed: true,
            why,
            nearest: None,
        };
        let Some(subject) = case.subject().workload() else {
            return allowed(Why::NotGoverned);
        };
        if is_same(subject, case.peer()) {
            return allowed(Why::Itself);
        }
        if self.is_node_local(subject, &case) {
            return allowed(Why::NodeLocal);
        }
        for tier in Tier::ALL {
            let policies = self.about(tier, subject, case.direction, trace);
            let said = match tier {
                Tier::NetworkPolicy => self.isolation(&policies, case, trace),
                Tier::Admin | Tier::Baseline => self.first_match(&policies, case, trace),
            };
            match said {
                Said::Allowed(why) => return allowed(why),
                Said::Denied(why) => {
                    let nearest = self.nearest(&policies, case, &why);
                    return Side {
                        direction: case.direction,
                        allowed: false,
                        why,
                        nearest,
                    };
                }
                Said::Nothing => {}
            }
        }
        allowed(Why::Default)
    }

    /// Traffic from a workload's own node always comes in, so that probes work.
    fn is_node_local(&self, subject: &Workload, case: &Case<'_>) -> bool {
        let free = case.direction == Direction::Ingress || self.settings.node_local_egress;
        let node = case.peer().node_name();
        free && node.is_some() && node == subject.node.as_deref()
    }

    /// The tier's policies that say something about this direction of the subject, in order.
    fn about(
        &self,
        tier: Tier,
        subject: &Workload,
        direction: Direction,
        trace: &mut Trace,
    ) -> Vec<&'a Policy> {
        trace.tier(direction, tier);
        let of_tier = self.ordered.iter().filter(|policy| policy.tier == tier);
        let speaking = of_tier.filter(|policy| {
            let selects = self.selects(&policy.subject, subject);
            let speaks = policy.rules(direction).is_some();
            trace.policy(policy, selects, speaks);
            selects && speaks
        });
        speaking.copied().collect()
    }

    pub(in crate::policy) fn selects(&self, subject: &Subject, workload: &Workload) -> bool {
        match subject {
            Subject::InNamespace(namespace, selector) => {
                workload.namespace == *namespace && selector.matches(&workload.labels)
            }
            Subject::Across(namespaces, workloads) => {
                workloads.matches(&workload.labels)
                    && namespaces.matches(&self.world.namespace_labels(&workload.namespace))
            }
        }
    }

    /// Whoever is selected is isolated; any rule that matches lets pass.
    fn isolation(&self, policies: &[&Policy], case: Case<'_>, trace: &mut Trace) -> Said {
        if policies.is_empty() {
            return Said::Nothing;
        }
        for (policy, index, rule) in rules(policies, case.direction) {
            let fit = self.fit(policy, rule, case);
            trace.rule(policy, index, rule, &fit);
            if fit.is_match() {
                return Said::Allowed(why(policy, index, rule, Action::Accept, false));
            }
        }
        Said::Denied(Why::Isolated {
            policies: policies.iter().map(|policy| policy.name.clone()).collect(),
        })
    }

    /// The first rule that matches decides.
    fn first_match(&self, policies: &[&Policy], case: Case<'_>, trace: &mut Trace) -> Said {
        for (policy, index, rule) in rules(policies, case.direction) {
            let fit = self.fit(policy, rule, case);
            trace.rule(policy, index, rule, &fit);
            match (&fit, rule.action) {
                (Fit::Unknown, Action::Deny | Action::Pass) => {
                    return Said::Denied(why(policy, index, rule, Action::Deny, true));
                }
                _ if !fit.is_match() => {}
                (_, Action::Accept) => {
                    return Said::Allowed(why(policy, index, rule, rule.action, false));
                }
                (_, Action::Deny) => {
                    return Said::Denied(why(policy, index, rule, rule.action, false));
                }
                (_, Action::Pass) => return Said::Nothing,
            }
        }
        Said::Nothing
    }
}

#[cfg(test)]
mod tests;
