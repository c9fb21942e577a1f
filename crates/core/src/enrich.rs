//! Who owns a socket: processes to workloads, addresses to parties.

use crate::exchange::record::Party;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;

/// Processes remembered; beyond it those seen longest ago go.
const PROCESSES_MAX: usize = 8192;

/// What is known of a process. Comes from capture, once per process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// Its short name (see [`Party::workload`]).
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

/// A process and what is known of it. Names outlive the process.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// What is known.
    pub workload: Arc<Workload>,
}

/// The processes seen using sockets.
#[derive(Debug, Default)]
pub struct Processes {
    known: FxHashMap<u32, Arc<Workload>>,
    order: std::collections::VecDeque<u32>,
}

impl Processes {
    /// Says what is known of a process; replaces what was (process ids are used again).
    pub fn learn(&mut self, pid: u32, workload: Workload) {
        if self.known.insert(pid, Arc::new(workload)).is_none() {
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
    pub fn process(&self, pid: u32, comm: &str) -> Process {
        let workload = self.known.get(&pid).filter(|w| &*w.comm == comm).cloned();
        let workload = workload.unwrap_or_else(|| {
            Arc::new(Workload {
                name: comm.into(),
                comm: comm.into(),
                ..Workload::default()
            })
        });
        Process { pid, workload }
    }
}

/// One end of a request as the record shows it. An end on another host has only its address: a
/// server's with its port, a client's without (its port says nothing).
pub fn party(process: Option<&Process>, addr: SocketAddr, is_server: bool) -> Party {
    let text: Box<str> = addr.to_string().into();
    let Some(process) = process else {
        let name = if is_server {
            text.clone()
        } else {
            addr.ip().to_string().into()
        };
        return Party {
            workload: name,
            addr: text,
            ..Party::default()
        };
    };
    let workload = &process.workload;
    Party {
        workload: workload.name.clone(),
        pid: Some(process.pid),
        comm: Some(workload.comm.clone()),
        addr: text,
        pod: workload.pod.clone(),
        namespace: None,
        node: None,
        unit: workload.unit.clone(),
        container: workload.container.clone(),
    }
}
