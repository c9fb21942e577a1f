//! Ports of `NetworkPolicy`.

use super::names::{PORT_NAME, is_port_name};
use super::node::Value;
use super::problem::Log;
use super::walk::At;
use crate::policy::flow::Protocol;
use crate::policy::model::PortMatch;

/// The names of the protocols that have ports.
pub(super) const PROTOCOLS: [(&str, Protocol); 3] = [
    ("TCP", Protocol::Tcp),
    ("UDP", Protocol::Udp),
    ("SCTP", Protocol::Sctp),
];

/// One of a rule's `ports`.
pub(super) fn port(at: &At<'_>, log: &mut Log) -> Option<PortMatch> {
    if at.node.value == Value::Null {
        return Some(PortMatch::Protocol(Protocol::Tcp));
    }
    let mut fields = at.map(log)?;
    let protocol = fields.get("protocol");
    let protocol = protocol.map_or(Some(Protocol::Tcp), |at| at.one_of(log, &PROTOCOLS));
    let port = fields.get("port");
    let end = fields.get("endPort");
    fields.end(log);
    if let (Some(end), None) = (&end, &port) {
        log.error(
            end.place(),
            "endPort stands without port",
            "add the first port as port",
        );
        return None;
    }
    match port.as_ref().map(|at| &at.node.value) {
        None => Some(PortMatch::Protocol(protocol?)),
        Some(Value::Text(name)) => named(&port?, name, end.as_ref(), protocol, log),
        Some(_) => {
            let first = port?.number(log, 1, 65535);
            let last = end.as_ref().map(|at| (at, at.number(log, 1, 65535)));
            let first = u16::try_from(first?).ok()?;
            let last = match last {
                None => first,
                Some((at, last)) => {
                    let last = u16::try_from(last?).ok()?;
                    if last < first {
                        let what = format!("endPort {last} lies below port {first}");
                        log.error(
                            at.place(),
                            what,
                            format!("write a number from {first} to 65535"),
                        );
                        return None;
                    }
                    last
                }
            };
            Some(PortMatch::Range(protocol?, first, last))
        }
    }
}

fn named(
    at: &At<'_>,
    name: &str,
    end: Option<&At<'_>>,
    protocol: Option<Protocol>,
    log: &mut Log,
) -> Option<PortMatch> {
    if !is_port_name(name) {
        log.error(
            at.place(),
            format!("{:?} is no port's name", super::walk::shortened(name)),
            PORT_NAME,
        );
        return None;
    }
    if let Some(end) = end {
        let what = "endPort needs a port that is a number, not a name";
        log.error(
            end.place(),
            what,
            "write port as a number, or remove endPort",
        );
        return None;
    }
    Some(PortMatch::Named(protocol?, name.to_owned()))
}
