//! Tells people what the demo does, in lines that fit the terminal.

use crate::show::cells::clean;
use anstyle::{AnsiColor, Style};
use std::io::Write;

/// Longer lines read badly.
const WIDTH_MAX: usize = 100;
/// Narrower ones too.
const WIDTH_MIN: usize = 40;

/// Where and how the demo speaks.
#[derive(Clone, Copy, Debug)]
pub struct Teller {
    /// Columns of the terminal.
    pub width: usize,
    /// Colours are wanted.
    pub colour: bool,
    /// Standard output is for JSON: people read standard error.
    pub json: bool,
    /// Says nothing.
    pub mute: bool,
}

impl Teller {
    /// A new act, with an empty line before it.
    pub fn act(&self, text: &str) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()));
        self.raw("\n");
        self.paragraph("", "", text, style);
    }
    /// A sentence.
    pub fn say(&self, text: &str) {
        self.paragraph("  ", "  ", text, Style::new());
    }
    /// A sentence after a word that names what it is.
    pub fn item(&self, word: &str, text: &str) {
        let first = format!("  {word:<7}");
        self.paragraph(&first, "         ", text, Style::new());
    }
    /// Something that went as it should.
    pub fn good(&self, text: &str) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Green.into()));
        self.paragraph("  ✔ ", "    ", text, style);
    }
    /// Something that did not.
    pub fn bad(&self, text: &str) {
        let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
        self.paragraph("  ✘ ", "    ", text, style);
    }
    /// A line of the stack's own.
    pub fn progress(&self, line: &str) {
        // Its own "      done" lines stand below their step.
        let indent = line.len() - line.trim_start().len();
        let first = format!("  │ {}", " ".repeat(indent.min(12)));
        self.paragraph(&first, &first, line.trim_start(), Style::new().dimmed());
    }
    /// Text as it is, lines and all, two columns in.
    pub fn block(&self, text: &str) {
        for line in text.lines() {
            let indent = if line.is_empty() { "" } else { "  " };
            self.raw(&format!("{indent}{line}\n"));
        }
    }
    /// An empty line.
    pub fn gap(&self) {
        self.raw("\n");
    }
    /// Columns left for a block.
    pub fn block_width(&self) -> usize {
        self.width.saturating_sub(2)
    }

    fn paragraph(&self, first: &str, rest: &str, text: &str, style: Style) {
        let width = self.width.clamp(WIDTH_MIN, WIDTH_MAX);
        let options = textwrap::Options::new(width)
            .initial_indent(first)
            .subsequent_indent(rest);
        for line in textwrap::wrap(&clean(text), options) {
            if self.colour {
                self.raw(&format!("{style}{line}{style:#}\n"));
            } else {
                self.raw(&format!("{line}\n"));
            }
        }
    }

    /// Nobody reading is no reason to leave a stack half up: what can't be written is not said.
    fn raw(&self, text: &str) {
        if self.mute {
            return;
        }
        if self.json {
            let mut out = std::io::stderr().lock();
            let _ = out.write_all(text.as_bytes());
        } else {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        }
    }
}
