//! Whether this process may observe, and what it lacks.

use rustix::thread::{CapabilitySet, capabilities};

/// What observing needs: load programs, read what they trace, attach to network hooks.
const NEEDED: [(CapabilitySet, &str); 3] = [
    (CapabilitySet::BPF, "CAP_BPF"),
    (CapabilitySet::PERFMON, "CAP_PERFMON"),
    (CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN"),
];

/// Rights that are missing.
#[derive(Debug, thiserror::Error)]
#[error(
    "not permitted: observing the kernel needs {needed}; this process (uid {uid}) lacks {missing}. \
     Next: `sudo forebay {verb}`"
)]
pub struct Missing {
    needed: String,
    missing: String,
    uid: u32,
    verb: String,
}

/// Checks the rights of this process for `verb`.
///
/// # Errors
/// [`Missing`] names what it lacks.
pub fn check(verb: &str) -> Result<(), Missing> {
    // A process that can't read its own capabilities is treated as one that has none.
    let held = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    check_set(verb, held, rustix::process::geteuid().as_raw())
}

fn check_set(verb: &str, held: CapabilitySet, uid: u32) -> Result<(), Missing> {
    // Before CAP_BPF and CAP_PERFMON existed CAP_SYS_ADMIN stood for both, and still does.
    let held = if held.contains(CapabilitySet::SYS_ADMIN) {
        held | CapabilitySet::BPF | CapabilitySet::PERFMON
    } else {
        held
    };
    let lacking = NEEDED.iter().filter(|(set, _)| !held.contains(*set));
    let missing: Vec<&str> = lacking.map(|(_, name)| *name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Missing {
        needed: NEEDED.map(|(_, name)| name).join(", "),
        missing: missing.join(", "),
        uid,
        verb: verb.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_exactly_what_is_missing() {
        let all = CapabilitySet::BPF | CapabilitySet::PERFMON | CapabilitySet::NET_ADMIN;
        assert!(check_set("observe", all, 0).is_ok());
        let old = CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN;
        assert!(check_set("observe", old, 0).is_ok());
        let error = check_set("observe -n 5", CapabilitySet::BPF, 1000).unwrap_err();
        assert_eq!(
            error.to_string(),
            "not permitted: observing the kernel needs CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN; \
             this process (uid 1000) lacks CAP_PERFMON, CAP_NET_ADMIN. \
             Next: `sudo forebay observe -n 5`"
        );
    }
}
