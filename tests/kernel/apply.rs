//! `forebay policy apply` between two networks and control groups that the test made. Needs root.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use place::{Place, Reply};
use std::time::Duration;

/// `ports`: what `app` may reach of `db`.
fn policies(place: &Place, ports: &str) -> String {
    let (app, db) = (place.group("app"), place.group("db"));
    format!(
        "apiVersion: forebay.dev/v1alpha1
kind: Inventory
workloads:
- {{namespace: rag, name: app, labels: {{app: app}}, addresses: [10.77.0.1, 'fd77::1'], match: {{cgroup: {app}}}}}
- {{namespace: rag, name: db, labels: {{app: db}}, addresses: [10.77.0.2, 'fd77::2'], match: {{cgroup: {db}}}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: db-ingress, namespace: rag}}
spec:
  podSelector: {{matchLabels: {{app: db}}}}
  ingress:
  - from: [{{podSelector: {{matchLabels: {{app: app}}}}}}]
    ports: [{ports}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: app-egress, namespace: rag}}
spec:
  podSelector: {{matchLabels: {{app: app}}}}
  policyTypes: [Egress]
  egress:
  - to: [{{podSelector: {{matchLabels: {{app: db}}}}}}]
"
    )
}

#[test]
fn connections_are_refused_at_once_and_the_operator_learns_why() {
    let place = Place::make();
    place.listen("db", &[6333, 5432]);
    let only = policies(&place, "{port: 6333}");
    let mut held = place.apply(&only);

    for address in ["10.77.0.2", "fd77::2", "::ffff:10.77.0.2"] {
        assert_eq!(
            place.connect("app", address, 6333),
            Reply::Connected,
            "{address}"
        );
        assert_eq!(
            place.connect("app", address, 5432),
            Reply::Refused,
            "{address}"
        );
    }
    assert_eq!(place.connect("app", "192.0.2.7", 80), Reply::NotPermitted);
    let told = held.denials(4);
    let arrivals: Vec<_> = told
        .iter()
        .filter(|one| one["direction"] == "ingress")
        .collect();
    assert!(arrivals.len() >= 2, "{told:#?}");
    for one in &arrivals {
        assert_eq!(one["workload"], "rag/db");
        assert_eq!(one["port"], 5432);
        assert_eq!(one["nearest"]["rule"]["policy"]["name"], "db-ingress");
        assert_eq!(one["nearest"]["missed"][0], "port");
    }
    let departure = told
        .iter()
        .find(|one| one["direction"] == "egress")
        .unwrap();
    assert_eq!(departure["workload"], "rag/app");
    assert_eq!(departure["peer_addr"], "192.0.2.7");
    assert_eq!(departure["why"]["by"], "isolated");

    held.replace(&policies(&place, "{port: 6333}, {port: 5432}"), "in force");
    assert_eq!(place.connect("app", "10.77.0.2", 5432), Reply::Connected);
    held.replace(
        "kind: NetworkPolicy\nspec: 7\n",
        "the policies before this hold",
    );
    assert_eq!(place.connect("app", "10.77.0.2", 5432), Reply::Connected);
    assert_eq!(place.connect("app", "192.0.2.7", 80), Reply::NotPermitted);

    held.end();
    assert_ne!(place.connect("app", "192.0.2.7", 80), Reply::NotPermitted);
}

#[test]
fn without_an_address_arrivals_are_not_judged_and_that_is_said() {
    let place = Place::make();
    place.listen("db", &[5432]);
    let addresses = "addresses: [10.77.0.2, 'fd77::2'], ";
    let held = place.apply(&policies(&place, "{port: 6333}").replace(addresses, ""));
    held.wait_for("what reaches rag/db is NOT judged");
    // By this address nobody is known, so `app` may not reach it; who is not policed may.
    assert_eq!(place.connect("app", "10.77.0.2", 5432), Reply::NotPermitted);
    place.start("stranger", &["app"]);
    assert_eq!(
        place.connect("stranger", "10.77.0.2", 5432),
        Reply::Connected
    );
    held.end();
}

#[test]
fn a_workload_that_comes_later_is_found() {
    let place = Place::make();
    let held = place.apply(&policies(&place, "{port: 6333}").replace("/app}", "/late}"));
    place.start("late", &["app"]);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(place.connect("late", "192.0.2.7", 80), Reply::NotPermitted);
    // Of nobody whom the policies know.
    assert_ne!(place.connect("app", "192.0.2.7", 80), Reply::NotPermitted);
    held.end();
}
