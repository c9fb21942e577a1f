//! A connection's state at the beginning of a tape, and a connection that goes on from there.

use super::Connection;
use crate::tape::Resume;

impl Connection {
    /// Where it stands now.
    pub fn resume(&self) -> Resume {
        let in_flight = self.pairer.len() as u32;
        Resume {
            cookie: self.open.cookie,
            speaker: self.speaker(),
            protocol: self.protocol().map(Into::into),
            timed: self.timed,
            taken: [self.decoder.taken(false), self.decoder.taken(true)],
            fin: [self.fin, self.fin_reached],
            in_flight,
            answering: self
                .pairer
                .oldest()
                .is_some_and(|pending| pending.response_at.is_some()),
            orphan: self.pairer.orphan(),
            tcp: self.moment.tcp,
            threads: [self.moment.reader, self.moment.writer],
            last_ns: self.last_ns,
        }
    }

    /// Goes on from there.
    pub fn resume_at(&mut self, resume: &Resume) {
        self.decoder
            .resume(resume.speaker, resume.protocol.as_deref(), resume.taken);
        self.timed = resume.timed;
        [self.fin, self.fin_reached] = resume.fin;
        self.pairer
            .resume(resume.in_flight, resume.answering, resume.orphan);
        self.moment.tcp = resume.tcp;
        [self.moment.reader, self.moment.writer] = resume.threads;
        self.last_ns = resume.last_ns;
    }
}
