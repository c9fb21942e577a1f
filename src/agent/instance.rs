//! One agent per socket and host: a lock file beside it says who runs, and stale sockets are cleaned.

use rustix::fs::{FlockOperation, Mode, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// Most of a lock file that is read.
const LOCK_BYTES_MAX: u64 = 4096;
/// The lock of the one agent that observes this host.
const HOST_LOCK: &str = "/run/forebay/run.lock";

/// Proof that this process is the only agent on a socket. Dropping it removes the socket.
#[derive(Debug)]
pub struct Instance {
    socket: PathBuf,
    /// Holds the lock for as long as it is open. The file stays: removing it would let two
    /// starters lock two different files of the same name.
    _lock: File,
}

/// Why this process can't be the agent.
#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    /// There is one.
    #[error(
        "an agent is already running (pid {pid}, since {since}, socket {socket}). \
         Next: use it with `forebay observe`, or stop it with `kill {pid}`"
    )]
    Running {
        /// Its process id.
        pid: String,
        /// When it started.
        since: String,
        /// Where it listens.
        socket: String,
    },
    /// There is one on another socket.
    #[error(
        "an agent observes this host already (pid {pid}, since {since}, socket {socket}). \
         Next: use it with `forebay observe --socket {socket}`, stop it with `kill {pid}`, or run a second \
         one at twice the cost with `--beside`"
    )]
    Observed {
        /// Its process id.
        pid: String,
        /// When it started.
        since: String,
        /// Where it listens.
        socket: String,
    },
    /// The socket's place is taken.
    #[error("cannot listen on {socket}: {reason}. Next: choose another path with --socket")]
    Occupied {
        /// The path.
        socket: String,
        /// By what.
        reason: String,
    },
    /// The lock file can't be used.
    #[error(
        "cannot lock {path}: {source}. Next: run as root, or choose a directory you may write with --socket"
    )]
    Lock {
        /// The lock file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Becomes the agent of a socket; makes its directory if need be.
///
/// # Errors
/// [`InstanceError::Running`] when there is one already.
pub fn claim(socket: &Path) -> Result<Instance, InstanceError> {
    let path = lock_path(socket);
    let lock = lock_file(&path, socket)?.map_err(|who| InstanceError::Running {
        pid: who.pid,
        since: who.since,
        socket: socket.display().to_string(),
    })?;
    clear(socket)?;
    Ok(Instance {
        socket: socket.to_owned(),
        _lock: lock,
    })
}

/// Proof that this process is the only `forebay run` that observes this host. The lock file is the
/// host's: containers share it by mounting its directory.
#[derive(Debug)]
pub struct Host {
    _lock: File,
}

/// Becomes the agent of this host, listening on `socket`.
///
/// # Errors
/// [`InstanceError::Observed`] when there is one already.
pub fn claim_host(socket: &Path) -> Result<Host, InstanceError> {
    claim_host_by(Path::new(HOST_LOCK), socket)
}

fn claim_host_by(path: &Path, socket: &Path) -> Result<Host, InstanceError> {
    match lock_file(path, socket)? {
        Ok(lock) => Ok(Host { _lock: lock }),
        Err(who) => Err(InstanceError::Observed {
            pid: who.pid,
            since: who.since,
            socket: who.socket,
        }),
    }
}

/// Who holds a lock, as its file says.
struct Holder {
    pid: String,
    since: String,
    socket: String,
}

/// Locks a file, made with its directory if need be, and writes into it who holds it.
fn lock_file(path: &Path, socket: &Path) -> Result<Result<File, Holder>, InstanceError> {
    let lock_error = |source| InstanceError::Lock {
        path: path.display().to_string(),
        source,
    };
    if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        let mut builder = std::fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o755).create(directory);
        made.map_err(lock_error)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut lock = options.mode(0o644).open(path).map_err(lock_error)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(Err(holder(&lock))),
        Err(errno) => return Err(lock_error(errno.into())),
    }
    let now = crate::keep::time::text(jiff::Timestamp::now());
    let write = |lock: &mut File| {
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{} {now} {}", std::process::id(), socket.display())
    };
    write(&mut lock).map_err(lock_error)?;
    Ok(Ok(lock))
}

/// `api.sock` is locked by `api.sock.lock`.
fn lock_path(socket: &Path) -> PathBuf {
    let mut name = socket.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

/// Removes a stale socket: whoever holds the lock is alone, so one found now has no agent behind it.
fn clear(socket: &Path) -> Result<(), InstanceError> {
    let occupied = |reason: String| InstanceError::Occupied {
        socket: socket.display().to_string(),
        reason,
    };
    match std::fs::symlink_metadata(socket) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(occupied(error.to_string())),
        Ok(found) if !found.file_type().is_socket() => {
            Err(occupied("something that is no socket is there".to_owned()))
        }
        Ok(_) => std::fs::remove_file(socket).map_err(|error| occupied(error.to_string())),
    }
}

fn holder(lock: &File) -> Holder {
    let mut text = String::new();
    // An unreadable file only makes the sentence poorer.
    let _ = lock.take(LOCK_BYTES_MAX).read_to_string(&mut text);
    // The path comes last: it may hold spaces.
    let mut words = text.trim_end().splitn(3, ' ').map(str::to_owned);
    let mut word = || words.next().unwrap_or_else(|| "unknown".to_owned());
    Holder {
        pid: word(),
        since: word(),
        socket: word(),
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // The next agent would clean it as well.
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// Opens the socket for its owner and group only.
///
/// # Errors
/// What the system said.
pub fn bind(socket: &Path) -> std::io::Result<UnixListener> {
    // The mask closes the moment between bind and chmod.
    let old = rustix::process::umask(Mode::from_raw_mode(0o117));
    let bound = UnixListener::bind(socket);
    rustix::process::umask(old);
    bound
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_second_is_told_who_runs_and_the_third_may() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("new/api.sock");
        let first = claim(&socket).unwrap();
        let error = claim(&socket).unwrap_err();
        let pid = std::process::id();
        assert!(
            error.to_string().contains(&format!("pid {pid}, since 20")),
            "{error}"
        );
        drop(first);
        claim(&socket).unwrap();
    }

    #[test]
    fn a_host_has_one_agent_and_the_second_is_told_where_it_listens() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join("run.lock");
        let first = claim_host_by(&lock, Path::new("/a b/api.sock")).unwrap();
        let error = claim_host_by(&lock, Path::new("/c/api.sock")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("socket /a b/api.sock)"), "{text}");
        assert!(text.contains(&format!("(pid {}, since 20", std::process::id())));
        drop(first);
        claim_host_by(&lock, Path::new("/c/api.sock")).unwrap();
    }

    #[test]
    fn a_file_in_the_sockets_place_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("precious");
        std::fs::write(&file, "data").unwrap();
        let error = claim(&file).unwrap_err();
        assert!(error.to_string().contains("no socket"), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), b"data");
    }

    #[test]
    fn a_stale_socket_is_cleaned_and_the_new_one_is_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("api.sock");
        drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
        assert!(socket.exists());
        let _instance = claim(&socket).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        let _listener = runtime.block_on(async { bind(&socket).unwrap() });
        let mode = std::fs::metadata(&socket).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
    }
}
