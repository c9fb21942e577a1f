//! Phases as a stacked bar: a letter on a colour, so that it reads without colours too.

use forebay_core::exchange::record::Phases;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};

/// Letter and colour of a phase, in the order of [`Phases::named`].
pub const LOOKS: [(char, Color); 7] = [
    ('c', Color::White),
    ('q', Color::Yellow),
    ('w', Color::Blue),
    ('r', Color::Magenta),
    ('S', Color::Green),
    ('t', Color::Cyan),
    ('?', Color::Gray),
];

/// The style of a phase.
pub fn style(colour: Color) -> Style {
    Style::new().fg(Color::Black).bg(colour)
}

/// The bar, `width` columns wide; empty when nothing took time.
pub fn bar(phases: &Phases, width: u16) -> Line<'static> {
    let spans = cells(phases, usize::from(width)).into_iter().zip(LOOKS);
    let spans = spans
        .filter(|(cells, _)| *cells > 0)
        .map(|(cells, (letter, colour))| {
            Span::styled(letter.to_string().repeat(cells), style(colour))
        });
    Line::from(spans.collect::<Vec<_>>())
}

/// Columns per phase: shares of `width`, rounding errors given to the largest remainders.
fn cells(phases: &Phases, width: usize) -> [usize; 7] {
    let values = phases.named().map(|(_, ns)| u128::from(ns));
    let total: u128 = values.iter().sum();
    if total == 0 {
        return [0; 7];
    }
    let scaled = values.map(|ns| ns * width as u128);
    let mut cells = scaled.map(|ns| usize::try_from(ns / total).unwrap_or(0));
    let mut order = [0, 1, 2, 3, 4, 5, 6];
    order.sort_by_key(|phase: &usize| std::cmp::Reverse(scaled[*phase] % total));
    let missing = width - cells.iter().sum::<usize>();
    for phase in order.into_iter().take(missing) {
        cells[phase] += 1;
    }
    cells
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
