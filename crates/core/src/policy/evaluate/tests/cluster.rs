//! `ClusterNetworkPolicy` v1alpha2.

use super::{cnp, hold, read, v1};
use crate::policy::{Action, Peer, Peers, Settings};

const DB: &str = "subject: {pods: {podSelector: {matchLabels: {app: db}}}}";
const FROM_WEB: &str = "from: [{pods: {podSelector: {matchLabels: {app: web}}}}]";
const FROM_ALL: &str = "from: [{namespaces: {}}]";

fn ingress(name: &str, tier: &str, priority: u16, rules: &str) -> String {
    cnp(name, tier, priority, &format!("{DB}, ingress: [{rules}]"))
}

fn egress(action: &str, rest: &str) -> String {
    cnp(
        "out",
        "Admin",
        5,
        &format!("{DB}, egress: [{{action: {action}, {rest}}}]"),
    )
}

#[test]
fn tiers_are_asked_in_order() {
    let deny_v1 = || v1("deny", "podSelector: {matchLabels: {app: db}}");
    let allow_v1 = || {
        v1(
            "allow",
            "podSelector: {matchLabels: {app: db}}, ingress: [{}]",
        )
    };
    let rule = |action| format!("{{action: {action}, {FROM_ALL}}}");
    let row = |passes| [("shop/web", "shop/db", "TCP/80", passes)];
    let admin = |action| ingress("a", "Admin", 9, &rule(action));
    let base = |action| ingress("b", "Baseline", 0, &rule(action));
    hold(&[admin("Accept"), deny_v1(), base("Deny")], &row(true));
    hold(&[admin("Deny"), allow_v1(), base("Accept")], &row(false));
    hold(&[admin("Pass"), deny_v1(), base("Accept")], &row(false));
    hold(&[admin("Pass"), allow_v1(), base("Deny")], &row(true));
    hold(&[admin("Pass"), base("Deny")], &row(false));
    hold(&[base("Accept")], &row(true));
    hold(&[base("Pass")], &row(true));
    // Whoever a NetworkPolicy isolates never reaches the Baseline tier, whatever fits there.
    hold(&[deny_v1(), base("Accept")], &row(false));
    // But only in its direction.
    let out = v1(
        "out",
        "podSelector: {matchLabels: {app: db}}, policyTypes: [Egress]",
    );
    hold(&[out, base("Deny")], &row(false));
}

#[test]
fn lower_priorities_come_first_and_rules_in_their_order() {
    let rule = |action| format!("{{action: {action}, {FROM_WEB}}}");
    let row = |passes| [("shop/web", "shop/db", "TCP/80", passes)];
    hold(
        &[
            ingress("a", "Admin", 2, &rule("Deny")),
            ingress("b", "Admin", 1, &rule("Accept")),
        ],
        &row(true),
    );
    hold(
        &[
            ingress("a", "Admin", 1, &rule("Deny")),
            ingress("b", "Admin", 2, &rule("Accept")),
        ],
        &row(false),
    );
    hold(
        &[
            ingress("a", "Admin", 10, &rule("Deny")),
            ingress("b", "Admin", 9, &rule("Pass")),
        ],
        &row(true),
    );
    hold(
        &[ingress(
            "a",
            "Admin",
            1,
            &format!("{}, {}", rule("Accept"), rule("Deny")),
        )],
        &row(true),
    );
    hold(
        &[ingress(
            "a",
            "Admin",
            1,
            &format!("{}, {}", rule("Pass"), rule("Deny")),
        )],
        &row(true),
    );
    // Equal ones by name.
    hold(
        &[
            ingress("b", "Admin", 1, &rule("Deny")),
            ingress("a", "Admin", 1, &rule("Accept")),
        ],
        &row(true),
    );
    // Priorities do not reach beyond their tier.
    hold(
        &[
            ingress("a", "Admin", 1000, &rule("Deny")),
            ingress("b", "Baseline", 0, &rule("Accept")),
        ],
        &row(false),
    );
}

#[test]
fn what_accepts_at_one_end_does_not_speak_for_the_other() {
    let out = cnp(
        "out",
        "Admin",
        0,
        "subject: {namespaces: {}}, egress: [{action: Accept, to: [{namespaces: {}}]}]",
    );
    hold(
        &[out, v1("deny", "podSelector: {matchLabels: {app: db}}")],
        &[("shop/web", "shop/db", "TCP/80", false)],
    );
}

#[test]
fn the_hosts_network_is_neither_subject_nor_peer() {
    let rules = format!("{{action: Deny, {FROM_WEB}}}");
    hold(
        &[ingress("a", "Admin", 0, &rules)],
        &[
            ("shop/web", "shop/db", "TCP/80", false),
            ("rag/agent", "shop/db", "TCP/80", true),
        ],
    );
    let subject = cnp(
        "s",
        "Admin",
        0,
        "subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}], egress: [{action: Deny, to: [{namespaces: {}}]}]",
    );
    hold(
        &[subject],
        &[
            ("rag/api", "rag/agent", "TCP/80", true),
            ("rag/agent", "node/n1", "TCP/80", true),
            ("rag/api", "shop/web", "TCP/80", false),
        ],
    );
}

#[test]
fn networks_match_workloads_and_icmp() {
    let deny = [egress(
        "Deny",
        "to: [{networks: [10.1.0.0/24, 192.0.2.0/24, 'fd01::/64']}]",
    )];
    hold(
        &deny,
        &[
            ("shop/db", "shop/web", "TCP/80", false),
            ("shop/db", "shop/web", "ICMP", false),
            ("shop/db", "192.0.2.1", "UDP/53", false),
            ("shop/db", "::ffff:192.0.2.1", "UDP/53", false),
            ("shop/db", "rag/six", "TCP/80", false),
            ("shop/db", "rag/api", "TCP/80", true),
            ("shop/db", "198.51.100.1", "ICMP", true),
        ],
    );
    let ports = [egress(
        "Deny",
        "to: [{networks: [0.0.0.0/0]}], protocols: [{tcp: {destinationPort: {number: 80}}}]",
    )];
    hold(
        &ports,
        &[
            ("shop/db", "192.0.2.1", "TCP/80", false),
            ("shop/db", "192.0.2.1", "ICMP", true),
        ],
    );
}

#[test]
fn protocols_and_ports() {
    let with = |protocol: &str| {
        [ingress(
            "a",
            "Admin",
            0,
            &format!("{{action: Deny, {FROM_ALL}, protocols: [{{{protocol}}}]}}"),
        )]
    };
    let rows = |denied: &str| {
        [
            "TCP/80", "TCP/81", "TCP/82", "TCP/5432", "UDP/53", "UDP/80", "UDP/5432", "TCP/53",
            "SCTP/80", "ICMP",
        ]
        .map(|port| (port.to_owned(), !denied.split(' ').any(|one| one == port)))
    };
    for (protocol, denied) in [
        ("tcp: {destinationPort: {number: 80}}", "TCP/80"),
        ("udp: {destinationPort: {number: 80}}", "UDP/80"),
        ("sctp: {destinationPort: {number: 80}}", "SCTP/80"),
        (
            "tcp: {destinationPort: {range: {start: 80, end: 81}}}",
            "TCP/80 TCP/81",
        ),
        ("destinationNamedPort: http", "TCP/5432"),
        ("destinationNamedPort: dns", "UDP/53"),
        ("destinationNamedPort: nothing", ""),
    ] {
        for (port, passes) in rows(denied) {
            hold(&with(protocol), &[("shop/web", "shop/db", &port, passes)]);
        }
    }
}

#[test]
fn nodes_are_known_by_their_addresses() {
    let deny = [egress("Deny", "to: [{nodes: {matchLabels: {zone: a}}}]")];
    hold(
        &deny,
        &[
            ("shop/db", "node/n1", "TCP/80", false),
            ("shop/db", "10.0.0.1", "TCP/80", false),
            ("shop/db", "fd00::1", "ICMP", false),
            ("shop/db", "shop/agent", "TCP/80", false),
            ("shop/db", "node/n2", "TCP/80", true),
            ("shop/db", "rag/agent", "TCP/80", true),
            ("shop/db", "shop/web", "TCP/80", true),
            ("shop/db", "192.0.2.1", "TCP/80", true),
        ],
    );
    hold(
        &[egress("Deny", "to: [{nodes: {}}]")],
        &[
            ("shop/db", "node/n2", "TCP/80", false),
            ("shop/db", "shop/web", "TCP/80", true),
        ],
    );
}

#[test]
fn a_workload_with_its_nodes_address_is_no_node() {
    // As on a virtual machine, where units share the host's address.
    let unit = "{apiVersion: forebay.dev/v1alpha1, kind: Inventory, workloads: [{name: unit, node: n1, addresses: [10.0.0.1]}]}";
    hold(
        &[egress("Deny", "to: [{nodes: {}}]"), unit.to_owned()],
        &[
            ("shop/db", "default/unit", "TCP/80", true),
            ("shop/db", "10.0.0.1", "TCP/80", true),
            ("shop/db", "node/n1", "TCP/80", false),
        ],
    );
}

#[test]
fn names_are_what_dns_answered_and_only_outside() {
    let names = |names: &str| {
        let rules = format!(
            "{{action: Accept, to: [{{domainNames: [{names}]}}]}}, {{action: Deny, to: [{{networks: [0.0.0.0/0, '::/0']}}]}}"
        );
        vec![cnp("n", "Admin", 0, &format!("{DB}, egress: [{rules}]"))]
    };
    for (text, pay) in [
        ("pay.example", true),
        ("'*.pay.example'", false),
        ("other.example, PAY.example.", true),
        ("other.example", false),
    ] {
        hold(
            &names(text),
            &[
                ("shop/db", "192.0.2.10", "TCP/443", pay),
                ("shop/db", "2001:db8::10", "TCP/443", pay),
                ("shop/db", "::ffff:192.0.2.10", "TCP/443", pay),
                ("shop/db", "192.0.2.11", "TCP/443", false),
            ],
        );
    }
    // A name that leads inside opens nothing: labels say who that is.
    hold(
        &names("inside.example"),
        &[
            ("shop/db", "rag/api", "TCP/443", false),
            ("shop/db", "10.1.1.1", "TCP/443", false),
        ],
    );
}

#[test]
fn what_is_not_known_fails_closed() {
    let rule = |action: &str, rest: &str| {
        [ingress(
            "a",
            "Admin",
            0,
            &format!("{{action: {action}, {rest}}}"),
        )]
    };
    let web = |passes| {
        [
            ("shop/web", "shop/db", "TCP/80", passes),
            ("192.0.2.1", "shop/db", "ICMP", passes),
        ]
    };
    // Accept matches nothing, whatever else it names.
    let accept = format!(
        "{{action: Accept, from: [{{namespaces: {{}}}}, {{services: {{}}}}]}}, {{action: Deny, {FROM_ALL}}}"
    );
    hold(&[ingress("a", "Admin", 0, &accept)], &web(false)[..1]);
    hold(&rule("Accept", "from: [{services: {}}]"), &web(true));
    // Deny and Pass deny everything, whatever else they name.
    hold(
        &rule(
            "Deny",
            "from: [{services: {}}], protocols: [{tcp: {destinationPort: {number: 9}}}]",
        ),
        &web(false),
    );
    hold(&rule("Pass", "from: [{services: {}}]"), &web(false));
    hold(
        &rule("Deny", &format!("{FROM_WEB}, protocols: [{{icmp: {{}}}}]")),
        &web(false),
    );
    hold(
        &rule(
            "Accept",
            &format!("{FROM_WEB}, protocols: [{{icmp: {{}}}}]"),
        ),
        &web(true),
    );
}

#[test]
fn names_in_a_rule_that_denies_fail_closed_too() {
    // The reader refuses such a rule; one built otherwise must not be open.
    let mut files = read(&[egress("Accept", "to: [{domainNames: [pay.example]}]")]);
    let rules = files
        .policies
        .all
        .iter_mut()
        .flat_map(|policy| policy.egress.iter_mut().flatten());
    for rule in rules {
        rule.action = Action::Deny;
        assert!(
            matches!(&rule.peers, Peers::Any(peers) if matches!(peers[..], [Peer::Domains(_)]))
        );
    }
    let verdict = super::verdict(&files, Settings::default(), "shop/db", "shop/web", "TCP/1");
    assert!(!verdict.allowed);
}

#[test]
fn a_direction_without_rules_is_left_alone() {
    hold(
        &[cnp(
            "a",
            "Admin",
            0,
            &format!("{DB}, ingress: [], egress: []"),
        )],
        &[
            ("shop/web", "shop/db", "TCP/80", true),
            ("shop/db", "shop/web", "TCP/80", true),
        ],
    );
}
