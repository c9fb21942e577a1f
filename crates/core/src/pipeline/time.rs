//! What time alone brings about.

use super::Pipeline;
use crate::event::Cookie;
use crate::tape::{Entry, Told};

/// A response nobody understands ends after this much silence.
const SILENCE_NS: u64 = 1_000_000_000;
/// How long a response may be silent before the kernel is asked for what it holds back.
const FLUSH_AFTER_NS: u64 = 50_000_000;

impl Pipeline {
    /// Does what time alone brings about. Call every 100 ms or so. `true`: the kernel should be
    /// asked for what it holds back (a response has been silent, its end may be there).
    pub fn tick(&mut self, now_ns: u64) -> bool {
        self.end_silent(now_ns);
        self.record(|| Entry::Tick(now_ns));
        self.pass(now_ns);
        let entries = &self.entries;
        self.answering.iter().any(|cookie| {
            entries
                .get(cookie)
                .is_some_and(|e| now_ns.saturating_sub(e.connection.last_ns) > FLUSH_AFTER_NS)
        })
    }

    /// Lets go of halves that wait in vain, and reports losses.
    pub(super) fn pass(&mut self, now_ns: u64) {
        for (key, mut held) in self.halves.overdue(now_ns) {
            if self.other_end_works_on(&key, &held.half) {
                self.halves.hold(key, held);
            } else {
                self.emit(&key, &mut held, None);
            }
        }
        self.losses.report(now_ns, &*self.clock, &mut self.out);
    }

    fn end_silent(&mut self, now_ns: u64) {
        let mut silent: Vec<Cookie> = self
            .answering
            .iter()
            .filter(|cookie| {
                self.entries.get(cookie).is_some_and(|e| {
                    e.connection.protocol() == Some(crate::decode::raw::NAME)
                        && now_ns.saturating_sub(e.connection.last_ns) > SILENCE_NS
                })
            })
            .copied()
            .collect();
        silent.sort_unstable();
        for cookie in silent {
            self.silent(cookie, None);
        }
    }

    pub(super) fn silent(&mut self, cookie: Cookie, told: Option<Told>) {
        self.announce(cookie);
        let Some(entry) = self.entries.get_mut(&cookie) else {
            return;
        };
        entry.connection.silent(&mut self.frames);
        if let Some(told) = told.filter(|_| self.frames.is_empty()) {
            self.frames = told.frames;
        }
        if let Some(tape) = &mut self.tape {
            tape.entries
                .push(Entry::Silent(cookie, entry.connection.tell(&self.frames)));
        }
        self.step(cookie, true);
    }

    /// Emits everything that still waits for its other half: the end of a run or a recording.
    pub fn finish_all(&mut self, now_ns: u64) {
        self.record(|| Entry::End(now_ns));
        for (key, mut held) in self.halves.drain() {
            self.emit(&key, &mut held, None);
        }
        self.losses
            .report(now_ns + 1_000_000_000, &*self.clock, &mut self.out);
    }
}
