//! What holds of all policies: random ones among random workloads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't go on should fail where it stands"
)]

mod random;

use forebay_core::policy::read::Files;
use forebay_core::policy::{
    Action, Answers, Api, Direction, End, Flow, Judge, Peers, Policies, Policy, PolicyName, Ports,
    Protocol, Rule, Selector, Settings, Subject, Tier, Who, Why,
};
use proptest::prelude::*;
use random::{Wish, end, judged, network_policy, policies, rule, wish, world};
use std::net::IpAddr;

/// As many as `PROPTEST_CASES` says, or few.
fn cases(few: u32) -> ProptestConfig {
    let many = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig::with_cases(many.and_then(|n| n.parse().ok()).unwrap_or(few))
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn the_order_of_policies_does_not_matter(
        (all, shuffled) in policies().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        world in world(),
        wish in wish(),
    ) {
        let (a, b) = (judged(&all, &world, &wish), judged(&shuffled, &world, &wish));
        prop_assert_eq!(a, b);
    }

    #[test]
    fn a_further_rule_of_a_network_policy_takes_nothing_away(
        mut all in policies(), mut one in network_policy(), world in world(), wish in wish(), rule in rule(false),
        place in any::<prop::sample::Index>(), first in any::<bool>(),
    ) {
        one.name.name = "one".to_owned();
        all.push(one);
        let before = judged(&all, &world, &wish);
        let mut more = all.clone();
        let own: Vec<usize> = (0..more.len()).filter(|index| more[*index].tier == Tier::NetworkPolicy).collect();
        let policy = &mut more[own[place.index(own.len())]];
        for rules in [&mut policy.ingress, &mut policy.egress].into_iter().flatten() {
            let at = if first { 0 } else { rules.len() };
            rules.insert(at, rule.clone());
        }
        let after = judged(&more, &world, &wish);
        prop_assert!(after.allowed || !before.allowed, "{before:#?} {after:#?}");
    }

    #[test]
    fn a_further_network_policy_takes_nothing_from_who_is_isolated(
        all in policies(), world in world(), wish in wish(), mut more in network_policy(),
    ) {
        let before = judged(&all, &world, &wish);
        more.name.name = "more".to_owned();
        let after = judged(&[all, vec![more]].concat(), &world, &wish);
        for (old, new) in before.sides().into_iter().zip(after.sides()) {
            let by_rule = matches!(&old.why, Why::Rule { rule, .. } if rule.tier == Tier::NetworkPolicy);
            prop_assert!(!by_rule || new.allowed, "{old:#?} {new:#?}");
        }
    }

    #[test]
    fn the_reason_goes_with_the_verdict(all in policies(), world in world(), wish in wish()) {
        let verdict = judged(&all, &world, &wish);
        prop_assert_eq!(verdict.allowed, verdict.egress.allowed && verdict.ingress.allowed);
        prop_assert_eq!(verdict.egress.direction, Direction::Egress);
        prop_assert_eq!(verdict.ingress.direction, Direction::Ingress);
        for side in verdict.sides() {
            match &side.why {
                Why::Rule { rule, action, .. } => {
                    prop_assert_eq!(side.allowed, *action == Action::Accept);
                    let policy = all.iter().find(|policy| policy.name == rule.policy).unwrap();
                    let rules = policy.rules(side.direction).unwrap();
                    prop_assert_eq!(rules[rule.index].action, *action);
                }
                Why::Isolated { policies } => {
                    prop_assert!(!side.allowed && !policies.is_empty());
                }
                Why::Default | Why::Itself | Why::NodeLocal | Why::NotGoverned => prop_assert!(side.allowed),
            }
            prop_assert!(!side.allowed || side.nearest.is_none());
            if let Some(nearest) = &side.nearest {
                prop_assert!(!nearest.missed.is_empty());
            }
        }
    }

    #[test]
    fn mending_what_the_nearest_rule_misses_lets_pass(all in policies(), world in world(), wish in wish()) {
        let verdict = judged(&all, &world, &wish);
        let Some((side, nearest)) = verdict.sides().into_iter().find_map(|side| Some((side, side.nearest.clone()?))) else {
            return Ok(());
        };
        let mut mended = all.clone();
        let policy = mended.iter_mut().find(|policy| policy.name == nearest.rule.policy).unwrap();
        let rules = if side.direction == Direction::Ingress { &mut policy.ingress } else { &mut policy.egress };
        let rules = rules.as_mut().unwrap();
        let mut rule = rules.remove(nearest.rule.index);
        for missed in &nearest.missed {
            match missed {
                forebay_core::policy::Missed::Peer => rule.peers = Peers::All,
                forebay_core::policy::Missed::Port | forebay_core::policy::Missed::Protocol => rule.ports = Ports::All,
                _ => {}
            }
        }
        rules.insert(0, rule);
        policy.priority = 0;
        policy.name.name = "0".to_owned();
        let after = judged(&mended, &world, &wish);
        let now = after.sides().into_iter().find(|one| one.direction == side.direction).unwrap().clone();
        // In a tier with priorities, another policy of priority 0 may still pass it on to where it is refused.
        let passed_on = nearest.rule.tier != Tier::NetworkPolicy && !now.allowed
            && !matches!(&now.why, Why::Rule { rule, .. } if rule.tier == nearest.rule.tier);
        prop_assert!(now.allowed || passed_on, "{side:#?} {now:#?}");
    }

    #[test]
    fn nobody_overrides_the_admin_tier(all in policies(), world in world(), wish in wish(), accept in any::<bool>()) {
        let action = if accept { Action::Accept } else { Action::Deny };
        let rules = || Some(vec![Rule { name: None, action, peers: Peers::All, ports: Ports::All }]);
        let first = Policy {
            name: PolicyName { api: Api::ClusterNetworkPolicy, namespace: None, name: String::new() },
            tier: Tier::Admin,
            priority: 0,
            subject: Subject::Across(Selector::everything(), Selector::everything()),
            ingress: rules(),
            egress: rules(),
        };
        let verdict = judged(&[all, vec![first]].concat(), &world, &wish);
        for side in verdict.sides() {
            let free = matches!(side.why, Why::Itself | Why::NodeLocal | Why::NotGoverned);
            prop_assert!(free || side.allowed == accept, "{side:#?}");
        }
    }

    #[test]
    fn passing_everything_first_is_as_if_the_tier_were_empty(all in policies(), world in world(), wish in wish()) {
        let mut first = all.clone();
        let rules = || Some(vec![Rule { name: None, action: Action::Pass, peers: Peers::All, ports: Ports::All }]);
        first.push(Policy {
            name: PolicyName { api: Api::ClusterNetworkPolicy, namespace: None, name: String::new() },
            tier: Tier::Admin,
            priority: 0,
            subject: Subject::Across(Selector::everything(), Selector::everything()),
            ingress: rules(),
            egress: rules(),
        });
        let without: Vec<Policy> = all.into_iter().filter(|policy| policy.tier != Tier::Admin).collect();
        prop_assert_eq!(judged(&first, &world, &wish), judged(&without, &world, &wish));
    }

    #[test]
    fn an_address_of_ipv4_is_the_same_written_as_ipv6(all in policies(), world in world(), wish in wish()) {
        let plain = Wish { v6: false, ..wish };
        let expected = judged(&all, &world, &plain);
        let mut mapped = world.clone();
        let write = |address: &mut IpAddr| {
            if let IpAddr::V4(v4) = address {
                *address = IpAddr::V6(v4.to_ipv6_mapped());
            }
        };
        for workload in &mut mapped.workloads {
            workload.addresses.truncate(1);
            workload.addresses.iter_mut().for_each(write);
        }
        mapped.nodes.iter_mut().flat_map(|node| &mut node.addresses).for_each(write);
        let ends = |index| match end(&mapped, index, true) {
            End { who: Who::Outside, .. } => end(&mapped, index, false),
            end => end,
        };
        let flow = Flow {
            from: ends(plain.from),
            to: ends(plain.to),
            protocol: plain.protocol,
            port: if plain.protocol == Protocol::Icmp { 0 } else { plain.port },
        };
        let (policies, answers) = (Policies { all }, Answers::default());
        let verdict = Judge::new(&policies, &mapped, &answers, Settings::default()).judge(&flow);
        prop_assert_eq!(verdict, expected);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[-\\[\\]{}:,?!&*#|>'\"%@ \\n\\t0-9a-eA-EkimpS~<./]{0,200}") {
        let mut files = Files::default();
        files.add("f", &text);
        files.finish();
        prop_assert!(files.policies.all.is_empty());
    }

    #[test]
    fn a_broken_policy_is_read_or_refused(cut in any::<prop::sample::Index>(), length in 0..20usize, with in "[-\\[\\]{}:, \\n0-9a-e~]{0,6}") {
        const WHOLE: &str = "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: a}\nspec:\n  tier: Admin\n  \
            priority: 5\n  subject: {namespaces: {matchLabels: {a: b}}}\n  egress:\n  - action: Accept\n    to:\n    - networks: [10.0.0.0/8]\n    \
            - domainNames: ['*.a.b']\n    protocols:\n    - tcp: {destinationPort: {range: {start: 1, end: 5}}}\n";
        let start = cut.index(WHOLE.len());
        let end = (start + length).min(WHOLE.len());
        let text = format!("{}{with}{}", &WHOLE[..start], &WHOLE[end..]);
        let mut files = Files::default();
        files.add("f", &text);
        files.finish();
        // Whatever is refused says why.
        prop_assert!(!files.policies.all.is_empty() || files.documents == 0 || !files.problems().is_empty() || !files.skipped.is_empty(), "{text}");
    }
}
