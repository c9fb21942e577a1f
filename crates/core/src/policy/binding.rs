//! Finding a workload's processes by their control group.

/// How a workload's processes are found. What lies below a group that is found belongs to it too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// A pattern of the path from the root of the hierarchy: `*` within one part, `**` across parts.
    Cgroup(String),
    /// The name of a systemd unit, such as `qdrant.service`.
    Unit(String),
    /// The id of a container, 12 characters or more.
    Container(String),
}

impl Binding {
    /// Whether processes in the control group of this path are meant; never those at the root.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        match self {
            Binding::Unit(unit) => parts.any(|part| part == unit),
            Binding::Container(id) => parts.any(|part| has_id(part, id)),
            Binding::Cgroup(pattern) => {
                let ends = path
                    .match_indices('/')
                    .map(|(at, _)| at)
                    .chain([path.len()]);
                ends.filter(|end| *end > 0)
                    .any(|end| fits(pattern.as_bytes(), &path.as_bytes()[..end]))
            }
        }
    }
}

/// Runtimes put a word before the id and an ending behind it, as in `docker-0123456789ab….scope`.
fn has_id(part: &str, id: &str) -> bool {
    let before = |at: usize| part[..at].chars().next_back();
    part.match_indices(id)
        .any(|(at, _)| before(at).is_none_or(|c| !c.is_ascii_hexdigit()))
}

/// Row by row: which lengths of the path the pattern's beginning can stand for.
fn fits(pattern: &[u8], path: &[u8]) -> bool {
    let mut reach = vec![false; path.len() + 1];
    reach[0] = true;
    let mut at = 0;
    while let Some(byte) = pattern.get(at) {
        let across = pattern[at..].starts_with(b"**");
        at += if across { 2 } else { 1 };
        if *byte == b'*' {
            for end in 0..path.len() {
                reach[end + 1] |= reach[end] && (across || path[end] != b'/');
            }
        } else {
            for end in (0..path.len()).rev() {
                reach[end + 1] = reach[end] && path[end] == *byte;
            }
            reach[0] = false;
        }
    }
    reach[path.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_found_with_what_is_below_them() {
        let cgroup = |text: &str| Binding::Cgroup(text.to_owned());
        let unit = Binding::Unit("qdrant.service".to_owned());
        let container = Binding::Container("0123456789ab".to_owned());
        let long = "0123456789abcdef0123456789abcdef";
        for (binding, path, expected) in [
            (&unit, "/system.slice/qdrant.service", true),
            (&unit, "/system.slice/qdrant.service/worker", true),
            (&unit, "/system.slice/my-qdrant.service", false),
            (&unit, "/", false),
            (
                &container,
                &format!("/system.slice/docker-{long}.scope"),
                true,
            ),
            (&container, &format!("/kubepods.slice/{long}"), true),
            (&container, &format!("/kubepods.slice/ff{long}"), false),
            (&container, "/kubepods.slice/0123456789", false),
            (
                &cgroup("/system.slice/qdrant*.service"),
                "/system.slice/qdrant-1.service",
                true,
            ),
            (
                &cgroup("/system.slice/qdrant*.service"),
                "/system.slice/qdrant-1.service/a/b",
                true,
            ),
            (
                &cgroup("/system.slice/qdrant*.service"),
                "/system.slice/qdrant/x.service",
                false,
            ),
            (
                &cgroup("/user.slice/**/job-*"),
                "/user.slice/a/b/job-7",
                true,
            ),
            (&cgroup("/user.slice/**/job-*"), "/user.slice/job-7", false),
            (&cgroup("/user.slice**job-*"), "/user.slice/job-7", true),
            (&cgroup("/a"), "/ab", false),
            (&cgroup("/a"), "/a/b", true),
            (&cgroup("/a/*"), "/a", false),
            (&cgroup("/*"), "/", false),
        ] {
            assert_eq!(binding.matches(path), expected, "{binding:?} {path}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_ends() {
        let pattern = format!("/{}b", "a**".repeat(200));
        assert!(!Binding::Cgroup(pattern).matches(&format!("/{}", "a".repeat(2000))));
    }
}
