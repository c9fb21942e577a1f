//! The file of assertions that `policy test` runs.

use super::problem::Log;
use super::walk::{At, Fields, shortened};
use crate::policy::flow::Protocol;

/// What must hold, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertions {
    /// Policies and who there is; relative to the file.
    pub files: Vec<String>,
    /// What must hold.
    pub all: Vec<Assertion>,
}

/// One flow and what must come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Where it stands.
    pub line: u32,
    /// An end: `namespace/name`, an address, `node/NAME` or a host's name.
    pub from: String,
    /// The other end.
    pub to: String,
    /// TCP where it is not written.
    pub protocol: Protocol,
    /// 0 for ICMP.
    pub port: u16,
    /// Whether it must pass.
    pub allow: bool,
    /// The name of the policy that must decide, `namespace/name` or `name`; `default` for none.
    pub because: Option<String>,
}

/// The port as a number, and the protocol where it is written before it, as in `TCP/80`.
///
/// # Errors
/// What is wrong with the text.
pub fn port(text: &str) -> Result<(Protocol, u16), String> {
    let (protocol, port) = match text.split_once('/') {
        Some((protocol, port)) => (protocol, Some(port)),
        None if text.bytes().all(|byte| byte.is_ascii_digit()) => ("TCP", Some(text)),
        None => (text, None),
    };
    let wrong = || {
        format!(
            "{:?} is no port: write one such as TCP/80, UDP/53, SCTP/9003 or ICMP",
            shortened(text)
        )
    };
    let protocol = Protocol::parse(protocol).ok_or_else(wrong)?;
    match (protocol, port) {
        (Protocol::Icmp, None) => Ok((protocol, 0)),
        (Protocol::Icmp, Some(_)) | (_, None) => Err(wrong()),
        (_, Some(port)) => match port.parse::<u16>() {
            Ok(port) if port > 0 => Ok((protocol, port)),
            _ => Err(wrong()),
        },
    }
}

pub(super) fn read(fields: &mut Fields<'_>, log: &mut Log) -> Assertions {
    let files = fields.need(
        log,
        "files",
        "list the files with policies and workloads, relative to this one",
    );
    let files = files.map(|at| at.list(log)).unwrap_or_default();
    let files = files
        .iter()
        .filter_map(|at| at.text(log))
        .map(str::to_owned)
        .collect();
    let all = fields.need(
        log,
        "tests",
        "list what must hold, as `- {from: …, to: …, port: 80, expect: allow}`",
    );
    let all = all.map(|at| at.list(log)).unwrap_or_default();
    Assertions {
        files,
        all: all.iter().filter_map(|at| assertion(at, log)).collect(),
    }
}

fn assertion(at: &At<'_>, log: &mut Log) -> Option<Assertion> {
    let mut fields = at.map(log)?;
    let mut end = |name| {
        let cure = "write namespace/name, an address, node/NAME or the name of a host";
        Some(fields.need(log, name, cure)?.text(log)?.to_owned())
    };
    let (from, to) = (end("from"), end("to"));
    let protocol = fields.get("protocol").map_or(Some(Protocol::Tcp), |at| {
        let all = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp];
        at.one_of(log, &all.map(|one| (one.name(), one)))
    });
    let port = match (protocol, fields.get("port")) {
        (Some(Protocol::Icmp), None) => Some(0),
        (Some(Protocol::Icmp), Some(at)) => {
            log.error(at.place(), "ICMP has no ports", "remove the port");
            None
        }
        (_, Some(at)) => at.number(log, 1, 65535),
        (_, None) => {
            let path = super::walk::join(&fields.path, "port");
            log.error(
                (&path, fields.line),
                "the field is missing",
                "write the port's number",
            );
            None
        }
    };
    let expect = fields.need(log, "expect", "write allow or deny");
    let allow = expect.and_then(|at| at.one_of(log, &[("allow", true), ("deny", false)]));
    let because = fields
        .get("because")
        .and_then(|at| at.text(log))
        .map(str::to_owned);
    fields.end(log);
    Some(Assertion {
        line: at.node.line,
        from: from?,
        to: to?,
        protocol: protocol?,
        port: u16::try_from(port?).ok()?,
        allow: allow?,
        because,
    })
}
