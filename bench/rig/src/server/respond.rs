//! Responses: plain ones of any size and token streams, with their delays.

use crate::clock::{now_ns, sleep_ns, sleep_until};
use crate::plan::{End, Plan};
use crate::sock::{Sock, WriteWith};
use crate::stamp::{Event, ServerLine};
use crate::{Result, RigError};

/// Bodies up to this size leave in one write with their head, as most servers do.
const ONE_WRITE_BYTES: usize = 16 * 1024;
/// Time for the first half of a body to leave before its connection is reset.
const BEFORE_RST_NS: u64 = 20_000_000;

/// Answers as planned; thinking is counted from `read_ns`.
pub(super) fn respond(
    sock: &mut Sock,
    plan: &Plan,
    with: WriteWith,
    read_ns: u64,
    line: &mut ServerLine,
) -> Result<()> {
    let with = plan.write_with.unwrap_or(with);
    if plan.think_ns > 0 {
        sleep_until(read_ns + plan.think_ns);
    }
    if plan.tokens_ns.is_empty() {
        plain(sock, plan, with, line)
    } else {
        stream(sock, plan, with, line)
    }
}

/// Answers 400.
pub(super) fn refuse(sock: &mut Sock, error: &RigError, line: &mut ServerLine) -> Result<()> {
    let body = error.to_string();
    let text = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    sock.write_all(WriteWith::Write, text.as_bytes(), &mut line.writes)
}

fn plain(sock: &mut Sock, plan: &Plan, with: WriteWith, line: &mut ServerLine) -> Result<()> {
    let close = if plan.end == End::Fin {
        "Connection: close\r\n"
    } else {
        ""
    };
    let size = plan.size_bytes;
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{close}Content-Length: {size}\r\n\r\n"
    );
    let mut head = head.into_bytes();
    let body = vec![b'r'; size];
    if plan.write_late_ns == 0
        && plan.pieces <= 1
        && size <= ONE_WRITE_BYTES
        && plan.end != End::Rst
    {
        head.extend_from_slice(&body);
        return sock.write_all(with, &head, &mut line.writes);
    }
    sock.write_all(with, &head, &mut line.writes)?;
    sleep_ns(plan.write_late_ns);
    let body = if plan.end == End::Rst {
        &body[..size / 2]
    } else {
        &body[..]
    };
    for piece in body.chunks(body.len().div_ceil(plan.pieces.max(1)).max(1)) {
        sock.write_all(with, piece, &mut line.writes)?;
    }
    if plan.end == End::Rst {
        sleep_ns(BEFORE_RST_NS);
    }
    Ok(())
}

/// A stream as OpenAI-compatible servers write it: a role event, content events, a finish event
/// and `[DONE]`; every event is one chunk and one write.
fn stream(sock: &mut Sock, plan: &Plan, with: WriteWith, line: &mut ServerLine) -> Result<()> {
    let close = if plan.end == End::Fin {
        "Connection: close\r\n"
    } else {
        ""
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{close}Transfer-Encoding: chunked\r\n\r\n"
    );
    sock.write_all(with, head.as_bytes(), &mut line.writes)?;
    sleep_ns(plan.write_late_ns);
    let role = event(r#"{"role":"assistant","content":""}"#, "null");
    emit(sock, with, &role, false, line)?;
    // Gaps are counted from the last planned write, so that the work of writing does not add up.
    let mut due_ns = now_ns();
    for (n, gap_ns) in plan.tokens_ns.iter().enumerate() {
        due_ns += gap_ns;
        if *gap_ns > 0 {
            sleep_until(due_ns);
        }
        due_ns = due_ns.max(now_ns());
        emit(
            sock,
            with,
            &event(&format!(r#"{{"content":" t{n}"}}"#), "null"),
            true,
            line,
        )?;
    }
    emit(sock, with, &event("{}", r#""stop""#), true, line)?;
    line.events.push(Event {
        write_ns: now_ns(),
        content: false,
    });
    sock.write_all(
        with,
        &[&chunk("data: [DONE]\n\n"), &b"0\r\n\r\n"[..]].concat(),
        &mut line.writes,
    )
}

fn emit(
    sock: &mut Sock,
    with: WriteWith,
    event: &str,
    content: bool,
    line: &mut ServerLine,
) -> Result<()> {
    let chunk = chunk(event);
    line.events.push(Event {
        write_ns: now_ns(),
        content,
    });
    sock.write_all(with, &chunk, &mut line.writes)
}

fn event(delta: &str, finish: &str) -> String {
    format!(
        "data: {{\"id\":\"chatcmpl-rig\",\"object\":\"chat.completion.chunk\",\"created\":0,\"model\":\"rig\",\
         \"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{finish}}}]}}\n\n"
    )
}

fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}
