//! Recording a pipeline's steps, and running them again.

use super::{Pipeline, Tape};
use crate::event::{Cookie, Event, Owner};
use crate::tape::{Entry, Resume};

impl Pipeline {
    /// Starts a recording. A connection that is there already, and its process, are told of when it
    /// is first heard of again: thousands at once would take their memory twice. `payload`: keep the
    /// bytes of messages.
    pub fn start_tape(&mut self, payload: bool) {
        self.parts += 1;
        self.tape = Some(Tape {
            entries: Vec::new(),
            payload,
            part: self.parts,
        });
        for (cookie, pid, comm) in self.halves.waiting_owners() {
            self.tape_owner(cookie, pid, &comm);
        }
    }

    /// What was taken of the recording last is lost to it: begins anew behind the hole.
    pub fn restart_tape(&mut self) {
        if let Some(payload) = self.tape.as_ref().map(|tape| tape.payload) {
            self.start_tape(payload);
        }
    }

    /// Entries that wait to be taken.
    pub fn waiting_entries(&self) -> usize {
        self.tape.as_ref().map_or(0, |tape| tape.entries.len())
    }

    /// Tells a recording how a connection stands that this part of it does not know yet.
    pub(super) fn announce(&mut self, cookie: Cookie) {
        let Some(tape) = &mut self.tape else { return };
        let Some(socket) = self.entries.get_mut(&cookie) else {
            return;
        };
        if socket.taped == tape.part {
            return;
        }
        socket.taped = tape.part;
        let connection = &mut socket.connection;
        connection.resumed = true;
        tape.entries.push(Entry::Open(connection.open));
        tape.entries.push(Entry::Resume(connection.resume()));
        if let Some((pid, comm)) = socket.owner.clone() {
            self.tape_owner(cookie, pid, &comm);
        }
    }

    pub(super) fn tape_owner(&mut self, cookie: Cookie, pid: u32, comm: &str) {
        let Some(tape) = &mut self.tape else { return };
        let told = self.processes.process(pid, comm).told();
        tape.entries.push(Entry::Workload(pid, told));
        tape.entries.push(Entry::Owner(Owner {
            cookie,
            pid,
            comm: comm.into(),
            cgroup: 0,
        }));
    }

    /// What was recorded since the last call; `None` when nothing is being recorded.
    pub fn take_tape(&mut self) -> Option<Vec<Entry>> {
        self.tape
            .as_mut()
            .map(|tape| std::mem::take(&mut tape.entries))
    }

    /// Ends the recording.
    pub fn end_tape(&mut self) {
        self.tape = None;
    }

    /// Runs a recorded step again.
    pub fn replay(&mut self, entry: Entry) {
        match entry {
            Entry::Start { .. } => {}
            Entry::Open(open) => self.event(Event::Open(open)),
            Entry::Owner(owner) => self.event(Event::Owner(owner)),
            Entry::Mark(mark) => self.event(Event::Mark(mark)),
            Entry::Workload(pid, workload) => self.workload(pid, workload),
            Entry::Bytes(passage, head, tail) => self.segment(&passage.segment(&head, &tail)),
            Entry::Resume(resume) => self.resume(&resume),
            Entry::Both(passage, _, _, told) => self.told(&passage.segment(&[], &[]), told),
            Entry::Told(passage, told) => self.told(&passage.segment(&[], &[]), told),
            Entry::Close(close, told) => self.close(&close, Some(told)),
            Entry::Silent(cookie, told) => self.silent(cookie, Some(told)),
            Entry::Lost(count, why, at_ns) => self.lost(count, why, at_ns),
            Entry::Tick(now_ns) => self.pass(now_ns),
            Entry::End(now_ns) => self.finish_all(now_ns),
        }
    }

    fn resume(&mut self, resume: &Resume) {
        if let Some(entry) = self.entries.get_mut(&resume.cookie) {
            entry.connection.resume_at(resume);
        }
        self.meet(resume.cookie);
    }
}
