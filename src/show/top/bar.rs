//! Phases as a stacked bar of the terminal view.

use crate::show::phase_bar::{LOOKS, parts};
use anstyle::AnsiColor;
use forebay_core::exchange::record::Phases;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};

/// The style of a phase.
fn style(colour: AnsiColor) -> Style {
    let ground = match colour {
        AnsiColor::Yellow => Color::Yellow,
        AnsiColor::Blue => Color::Blue,
        AnsiColor::Magenta => Color::Magenta,
        AnsiColor::Green => Color::Green,
        AnsiColor::Cyan => Color::Cyan,
        AnsiColor::BrightWhite => Color::White,
        // What ratatui calls gray is the terminal's ordinary white.
        _ => Color::Gray,
    };
    Style::new().fg(Color::Black).bg(ground)
}

/// The bar, `width` columns wide; empty when nothing took time.
pub fn bar(phases: &Phases, width: u16) -> Line<'static> {
    let spans = parts(phases, usize::from(width))
        .map(|(letters, colour)| Span::styled(letters, style(colour)));
    Line::from(spans.collect::<Vec<_>>())
}

/// What the letters mean.
pub fn legend() -> Line<'static> {
    let names = Phases::default().named();
    let mut spans = Vec::new();
    for ((letter, colour), (name, _)) in LOOKS.into_iter().zip(names) {
        spans.push(Span::styled(letter.to_string(), style(colour)));
        spans.push(Span::raw(format!(" {name}  ")));
    }
    Line::from(spans)
}
