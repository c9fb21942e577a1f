//! Where the workloads of an inventory run: their control groups, and the networks of their processes.

use forebay_core::policy::{Workload, World};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Control groups that are looked at, at most: what the kernel's table holds.
const GROUPS_MAX: usize = 1 << 16;
/// Groups above a socket's that the kernel asks, so that deeper ones need an entry of their own.
const DEPTH_MAX: usize = 16;

/// A control group that belongs to a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// From the root of the hierarchy, beginning with `/`.
    pub path: String,
    /// As programs know it.
    pub id: u64,
    /// Place of its workload in [`World::workloads`].
    pub workload: usize,
}

/// Every control group where a workload begins, in order of their paths.
///
/// # Errors
/// When the hierarchy's root can't be read; groups that end meanwhile are left out.
pub fn find(root: &Path, world: &World) -> io::Result<Vec<Group>> {
    let bound: Vec<(usize, &Workload)> = world
        .workloads
        .iter()
        .enumerate()
        .filter(|(_, workload)| workload.binding.is_some())
        .collect();
    let mut found = Vec::new();
    if bound.is_empty() {
        return Ok(found);
    }
    let mut waiting = children(root, "")?;
    let mut seen = 0;
    while let Some((path, id)) = waiting.pop() {
        seen += 1;
        if seen > GROUPS_MAX {
            break;
        }
        if let Some(workload) = begins(&bound, &path) {
            found.push(Group {
                path: path.clone(),
                id,
                workload,
            });
        }
        if path.matches('/').count() < DEPTH_MAX {
            let below = children(&root.join(&path[1..]), &path);
            waiting.extend(below.unwrap_or_default());
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// The workload that this group belongs to and the one above it does not.
fn begins(bound: &[(usize, &Workload)], path: &str) -> Option<usize> {
    let above = path.rsplit_once('/').map_or("", |(above, _)| above);
    let is = |workload: &Workload, path: &str| {
        let binding = workload.binding.as_ref();
        binding.is_some_and(|binding| binding.matches(path))
    };
    let mut here = bound
        .iter()
        .filter(|(_, workload)| is(workload, path) && !is(workload, above));
    here.next().map(|(place, _)| *place)
}

fn children(folder: &Path, path: &str) -> io::Result<Vec<(String, u64)>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Some(name) = entry.file_name().to_str()
        {
            // On the file system of control groups it is the inode's number, on 64-bit kernels.
            all.push((format!("{path}/{name}"), entry.ino()));
        }
    }
    Ok(all)
}

/// Networks of the processes of a group and of those below it, by number, the host's own left out; and
/// whether some process is in the host's.
pub fn networks(root: &Path, group: &Group, host: &[u64]) -> (BTreeMap<u64, File>, bool) {
    let (mut own, mut shares) = (BTreeMap::new(), false);
    let mut waiting = vec![root.join(&group.path[1..])];
    while let Some(folder) = waiting.pop() {
        let processes = std::fs::read_to_string(folder.join("cgroup.procs"));
        for pid in processes.unwrap_or_default().lines() {
            // A process that ended meanwhile has no network.
            let Some((number, file)) = network(&PathBuf::from(format!("/proc/{pid}/ns/net")))
            else {
                continue;
            };
            if host.contains(&number) {
                shares = true;
            } else {
                own.entry(number).or_insert(file);
            }
        }
        let below = children(&folder, "").unwrap_or_default();
        waiting.extend(below.iter().map(|(name, _)| folder.join(&name[1..])));
    }
    (own, shares)
}

/// The numbers of the host's network and of ours.
pub fn host_networks() -> Vec<u64> {
    let files = ["/proc/1/ns/net", "/proc/self/ns/net"];
    let numbers = files.iter().filter_map(|file| network(Path::new(file)));
    numbers.map(|(number, _)| number).collect()
}

fn network(path: &Path) -> Option<(u64, File)> {
    let file = File::open(path).ok()?;
    let number = file.metadata().ok()?.ino();
    Some((number, file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay_core::policy::Binding;

    fn world(bindings: &[(&str, Binding)]) -> World {
        let mut world = World::default();
        world.workloads = bindings
            .iter()
            .map(|(name, binding)| Workload {
                name: (*name).to_owned(),
                binding: Some(binding.clone()),
                ..Workload::default()
            })
            .collect();
        world
    }

    #[test]
    fn a_group_is_found_where_its_workload_begins() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "system.slice/qdrant.service/inner",
            "system.slice/other.service",
            "apps/web/worker-1",
            "apps/web/worker-2/deep",
        ] {
            std::fs::create_dir_all(root.path().join(path)).unwrap();
        }
        let world = world(&[
            ("qdrant", Binding::Unit("qdrant.service".into())),
            ("web", Binding::Cgroup("/apps/web".into())),
            ("worker", Binding::Cgroup("/apps/web/worker-*".into())),
        ]);
        let found = find(root.path(), &world).unwrap();
        let names: Vec<_> = found
            .iter()
            .map(|group| (&*group.path, &*world.workloads[group.workload].name))
            .collect();
        assert_eq!(
            names,
            [
                ("/apps/web", "web"),
                ("/apps/web/worker-1", "worker"),
                ("/apps/web/worker-2", "worker"),
                ("/system.slice/qdrant.service", "qdrant"),
            ]
        );
        let ids = std::fs::metadata(root.path().join("apps/web"))
            .unwrap()
            .ino();
        assert_eq!(found[0].id, ids);
    }

    #[test]
    fn our_own_network_is_the_hosts_or_ours() {
        assert!(!host_networks().is_empty());
    }
}
