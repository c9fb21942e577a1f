//! The ends of a request. What all requests of a process share is kept once.

use serde::{Deserialize, Serialize, Serializer};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// What owns a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Its short name: pod, unit, container or process, the first that is known; the address for
    /// parties on other hosts.
    pub workload: Box<str>,
    /// Process id, if it is on this host.
    pub pid: Option<u32>,
    /// Process name.
    pub comm: Option<Box<str>>,
    /// Kubernetes pod UID (its name once the API is read).
    pub pod: Option<Box<str>>,
    /// Kubernetes namespace.
    pub namespace: Option<Box<str>>,
    /// Host name of the node, if known.
    pub node: Option<Box<str>>,
    /// systemd unit.
    pub unit: Option<Box<str>>,
    /// Container id, 12 characters.
    pub container: Option<Box<str>>,
    /// The short name is the address, for nothing else is known. Not shown; it follows.
    pub by_address: bool,
}

impl Who {
    /// Whether it is on another host, and nothing named it.
    pub fn is_address(&self) -> bool {
        let named = self.pid.is_some()
            || self.pod.is_some()
            || self.unit.is_some()
            || self.container.is_some();
        self.by_address && !named
    }
}

/// One end of a request. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// What owns its socket; shared by the records of a process.
    pub who: Arc<Who>,
    /// Its address.
    pub addr: SocketAddr,
}

impl Party {
    /// One end: its owner, and its address.
    pub fn new(who: Who, addr: SocketAddr) -> Self {
        let name = &*who.workload;
        let by_address = name.is_empty() || addr.to_string().contains(name);
        let who = Arc::new(Who { by_address, ..who });
        Self { who, addr }
    }
}

impl Default for Party {
    fn default() -> Self {
        let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Self::new(Who::default(), nowhere)
    }
}

impl Deref for Party {
    type Target = Who;
    fn deref(&self) -> &Who {
        &self.who
    }
}

impl DerefMut for Party {
    /// Other records keep what they had.
    fn deref_mut(&mut self) -> &mut Who {
        Arc::make_mut(&mut self.who)
    }
}

/// A party in JSON: names may be added, never changed.
#[derive(Serialize, Deserialize)]
struct Shown<T> {
    workload: T,
    pid: Option<u32>,
    comm: Option<T>,
    /// `ip:port`.
    addr: SocketAddr,
    pod: Option<T>,
    namespace: Option<T>,
    node: Option<T>,
    unit: Option<T>,
    container: Option<T>,
}

impl Serialize for Party {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let shown: Shown<&str> = Shown {
            workload: &self.workload,
            pid: self.pid,
            comm: self.comm.as_deref(),
            addr: self.addr,
            pod: self.pod.as_deref(),
            namespace: self.namespace.as_deref(),
            node: self.node.as_deref(),
            unit: self.unit.as_deref(),
            container: self.container.as_deref(),
        };
        shown.serialize(to)
    }
}

impl<'de> Deserialize<'de> for Party {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let shown: Shown<Box<str>> = Shown::deserialize(from)?;
        let who = Who {
            workload: shown.workload,
            pid: shown.pid,
            comm: shown.comm,
            pod: shown.pod,
            namespace: shown.namespace,
            node: shown.node,
            unit: shown.unit,
            container: shown.container,
            by_address: false,
        };
        Ok(Self::new(who, shown.addr))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_is_flat_in_json_and_comes_back() {
        let who = Who {
            workload: "rag".into(),
            pid: Some(7),
            comm: Some("python3".into()),
            ..Who::default()
        };
        let party = Party::new(who, "[::1]:8080".parse().unwrap());
        let text = serde_json::to_string(&party).unwrap();
        assert_eq!(
            text,
            r#"{"workload":"rag","pid":7,"comm":"python3","addr":"[::1]:8080","pod":null,"namespace":null,"node":null,"unit":null,"container":null}"#
        );
        assert_eq!(serde_json::from_str::<Party>(&text).unwrap(), party);
        // What an older agent wrote.
        let old = r#"{"workload":"192.0.2.7","addr":"192.0.2.7:80"}"#;
        let party: Party = serde_json::from_str(old).unwrap();
        assert!(party.is_address());
    }

    #[test]
    fn changing_one_leaves_the_others() {
        let one = Party::new(Who::default(), "192.0.2.7:80".parse().unwrap());
        let mut other = one.clone();
        assert!(Arc::ptr_eq(&one.who, &other.who));
        other.pid = Some(1);
        assert_eq!((one.pid, other.pid), (None, Some(1)));
    }
}
