//! Standard output: closed pipes, terminals and their width.

use crate::show::failure::Failure;
use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{isatty, tcgetwinsize};
use std::io::{ErrorKind, Write, stdout};
use std::time::Duration;

/// Width when standard output is no terminal: wide enough that little is cut.
const WIDTH_ELSEWHERE: usize = 160;
/// How often an idle stream looks whether anybody still reads it.
const CLOSED_CHECK: Duration = Duration::from_millis(200);

/// Prints a whole text.
///
/// # Errors
/// When standard output can't be written; a closed pipe is a quiet one.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(Failure::stdout)
}

/// Prints some bytes without holding up signals while a reader is slow.
///
/// # Errors
/// As [`print()`].
pub async fn write(bytes: Bytes) -> Result<(), Failure> {
    let write = move || {
        let mut out = stdout().lock();
        out.write_all(&bytes).and_then(|()| out.flush())
    };
    let written = tokio::task::spawn_blocking(write).await;
    written
        .unwrap_or_else(|lost| Err(lost.into()))
        .map_err(Failure::stdout)
}

/// Ends with the quiet failure of a closed pipe once nobody reads standard output any more.
pub async fn closed() -> Failure {
    loop {
        tokio::time::sleep(CLOSED_CHECK).await;
        let out = stdout();
        let mut fds = [PollFd::new(&out, PollFlags::empty())];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // POLLERR on the writing end of a pipe: its reading end is closed, see poll(2).
        if matches!(poll(&mut fds, Some(&now)), Ok(1)) && fds[0].revents().contains(PollFlags::ERR)
        {
            return Failure::stdout(ErrorKind::BrokenPipe.into());
        }
    }
}

/// Whether standard output is a terminal.
pub fn is_terminal() -> bool {
    isatty(stdout())
}

/// Whether colours are wanted (<https://no-color.org>).
pub fn wants_colour() -> bool {
    is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Columns of the terminal.
pub fn width() -> usize {
    let size = tcgetwinsize(stdout()).ok();
    let columns = size.map(|size| usize::from(size.ws_col));
    columns
        .filter(|columns| *columns > 0)
        .unwrap_or(WIDTH_ELSEWHERE)
}
