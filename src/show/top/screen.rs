//! The terminal: takes it over, fetches once a second, gives it back whatever happens.

use super::draw::draw;
use super::keys::App;
use super::view::TopView;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use std::io::IsTerminal;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

/// Time between fetches.
const REFRESH: Duration = Duration::from_secs(1);
/// Longest wait for a key before new data is looked for.
const KEY_WAIT: Duration = Duration::from_millis(100);

/// Why the screen could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum TopError {
    /// No terminal.
    #[error("standard output is no terminal. Next: run it in one, or ask for `forebay top --json`")]
    NoTerminal,
    /// The terminal failed.
    #[error("the terminal cannot be drawn on or read: {0}. Next: try `forebay top --json`")]
    Terminal(#[from] std::io::Error),
}

/// Shows what `fetch` gives, once a second, until the user quits. `fetch` runs on a thread of its
/// own, so that keys work while the agent is slow.
///
/// # Errors
/// When there is no terminal, or it fails. Failures of `fetch` are shown on the screen.
pub fn run(fetch: impl FnMut() -> Result<TopView, String> + Send) -> Result<(), TopError> {
    if !std::io::stdout().is_terminal() {
        return Err(TopError::NoTerminal);
    }
    let mut terminal = ratatui::try_init()?;
    let result = std::thread::scope(|scope| {
        let (fetched, news) = mpsc::channel();
        let (stay, quit) = mpsc::channel::<()>();
        scope.spawn(move || fetch_until(&quit, &fetched, fetch));
        let result = show(&mut terminal, &news);
        // Ends the fetching thread after at most one fetch.
        drop(stay);
        ratatui::try_restore().and(result)
    });
    Ok(result?)
}

fn fetch_until(
    quit: &Receiver<()>,
    fetched: &Sender<Result<TopView, String>>,
    mut fetch: impl FnMut() -> Result<TopView, String>,
) {
    while fetched.send(fetch()).is_ok() {
        if quit.recv_timeout(REFRESH) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

fn show(
    terminal: &mut ratatui::DefaultTerminal,
    news: &Receiver<Result<TopView, String>>,
) -> std::io::Result<()> {
    let mut app = App::default();
    loop {
        terminal.draw(|frame| draw(frame, &app))?;
        // Draw only when something changed: an idle screen costs nothing.
        let mut changed = false;
        while !changed {
            while let Ok(result) = news.try_recv() {
                app.fetched(result);
                changed = true;
            }
            if !event::poll(KEY_WAIT)? {
                continue;
            }
            changed = true;
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release && !app.key(key) => {
                    return Ok(());
                }
                _ => {}
            }
        }
    }
}
