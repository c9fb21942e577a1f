//! A connection nobody understands: each turn of the client with the answer to it is one request.

use super::{Facts, Frame, Piece, Report, Role, Speaker, Want};

/// Its name on the wire contract.
pub const NAME: &str = "tcp";

/// Pairs turns by direction alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw {
    asking: bool,
    answering: bool,
    client_end: u64,
    server_end: u64,
}

impl Raw {
    /// Takes the next bytes.
    pub fn feed(&mut self, piece: &Piece<'_>, out: &mut Vec<Frame>) {
        match piece.from {
            Speaker::Client => {
                if self.answering {
                    self.finish(out);
                }
                if !self.asking {
                    self.asking = true;
                    let facts = Facts {
                        op: Some("exchange".into()),
                        role: Some(Role::Other),
                        ..Facts::default()
                    };
                    out.push(Frame::Request {
                        at: piece.offset,
                        facts,
                    });
                }
                self.client_end = piece.end();
            }
            Speaker::Server => {
                self.server_end = piece.end();
                if self.asking && !self.answering {
                    self.answering = true;
                    out.push(Frame::RequestEnd {
                        at: self.client_end,
                    });
                    out.push(Frame::Response {
                        at: piece.offset,
                        facts: Facts::default(),
                    });
                }
            }
        }
    }

    /// Bytes that were never reported: part of the turn in progress.
    pub fn gap(&mut self, piece: &Piece<'_>) {
        match piece.from {
            Speaker::Client => self.client_end = piece.end(),
            Speaker::Server => self.server_end = piece.end(),
        }
    }

    /// Whole turns were never reported: what is in progress is given up.
    pub fn missed(&mut self, out: &mut Vec<Frame>) {
        if self.asking {
            let from = Speaker::Server;
            out.push(Frame::Lost { from, unseen: true });
        }
        self.asking = false;
        self.answering = false;
    }

    fn finish(&mut self, out: &mut Vec<Frame>) {
        out.push(Frame::ResponseEnd {
            at: self.server_end,
        });
        self.asking = false;
        self.answering = false;
    }

    /// Closes the answer in progress: the connection ended or has been silent.
    pub fn end(&mut self, from: Speaker, out: &mut Vec<Frame>) {
        if from == Speaker::Server && self.answering {
            self.finish(out);
        }
    }

    /// Times are enough.
    pub fn want(&self) -> Want {
        let times = Report::Turns { head_bytes: 0 };
        Want {
            client: times,
            server: times,
        }
    }
}
