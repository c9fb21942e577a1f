//! Protocols of `ClusterNetworkPolicy`.

use super::cluster_peer::{At25, finish, unknown};
use super::names::{PORT_NAME, is_port_name};
use super::problem::Log;
use super::walk::At;
use crate::policy::flow::Protocol;
use crate::policy::model::PortMatch;

/// The `protocols` of a rule.
pub(super) fn protocols(at: &At<'_>, log: &mut Log) -> Vec<PortMatch> {
    let all = at.some_at_most_25(log, "protocols");
    all.iter().filter_map(|at| protocol(at, log)).collect()
}

fn protocol(at: &At<'_>, log: &mut Log) -> Option<PortMatch> {
    let mut fields = at.map(log)?;
    let named = fields.get("destinationNamedPort");
    let kinds = [
        ("tcp", Protocol::Tcp),
        ("udp", Protocol::Udp),
        ("sctp", Protocol::Sctp),
    ];
    let found: Vec<(At<'_>, Protocol)> = kinds
        .into_iter()
        .filter_map(|(name, protocol)| Some((fields.get(name)?, protocol)))
        .collect();
    if found.len() + usize::from(named.is_some()) > 1 {
        log.error(
            at.place(),
            "it names more than one protocol",
            "make a list item of each",
        );
        return None;
    }
    if let Some(at) = named {
        fields.end(log);
        let name = super::names::checked(&at, log, is_port_name, "port's name", PORT_NAME)?;
        return Some(PortMatch::NamedAny(name.to_owned()));
    }
    match found.first() {
        Some((at, protocol)) => finish(&fields, log, |log| ports(at, *protocol, log)),
        None => unknown(&fields, at, true, log).map(PortMatch::Unknown),
    }
}

fn ports(at: &At<'_>, protocol: Protocol, log: &mut Log) -> Option<PortMatch> {
    let mut fields = at.map(log)?;
    let cure =
        "write destinationPort with a number or a range; leave protocols out to mean all traffic";
    let port = fields.need(log, "destinationPort", cure);
    fields.end(log);
    let port = port?;
    let mut fields = port.map(log)?;
    let (number, range) = (fields.get("number"), fields.get("range"));
    fields.end(log);
    match (number, range) {
        (Some(at), None) => {
            let port = u16::try_from(at.number(log, 1, 65535)?).ok()?;
            Some(PortMatch::Range(protocol, port, port))
        }
        (None, Some(at)) => range_of(&at, protocol, log),
        (None, None) => {
            log.error(
                port.place(),
                "it names no port",
                "write a number or a range",
            );
            None
        }
        (Some(_), Some(_)) => {
            log.error(
                port.place(),
                "number and range stand beside each other",
                "keep one of them",
            );
            None
        }
    }
}

fn range_of(at: &At<'_>, protocol: Protocol, log: &mut Log) -> Option<PortMatch> {
    let mut fields = at.map(log)?;
    let start = fields.need(log, "start", "write the first port");
    let end = fields.need(log, "end", "write the last port");
    let start = start.and_then(|at| at.number(log, 1, 65535));
    let end = end.and_then(|at| at.number(log, 1, 65535));
    fields.end(log);
    let (start, end) = (u16::try_from(start?).ok()?, u16::try_from(end?).ok()?);
    if start >= end {
        let what = format!("the range from {start} to {end} does not go upwards");
        log.error(
            at.place(),
            what,
            "let end be larger than start, or write a number",
        );
        return None;
    }
    Some(PortMatch::Range(protocol, start, end))
}
