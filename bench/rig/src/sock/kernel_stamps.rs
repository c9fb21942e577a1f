//! Packet times from the kernel: SO_TIMESTAMPING, receive and transmit.
//!
//! See the kernel's Documentation/networking/timestamping.rst. For TCP with OPT_ID, a transmit
//! stamp's key is the offset of the write call's last byte, counted from the moment of enabling.
//! TX_SCHED is taken when that byte enters the queueing discipline, TX_SOFTWARE when the driver
//! gets it. Stamps are wall-clock times and are turned into CLOCK_MONOTONIC when they are read.

use crate::clock::realtime_offset_ns;
use crate::{Result, RigError};
use nix::errno::Errno;
use nix::libc::sock_extended_err;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, TimestampingFlag, recvmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use std::collections::HashMap;
use std::net::TcpStream;
use std::os::fd::AsRawFd;

/// SOF_TIMESTAMPING_TX_SCHED of linux/net_tstamp.h.
const TX_SCHED: u32 = 1 << 8;
/// SCM_TSTAMP_SND and SCM_TSTAMP_SCHED of linux/errqueue.h.
const KIND_DRIVER: u32 = 0;
const KIND_SCHED: u32 = 1;
/// Room for a timestamp and an extended error.
pub(super) const CONTROL_BYTES: usize = 256;
/// Stamps of writes nobody asks for are dropped beyond this.
const PENDING_MAX: usize = 65_536;

/// Departure stamps that were read but not asked for yet.
#[derive(Default)]
pub(super) struct TxStamps {
    sched: HashMap<u32, u64>,
    driver: HashMap<u32, u64>,
}

impl TxStamps {
    /// Turns stamps on; must happen before the first byte is sent.
    pub(super) fn enable(stream: &TcpStream) -> Result<Self> {
        let flags = TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_TX_SOFTWARE
            | TimestampingFlag::SOF_TIMESTAMPING_OPT_ID
            | TimestampingFlag::SOF_TIMESTAMPING_OPT_TSONLY
            | TimestampingFlag::from_bits_retain(TX_SCHED);
        setsockopt(stream, sockopt::Timestamping, &flags)
            .map_err(|error| RigError::io("SO_TIMESTAMPING")(error.into()))?;
        Ok(Self::default())
    }

    /// Reads every stamp that waits in the error queue.
    pub(super) fn drain(&mut self, stream: &TcpStream) -> Result<()> {
        let mut control = [0u8; CONTROL_BYTES];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        loop {
            let message = match recvmsg::<SockaddrStorage>(
                stream.as_raw_fd(),
                &mut [],
                Some(&mut control),
                flags,
            ) {
                Ok(message) => message,
                Err(Errno::EAGAIN) => return Ok(()),
                Err(error) => return Err(RigError::io("error queue")(error.into())),
            };
            let (mut at, mut about) = (None, None);
            for part in message.cmsgs()? {
                match part {
                    ControlMessageOwned::ScmTimestampsns(stamps) => {
                        at = monotonic_ns(stamps.system)
                    }
                    ControlMessageOwned::Ipv4RecvErr(error, _) => about = Some(error),
                    ControlMessageOwned::Ipv6RecvErr(error, _) => about = Some(error),
                    _ => {}
                }
            }
            if let (Some(at), Some(about)) = (at, about) {
                self.keep(about, at);
            }
        }
    }

    /// First stamps win: a retransmission stamps the same byte again.
    fn keep(&mut self, about: sock_extended_err, at: u64) {
        let map = match about.ee_info {
            KIND_DRIVER => &mut self.driver,
            KIND_SCHED => &mut self.sched,
            _ => return,
        };
        if map.len() < PENDING_MAX {
            map.entry(about.ee_data).or_insert(at);
        }
    }

    /// The stamps (sched, driver) of the write that ended before byte `end` of the stream.
    pub(super) fn take(&mut self, end: u64) -> (Option<u64>, Option<u64>) {
        let key = (end as u32).wrapping_sub(1);
        (self.sched.remove(&key), self.driver.remove(&key))
    }
}

/// A wall-clock stamp as CLOCK_MONOTONIC; zero means there is none.
pub(super) fn monotonic_ns(wall: TimeSpec) -> Option<u64> {
    let ns = wall.tv_sec() as u64 * 1_000_000_000 + wall.tv_nsec() as u64;
    (ns != 0).then(|| ns.wrapping_sub(realtime_offset_ns()))
}
