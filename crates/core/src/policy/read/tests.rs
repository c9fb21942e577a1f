//! Bad files and what is said of them; good ones and what comes of them.

mod bad;
mod good;

use super::{Files, Severity};

fn read(text: &str) -> Files {
    let mut files = Files::default();
    files.add("f.yaml", text);
    files.finish();
    files
}

/// `(severity, line, path, part of what or cure)` of each problem.
fn problems(text: &str) -> Vec<(Severity, u32, String, String)> {
    let files = read(text);
    let one = |problem: &super::Problem| {
        let said = format!("{}. Next: {}", problem.what, problem.cure);
        (problem.severity, problem.line, problem.path.clone(), said)
    };
    files.problems().iter().map(one).collect()
}

/// A `NetworkPolicy` with this spec, in YAML's flow style, all on line 1.
fn v1(spec: &str) -> String {
    format!(
        "{{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {{name: p, namespace: n}}, spec: {{{spec}}}}}"
    )
}

/// A `ClusterNetworkPolicy` with these rules.
fn cnp(rules: &str) -> String {
    format!(
        "{{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {{name: c}}, \
         spec: {{tier: Admin, priority: 1, subject: {{namespaces: {{}}}}, {rules}}}}}"
    )
}
