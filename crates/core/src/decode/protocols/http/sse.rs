//! Splits a Server-Sent Events stream into events (WHATWG HTML §9.2) and reads their `data`.

use super::json::Scan;

const DATA: &[u8] = b"data:";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Line {
    /// At the first byte of a line; an empty line ends the event.
    #[default]
    Start,
    /// This many bytes of `data:` were read.
    Field(u8),
    /// Behind `data:`; one space is no part of the value.
    Space,
    /// In the value of `data`.
    Data,
    /// In a comment or another field.
    Other,
}

/// Where in an event the stream is.
#[derive(Debug, Default)]
pub(super) struct Events(Line);

impl Events {
    /// Reads on to the end of the event; returns the bytes used and whether it ended.
    ///
    /// Lines end with LF or CRLF; the lone CR that the standard allows as well is not written by
    /// any model server.
    pub(super) fn next(&mut self, bytes: &[u8], scan: &mut Scan) -> (usize, bool) {
        let mut i = 0;
        while i < bytes.len() {
            let byte = bytes[i];
            match self.0 {
                Line::Start if byte == b'\n' => return (i + 1, true),
                Line::Start if byte == b'\r' => {}
                Line::Start if byte == DATA[0] => self.0 = Line::Field(1),
                Line::Start => self.0 = Line::Other,
                Line::Field(read) if byte == DATA[usize::from(read)] => {
                    let whole = usize::from(read) + 1 == DATA.len();
                    self.0 = if whole {
                        Line::Space
                    } else {
                        Line::Field(read + 1)
                    };
                }
                Line::Field(_) => {
                    self.0 = Line::Other;
                    continue;
                }
                Line::Space => {
                    self.0 = Line::Data;
                    if byte != b' ' {
                        continue;
                    }
                }
                Line::Data | Line::Other => {
                    let end = bytes[i..].iter().position(|&b| b == b'\n');
                    let stop = end.map_or(bytes.len(), |end| i + end + 1);
                    if self.0 == Line::Data {
                        scan.feed(&bytes[i..stop]);
                    }
                    if end.is_some() {
                        self.0 = Line::Start;
                    }
                    i = stop;
                    continue;
                }
            }
            i += 1;
        }
        (i, false)
    }
}
