//! A table of what is wrong.

use super::{Files, Severity, cnp, problems, read, v1};
use crate::policy::read::MAX_PROBLEMS;

/// Text, path of the problem, part of its sentence. The object must be refused.
fn refused(cases: &[(String, &str, &str)]) {
    for (text, path, part) in cases {
        let found = problems(text);
        let is = |(severity, _, at, said): &&(Severity, u32, String, String)| {
            *severity == Severity::Error && at == path && said.contains(part)
        };
        assert!(
            found.iter().any(|one| is(&one)),
            "{text}\nexpected {path}: {part}\nfound {found:#?}"
        );
        assert!(read(text).policies.all.is_empty(), "{text}");
    }
}

/// The same of what is taken with a warning.
fn warned(cases: &[(String, &str, &str)]) {
    for (text, path, part) in cases {
        let found = problems(text);
        assert!(
            found
                .iter()
                .all(|(severity, ..)| *severity == Severity::Warning),
            "{found:#?}"
        );
        let is =
            |(_, _, at, said): &&(Severity, u32, String, String)| at == path && said.contains(part);
        assert!(
            found.iter().any(|one| is(&one)),
            "{text}\nexpected {path}: {part}\nfound {found:#?}"
        );
    }
}

fn port(port: &str) -> String {
    v1(&format!("ingress: [{{ports: [{port}]}}]"))
}

fn peer(peer: &str) -> String {
    v1(&format!("ingress: [{{from: [{peer}]}}]"))
}

#[test]
fn ports_of_network_policies() {
    let at = "spec.ingress[0].ports[0].port";
    let end = "spec.ingress[0].ports[0].endPort";
    refused(&[
        (
            port("{port: 0}"),
            at,
            "0 is no whole number from 1 to 65535",
        ),
        (port("{port: 65536}"), at, "from 1 to 65535"),
        (port("{port: 80.5}"), at, "from 1 to 65535"),
        (port("{port: '80'}"), at, "\"80\" is no port's name"),
        (port("{port: HTTP}"), at, "\"HTTP\" is no port's name"),
        (port("{port: averyveryverylongname}"), at, "at most 15"),
        (
            port("{port: [80]}"),
            at,
            "a list stands where a number belongs",
        ),
        (
            port("{port: 90, endPort: 80}"),
            end,
            "endPort 80 lies below port 90. Next: write a number from 90 to 65535",
        ),
        (port("{endPort: 80}"), end, "endPort stands without port"),
        (
            port("{port: http, endPort: 80}"),
            end,
            "endPort needs a port that is a number",
        ),
        (
            port("{port: 80, endPort: '90'}"),
            end,
            "the text \"90\" stands where a number belongs",
        ),
        (port("{port: 80, endPort: 70000}"), end, "from 1 to 65535"),
        (
            port("{protocol: tcp, port: 80}"),
            "spec.ingress[0].ports[0].protocol",
            "did you mean TCP?",
        ),
        (
            port("{protocol: ICMP}"),
            "spec.ingress[0].ports[0].protocol",
            "use one of TCP, UDP, SCTP",
        ),
        (
            port("80"),
            "spec.ingress[0].ports[0]",
            "the number 80 stands where a mapping belongs",
        ),
        (
            v1("ingress: [{ports: {port: 80}}]"),
            "spec.ingress[0].ports",
            "begin each element with `- `",
        ),
    ]);
}

#[test]
fn peers_of_network_policies() {
    let at = "spec.ingress[0].from[0]";
    refused(&[
        (peer("{}"), at, "a peer must say who it is"),
        (peer("null"), at, "a peer must say who it is"),
        (peer("{podSelector: null}"), at, "a peer must say who it is"),
        (
            peer("{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}"),
            "spec.ingress[0].from[0].ipBlock",
            "two list items",
        ),
        (
            peer("{ipBlock: {}}"),
            "spec.ingress[0].from[0].ipBlock.cidr",
            "missing",
        ),
        (
            peer("{ipBlock: {cidr: 10.0.0.1}}"),
            "spec.ingress[0].from[0].ipBlock.cidr",
            "lacks a length",
        ),
        (
            peer("{ipBlock: {cidr: 10.0.0/8}}"),
            "spec.ingress[0].from[0].ipBlock.cidr",
            "no IPv4 or IPv6 address",
        ),
        (
            peer("{ipBlock: {cidr: 10.0.0.0/33}}"),
            "spec.ingress[0].from[0].ipBlock.cidr",
            "at most 32",
        ),
        (
            peer("{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}"),
            "spec.ingress[0].from[0].ipBlock.except[0]",
            "11.0.0.0/16 is no smaller part of 10.0.0.0/8. Next: name a block inside 10.0.0.0/8",
        ),
        (
            peer("{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.0.0.0/8]}}"),
            "spec.ingress[0].from[0].ipBlock.except[1]",
            "no smaller part",
        ),
        (
            peer("{podSelector: {matchLabels: {app: yes}}}"),
            "spec.ingress[0].from[0].podSelector.matchLabels.app",
            "the boolean true stands where a text belongs. Next: put it in quotes",
        ),
        (
            peer("{podSelector: {matchLabels: {version: 1.10}}}"),
            "spec.ingress[0].from[0].podSelector.matchLabels.version",
            "the number 1.10",
        ),
        (
            peer("{podSelector: {matchLabels: {-app: x}}}"),
            "spec.ingress[0].from[0].podSelector.matchLabels.-app",
            "is no label",
        ),
        (
            peer("{podSelector: {matchLabels: {app: 'a b'}}}"),
            "spec.ingress[0].from[0].podSelector.matchLabels.app",
            "is no label's value",
        ),
        (
            peer("{podSelector: {matchLabels: {a.b/c: '-'}}}"),
            "spec.ingress[0].from[0].podSelector.matchLabels[\"a.b/c\"]",
            "is no label's value",
        ),
    ]);
}

#[test]
fn selectors() {
    let with = |expression: &str| {
        v1(&format!(
            "podSelector: {{matchExpressions: [{expression}]}}"
        ))
    };
    let at = |field: &'static str| match field {
        "key" => "spec.podSelector.matchExpressions[0].key",
        "operator" => "spec.podSelector.matchExpressions[0].operator",
        _ => "spec.podSelector.matchExpressions[0].values",
    };
    refused(&[
        (
            with("{key: a, operator: in, values: [b]}"),
            at("operator"),
            "did you mean In?",
        ),
        (
            with("{key: a, operator: Equals, values: [b]}"),
            at("operator"),
            "none of In, NotIn, Exists, DoesNotExist",
        ),
        (
            with("{key: a, operator: In}"),
            at("values"),
            "In and NotIn need values",
        ),
        (
            with("{key: a, operator: NotIn, values: []}"),
            at("values"),
            "In and NotIn need values",
        ),
        (
            with("{key: a, operator: Exists, values: [b]}"),
            at("values"),
            "take no values",
        ),
        (with("{operator: Exists}"), at("key"), "missing"),
        (with("{key: a}"), at("operator"), "missing"),
    ]);
}

#[test]
fn network_policies_themselves() {
    let head = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n";
    refused(&[
        (
            v1("policyTypes: [ingress]"),
            "spec.policyTypes[0]",
            "did you mean Ingress?",
        ),
        (
            v1("policyTypes: [Ingress, Egress, Ingress]"),
            "spec.policyTypes",
            "more than two",
        ),
        (format!("{head}spec: {{}}\n"), "metadata", "missing"),
        (
            format!("{head}metadata: {{}}\nspec: {{}}\n"),
            "metadata.name",
            "give the policy a name",
        ),
        (
            format!("{head}metadata: {{name: P_1}}\nspec: {{}}\n"),
            "metadata.name",
            "\"P_1\" is no name",
        ),
        (
            format!("{head}metadata: {{name: p, namespace: a.b}}\nspec: {{}}\n"),
            "metadata.namespace",
            "is no namespace",
        ),
        (format!("{head}metadata: {{name: p}}\n"), "spec", "missing"),
        (
            format!("{head}metadata: {{name: p}}\nspec: [a]\n"),
            "spec",
            "a list stands where a mapping belongs",
        ),
        (
            format!("{head}kind: NetworkPolicy\nmetadata: {{name: p}}\nspec: {{}}\n"),
            "kind",
            "there twice",
        ),
        (
            v1("podSelector: {}, podSelector: {}"),
            "spec.podSelector",
            "there twice",
        ),
        (
            v1("<<: {podSelector: {}}"),
            "spec.<<",
            "merge keys are not read",
        ),
    ]);
    warned(&[
        (
            v1("podSelecter: {}"),
            "spec.podSelecter",
            "not known, so it does nothing. Next: did you mean podSelector?",
        ),
        (
            v1("ingress: [{form: [{podSelector: {}}]}]"),
            "spec.ingress[0].form",
            "did you mean from?",
        ),
        (
            v1("ingress: [{ports: [{targetPort: 80}]}]"),
            "spec.ingress[0].ports[0].targetPort",
            "known here: protocol, port, endPort",
        ),
        (
            v1("egress: []"),
            "spec.egress",
            "refuses nothing. Next: add policyTypes",
        ),
        (
            v1("policyTypes: [Ingress], egress: [{}]"),
            "spec.egress",
            "these rules do nothing",
        ),
        (
            peer("{ipBlock: {cidr: 10.0.0.9/8}}"),
            "spec.ingress[0].from[0].ipBlock.cidr",
            "read as 10.0.0.0/8",
        ),
        (
            v1("egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: http}]}]"),
            "spec.egress[0].ports[0]",
            "write the port's number",
        ),
    ]);
}

#[test]
fn cluster_policies_themselves() {
    let spec = |spec: &str| {
        format!(
            "{{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {{name: c}}, spec: {{{spec}}}}}"
        )
    };
    let rest = "priority: 1, subject: {namespaces: {}}";
    refused(&[
        (spec(rest), "spec.tier", "write Admin or Baseline"),
        (
            spec(&format!("tier: NetworkPolicy, {rest}")),
            "spec.tier",
            "none of Admin, Baseline",
        ),
        (
            spec("tier: Admin, subject: {namespaces: {}}"),
            "spec.priority",
            "missing",
        ),
        (
            spec("tier: Admin, priority: 1001, subject: {namespaces: {}}"),
            "spec.priority",
            "from 0 to 1000",
        ),
        (
            spec("tier: Admin, priority: -1, subject: {namespaces: {}}"),
            "spec.priority",
            "from 0 to 1000",
        ),
        (spec("tier: Admin, priority: 1"), "spec.subject", "missing"),
        (
            spec("tier: Admin, priority: 1, subject: {}"),
            "spec.subject",
            "the subject says nothing",
        ),
        (
            spec("tier: Admin, priority: 1, subject: {namespaces: {}, pods: {podSelector: {}}}"),
            "spec.subject",
            "keep one",
        ),
        (
            spec("tier: Admin, priority: 1, subject: {pods: {}}"),
            "spec.subject.pods.podSelector",
            "missing",
        ),
        (
            spec(&format!("tier: Admin, {rest}")).replace("{name: c}", "{name: c, namespace: n}"),
            "metadata.namespace",
            "the whole cluster",
        ),
        (
            spec(&format!("tier: Admin, {rest}")).replace("v1alpha2", "v1alpha1"),
            "",
            "write apiVersion: policy.networking.k8s.io/v1alpha2",
        ),
        (
            spec("subject: {}").replace("ClusterNetworkPolicy", "AdminNetworkPolicy"),
            "",
            "replaced by ClusterNetworkPolicy",
        ),
    ]);
}

#[test]
fn rules_of_cluster_policies() {
    let to = |peer: &str| cnp(&format!("egress: [{{action: Accept, to: [{peer}]}}]"));
    let at = "spec.egress[0].to[0]";
    let protocols = |text: &str| {
        cnp(&format!(
            "ingress: [{{action: Deny, from: [{{namespaces: {{}}}}], protocols: [{text}]}}]"
        ))
    };
    let many = |text: &str, count: usize| vec![text; count].join(", ");
    let rule = "{action: Deny, from: [{namespaces: {}}]}";
    let networks = |count: usize| {
        (0..count)
            .map(|n| format!("10.{n}.0.0/16"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    refused(&[
        (
            cnp(&format!("ingress: [{}]", many(rule, 26))),
            "spec.ingress",
            "26 rules, where the API takes at most 25",
        ),
        (
            cnp("ingress: [{from: [{namespaces: {}}]}]"),
            "spec.ingress[0].action",
            "write Accept, Deny or Pass",
        ),
        (
            cnp("ingress: [{action: Allow, from: [{namespaces: {}}]}]"),
            "spec.ingress[0].action",
            "none of Accept, Deny, Pass",
        ),
        (
            cnp("ingress: [{action: Deny}]"),
            "spec.ingress[0].from",
            "missing",
        ),
        (
            cnp("ingress: [{action: Deny, from: []}]"),
            "spec.ingress[0].from",
            "the list of peers is empty",
        ),
        (
            cnp(&format!(
                "ingress: [{{action: Deny, from: [{}]}}]",
                many("{namespaces: {}}", 26)
            )),
            "spec.ingress[0].from",
            "26 peers",
        ),
        (
            cnp(&format!(
                "ingress: [{{action: Deny, name: {}, from: [{{namespaces: {{}}}}]}}]",
                "x".repeat(101)
            )),
            "spec.ingress[0].name",
            "100 characters",
        ),
        (
            cnp("ingress: [{action: Deny, from: [{networks: [10.0.0.0/8]}]}]"),
            "spec.ingress[0].from[0]",
            "networks is no peer of an ingress rule",
        ),
        (to("{}"), at, "it says nothing"),
        (
            to("{namespaces: {}, networks: [10.0.0.0/8]}"),
            at,
            "more than one kind",
        ),
        (
            to("{networks: []}"),
            "spec.egress[0].to[0].networks",
            "the list of networks is empty",
        ),
        (
            to(&format!("{{networks: [{}]}}", networks(26))),
            "spec.egress[0].to[0].networks",
            "26 networks",
        ),
        (
            to("{networks: [10.0.0.0/8, 10.0.0.0/8]}"),
            "spec.egress[0].to[0].networks[1]",
            "there twice",
        ),
        (
            to("{networks: [10.0.0.0]}"),
            "spec.egress[0].to[0].networks[0]",
            "lacks a length",
        ),
        (
            to("{domainNames: ['*']}"),
            "spec.egress[0].to[0].domainNames[0]",
            "\"*\" is no domain name",
        ),
        (
            to("{domainNames: [a.b, a.b]}"),
            "spec.egress[0].to[0].domainNames[1]",
            "there twice",
        ),
        (
            cnp("egress: [{action: Deny, to: [{domainNames: [a.b]}]}]"),
            "spec.egress[0]",
            "domainNames can be accepted only, and this rule says Deny",
        ),
        (
            cnp("egress: [{action: Pass, to: [{domainNames: [a.b]}]}]"),
            "spec.egress[0]",
            "this rule says Pass",
        ),
        (
            cnp(
                "egress: [{action: Deny, to: [{networks: [10.0.0.0/8]}], protocols: [{destinationNamedPort: http}]}]",
            ),
            "spec.egress[0]",
            "have no named ports",
        ),
        (
            cnp(
                "egress: [{action: Deny, to: [{nodes: {}}], protocols: [{destinationNamedPort: http}]}]",
            ),
            "spec.egress[0]",
            "have no named ports",
        ),
        (
            protocols(""),
            "spec.ingress[0].protocols",
            "the list of protocols is empty",
        ),
        (
            protocols("{}"),
            "spec.ingress[0].protocols[0]",
            "it says nothing",
        ),
        (
            protocols("{tcp: {}}"),
            "spec.ingress[0].protocols[0].tcp.destinationPort",
            "missing",
        ),
        (
            protocols("{tcp: {destinationPort: {}}}"),
            "spec.ingress[0].protocols[0].tcp.destinationPort",
            "it names no port",
        ),
        (
            protocols("{tcp: {destinationPort: {number: 0}}}"),
            "spec.ingress[0].protocols[0].tcp.destinationPort.number",
            "from 1 to 65535",
        ),
        (
            protocols("{tcp: {destinationPort: {number: 1, range: {start: 1, end: 2}}}}"),
            "spec.ingress[0].protocols[0].tcp.destinationPort",
            "keep one",
        ),
        (
            protocols("{udp: {destinationPort: {range: {start: 2, end: 2}}}}"),
            "spec.ingress[0].protocols[0].udp.destinationPort.range",
            "does not go upwards",
        ),
        (
            protocols("{udp: {destinationPort: {range: {start: 2}}}}"),
            "spec.ingress[0].protocols[0].udp.destinationPort.range.end",
            "missing",
        ),
        (
            protocols("{tcp: {destinationPort: {number: 1}}, udp: {destinationPort: {number: 1}}}"),
            "spec.ingress[0].protocols[0]",
            "more than one protocol",
        ),
        (
            protocols("{destinationNamedPort: '80'}"),
            "spec.ingress[0].protocols[0].destinationNamedPort",
            "is no port's name",
        ),
    ]);
    warned(&[
        (
            to("{podz: {}}"),
            "spec.egress[0].to[0].podz",
            "did you mean pods?",
        ),
        (to("{services: {}}"), at, "the rule fails closed"),
        (
            protocols("{icmp: {}}"),
            "spec.ingress[0].protocols[0]",
            "the rule fails closed",
        ),
    ]);
}

#[test]
fn inventories_and_tests() {
    let ours = |kind: &str, rest: &str| {
        format!("{{apiVersion: forebay.dev/v1alpha1, kind: {kind}, {rest}}}")
    };
    let workload = |rest: &str| ours("Inventory", &format!("workloads: [{{name: w, {rest}}}]"));
    let test = |rest: &str| {
        ours(
            "PolicyTest",
            &format!("files: [a], tests: [{{from: a, to: b, {rest}}}]"),
        )
    };
    refused(&[
        (
            workload("addresses: [10.0.0]"),
            "workloads[0].addresses[0]",
            "is no address",
        ),
        (
            workload("ports: [{port: 80}]"),
            "workloads[0].ports[0].name",
            "missing",
        ),
        (
            workload("ports: [{name: http}]"),
            "workloads[0].ports[0].port",
            "missing",
        ),
        (
            workload("hostNetwork: 'true'"),
            "workloads[0].hostNetwork",
            "write true or false",
        ),
        (
            workload("match: {}"),
            "workloads[0].match",
            "cgroup, unit or container",
        ),
        (
            workload("match: {unit: a.service, cgroup: /a}"),
            "workloads[0].match",
            "one way",
        ),
        (
            workload("match: {unit: qdrant}"),
            "workloads[0].match.unit",
            "qdrant.service",
        ),
        (
            workload("match: {cgroup: system.slice}"),
            "workloads[0].match.cgroup",
            "is no path",
        ),
        (
            workload("match: {container: abc}"),
            "workloads[0].match.container",
            "12 characters",
        ),
        (
            ours("Inventory", "workloads: [{namespace: n}]"),
            "workloads[0].name",
            "missing",
        ),
        (
            ours("Inventory", "hosts: [{name: h}]"),
            "hosts[0].addresses",
            "missing",
        ),
        (
            ours("Inventory", "x: 1").replace("v1alpha1", "v1"),
            "",
            "write apiVersion: forebay.dev/v1alpha1",
        ),
        (test("port: 80"), "tests[0].expect", "write allow or deny"),
        (
            test("port: 80, expect: maybe"),
            "tests[0].expect",
            "none of allow, deny",
        ),
        (test("expect: allow"), "tests[0].port", "missing"),
        (
            test("protocol: ICMP, port: 8, expect: allow"),
            "tests[0].port",
            "ICMP has no ports",
        ),
        (ours("PolicyTest", "tests: []"), "files", "missing"),
    ]);
    warned(&[(
        workload("label: {a: b}"),
        "workloads[0].label",
        "did you mean labels?",
    )]);
}

#[test]
fn files_that_are_no_objects() {
    refused(&[
        (
            "just text\n".to_owned(),
            "",
            "stands where a mapping belongs",
        ),
        ("a: [1\n".to_owned(), "", "this is no YAML"),
        ("a: b: c\n".to_owned(), "", "this is no YAML"),
        ("kind: NetworkPolicy\n".to_owned(), "apiVersion", "missing"),
        (
            "apiVersion: networking.k8s.io/v1\n".to_owned(),
            "kind",
            "missing",
        ),
        (
            "apiVersion: 1\nkind: x\n".to_owned(),
            "apiVersion",
            "put it in quotes",
        ),
        (
            "apiVersion: extensions/v1beta1\nkind: NetworkPolicy\n".to_owned(),
            "",
            "write apiVersion: networking.k8s.io/v1",
        ),
    ]);
}

#[test]
fn everything_wrong_is_found_with_its_place() {
    let text = "# two documents\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: ok}\nspec: {}\n---\n\
        apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: db\n  namespace: rag\nspec:\n  ingress:\n  \
        - ports:\n    - port: 80\n    - port: 90\n      endPort: 80\n    from:\n    - ipBlock: {cidr: nonsense}\n  polcyTypes: [Ingress]\n";
    let files = read(text);
    assert_eq!(files.counts(), (2, 1));
    assert_eq!(files.policies.all.len(), 1, "the good one stays");
    let lines: Vec<String> = files.problems().iter().map(ToString::to_string).collect();
    assert!(
        lines.contains(
            &"error: f.yaml:17 (document 2, NetworkPolicy rag/db): spec.ingress[0].ports[1].endPort: endPort 80 lies below port 90. \
              Next: write a number from 90 to 65535"
                .to_owned()
        ),
        "{lines:#?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains("f.yaml:19") && line.contains("ipBlock.cidr")),
        "{lines:#?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains("f.yaml:20") && line.contains("did you mean policyTypes?")),
        "{lines:#?}"
    );
}

#[test]
fn lists_are_opened_and_their_items_named() {
    let text = format!(
        "{{apiVersion: v1, kind: List, items: [{}, {}]}}",
        v1(""),
        v1("ingress: [{ports: [{port: 0}]}]")
    );
    let files = read(&text);
    assert_eq!(files.policies.all.len(), 1);
    let found = problems(&text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].2, "items[1].spec.ingress[0].ports[0].port");
}

#[test]
fn what_does_not_go_together_is_found() {
    let found = problems(&format!("{}\n---\n{}", v1(""), v1("")));
    assert!(
        found[0].3.contains("the same policy stands at f.yaml:1"),
        "{found:#?}"
    );
    let with = |name: &str, subject: &str| {
        cnp("egress: [{action: Deny, to: [{nodes: {}}]}]")
            .replace("{name: c}", &format!("{{name: {name}}}"))
            .replace("{namespaces: {}}", subject)
    };
    let two = |a: &str, b: &str| problems(&format!("{}\n---\n{}", with("a", a), with("b", b)));
    let equal = two("{namespaces: {}}", "{namespaces: {matchLabels: {x: y}}}");
    assert_eq!(equal.len(), 1, "{equal:#?}");
    assert_eq!(
        (equal[0].0, equal[0].2.as_str()),
        (Severity::Warning, "spec.priority")
    );
    assert!(
        equal[0]
            .3
            .contains("ClusterNetworkPolicy a has the priority 1 as well"),
        "{equal:#?}"
    );
    // Labels that cannot both be there, or nobody there who is both.
    assert_eq!(
        two(
            "{namespaces: {matchLabels: {x: z}}}",
            "{namespaces: {matchLabels: {x: y}}}"
        ),
        []
    );
    let world =
        "apiVersion: forebay.dev/v1alpha1\nkind: Inventory\nworkloads: [{name: w, namespace: n}]\n";
    let none = "{namespaces: {matchLabels: {x: y}}}";
    assert_eq!(
        problems(&format!(
            "{}\n---\n{}\n---\n{world}",
            with("a", none),
            with("b", none)
        )),
        []
    );
    let shared = "apiVersion: forebay.dev/v1alpha1\nkind: Inventory\nworkloads: [{name: a, addresses: [10.0.0.1]}, {name: b, addresses: [10.0.0.1]}]\n";
    assert!(
        problems(shared)[0]
            .3
            .contains("default/a and default/b both have the address 10.0.0.1")
    );
}

#[test]
fn problems_without_end_are_counted() {
    let fields: String = (0..MAX_PROBLEMS + 50)
        .map(|n| format!("zzzzzz{n}: 1, "))
        .collect();
    let files: Files = read(&v1(&fields));
    assert_eq!(files.problems().len(), MAX_PROBLEMS);
    assert_eq!(files.counts(), (0, MAX_PROBLEMS + 50));
}
