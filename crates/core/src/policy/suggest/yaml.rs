//! A draft as people read it: native YAML, a comment for whatever was seen.

mod rest;
mod words;

use super::apps::App;
use super::{Draft, Peer, Rules, Suggestion};
use crate::policy::flow::Protocol;
use crate::policy::traffic::Amount;
use rest::not_seen;
use std::collections::{BTreeMap, BTreeSet};
use words::{amount, counted, listed, scalar};

/// Longest name of a policy.
const NAME_MAX: usize = 63;
/// Where clusters have their DNS.
const DNS_NAMESPACE: &str = "kube-system";
const DNS_LABEL: (&str, &str) = ("k8s-app", "kube-dns");

pub(super) fn text(of: &Suggestion<'_>) -> String {
    let mut out = head(of);
    let mut names = BTreeSet::new();
    for (app, draft) in &of.drafts {
        policy(&mut out, of, &of.apps.all[*app], draft, &mut names);
    }
    out.push_str(&not_seen(of));
    out
}

fn head(of: &Suggestion<'_>) -> String {
    let mut out = format!(
        "# Drafted from {}: read it before you apply it.\n\
         # It lets pass what was seen and nothing else. Only TCP is recorded: what else is used (UDP, ICMP) is\n\
         # missing here. Copies of a workload are one: what one was seen to do, all may do.\n",
        amount(&of.all)
    );
    for (why, requests) in &of.unplaced {
        let verb = if *requests == 1 { "has" } else { "have" };
        let requests = counted(*requests);
        out.push_str(&format!("# {requests} {verb} no rule: {why}.\n"));
    }
    if of.beyond > 0 {
        let requests = counted(of.beyond);
        out.push_str(&format!(
            "# Not looked at, as of further flows: {requests}.\n"
        ));
    }
    if of.lost > 0 {
        let lost = of.lost;
        out.push_str(&format!(
            "# {lost} were lost before they came here: flows may be missing.\n"
        ));
    }
    out
}

fn policy(
    out: &mut String,
    of: &Suggestion<'_>,
    app: &App<'_>,
    draft: &Draft,
    names: &mut BTreeSet<(String, String)>,
) {
    let name = free_name(app, names);
    let (namespace, name) = (scalar(app.namespace), scalar(&name));
    out.push_str(&format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {name}\n  namespace: {namespace}\n\
         spec:\n  # Now: {}\n  podSelector:\n",
        listed(app.workloads.iter().map(|one| one.name.as_str()))
    ));
    selector(out, app, 4);
    out.push_str("  policyTypes: [Ingress, Egress]\n");
    rules(out, of, app, &draft.ingress, ("ingress", "from"));
    rules(out, of, app, &draft.egress, ("egress", "to"));
    dns(out, of, draft);
}

fn rules(
    out: &mut String,
    of: &Suggestion<'_>,
    app: &App<'_>,
    rules: &Rules,
    (direction, way): (&str, &str),
) {
    let dns = direction == "egress" && has_dns(of);
    if rules.is_empty() && !dns {
        out.push_str(&format!(
            "  # None was seen: all of it would be denied.\n  {direction}: []\n"
        ));
        return;
    }
    out.push_str(&format!("  {direction}:\n"));
    for (peer, ports) in rules {
        let who = who(of, *peer);
        for ((protocol, port), seen) in ports {
            let seen = amount(seen);
            out.push_str(&format!("  # {who}: {protocol}/{port}, {seen}\n"));
        }
        out.push_str(&format!("  - {way}:\n"));
        other_end(out, of, app, *peer);
        ports_of(out, ports);
    }
}

fn who(of: &Suggestion<'_>, peer: Peer) -> String {
    let names: Vec<String> = match peer {
        Peer::App(index) => {
            let workloads = of.apps.all[index].workloads.iter();
            workloads.map(ToString::to_string).collect()
        }
        Peer::Address(address) => of
            .names
            .get(&address)
            .into_iter()
            .flatten()
            .cloned()
            .collect(),
    };
    listed(names.iter().map(String::as_str))
}

fn other_end(out: &mut String, of: &Suggestion<'_>, app: &App<'_>, peer: Peer) {
    match peer {
        Peer::App(index) => {
            let other = &of.apps.all[index];
            if other.namespace == app.namespace {
                out.push_str("    - podSelector:\n");
            } else {
                let namespace = scalar(other.namespace);
                out.push_str(&format!(
                    "    - namespaceSelector:\n        matchLabels:\n          \
                     kubernetes.io/metadata.name: {namespace}\n      podSelector:\n"
                ));
            }
            selector(out, other, 8);
        }
        Peer::Address(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            out.push_str(&format!("    - ipBlock: {{cidr: \"{address}/{bits}\"}}\n"));
        }
    }
}

fn ports_of(out: &mut String, ports: &BTreeMap<(Protocol, u16), Amount>) {
    out.push_str("    ports:\n");
    for (protocol, port) in ports.keys() {
        out.push_str(&format!("    - {{protocol: {protocol}, port: {port}}}\n"));
    }
}

fn selector(out: &mut String, app: &App<'_>, indent: usize) {
    let space = " ".repeat(indent);
    out.push_str(&format!("{space}matchLabels:\n"));
    for (key, value) in &app.labels {
        out.push_str(&format!("{space}  {}: {}\n", scalar(key), scalar(value)));
    }
    if app.lacks.is_empty() {
        return;
    }
    out.push_str(&format!("{space}matchExpressions:\n"));
    for key in &app.lacks {
        let key = scalar(key);
        out.push_str(&format!(
            "{space}- {{key: {key}, operator: DoesNotExist}}\n"
        ));
    }
}

fn has_dns(of: &Suggestion<'_>) -> bool {
    let (key, value) = DNS_LABEL;
    of.options.dns
        && of.world.workloads.iter().any(|one| {
            one.namespace == DNS_NAMESPACE && one.labels.get(key).is_some_and(|its| its == value)
        })
}

/// Comes last of the egress rules.
fn dns(out: &mut String, of: &Suggestion<'_>, draft: &Draft) {
    let real = has_dns(of);
    let mark = if real { "  " } else { "  # " };
    if real {
        out.push_str("  # DNS, which is not recorded, and which nearly everyone needs.\n");
    } else if of.options.dns {
        let instead = if draft.egress.is_empty() {
            " in place of the []"
        } else {
            ""
        };
        out.push_str(&format!(
            "  # DNS is not recorded, and the files name no {}={} in {DNS_NAMESPACE}. Where names are looked up, add{instead}:\n",
            DNS_LABEL.0, DNS_LABEL.1
        ));
    } else {
        out.push_str("  # DNS is not among it: names cannot be looked up.\n");
        return;
    }
    let rule = [
        "- to:".to_owned(),
        "  - namespaceSelector:".to_owned(),
        format!("      matchLabels: {{kubernetes.io/metadata.name: {DNS_NAMESPACE}}}"),
        "    podSelector:".to_owned(),
        format!("      matchLabels: {{{}: {}}}", DNS_LABEL.0, DNS_LABEL.1),
        "  ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]".to_owned(),
    ];
    for line in rule {
        out.push_str(&format!("{mark}{line}\n"));
    }
}

/// A name that no other policy of the namespace has.
fn free_name(app: &App<'_>, taken: &mut BTreeSet<(String, String)>) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = app.title().chars().map(letter).take(NAME_MAX - 6).collect();
    let name = match name.trim_matches('-') {
        "" => "workload",
        name => name,
    };
    let mut wanted = name.to_owned();
    let mut number = 1;
    while !taken.insert((app.namespace.to_owned(), wanted.clone())) {
        number += 1;
        wanted = format!("{name}-{number}");
    }
    wanted
}
