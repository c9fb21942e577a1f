//! What the last bytes of a stream's segments usually are.

use serde::{Deserialize, Serialize};

/// Bytes that are compared: as many as every segment tells of its end.
pub const ENDING_BYTES: usize = 8;

/// The last bytes that segments of a stream have in common. Events of a kind end alike: the end of
/// their framing and what their writer puts behind the part that changes. A segment with another
/// end is of another kind, and worth a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// The bytes, in stream order; 0 where they change.
    pub bytes: [u8; ENDING_BYTES],
    /// 0xff where a byte is the same in all of them, else 0. All 0: any end is usual.
    pub mask: [u8; ENDING_BYTES],
}

impl Ending {
    /// Of one segment. What stands before the last quote may be text, which changes.
    pub(super) fn of(last: [u8; ENDING_BYTES]) -> Ending {
        let text = last.iter().rposition(|&byte| byte == b'"').unwrap_or(0);
        let (mut bytes, mut mask) = (last, [0xff; ENDING_BYTES]);
        bytes[..text].fill(0);
        mask[..text].fill(0);
        Ending { bytes, mask }
    }

    /// A segment with these last bytes is as usual.
    pub fn fits(&self, last: [u8; ENDING_BYTES]) -> bool {
        (0..ENDING_BYTES).all(|i| (self.bytes[i] ^ last[i]) & self.mask[i] == 0)
    }

    /// Lets these last bytes be usual as well.
    pub(super) fn admit(&mut self, last: [u8; ENDING_BYTES]) {
        for (i, byte) in last.iter().enumerate() {
            if *byte != self.bytes[i] {
                (self.bytes[i], self.mask[i]) = (0, 0);
            }
        }
    }
}
