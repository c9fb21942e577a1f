//! Ends that are special: hosts, their networks, workloads themselves.

use super::{Settings, cnp, hold, hold_with, v1};

const DENY: &str = "podSelector: {}, policyTypes: [Ingress, Egress]";

#[test]
fn the_own_node_always_comes_in() {
    let policies = [v1("deny", DENY)];
    hold(
        &policies,
        &[
            ("node/n1", "shop/db", "TCP/80", true),
            ("10.0.0.1", "shop/db", "TCP/80", true),
            ("fd00::1", "shop/db", "TCP/80", true),
            ("::ffff:10.0.0.1", "shop/db", "TCP/80", true),
            ("node/n1", "shop/db", "ICMP", true),
            ("node/n2", "shop/db", "TCP/80", false),
            ("10.0.0.2", "shop/db", "TCP/80", false),
            // In its network, it is the node.
            ("shop/agent", "shop/db", "TCP/80", true),
            ("rag/agent", "shop/db", "TCP/80", false),
        ],
    );
    // Even where the Admin tier denies all.
    let admin = [cnp(
        "deny",
        "Admin",
        0,
        "subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}, {news: {}}]}]",
    )];
    hold(
        &admin,
        &[
            ("node/n1", "shop/db", "TCP/80", true),
            ("node/n2", "shop/db", "TCP/80", false),
        ],
    );
}

#[test]
fn the_way_to_the_own_node_is_a_setting() {
    let policies = [v1("deny", DENY)];
    let rows = |own| {
        [
            ("shop/db", "node/n1", "TCP/80", own),
            ("shop/db", "shop/agent", "TCP/80", own),
            ("shop/db", "node/n2", "TCP/80", false),
            ("shop/db", "rag/agent", "TCP/80", false),
        ]
    };
    hold(&policies, &rows(false));
    hold_with(
        Settings {
            node_local_egress: true,
        },
        &policies,
        &rows(true),
    );
}

#[test]
fn an_unknown_node_is_nobodys_own() {
    // bare/plain has no node, and neither has this address.
    let policy = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: bare, name: p}, spec: {}}";
    hold(
        &[policy.to_owned()],
        &[
            ("192.0.2.1", "bare/plain", "TCP/80", false),
            ("node/n1", "bare/plain", "TCP/80", false),
        ],
    );
}

#[test]
fn the_hosts_network_has_no_labels() {
    // shop/agent and rag/agent have app=web, as shop/web does.
    let subject = [v1(
        "p",
        "podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress, Egress]",
    )];
    hold(
        &subject,
        &[
            ("rag/api", "shop/agent", "TCP/80", true),
            ("shop/agent", "rag/api", "TCP/80", true),
            ("rag/api", "shop/web", "TCP/80", false),
        ],
    );
    let peer = [v1(
        "p",
        "podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}]}]",
    )];
    hold(
        &peer,
        &[
            ("shop/web", "shop/db", "TCP/80", true),
            ("rag/agent", "shop/db", "TCP/80", false),
        ],
    );
    let block = [v1(
        "p",
        "podSelector: {matchLabels: {app: db}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.2/32}}]}]",
    )];
    hold(
        &block,
        &[
            ("rag/agent", "shop/db", "TCP/80", true),
            ("node/n2", "shop/db", "TCP/80", true),
            ("rag/api", "shop/db", "TCP/80", false),
        ],
    );
}

#[test]
fn a_workload_reaches_itself() {
    let policies = [
        v1("deny", DENY),
        cnp(
            "deny",
            "Admin",
            0,
            "subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]",
        ),
    ];
    hold(
        &policies,
        &[
            ("shop/db", "shop/db", "TCP/80", true),
            ("shop/db", "10.1.0.2", "TCP/80", true),
            ("shop/db", "fd01::2", "UDP/80", true),
            ("shop/db", "127.0.0.1", "TCP/80", true),
            ("shop/db", "127.8.8.8", "TCP/80", true),
            ("shop/db", "::1", "TCP/80", true),
            ("shop/db", "::ffff:127.0.0.1", "TCP/80", true),
            ("shop/db", "128.0.0.1", "TCP/80", false),
            ("shop/db", "shop/web", "TCP/80", false),
        ],
    );
}

#[test]
fn addresses_stand_for_whoever_has_them() {
    let policies = [v1(
        "p",
        "podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]",
    )];
    hold(
        &policies,
        &[
            ("10.1.0.1", "10.1.0.2", "TCP/80", true),
            ("::ffff:10.1.0.1", "10.1.0.2", "TCP/80", true),
            ("fd01::1", "fd01::2", "TCP/80", true),
            ("fd01::9", "fd01::2", "TCP/80", false),
        ],
    );
}
