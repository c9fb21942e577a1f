//! The API's own types say the same as our reader.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't go on should fail where it stands"
)]

use forebay_core::policy::Policy;
use forebay_core::policy::read::{Files, Tree};
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    LabelSelector, LabelSelectorRequirement, ObjectMeta,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};
use std::io::Read;

fn read(object: &Value) -> (Vec<Policy>, Files) {
    let tree: Tree = serde_json::from_value(object.clone()).unwrap();
    let mut files = Files::default();
    files.add_object("object", &tree);
    files.finish();
    (files.policies.all.clone(), files)
}

/// No `..`: a field that the API adds breaks the build here, and is to be read then.
fn everything() -> NetworkPolicy {
    let selector = || LabelSelector {
        match_labels: Some([("a".to_owned(), "b".to_owned())].into()),
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: "c".to_owned(),
            operator: "NotIn".to_owned(),
            values: Some(vec!["d".to_owned()]),
        }]),
    };
    let peers = || {
        let workloads = NetworkPolicyPeer {
            ip_block: None,
            namespace_selector: Some(selector()),
            pod_selector: Some(selector()),
        };
        let block = IPBlock {
            cidr: "10.0.0.0/8".to_owned(),
            except: Some(vec!["10.1.0.0/16".to_owned()]),
        };
        let block = NetworkPolicyPeer {
            ip_block: Some(block),
            namespace_selector: None,
            pod_selector: None,
        };
        Some(vec![workloads, block])
    };
    let ports = || {
        Some(vec![NetworkPolicyPort {
            end_port: Some(90),
            port: Some(IntOrString::Int(80)),
            protocol: Some("UDP".to_owned()),
        }])
    };
    NetworkPolicy {
        metadata: ObjectMeta {
            name: Some("p".to_owned()),
            namespace: Some("n".to_owned()),
            ..ObjectMeta::default()
        },
        spec: Some(NetworkPolicySpec {
            egress: Some(vec![NetworkPolicyEgressRule {
                ports: ports(),
                to: peers(),
            }]),
            ingress: Some(vec![NetworkPolicyIngressRule {
                from: peers(),
                ports: ports(),
            }]),
            pod_selector: Some(selector()),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
        }),
    }
}

#[test]
fn every_field_of_the_api_is_known() {
    let object = serde_json::to_value(everything()).unwrap();
    let (policies, files) = read(&object);
    assert_eq!(files.problems(), []);
    assert_eq!(policies.len(), 1);
    // And each of them counts: without it, something else is meant.
    let fields = [
        "/spec/egress",
        "/spec/ingress",
        "/spec/podSelector",
        "/spec/policyTypes",
        "/spec/ingress/0/from",
        "/spec/ingress/0/ports",
        "/spec/egress/0/to",
        "/spec/egress/0/ports",
        "/spec/ingress/0/ports/0/endPort",
        "/spec/ingress/0/ports/0/protocol",
        "/spec/ingress/0/from/0/podSelector",
        "/spec/ingress/0/from/0/namespaceSelector",
        "/spec/ingress/0/from/0/podSelector/matchLabels",
        "/spec/ingress/0/from/0/podSelector/matchExpressions",
        "/spec/ingress/0/from/1/ipBlock/except",
    ];
    for field in fields {
        let mut less = object.clone();
        let (outer, name) = field.rsplit_once('/').unwrap();
        let removed = less
            .pointer_mut(outer)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(name);
        assert!(removed.is_some(), "{field}");
        // Both types are the default where both directions have rules.
        assert!(
            read(&less).0 != policies || field == "/spec/policyTypes",
            "{field}"
        );
    }
}

#[test]
fn a_way_through_the_apis_types_changes_nothing() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/conformance/networkpolicy-v1-cases.jsonl.gz"
    );
    let mut text = String::new();
    let file = std::fs::File::open(file).unwrap();
    flate2::read::MultiGzDecoder::new(file)
        .read_to_string(&mut text)
        .unwrap();
    let mut count = 0;
    for line in text.lines() {
        let step: Value = serde_json::from_str(line).unwrap();
        for policy in step["policies"].as_array().into_iter().flatten() {
            let mut policy = policy.clone();
            policy["apiVersion"] = json!("networking.k8s.io/v1");
            policy["kind"] = json!("NetworkPolicy");
            let typed: NetworkPolicy = serde_json::from_value(policy.clone()).unwrap();
            let (direct, files) = read(&policy);
            assert_eq!(
                (direct.len(), files.counts().0),
                (1, 0),
                "{:#?}",
                files.problems()
            );
            assert_eq!(
                read(&serde_json::to_value(typed).unwrap()).0,
                direct,
                "{policy}"
            );
            count += 1;
        }
    }
    assert!(count > 256, "{count}");
}
