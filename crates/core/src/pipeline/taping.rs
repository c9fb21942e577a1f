//! Recording a pipeline's steps, and running them again.

use super::{Pipeline, Tape};
use crate::event::{Cookie, Event, Owner};
use crate::tape::{Entry, Resume};

impl Pipeline {
    /// Starts a recording; the connections and processes known so far come first. `payload`: keep
    /// the bytes of messages.
    pub fn start_tape(&mut self, payload: bool) {
        let mut entries = Vec::new();
        let mut cookies: Vec<_> = self.entries.keys().copied().collect();
        cookies.sort_unstable();
        for entry in cookies.iter().filter_map(|cookie| self.entries.get(cookie)) {
            entries.push(Entry::Open(entry.connection.open));
            entries.push(Entry::Resume(entry.connection.resume()));
            if let Some((pid, comm)) = &entry.owner {
                self.tape_owner(entry.connection.open.cookie, *pid, comm, &mut entries);
            }
        }
        for (cookie, pid, comm) in self.halves.waiting_owners() {
            self.tape_owner(cookie, pid, &comm, &mut entries);
        }
        for entry in self.entries.values_mut() {
            entry.connection.resumed = true;
        }
        self.tape = Some(Tape { entries, payload });
    }

    fn tape_owner(&self, cookie: Cookie, pid: u32, comm: &str, entries: &mut Vec<Entry>) {
        let told = self.processes.process(pid, comm).told();
        entries.push(Entry::Workload(pid, told));
        entries.push(Entry::Owner(Owner {
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
