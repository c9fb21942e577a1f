//! Writing by every family of system calls.

use crate::RigError;
use nix::fcntl::{SpliceFFlags, splice};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::sendfile::sendfile;
use nix::sys::socket::{
    MsgFlags, MultiHeaders, SockaddrStorage, getpeername, send, sendmmsg, sendmsg, sendto,
};
use nix::sys::uio::writev;
use std::io::{IoSlice, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, OwnedFd};
use std::str::FromStr;

/// A family of system calls that writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteWith {
    /// write.
    #[default]
    Write,
    /// send (sendto without an address).
    Send,
    /// sendto with the peer's address.
    Sendto,
    /// sendmsg with two vectors.
    Sendmsg,
    /// writev with two vectors.
    Writev,
    /// sendmmsg with two messages.
    Sendmmsg,
    /// sendfile from a memory file.
    Sendfile,
    /// write to a pipe, splice to the socket.
    Splice,
}

/// Every family, with its name on the command line.
pub const WRITE_FAMILIES: [(&str, WriteWith); 8] = [
    ("write", WriteWith::Write),
    ("send", WriteWith::Send),
    ("sendto", WriteWith::Sendto),
    ("sendmsg", WriteWith::Sendmsg),
    ("writev", WriteWith::Writev),
    ("sendmmsg", WriteWith::Sendmmsg),
    ("sendfile", WriteWith::Sendfile),
    ("splice", WriteWith::Splice),
];

impl FromStr for WriteWith {
    type Err = RigError;
    fn from_str(text: &str) -> Result<Self, RigError> {
        let found = WRITE_FAMILIES.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, with)| *with)
            .ok_or_else(|| RigError::Plan(text.to_owned()))
    }
}

/// What a family needs beside the data, prepared before the first stamp.
pub(super) enum Feed {
    Direct(WriteWith),
    File(std::fs::File),
    Pipe { from: OwnedFd, to: OwnedFd },
}

impl Feed {
    pub(super) fn new(with: WriteWith, data: &[u8]) -> nix::Result<Self> {
        match with {
            WriteWith::Sendfile => {
                let mut file = std::fs::File::from(memfd_create("rig", MFdFlags::MFD_CLOEXEC)?);
                let io =
                    |error: std::io::Error| nix::Error::from_raw(error.raw_os_error().unwrap_or(0));
                file.write_all(data).map_err(io)?;
                std::io::Seek::rewind(&mut file).map_err(io)?;
                Ok(Self::File(file))
            }
            WriteWith::Splice => nix::unistd::pipe().map(|(from, to)| Self::Pipe { from, to }),
            with => Ok(Self::Direct(with)),
        }
    }

    /// Writes some of `rest`; returns how much.
    pub(super) fn write(&mut self, stream: &TcpStream, rest: &[u8]) -> nix::Result<usize> {
        match self {
            Self::Direct(with) => direct(stream, *with, rest),
            Self::File(file) => sendfile(stream, file, None, rest.len()),
            Self::Pipe { from, to } => {
                // A pipe holds 64 KiB by default; no more never blocks.
                let piece = &rest[..rest.len().min(65_536)];
                let mut queued = 0;
                while queued < piece.len() {
                    queued += nix::unistd::write(&*to, &piece[queued..])?;
                }
                let mut moved = 0;
                while moved < queued {
                    moved += splice(
                        &*from,
                        None,
                        stream,
                        None,
                        queued - moved,
                        SpliceFFlags::empty(),
                    )?;
                }
                Ok(moved)
            }
        }
    }
}

fn direct(stream: &TcpStream, with: WriteWith, rest: &[u8]) -> nix::Result<usize> {
    let fd = stream.as_raw_fd();
    let (one, two) = rest.split_at(rest.len() / 2);
    let halves = [IoSlice::new(one), IoSlice::new(two)];
    match with {
        WriteWith::Send => send(fd, rest, MsgFlags::MSG_NOSIGNAL),
        WriteWith::Sendto => {
            let peer: SockaddrStorage = getpeername(fd)?;
            sendto(fd, rest, &peer, MsgFlags::MSG_NOSIGNAL)
        }
        WriteWith::Sendmsg => sendmsg::<()>(fd, &halves, &[], MsgFlags::MSG_NOSIGNAL, None),
        WriteWith::Writev => writev(stream, &halves),
        WriteWith::Sendmmsg => {
            let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(2, None);
            let messages = [[IoSlice::new(one)], [IoSlice::new(two)]];
            let results = sendmmsg(
                fd,
                &mut headers,
                messages.iter(),
                [None, None],
                [],
                MsgFlags::MSG_NOSIGNAL,
            )?;
            Ok(results.map(|message| message.bytes).sum())
        }
        _ => nix::unistd::write(stream, rest),
    }
}
