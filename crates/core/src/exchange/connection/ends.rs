//! A connection's end, and the requests that it leaves without an answer.

use super::Connection;
use crate::decode::{Frame, Speaker};
use crate::event::{Close, Direction};
use crate::exchange::pair::Pending;

impl Connection {
    /// Takes over TCP's last state.
    pub fn note(&mut self, close: &Close) {
        if close.tcp.min_rtt_us != 0 {
            self.moment.tcp = close.tcp;
        }
    }

    /// The peer's FIN arrived (`half`) or the connection is gone.
    pub fn close(&mut self, close: &Close, frames: &mut Vec<Frame>) {
        if close.half {
            self.fin = Some(self.place(Direction::In, close.fin_seq));
            self.end_at_fin(frames);
        } else {
            if self.fin.is_some() {
                // Bytes in front of the peer's FIN were never reported.
                self.decoder.missed(frames);
            }
            self.decoder.end(false, frames);
            self.decoder.end(true, frames);
        }
    }

    /// The connection is gone: requests of this end that certainly got no answer, because all that
    /// the peer ever sent was reported. Requests whose answer may be lost are left.
    pub fn unanswered(&mut self, close: &Close) -> Vec<Pending> {
        let mine = self.speaker() == Some(Speaker::Client);
        let last = match self.fin_reached {
            Some(fin) => fin,
            None if close.fin_seq != 0 => self.place(Direction::In, close.fin_seq),
            None => return Vec::new(),
        };
        let begin = if self.open.old { last } else { 0 };
        if close.half || !mine || self.decoder.taken(false).unwrap_or(begin) != last {
            return Vec::new();
        }
        self.pairer.unanswered(close.at_ns)
    }

    /// A FIN arrives before the bytes in front of it are read: it counts when they are.
    pub(super) fn end_at_fin(&mut self, frames: &mut Vec<Frame>) {
        let taken = self.decoder.taken(false);
        if self
            .fin
            .is_some_and(|fin| taken.is_none_or(|taken| taken >= fin))
        {
            self.fin_reached = self.fin.take();
            self.decoder.end(false, frames);
        }
    }
}
