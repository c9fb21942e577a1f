//! What is wrong between objects: names that are there twice, and priorities that decide nothing.

use super::Files;
use crate::policy::model::{Direction, Subject, Tier};
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
    let mut names = BTreeMap::new();
    let mut found = Vec::new();
    for workload in &files.world.workloads {
        let count: &mut usize = names.entry(workload.to_string()).or_default();
        *count += 1;
        if *count == 2 {
            let what = format!("{workload} is there more than once");
            found.push((
                what,
                "give each its own name: only the first can be asked about by it",
            ));
        }
        for address in workload.addresses.iter().filter(|_| !workload.host_network) {
            if let Some(other) = seen.insert(*address, workload.to_string()) {
                let what = format!("{other} and {workload} both have the address {address}");
                let cure = "remove the one that has gone; where both run on one host, others take them for the first";
                found.push((what, cure));
            }
        }
    }
    for (what, cure) in found {
        files.log.warning(("", 0), what, cure);
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
    let mut found = BTreeMap::new();
    for group in groups.into_values().filter(|group| group.len() > 1) {
        for direction in [Direction::Ingress, Direction::Egress] {
            let speaks = |index: &&usize| all[**index].rules(direction).is_some();
            let group: Vec<usize> = group.iter().filter(speaks).copied().collect();
            meetings(files, &group, &mut found);
        }
    }
    for (index, other) in found {
        let other = files
            .policies
            .all
            .get(other)
            .map_or(String::new(), |policy| policy.name.to_string());
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

/// Which policies of a group can be about a workload that one before them is about, and the first such
/// one. One sentence for each is enough, however many it meets.
fn meetings(files: &Files, group: &[usize], found: &mut BTreeMap<usize, usize>) {
    let across = |index: &usize| match files.policies.all.get(*index).map(|policy| &policy.subject)
    {
        Some(Subject::Across(namespaces, workloads)) => Some((*index, namespaces, workloads)),
        _ => None,
    };
    let group: Vec<(usize, &Selector, &Selector)> = group.iter().filter_map(across).collect();
    if files.world.workloads.is_empty() {
        let apart = |a: &Selector, b: &Selector| a.excludes(b) || b.excludes(a);
        for (place, (one, namespaces, workloads)) in group.iter().enumerate() {
            let meets = |(_, n, w): &&(usize, &Selector, &Selector)| {
                !apart(namespaces, n) && !apart(workloads, w)
            };
            if let Some((other, ..)) = group[..place].iter().find(meets) {
                found.entry(*one).or_insert(*other);
            }
        }
        return;
    }
    for workload in &files.world.workloads {
        let namespace = files.world.namespace_labels(&workload.namespace);
        let selects = |(_, n, w): &&(usize, &Selector, &Selector)| {
            w.matches(&workload.labels) && n.matches(&namespace)
        };
        let mut selecting = group.iter().filter(selects).map(|(index, ..)| *index);
        if let Some(first) = selecting.next() {
            selecting.for_each(|index| {
                found.entry(index).or_insert(first);
            });
        }
    }
}
