//! What the kernel is told about a socket: how to report it from now on.

use super::Connection;
use crate::decode::Report;
use crate::event::Cookie;

/// How a socket should report from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The socket.
    pub cookie: Cookie,
    /// What it receives.
    pub incoming: Report,
    /// What it sends.
    pub outgoing: Report,
    /// Turns the kernel had counted when this was decided (incoming, outgoing).
    pub turns: [u16; 2],
}

/// How the kernel reports before anybody asks (`FB_HEAD_DEFAULT`).
const KERNEL_DEFAULT: Report = Report::Turns { head_bytes: 4096 };
/// Turns after which a connection counts as long-lived enough to tune its copying.
const TUNE_TURNS: u32 = 8;

impl Connection {
    /// What the kernel should be told about this socket, if anything (incoming, outgoing).
    pub fn order(&mut self) -> Option<Order> {
        let want = self.decoder.wanted()?;
        let now = self.ordered.unwrap_or((KERNEL_DEFAULT, KERNEL_DEFAULT));
        let matters = |want, now| matters(want, now, self.turns >= TUNE_TURNS);
        if !matters(want.0, now.0) && !matters(want.1, now.1) {
            return None;
        }
        self.ordered = Some(want);
        Some(Order {
            cookie: self.open.cookie,
            incoming: want.0,
            outgoing: want.1,
            turns: self.kernel_turns,
        })
    }
}

/// Whether a changed wish is worth an order. Less copying is only worth it on connections that
/// go on; more, or another kind of report, always is.
fn matters(want: Report, now: Report, long_lived: bool) -> bool {
    match (want, now) {
        (Report::Turns { head_bytes: want }, Report::Turns { head_bytes: now }) => {
            want > now || (long_lived && want * 2 <= now) || (want == 0 && now != 0)
        }
        (want, now) => want != now,
    }
}
