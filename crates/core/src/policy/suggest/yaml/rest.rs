//! What the drafts leave out: the last comment.

use super::words::{listed, plain};
use crate::policy::suggest::Suggestion;
use crate::policy::world::Workload;
use std::collections::{BTreeMap, BTreeSet};

/// What nobody was seen to do, and what is left as it is.
pub fn not_seen(of: &Suggestion<'_>) -> String {
    let mut out = String::from("# Not seen, and denied once this is applied:\n");
    for (app, draft) in &of.drafts {
        let app = &of.apps.all[*app];
        let used: BTreeSet<_> = draft.ingress.values().flat_map(BTreeMap::keys).collect();
        let named = app.workloads.iter().flat_map(|one| &one.ports);
        let unused: BTreeSet<String> = named
            .filter(|port| !used.contains(&(port.protocol, port.port)))
            .map(|port| format!("{}/{} ({})", port.protocol, port.port, port.name))
            .collect();
        let who = format!("{}/{}", app.namespace, app.title());
        if !unused.is_empty() {
            let unused = listed(unused.iter().map(String::as_str));
            out.push_str(&format!(
                "#   into {}: {unused}, which it names\n",
                plain(&who)
            ));
        }
        for (rules, what) in [
            (&draft.ingress, "anything into"),
            (&draft.egress, "anything out of"),
        ] {
            if rules.is_empty() {
                out.push_str(&format!("#   {what} {}\n", plain(&who)));
            }
        }
    }
    out.push_str("#   whatever else goes into or out of the workloads above, jobs that run seldom among it\n");
    let has_draft = |one: &&Workload| {
        one.host_network
            || of
                .apps
                .of(one)
                .is_some_and(|app| of.drafts.contains_key(&app))
    };
    let wanted = &of.options.namespaces;
    let asked = |one: &&Workload| wanted.is_empty() || wanted.contains(&one.namespace);
    let rest = of.world.workloads.iter().filter(asked);
    let rest = rest.filter(|one| !has_draft(one));
    let rest: Vec<String> = rest
        .map(ToString::to_string)
        .filter(|name| !of.unselected.contains(name))
        .collect();
    if !rest.is_empty() {
        let rest = listed(rest.iter().map(String::as_str));
        out.push_str(&format!(
            "# Without a policy here, and so left open: {rest}\n"
        ));
    }
    if !of.unselected.is_empty() {
        let names = listed(of.unselected.iter().map(String::as_str));
        out.push_str(&format!(
            "# Seen, but no lasting label selects them; give them one such as app: {names}\n"
        ));
    }
    out
}
