//! `NetworkPolicy` v1.

use super::{Row, hold, v1};

const DB: &str = "podSelector: {matchLabels: {app: db}}";

fn with(rest: &str) -> Vec<String> {
    vec![v1("p", &format!("{DB}, {rest}"))]
}

#[test]
fn without_policies_everything_passes() {
    hold(
        &[],
        &[
            ("shop/web", "shop/db", "TCP/80", true),
            ("shop/web", "192.0.2.1", "UDP/53", true),
            ("192.0.2.1", "shop/db", "ICMP", true),
        ],
    );
}

#[test]
fn policy_types_have_the_servers_defaults() {
    let into = ("shop/web", "shop/db", "TCP/80");
    let out = ("shop/db", "shop/web", "TCP/80");
    for (rest, into_passes, out_passes) in [
        // Ingress is always meant.
        ("ingress: []", false, true),
        ("", false, true),
        ("egress: []", false, true),
        // Egress where there is a rule for it, even one that fits nothing.
        (
            "egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}]}]",
            false,
            false,
        ),
        ("egress: [{}]", false, true),
        // What is named replaces the defaults.
        ("policyTypes: [Egress]", true, false),
        ("policyTypes: [Egress], egress: [{}]", true, true),
        ("policyTypes: [Ingress], ingress: [{}]", true, true),
        (
            "policyTypes: [Ingress], egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24}}]}]",
            false,
            true,
        ),
        ("policyTypes: [Ingress, Egress]", false, false),
        ("policyTypes: []", false, true),
    ] {
        hold(
            &with(rest),
            &[
                (into.0, into.1, into.2, into_passes),
                (out.0, out.1, out.2, out_passes),
            ],
        );
    }
}

#[test]
fn an_empty_rule_is_everyone_and_an_empty_list_nobody() {
    let all: &[Row<'_>] = &[
        ("rag/api", "shop/db", "SCTP/1", true),
        ("192.0.2.1", "shop/db", "ICMP", true),
        ("rag/agent", "shop/db", "TCP/80", true),
    ];
    hold(&with("ingress: [{}]"), all);
    hold(&with("ingress: [{from: [], ports: []}]"), all);
    let none: Vec<Row<'_>> = all.iter().map(|(a, b, c, _)| (*a, *b, *c, false)).collect();
    hold(&with("ingress: []"), &none);
}

#[test]
fn an_absent_selector_is_no_constraint_and_an_empty_one_selects_everything() {
    let table: [(&str, [bool; 3]); 6] = [
        ("podSelector: {}", [true, false, false]),
        ("namespaceSelector: {}", [true, true, true]),
        ("podSelector: {}, namespaceSelector: {}", [true, true, true]),
        (
            "podSelector: {matchLabels: {app: web}}",
            [true, false, false],
        ),
        (
            "podSelector: {matchLabels: {app: api}}, namespaceSelector: {matchLabels: {team: rag}}",
            [false, true, false],
        ),
        (
            "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bare}}",
            [false, false, true],
        ),
    ];
    for (peer, [web, api, plain]) in table {
        hold(
            &with(&format!("ingress: [{{from: [{{{peer}}}]}}]")),
            &[
                ("shop/web", "shop/db", "TCP/80", web),
                ("rag/api", "shop/db", "TCP/80", api),
                ("bare/plain", "shop/db", "TCP/80", plain),
                // Nobody who is not in the cluster has labels.
                ("192.0.2.1", "shop/db", "TCP/80", false),
            ],
        );
    }
}

#[test]
fn in_one_item_both_must_fit_and_of_two_items_one() {
    let both =
        "{podSelector: {matchLabels: {app: web}}, namespaceSelector: {matchLabels: {team: rag}}}";
    let either =
        "{podSelector: {matchLabels: {app: web}}}, {namespaceSelector: {matchLabels: {team: rag}}}";
    hold(
        &with(&format!("ingress: [{{from: [{both}]}}]")),
        &[
            ("shop/web", "shop/db", "TCP/80", false),
            ("rag/api", "shop/db", "TCP/80", false),
        ],
    );
    hold(
        &with(&format!("ingress: [{{from: [{either}]}}]")),
        &[
            ("shop/web", "shop/db", "TCP/80", true),
            ("rag/api", "shop/db", "TCP/80", true),
            ("bare/plain", "shop/db", "TCP/80", false),
        ],
    );
}

#[test]
fn every_operator_where_the_label_is_and_where_it_is_not() {
    let peer = |expression: &str| {
        with(&format!(
            "ingress: [{{from: [{{namespaceSelector: {{}}, podSelector: {{matchExpressions: [{expression}]}}}}]}}]"
        ))
    };
    // web has app=web; plain has no label at all.
    for (expression, web, plain) in [
        ("{key: app, operator: In, values: [web, api]}", true, false),
        ("{key: app, operator: NotIn, values: [web]}", false, true),
        ("{key: app, operator: NotIn, values: [db]}", true, true),
        ("{key: app, operator: Exists}", true, false),
        ("{key: app, operator: DoesNotExist}", false, true),
        (
            "{key: app, operator: Exists}, {key: tier, operator: DoesNotExist}",
            true,
            false,
        ),
    ] {
        hold(
            &peer(expression),
            &[
                ("shop/web", "shop/db", "TCP/80", web),
                ("bare/plain", "shop/db", "TCP/80", plain),
            ],
        );
    }
    let subject = |expression: &str| {
        vec![v1(
            "p",
            &format!("podSelector: {{matchExpressions: [{expression}]}}"),
        )]
    };
    for (expression, isolates_db, isolates_web) in [
        ("{key: tier, operator: Exists}", true, false),
        ("{key: tier, operator: DoesNotExist}", false, true),
        ("{key: tier, operator: NotIn, values: [data]}", false, true),
        ("{key: tier, operator: NotIn, values: [other]}", true, true),
    ] {
        hold(
            &subject(expression),
            &[
                ("rag/api", "shop/db", "TCP/80", !isolates_db),
                ("rag/api", "shop/web", "TCP/80", !isolates_web),
            ],
        );
    }
}

#[test]
fn ports_are_of_a_protocol_and_end_ports_count() {
    let ports = |ports: &str| with(&format!("ingress: [{{ports: [{ports}]}}]"));
    let rows = |tcp: bool, udp: bool, sctp: bool, at: u16| {
        [("TCP", tcp), ("UDP", udp), ("SCTP", sctp)]
            .map(|(name, passes)| (format!("{name}/{at}"), passes))
    };
    for (text, at, tcp, udp, sctp) in [
        ("{port: 80}", 80, true, false, false),
        ("{port: 80}", 81, false, false, false),
        ("{protocol: SCTP, port: 80}", 80, false, false, true),
        ("{protocol: UDP}", 9, false, true, false),
        ("{}", 9, true, false, false),
        ("{port: 80, endPort: 82}", 79, false, false, false),
        ("{port: 80, endPort: 82}", 80, true, false, false),
        ("{port: 80, endPort: 82}", 82, true, false, false),
        ("{port: 80, endPort: 82}", 83, false, false, false),
        ("{port: 80, endPort: 80}", 80, true, false, false),
        ("{port: 1, endPort: 65535}", 65535, true, false, false),
        (
            "{port: 80}, {protocol: UDP, port: 80}",
            80,
            true,
            true,
            false,
        ),
    ] {
        for (port, passes) in rows(tcp, udp, sctp, at) {
            hold(&ports(text), &[("shop/web", "shop/db", &port, passes)]);
        }
    }
}

#[test]
fn icmp_passes_rules_without_ports_only() {
    hold(
        &with("ingress: []"),
        &[("shop/web", "shop/db", "ICMP", false)],
    );
    hold(
        &with("ingress: [{from: [{podSelector: {}}]}]"),
        &[
            ("shop/web", "shop/db", "ICMP", true),
            ("rag/api", "shop/db", "ICMP", false),
        ],
    );
    for ports in ["{}", "{protocol: UDP}", "{port: 80}", "{port: http}"] {
        hold(
            &with(&format!("ingress: [{{ports: [{ports}]}}]")),
            &[("shop/web", "shop/db", "ICMP", false)],
        );
    }
}

#[test]
fn a_ports_name_is_the_destinations() {
    // http is 5432 on db, 8080 on web and 8000 on api.
    hold(
        &with("ingress: [{ports: [{port: http}]}]"),
        &[
            ("shop/web", "shop/db", "TCP/5432", true),
            ("shop/web", "shop/db", "TCP/8080", false),
            ("shop/web", "shop/db", "UDP/5432", false),
        ],
    );
    hold(
        &with("ingress: [{ports: [{port: dns}]}]"),
        &[("shop/web", "shop/db", "UDP/53", false)],
    );
    hold(
        &with("ingress: [{ports: [{protocol: UDP, port: dns}]}]"),
        &[("shop/web", "shop/db", "UDP/53", true)],
    );
    let out = with("policyTypes: [Egress], egress: [{ports: [{port: http}]}]");
    hold(
        &out,
        &[
            ("shop/db", "shop/web", "TCP/8080", true),
            ("shop/db", "shop/web", "TCP/5432", false),
            ("shop/db", "rag/api", "TCP/8000", true),
            ("shop/db", "192.0.2.1", "TCP/8080", false),
            ("shop/db", "bare/plain", "TCP/8080", false),
            // In its host's network it is the node, which has no named ports.
            ("shop/db", "shop/agent", "TCP/8080", false),
        ],
    );
}

#[test]
fn blocks_match_whoever_has_the_address() {
    let block = |block: &str| with(&format!("ingress: [{{from: [{{ipBlock: {{{block}}}}}]}}]"));
    hold(
        &block("cidr: 10.1.0.0/16, except: [10.1.1.0/24]"),
        &[
            ("shop/web", "shop/db", "TCP/80", true),
            ("rag/api", "shop/db", "TCP/80", false),
            ("bare/plain", "shop/db", "TCP/80", true),
            ("192.0.2.1", "shop/db", "TCP/80", false),
            ("10.1.9.9", "shop/db", "TCP/80", true),
            ("::ffff:10.1.9.9", "shop/db", "TCP/80", true),
            ("::ffff:10.1.1.9", "shop/db", "TCP/80", false),
        ],
    );
    hold(
        &block("cidr: 'fd01::/64'"),
        &[
            ("rag/six", "shop/db", "TCP/80", true),
            ("fd01::77", "shop/db", "TCP/80", true),
            ("fd02::77", "shop/db", "TCP/80", false),
            // Between two that have both families IPv4 is meant.
            ("shop/web", "shop/db", "TCP/80", false),
        ],
    );
    hold(
        &block("cidr: 0.0.0.0/0"),
        &[
            ("192.0.2.1", "shop/db", "TCP/80", true),
            ("rag/six", "shop/db", "TCP/80", false),
            ("2001:db8::1", "shop/db", "TCP/80", false),
        ],
    );
    hold(
        &block("cidr: '::/0', except: ['2001:db8::/32']"),
        &[
            ("rag/six", "shop/db", "TCP/80", true),
            ("2001:db8::1", "shop/db", "TCP/80", false),
            ("192.0.2.1", "shop/db", "TCP/80", false),
        ],
    );
}

#[test]
fn what_one_rule_excepts_another_lets_in() {
    let first = "{from: [{ipBlock: {cidr: 10.1.0.0/16, except: [10.1.1.0/24]}}]}";
    let second = "{from: [{ipBlock: {cidr: 10.1.1.1/32}}]}";
    hold(
        &with(&format!("ingress: [{first}]")),
        &[("rag/api", "shop/db", "TCP/80", false)],
    );
    hold(
        &with(&format!("ingress: [{first}, {second}]")),
        &[("rag/api", "shop/db", "TCP/80", true)],
    );
    let two = [
        v1("a", &format!("{DB}, ingress: [{first}]")),
        v1("b", &format!("{DB}, ingress: [{second}]")),
    ];
    hold(
        &two,
        &[
            ("rag/api", "shop/db", "TCP/80", true),
            ("10.1.1.2", "shop/db", "TCP/80", false),
        ],
    );
}

#[test]
fn both_ends_must_agree() {
    let out = v1(
        "out",
        "podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{ports: [{port: 80}]}]",
    );
    let into = v1(
        "in",
        &format!("{DB}, ingress: [{{ports: [{{port: 80}}, {{port: 81}}]}}]"),
    );
    hold(
        &[out, into],
        &[
            ("shop/web", "shop/db", "TCP/80", true),
            ("shop/web", "shop/db", "TCP/81", false),
            ("rag/api", "shop/db", "TCP/81", true),
            ("rag/api", "shop/db", "TCP/82", false),
            ("shop/web", "rag/api", "TCP/80", true),
        ],
    );
}

#[test]
fn policies_are_of_their_namespace() {
    hold(
        &[v1("all", "podSelector: {}")],
        &[
            ("rag/api", "shop/web", "TCP/80", false),
            ("shop/web", "rag/api", "TCP/80", true),
            ("shop/web", "bare/plain", "TCP/80", true),
        ],
    );
}

#[test]
fn steps_are_independent_of_each_other() {
    // The same policies while labels, namespaces and workloads come and go.
    let policies = with("ingress: [{from: [{namespaceSelector: {matchLabels: {team: rag}}}]}]");
    let mut files = super::read(&policies);
    let ask = |files: &super::Files| {
        super::verdict(
            files,
            super::Settings::default(),
            "bare/plain",
            "shop/db",
            "TCP/80",
        )
        .allowed
    };
    assert!(!ask(&files));
    files
        .world
        .add_namespace("bare", [("team".to_owned(), "rag".to_owned())].into());
    assert!(ask(&files));
    files.world.add_namespace("bare", Default::default());
    assert!(!ask(&files));
    files
        .world
        .workloads
        .iter_mut()
        .filter(|one| one.name == "db")
        .for_each(|one| one.labels.clear());
    assert!(ask(&files));
}
