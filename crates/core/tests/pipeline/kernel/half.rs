//! One direction of a socket: what is reported how (`bpf/lib/segment.h`).

use forebay_core::decode::Report;

/// `FB_HEAD_DEFAULT`.
pub const HEAD_DEFAULT: u16 = 2048;
/// `FB_HEAD_SEGMENT`.
pub const HEAD_SEGMENT: u16 = 256;
/// `FB_SEGMENTS_PER_TURN`.
pub const SEGMENTS_PER_TURN: u16 = 64;
/// `FB_TAIL_MAX`.
pub const TAIL_MAX: usize = 8;
/// `FB_ENDING_MAX`.
pub const ENDING_MAX: usize = 4096;
/// `FB_REST_NS`.
pub const REST_NS: u64 = 1_000_000_000;

#[derive(Default)]
pub struct Rest {
    pub seq: u32,
    pub len: u32,
    pub times_ns: [u64; 4],
    pub turn: bool,
    pub tail: Vec<u8>,
}

pub struct Half {
    pub turns: u16,
    pub next: Option<u32>,
    pub pending: (u32, u64),
    pub report: Report,
    pub head: u16,
    pub head_left: u16,
    pub segments_left: u16,
    pub rest: Rest,
}

impl Default for Half {
    fn default() -> Self {
        Self {
            turns: 0,
            next: None,
            pending: (0, 0),
            report: Report::Turns {
                head_bytes: HEAD_DEFAULT,
            },
            head: HEAD_DEFAULT,
            head_left: HEAD_DEFAULT,
            segments_left: SEGMENTS_PER_TURN,
            rest: Rest::default(),
        }
    }
}

impl Half {
    pub fn obey(&mut self, report: Report) {
        self.report = report;
        self.head = match report {
            Report::Turns { head_bytes } | Report::Chunks { head_bytes, .. } => {
                head_bytes.min(4096)
            }
            Report::Quiet => 0,
        };
        self.head_left = self.head;
        self.segments_left = if report == Report::Quiet {
            0
        } else {
            SEGMENTS_PER_TURN
        };
    }

    pub fn reported(&self) -> bool {
        match self.report {
            Report::Chunks { .. } => true,
            Report::Turns { .. } => self.segments_left > 0,
            Report::Quiet => false,
        }
    }

    pub fn head_wanted(&self, len: usize) -> usize {
        let left = match self.report {
            Report::Chunks { .. } => self.head,
            Report::Turns { .. } if self.head > 0 => self.head_left.max(HEAD_SEGMENT),
            _ => self.head_left,
        };
        len.min(left.into())
    }

    /// The bytes to copy: those at the beginning, those at the end.
    pub fn copied<'a>(&self, data: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let last = &data[data.len().saturating_sub(TAIL_MAX)..];
        if let (Report::Chunks { usual, .. }, 0) = (self.report, self.head)
            && last.last_chunk().is_some_and(|last| !usual.fits(*last))
        {
            return match data.len().checked_sub(ENDING_MAX) {
                Some(skip @ 1..) => (&[], &data[skip..]),
                _ => (data, &[]),
            };
        }
        let head = &data[..self.head_wanted(data.len())];
        (head, if head.len() < data.len() { last } else { &[] })
    }

    pub fn spend(&mut self, copied: usize) {
        if matches!(self.report, Report::Turns { .. }) {
            self.head_left = self.head_left.saturating_sub(copied as u16);
            self.segments_left = self.segments_left.saturating_sub(1);
        }
    }

    pub fn rest_is_due(&self) -> bool {
        let [app, app_last, net, net_last] = self.rest.times_ns;
        self.report == Report::Quiet && app_last + net_last > app + net + 2 * REST_NS
    }
}
