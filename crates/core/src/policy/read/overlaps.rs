//! What is wrong between objects: names that are there twice, and priorities that decide nothing.

use super::Files;
use crate::policy::model::{Direction, Policy, Subject, Tier};
use crate::policy::selector::Selector;
use std::collections::BTreeMap;

pub(super) fn find(files: &mut Files) {
    doubles(files);
    workloads(files);
    priorities(files);
}

/// Says where the policy at this place of the list stood.
fn at(files: &mut Files, index: usize) -> u32 {
    let Some((name, file, document, line)) = files.origins.get(index).cloned() else {
        return 0;
    };
    (files.log.file, files.log.document, files.log.object) = (file, document, name.to_string());
    line
}

fn doubles(files: &mut Files) {
    let mut first: BTreeMap<_, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for (index, policy) in files.policies.all.iter().enumerate() {
        if let Some(before) = first.insert(policy.name.clone(), index) {
            found.push((before, index));
        }
    }
    for (before, index) in found {
        let other = files
            .origins
            .get(before)
            .map(|(_, file, _, line)| format!("{file}:{line}"));
        let line = at(files, index);
        let what = format!("the same policy stands at {}", other.unwrap_or_default());
        files.log.error(
            ("metadata.name", line),
            what,
            "remove or rename one of them",
        );
    }
}

fn workloads(files: &mut Files) {
    files.log.object.clear();
    let mut seen = BTreeMap::new();
    let mut found = Vec::new();
    for workload in &files.world.workloads {
        for address in workload.addresses.iter().filter(|_| !workload.host_network) {
            if let Some(other) = seen.insert(*address, workload.to_string()) {
                found.push(format!(
                    "{other} and {workload} both have the address {address}"
                ));
            }
        }
    }
    for what in found {
        files.log.warning(
            ("", 0),
            what,
            "remove the one that has gone: an address tells who it is",
        );
    }
}

/// The API leaves undefined which of two policies of equal priority decides.
fn priorities(files: &mut Files) {
    let all = &files.policies.all;
    let mut groups: BTreeMap<(Tier, u16), Vec<usize>> = BTreeMap::new();
    for (index, policy) in all
        .iter()
        .enumerate()
        .filter(|(_, policy)| policy.tier != Tier::NetworkPolicy)
    {
        groups
            .entry((policy.tier, policy.priority))
            .or_default()
            .push(index);
    }
    let mut found = Vec::new();
    for group in groups.into_values() {
        for (place, one) in group.iter().enumerate() {
            // One sentence for each policy is enough, however many it meets.
            if let Some(other) = group[..place]
                .iter()
                .find(|other| meet(files, &all[*one], &all[**other]))
            {
                found.push((*one, all[*other].name.to_string()));
            }
        }
    }
    for (index, other) in found {
        let line = at(files, index);
        let priority = files
            .policies
            .all
            .get(index)
            .map_or(0, |policy| policy.priority);
        let what = format!(
            "{other} has the priority {priority} as well and is about the same workloads; the API leaves undefined which is asked first (here: by name)"
        );
        files.log.warning(
            ("spec.priority", line),
            what,
            "give them different priorities",
        );
    }
}

/// Whether both can be about one workload and one direction.
fn meet(files: &Files, a: &Policy, b: &Policy) -> bool {
    let (Subject::Across(namespaces_a, a_selects), Subject::Across(namespaces_b, b_selects)) =
        (&a.subject, &b.subject)
    else {
        return false;
    };
    let both = |direction| a.rules(direction).is_some() && b.rules(direction).is_some();
    if !both(Direction::Ingress) && !both(Direction::Egress) {
        return false;
    }
    if files.world.workloads.is_empty() {
        let apart = |a: &Selector, b: &Selector| a.excludes(b) || b.excludes(a);
        return !apart(a_selects, b_selects) && !apart(namespaces_a, namespaces_b);
    }
    files.world.workloads.iter().any(|one| {
        let namespace = files.world.namespace_labels(&one.namespace);
        let selects = |namespaces: &Selector, workloads: &Selector| {
            namespaces.matches(&namespace) && workloads.matches(&one.labels)
        };
        selects(namespaces_a, a_selects) && selects(namespaces_b, b_selects)
    })
}
