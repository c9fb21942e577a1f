//! A table of what is wrong, and what is wrong between objects.

use super::{Files, Severity, cnp, problems, read, v1};
use crate::policy::read::MAX_PROBLEMS;

const TABLE: &str = include_str!("bad.txt");

/// One case of the table.
struct Bad {
    severity: Severity,
    path: String,
    part: String,
    text: String,
}

fn table() -> Vec<Bad> {
    let lines: Vec<&str> = TABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let case = |lines: &[&str]| {
        let [first, part, text] = lines else {
            panic!("{lines:?}")
        };
        let (severity, path) = first.split_once(' ').unwrap_or((first, ""));
        let (form, text) = text.trim_start().split_once(' ').unwrap();
        Bad {
            severity: if severity == "error" {
                Severity::Error
            } else {
                Severity::Warning
            },
            path: path.to_owned(),
            part: part.trim_start().to_owned(),
            text: match form {
                "v1" => v1(text),
                "rules" => cnp(text),
                "cluster" => cnp("@").replace(
                    "tier: Admin, priority: 1, subject: {namespaces: {}}, @",
                    text,
                ),
                "text" => text.replace("\\n", "\n"),
                _ => panic!("{form}"),
            },
        }
    };
    lines.chunks(3).map(case).collect()
}

#[test]
fn every_mistake_is_named_with_its_place_and_cure() {
    let table = table();
    assert!(table.len() > 110, "{}", table.len());
    for Bad {
        severity,
        path,
        part,
        text,
    } in table
    {
        let found = problems(&text);
        let is = |(is, _, at, said): &(Severity, u32, String, String)| {
            *is == severity && *at == path && said.contains(&part)
        };
        assert!(
            found.iter().any(is),
            "{text}\nexpected {path}: {part}\nfound {found:#?}"
        );
        let errors = found
            .iter()
            .filter(|(severity, ..)| *severity == Severity::Error)
            .count();
        assert_eq!(
            errors > 0,
            severity == Severity::Error,
            "{text}: {found:#?}"
        );
        assert!(
            severity == Severity::Warning || read(&text).policies.all.is_empty(),
            "{text}"
        );
    }
}

#[test]
fn lists_of_the_cluster_api_have_bounds() {
    let many = |text: &str, count: usize| vec![text; count].join(", ");
    let networks = |count: usize| {
        (0..count)
            .map(|n| format!("10.{n}.0.0/16"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let list = |what: &str, count: usize| match what {
        "rules" => cnp(&format!(
            "ingress: [{}]",
            many("{action: Deny, from: [{namespaces: {}}]}", count)
        )),
        "peers" => cnp(&format!(
            "ingress: [{{action: Deny, from: [{}]}}]",
            many("{namespaces: {}}", count)
        )),
        "networks" => cnp(&format!(
            "egress: [{{action: Deny, to: [{{networks: [{}]}}]}}]",
            networks(count)
        )),
        "protocols" => cnp(&format!(
            "ingress: [{{action: Deny, from: [{{namespaces: {{}}}}], protocols: [{}]}}]",
            many("{tcp: {destinationPort: {number: 1}}}", count)
        )),
        _ => cnp(&format!(
            "ingress: [{{action: Deny, name: {}, from: [{{namespaces: {{}}}}]}}]",
            "x".repeat(count + 75)
        )),
    };
    for what in ["rules", "peers", "networks", "protocols", "name"] {
        assert_eq!(problems(&list(what, 25)), [], "{what}");
        let found = problems(&list(what, 26));
        let part = if what == "name" {
            "100 characters".to_owned()
        } else {
            format!("26 {what}, where the API takes at most 25")
        };
        assert!(found.len() == 1 && found[0].3.contains(&part), "{found:#?}");
    }
}

#[test]
fn a_namespace_with_other_labels_is_named() {
    let object = |labels: &str| {
        format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: rag, labels: {labels}}}}}")
    };
    let same = format!("{}\n---\n{}\n", object("{a: b}"), object("{a: b}"));
    assert_eq!(problems(&same), []);
    let inventory = "apiVersion: forebay.dev/v1alpha1\nkind: Inventory\nnamespaces: [{name: rag}]";
    for (second, line, path) in [
        (object("{a: c}"), 3, "metadata.labels"),
        (inventory.to_owned(), 5, "namespaces[0]"),
    ] {
        let found = problems(&format!("{}\n---\n{second}\n", object("{a: b}")));
        let what = "the namespace rag is there before with other labels; these count. Next: keep one of them";
        let expected = (Severity::Warning, line, path.to_owned(), what.to_owned());
        assert_eq!(found, [expected], "{second}");
    }
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
    // Of three about one workload, each is named once; directions that do not meet are none.
    let one = format!(
        "{world}---\n{}\n---\n{}\n---\n{}",
        with("a", "{namespaces: {}}"),
        with("b", "{namespaces: {}}"),
        with("c", none)
    );
    let found = problems(&one);
    assert_eq!(found.len(), 1, "{found:#?}");
    let inward = with("b", "{namespaces: {}}")
        .replace("egress", "ingress")
        .replace("to: [{nodes", "from: [{namespaces");
    assert_eq!(
        problems(&format!(
            "{}\n---\n{inward}\n---\n{world}",
            with("a", "{namespaces: {}}")
        )),
        []
    );
    let twice = "apiVersion: forebay.dev/v1alpha1\nkind: Inventory\nworkloads: [{name: a}, {name: a}, {name: a}]\n";
    assert_eq!(problems(twice).len(), 1);
    assert!(
        problems(twice)[0]
            .3
            .contains("default/a is there more than once")
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
