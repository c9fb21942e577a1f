//! Who owns a socket: processes to workloads, addresses to parties.

use crate::exchange::record::{Party, Who};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Processes remembered; beyond it those seen longest ago go.
const PROCESSES_MAX: usize = 8192;
/// Addresses whose texts are remembered; beyond it all are made anew.
const FAR_MAX: usize = 1024;

/// What is known of a process. Comes from capture, once per process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Its short name (see [`Who::workload`]).
    pub name: Box<str>,
    /// Process name.
    pub comm: Box<str>,
    /// Kubernetes pod UID.
    pub pod: Option<Box<str>>,
    /// systemd unit.
    pub unit: Option<Box<str>>,
    /// Container id, 12 characters.
    pub container: Option<Box<str>>,
}

/// The processes seen using sockets, and the addresses of others.
#[derive(Debug, Default)]
pub struct Processes {
    known: FxHashMap<u32, Arc<Who>>,
    order: std::collections::VecDeque<u32>,
    /// Parties of which only an address is known; a client's without its port.
    far: FxHashMap<(IpAddr, Option<u16>), Arc<Who>>,
}

impl Processes {
    /// Says what is known of a process; replaces what was (process ids are used again).
    pub fn learn(&mut self, pid: u32, workload: Workload) {
        let who = Arc::new(who(pid, workload));
        if self.known.insert(pid, who).is_none() {
            self.order.push_back(pid);
        }
        while self.known.len() > PROCESSES_MAX {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            self.known.remove(&oldest);
        }
    }

    /// What is known of a process; at least the name it had.
    pub fn process(&self, pid: u32, comm: &str) -> Arc<Who> {
        let is_it = |who: &&Arc<Who>| who.comm.as_deref() == Some(comm);
        match self.known.get(&pid).filter(is_it) {
            Some(who) => Arc::clone(who),
            None => Arc::new(who(pid, named(comm))),
        }
    }

    /// An end on another host has only its address: a server's with its port, a client's without
    /// (its port says nothing).
    pub fn far(&mut self, addr: SocketAddr, is_server: bool) -> Party {
        let key = (addr.ip(), is_server.then_some(addr.port()));
        if let Some(who) = self.far.get(&key) {
            let who = Arc::clone(who);
            return Party { who, addr };
        }
        let name = if is_server {
            addr.to_string()
        } else {
            addr.ip().to_string()
        };
        let who = Who {
            workload: name.into(),
            ..Who::default()
        };
        let party = Party::new(who, addr);
        if self.far.len() >= FAR_MAX {
            self.far.clear();
        }
        self.far.insert(key, Arc::clone(&party.who));
        party
    }
}

/// All that is known of a process is its name.
fn named(comm: &str) -> Workload {
    Workload {
        name: comm.into(),
        comm: comm.into(),
        ..Workload::default()
    }
}

/// A process as records show it.
fn who(pid: u32, workload: Workload) -> Who {
    Who {
        workload: workload.name,
        pid: Some(pid),
        comm: Some(workload.comm),
        pod: workload.pod,
        unit: workload.unit,
        container: workload.container,
        ..Who::default()
    }
}

impl Who {
    /// What was told of the process, again.
    pub fn told(&self) -> Workload {
        Workload {
            name: self.workload.clone(),
            comm: self.comm.clone().unwrap_or_default(),
            pod: self.pod.clone(),
            unit: self.unit.clone(),
            container: self.container.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload(name: &str, comm: &str) -> Workload {
        Workload {
            name: name.into(),
            comm: comm.into(),
            ..Workload::default()
        }
    }

    #[test]
    fn a_process_is_shared_until_it_is_told_anew() {
        let mut processes = Processes::default();
        processes.learn(7, workload("rag", "python3"));
        let (one, two) = (
            processes.process(7, "python3"),
            processes.process(7, "python3"),
        );
        assert!(Arc::ptr_eq(&one, &two));
        assert_eq!(
            (&*one.workload, one.told()),
            ("rag", workload("rag", "python3"))
        );
        let other = processes.process(7, "sh");
        assert_eq!(
            (&*other.workload, other.pid),
            ("sh", Some(7)),
            "the id was used again"
        );
        processes.learn(7, workload("asker", "python3"));
        assert_eq!(&*processes.process(7, "python3").workload, "asker");
        assert_eq!(&*one.workload, "rag", "earlier records keep their name");
    }

    #[test]
    fn far_clients_have_no_port_and_far_parties_a_bound() {
        let mut processes = Processes::default();
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let client = processes.far(at("192.0.2.7:4711"), false);
        let again = processes.far(at("192.0.2.7:4712"), false);
        assert!(Arc::ptr_eq(&client.who, &again.who) && client.addr != again.addr);
        let server = processes.far(at("192.0.2.7:80"), true);
        assert_eq!(
            (&*client.workload, &*server.workload),
            ("192.0.2.7", "192.0.2.7:80")
        );
        assert!(client.is_address() && server.is_address());
        for port in 1..3 * FAR_MAX as u16 {
            processes.far(SocketAddr::new(client.addr.ip(), port), true);
            assert!(processes.far.len() <= FAR_MAX);
        }
    }
}
