//! The bytes of one request.

use super::Ask;
use crate::plan::Plan;
use std::net::SocketAddr;

/// A request ready to be sent, in one part or two.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its id.
    pub id: String,
    /// Written first.
    pub first: Vec<u8>,
    /// Written after the pause; may be empty.
    pub second: Vec<u8>,
    /// What was asked.
    pub ask: Ask,
    /// Delay to announce before sending.
    pub announce_read_late_ns: u64,
}

impl Request {
    /// Builds the request with `id` for the target `path`.
    pub fn new(id: &str, path: &str, addr: SocketAddr, ask: &Ask) -> Self {
        let target = path.replace("{id}", id);
        // A plan that is not understood is the server's to refuse.
        let plan = Plan::parse(&ask.plan).unwrap_or_default();
        let body = if !plan.tokens_ns.is_empty() && ask.body_bytes == 0 {
            br#"{"model":"rig","stream":true,"messages":[{"role":"user","content":"go"}]}"#.to_vec()
        } else {
            vec![b'q'; ask.body_bytes]
        };
        let method = if body.is_empty() { "GET" } else { "POST" };
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {addr}\r\n");
        if !ask.plan.is_empty() {
            head.push_str(&format!("x-rig: {}\r\n", ask.plan));
        }
        if !body.is_empty() {
            head.push_str(&format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n",
                body.len()
            ));
        }
        head.push_str("\r\n");
        let mut first = head.into_bytes();
        let mut second = Vec::new();
        if ask.send_late_ns == 0 {
            first.extend_from_slice(&body);
        } else if body.is_empty() {
            second = first.split_off(first.len() / 2);
        } else {
            second = body;
        }
        Self {
            id: id.to_owned(),
            first,
            second,
            ask: ask.clone(),
            announce_read_late_ns: plan.read_late_ns,
        }
    }

    /// Bytes of both parts.
    pub fn bytes(&self) -> u64 {
        (self.first.len() + self.second.len()) as u64
    }
}
