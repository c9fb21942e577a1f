//! Reading by every family of system calls.

use super::kernel_stamps::{CONTROL_BYTES, monotonic_ns};
use crate::RigError;
use nix::errno::Errno;
use nix::fcntl::{SpliceFFlags, splice};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrStorage, recv, recvfrom, recvmmsg, recvmsg,
};
use nix::sys::uio::readv;
use std::io::IoSliceMut;
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::str::FromStr;

/// A family of system calls that reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReadWith {
    /// poll, read.
    Read,
    /// poll, recv (recvfrom without an address).
    Recv,
    /// poll, recvfrom.
    Recvfrom,
    /// poll, recvmsg; the only one besides recvmmsg that gets the kernel's arrival stamps.
    #[default]
    Recvmsg,
    /// poll, readv with two vectors.
    Readv,
    /// poll, recvmmsg.
    Recvmmsg,
    /// poll, splice to a pipe, read from the pipe.
    Splice,
    /// poll, recv with MSG_PEEK, then recv.
    Peek,
    /// Non-blocking recv that fails with EAGAIN, then epoll, then recv.
    Epoll,
    /// recv that blocks, no poll: cannot be told to read late, it never knows when it could.
    Blocking,
}

/// Every family, with its name on the command line.
pub const READ_FAMILIES: [(&str, ReadWith); 10] = [
    ("read", ReadWith::Read),
    ("recv", ReadWith::Recv),
    ("recvfrom", ReadWith::Recvfrom),
    ("recvmsg", ReadWith::Recvmsg),
    ("readv", ReadWith::Readv),
    ("recvmmsg", ReadWith::Recvmmsg),
    ("splice", ReadWith::Splice),
    ("peek", ReadWith::Peek),
    ("epoll", ReadWith::Epoll),
    ("blocking", ReadWith::Blocking),
];

impl FromStr for ReadWith {
    type Err = RigError;
    fn from_str(text: &str) -> Result<Self, RigError> {
        let found = READ_FAMILIES.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, with)| *with)
            .ok_or_else(|| RigError::Plan(text.to_owned()))
    }
}

/// Reads once; returns bytes and, where the family can tell, the kernel's arrival stamp.
pub(super) fn read(
    stream: &TcpStream,
    with: ReadWith,
    buffer: &mut [u8],
) -> nix::Result<(usize, Option<u64>)> {
    let fd = stream.as_raw_fd();
    let plain = match with {
        ReadWith::Read => nix::unistd::read(stream, buffer),
        ReadWith::Recv | ReadWith::Blocking => recv(fd, buffer, MsgFlags::empty()),
        ReadWith::Recvfrom => recvfrom::<SockaddrStorage>(fd, buffer).map(|(bytes, _)| bytes),
        ReadWith::Readv => {
            let (one, two) = buffer.split_at_mut(buffer.len() / 2);
            readv(stream, &mut [IoSliceMut::new(one), IoSliceMut::new(two)])
        }
        ReadWith::Peek => {
            recv(fd, buffer, MsgFlags::MSG_PEEK)?;
            recv(fd, buffer, MsgFlags::empty())
        }
        ReadWith::Epoll => epoll_read(fd, buffer),
        ReadWith::Splice => splice_in(stream, buffer),
        ReadWith::Recvmsg => return recvmsg_stamped(fd, buffer),
        ReadWith::Recvmmsg => return recvmmsg_stamped(fd, buffer),
    };
    plain.map(|bytes| (bytes, None))
}

/// Reads, then once more in vain, as edge-triggered event loops do.
fn epoll_read(fd: i32, buffer: &mut [u8]) -> nix::Result<usize> {
    let bytes = recv(fd, buffer, MsgFlags::MSG_DONTWAIT)?;
    if bytes > 0 && bytes < buffer.len() {
        return match recv(fd, &mut buffer[bytes..], MsgFlags::MSG_DONTWAIT) {
            Ok(more) => Ok(bytes + more),
            Err(Errno::EAGAIN) => Ok(bytes),
            Err(error) => Err(error),
        };
    }
    Ok(bytes)
}

fn splice_in(stream: &TcpStream, buffer: &mut [u8]) -> nix::Result<usize> {
    let (from, to) = nix::unistd::pipe()?;
    // A pipe holds 64 KiB by default; asking for no more never blocks.
    let moved = splice(
        stream,
        None,
        &to,
        None,
        buffer.len().min(65_536),
        SpliceFFlags::empty(),
    )?;
    drop(to);
    let mut filled = 0;
    while filled < moved {
        filled += nix::unistd::read(&from, &mut buffer[filled..moved])?;
    }
    Ok(moved)
}

fn recvmsg_stamped(fd: i32, buffer: &mut [u8]) -> nix::Result<(usize, Option<u64>)> {
    let mut control = [0u8; CONTROL_BYTES];
    let mut vectors = [IoSliceMut::new(buffer)];
    let message =
        recvmsg::<SockaddrStorage>(fd, &mut vectors, Some(&mut control), MsgFlags::empty())?;
    let stamp = arrival(message.cmsgs()?);
    Ok((message.bytes, stamp))
}

fn recvmmsg_stamped(fd: i32, buffer: &mut [u8]) -> nix::Result<(usize, Option<u64>)> {
    let mut headers =
        MultiHeaders::<SockaddrStorage>::preallocate(1, Some(vec![0u8; CONTROL_BYTES]));
    let mut vectors = [[IoSliceMut::new(buffer)]];
    let results = recvmmsg(
        fd,
        &mut headers,
        vectors.iter_mut(),
        MsgFlags::empty(),
        None,
    )?;
    let mut bytes = 0;
    let mut stamp = None;
    for message in results {
        bytes += message.bytes;
        stamp = arrival(message.cmsgs()?).or(stamp);
    }
    Ok((bytes, stamp))
}

fn arrival(parts: impl Iterator<Item = ControlMessageOwned>) -> Option<u64> {
    let mut found = None;
    for part in parts {
        if let ControlMessageOwned::ScmTimestampsns(stamps) = part {
            found = monotonic_ns(stamps.system);
        }
    }
    found
}
