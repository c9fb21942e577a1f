//! Just enough HTTP/1.1 and server-sent events for the rig's own messages.

use crate::{Result, RigError};

/// Longest message head.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A message head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// First line.
    pub first_line: String,
    /// Bytes of the head, blank line included.
    pub bytes: usize,
    /// Value of `Content-Length`.
    pub content_length: Option<usize>,
    /// `Transfer-Encoding: chunked`.
    pub chunked: bool,
    /// `Connection: close`.
    pub close: bool,
    /// Value of `x-rig`.
    pub plan: String,
}

impl Head {
    /// Reads a head from the beginning of `data`; `None` while it is incomplete.
    ///
    /// # Errors
    /// When it is too long, not UTF-8, or has a length that is no number.
    pub fn parse(data: &[u8]) -> Result<Option<Self>> {
        let Some(end) = data.windows(4).position(|four| four == b"\r\n\r\n") else {
            return if data.len() > HEAD_BYTES_MAX {
                Err(wrong("head too long"))
            } else {
                Ok(None)
            };
        };
        let text = std::str::from_utf8(&data[..end]).map_err(|_| wrong("head is not UTF-8"))?;
        let mut lines = text.split("\r\n");
        let mut head = Self {
            first_line: lines.next().unwrap_or_default().to_owned(),
            bytes: end + 4,
            ..Self::default()
        };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => {
                    head.content_length = Some(
                        value
                            .parse()
                            .map_err(|_| wrong("Content-Length is no number"))?,
                    );
                }
                "transfer-encoding" => head.chunked = value == "chunked",
                "connection" => head.close = value == "close",
                "x-rig" => value.clone_into(&mut head.plan),
                _ => {}
            }
        }
        Ok(Some(head))
    }

    /// The id that follows `/rig/` in a request's target, up to the next `/`, `?` or space.
    pub fn id(&self) -> &str {
        id_of(&self.first_line).unwrap_or_default()
    }

    /// Status of a response, 0 if the line has none.
    pub fn status(&self) -> u16 {
        self.first_line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0)
    }
}

/// The id after `/rig/` in any text.
pub fn id_of(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("/rig/")?;
    let end = rest.find(['/', '?', ' ']).unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

/// Walks a response body as its bytes come: finds its end and the server-sent events in it.
#[derive(Debug, Default)]
pub struct Body {
    left: Option<usize>,
    chunked: bool,
    raw: Vec<u8>,
    text: Vec<u8>,
    /// An event carried content.
    begun: bool,
    /// The body is complete.
    pub done: bool,
}

impl Body {
    /// A body as announced by `head`.
    pub fn new(head: &Head) -> Self {
        let left = if head.chunked {
            None
        } else {
            head.content_length
        };
        Self {
            left,
            chunked: head.chunked,
            done: left == Some(0),
            ..Self::default()
        }
    }

    /// Takes bytes; returns how many belong to this body.
    ///
    /// # Errors
    /// When a chunk's size is no number.
    pub fn feed(&mut self, data: &[u8]) -> Result<usize> {
        if !self.chunked {
            let used = self.left.map_or(data.len(), |left| left.min(data.len()));
            self.left = self.left.map(|left| left - used);
            self.done = self.left == Some(0);
            return Ok(used);
        }
        let before = self.raw.len();
        self.raw.extend_from_slice(data);
        let total = self.raw.len();
        let mut at = 0;
        while let Some((from, size)) = chunk_at(&self.raw[at..])? {
            let end = at + from + size + 2;
            if end > total {
                break;
            }
            self.text
                .extend_from_slice(&self.raw[at + from..at + from + size]);
            at = end;
            if size == 0 {
                self.done = true;
                break;
            }
        }
        self.raw.drain(..at);
        Ok(if self.done {
            at - before.min(at)
        } else {
            data.len()
        })
    }

    /// Removes the next complete event; `true` if it is a chunk: it carries content, or comes after
    /// one that did and is not the end marker.
    pub fn next_event(&mut self) -> Option<bool> {
        let end = self.text.windows(2).position(|two| two == b"\n\n")?;
        let event: Vec<u8> = self.text.drain(..end + 2).collect();
        let text = String::from_utf8_lossy(&event);
        self.begun |= text.contains("\"content\":\"") && !text.contains("\"content\":\"\"");
        Some(self.begun && !text.contains("[DONE]"))
    }
}

/// Where a chunk's data begins and how long it is.
fn chunk_at(raw: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = raw.windows(2).position(|two| two == b"\r\n") else {
        return Ok(None);
    };
    let digits = std::str::from_utf8(&raw[..end]).map_err(|_| wrong("chunk size is not text"))?;
    let size = usize::from_str_radix(digits, 16).map_err(|_| wrong("chunk size is no number"))?;
    Ok(Some((end + 2, size)))
}

fn wrong(what: &str) -> RigError {
    RigError::Http(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        b"5\r\nid\n\n:\r\n1c\r\n\ndata: {\"content\":\"token\"}\n\n\r\n0\r\n\r\nHTTP";

    #[test]
    fn events_do_not_depend_on_how_bytes_are_cut() {
        for size in 1..STREAM.len() {
            let mut body = Body::new(&Head {
                chunked: true,
                ..Head::default()
            });
            let (mut events, mut used) = (Vec::new(), 0);
            for piece in STREAM.chunks(size) {
                if body.done {
                    break;
                }
                used += body.feed(piece).unwrap();
                events.extend(std::iter::from_fn(|| body.next_event()));
            }
            assert!(body.done);
            assert_eq!(used, STREAM.len() - 4, "cut into {size}");
            assert_eq!(events.iter().filter(|content| **content).count(), 1);
        }
    }

    #[test]
    fn finds_the_id() {
        assert_eq!(
            id_of("GET /rig/a1/v1/chat/completions HTTP/1.1"),
            Some("a1")
        );
        assert_eq!(id_of("GET / HTTP/1.1"), None);
    }
}
