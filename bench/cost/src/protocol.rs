//! What is asked, and how the end of an answer is told.

use crate::{CostError, Result, Tried};
use clap::ValueEnum;
use serde::Serialize;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// `GET key`, one at a time.
    Redis,
    /// `GET /`, keep-alive, 1 KB body.
    Http,
    /// `SELECT` by primary key, simple query protocol, as `pgbench -S` does.
    Postgresql,
    /// One stream of 64 KB writes; a unit is a megabyte.
    Bulk,
}

/// How an answer ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// After so many bytes.
    Length(usize),
    /// With these bytes.
    Suffix(&'static [u8]),
}

/// ReadyForQuery, idle.
const PG_READY: &[u8] = b"Z\0\0\0\x05I";
/// Rows of `pgbench -i -s 1`.
const PG_ROWS: u64 = 100_000;

impl Protocol {
    /// The bytes of request number `n`.
    pub fn request(self, n: u64, to: &mut Vec<u8>) {
        to.clear();
        match self {
            Protocol::Redis => to.extend_from_slice(b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"),
            Protocol::Http => to.extend_from_slice(
                b"GET / HTTP/1.1\r\nHost: bench\r\nUser-Agent: cost\r\nAccept: */*\r\n\r\n",
            ),
            Protocol::Postgresql => {
                // A fixed width keeps every request the same size.
                let row = 10_000 + n.wrapping_mul(7919) % (PG_ROWS - 10_000);
                let query = format!("SELECT abalance FROM pgbench_accounts WHERE aid = {row};\0");
                to.push(b'Q');
                to.extend_from_slice(&(query.len() as u32 + 4).to_be_bytes());
                to.extend_from_slice(query.as_bytes());
            }
            Protocol::Bulk => to.resize(65_536, b'x'),
        }
    }

    /// Connects, logs in and learns how answers end.
    ///
    /// # Errors
    /// When the server does not answer as expected.
    pub fn connect(self, addr: SocketAddr) -> Result<(TcpStream, End)> {
        let mut stream = TcpStream::connect(addr).tried(format!("cannot connect to {addr}"))?;
        stream.set_nodelay(true).tried("TCP_NODELAY")?;
        if self == Protocol::Bulk {
            return Ok((stream, End::Length(0)));
        }
        if self == Protocol::Postgresql {
            log_in(&mut stream)?;
            return Ok((stream, End::Suffix(PG_READY)));
        }
        let mut request = Vec::new();
        self.request(0, &mut request);
        stream.write_all(&request).tried("first request")?;
        let mut answer = vec![0; 65_536];
        let mut len = 0;
        // The answer is far below one segment of loopback's MTU: whole in one or two reads.
        loop {
            len += stream.read(&mut answer[len..]).tried("first answer")?;
            let whole = match self {
                Protocol::Http => answer[..len].ends_with(b"END\n"),
                _ => answer[..len].ends_with(b"\r\n") && len > 5,
            };
            if whole {
                return Ok((stream, End::Length(len)));
            }
            if len == 0 || len == answer.len() {
                return Err(CostError::Unexpected(format!(
                    "{addr} gave no whole answer"
                )));
            }
        }
    }
}

fn log_in(stream: &mut TcpStream) -> Result<()> {
    let parameters = b"user\0postgres\0database\0postgres\0\0";
    let mut hello = (parameters.len() as u32 + 8).to_be_bytes().to_vec();
    hello.extend_from_slice(&196_608_u32.to_be_bytes());
    hello.extend_from_slice(parameters);
    stream.write_all(&hello).tried("PostgreSQL start-up")?;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while !answer.ends_with(PG_READY) {
        let n = stream.read(&mut part).tried("PostgreSQL start-up")?;
        if n == 0 {
            let said = String::from_utf8_lossy(&answer).into_owned();
            return Err(CostError::Unexpected(format!("PostgreSQL refused: {said}")));
        }
        answer.extend_from_slice(&part[..n]);
    }
    Ok(())
}

impl End {
    /// Whether an answer of `len` bytes whose last bytes are `last` is whole.
    pub fn is_reached(self, len: usize, last: &[u8]) -> bool {
        match self {
            End::Length(whole) => len >= whole,
            End::Suffix(suffix) => last.ends_with(suffix),
        }
    }
}
