//! What is shown and how keys change it.

use super::rows::{Sort, visible};
use super::view::{EdgeRow, TopView};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What the user looks at.
#[derive(Clone, Debug, Default)]
pub struct App {
    /// Newest view.
    pub view: Option<TopView>,
    /// Why the newest fetch failed.
    pub error: Option<String>,
    /// Order of rows.
    pub sort: Sort,
    /// Rows must contain this.
    pub filter: String,
    /// The filter is being typed.
    pub typing: bool,
    /// New views are not taken over.
    pub paused: bool,
    /// The help is shown.
    pub help: bool,
    /// Selected row.
    pub selected: usize,
    /// The slowest requests of this edge are shown.
    pub opened: bool,
}

impl App {
    /// Takes over what was fetched.
    pub fn fetched(&mut self, result: Result<TopView, String>) {
        if self.paused {
            return;
        }
        match result {
            Ok(view) => {
                let before = self.selected_row().map(|row| row.edge.clone());
                self.view = Some(view);
                self.error = None;
                // Rows move as they are sorted anew: the selection stays with its edge.
                let place = self
                    .rows()
                    .iter()
                    .position(|row| Some(&row.edge) == before.as_ref());
                self.selected = place.unwrap_or(self.selected);
                self.keep_selection_inside();
            }
            Err(error) => self.error = Some(error),
        }
    }

    /// Rows that pass the filter, in order.
    pub fn rows(&self) -> Vec<&EdgeRow> {
        self.view
            .as_ref()
            .map_or_else(Vec::new, |view| visible(view, &self.filter, self.sort))
    }

    /// The selected edge.
    pub fn selected_row(&self) -> Option<&EdgeRow> {
        self.rows().get(self.selected).copied()
    }

    /// Reacts to a key; `false` to quit.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return false;
        }
        if self.typing {
            self.type_filter(key.code);
            return true;
        }
        match key.code {
            KeyCode::Char('q') => return false,
            KeyCode::Esc if self.help => self.help = false,
            KeyCode::Esc if self.opened => self.opened = false,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Char('?') => self.help = !self.help,
            KeyCode::Char('s') => self.sort = self.sort.next(),
            KeyCode::Char('p') => self.paused = !self.paused,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Enter => self.opened = !self.opened && self.selected_row().is_some(),
            KeyCode::Down | KeyCode::Char('j') => self.selected += 1,
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            _ => {}
        }
        self.keep_selection_inside();
        true
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => {
                self.filter.pop();
            }
            KeyCode::Char(c) => self.filter.push(c),
            _ => {}
        }
        self.keep_selection_inside();
    }

    fn keep_selection_inside(&mut self) {
        self.selected = self.selected.min(self.rows().len().saturating_sub(1));
    }
}
