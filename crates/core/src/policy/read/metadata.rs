//! What a policy is called.

use super::names::{NAMESPACE, OBJECT_NAME, checked, is_dns_label, is_dns_subdomain};
use super::problem::Log;
use super::walk::Fields;

/// Namespace and name of a policy; the namespace is empty for cluster-wide ones. The log knows it then.
pub(super) fn read(
    fields: &mut Fields<'_>,
    namespaced: bool,
    log: &mut Log,
) -> Option<(String, String)> {
    const KNOWN: [&str; 12] = [
        "labels",
        "annotations",
        "creationTimestamp",
        "uid",
        "resourceVersion",
        "generation",
        "managedFields",
        "ownerReferences",
        "finalizers",
        "generateName",
        "deletionTimestamp",
        "selfLink",
    ];
    let metadata = fields.need(log, "metadata", "write it, with a name")?;
    let mut fields = metadata.map(log)?;
    let name = fields.need(log, "name", "give the policy a name");
    let name = name.and_then(|at| checked(&at, log, is_dns_subdomain, "name", OBJECT_NAME));
    let namespace = fields.get("namespace");
    fields.skip(&KNOWN);
    fields.end(log);
    let namespace = match (namespace, namespaced) {
        (Some(at), true) => checked(&at, log, is_dns_label, "namespace", NAMESPACE)?,
        (Some(at), false) => {
            log.error(
                at.place(),
                "this kind has no namespace: it is about the whole cluster",
                "remove it",
            );
            return None;
        }
        (None, true) => "default",
        (None, false) => "",
    };
    let name = name?;
    let slash = if namespace.is_empty() { "" } else { "/" };
    log.object = format!("{} {namespace}{slash}{name}", log.object);
    Some((namespace.to_owned(), name.to_owned()))
}
