//! A request's phases as a bar of letters on colours: one look for the table and the live view.

use anstyle::AnsiColor;
use forebay_core::exchange::record::Phases;

/// Letter and colour of a phase, in the order of [`Phases::named`]. The help of `observe` names
/// them; letters, so that a bar reads without colours too.
pub const LOOKS: [(char, AnsiColor); 7] = [
    ('c', AnsiColor::BrightWhite),
    ('q', AnsiColor::Yellow),
    ('w', AnsiColor::Blue),
    ('r', AnsiColor::Magenta),
    ('S', AnsiColor::Green),
    ('t', AnsiColor::Cyan),
    ('?', AnsiColor::White),
];

/// The parts of a bar that is `width` columns wide: letters and colour of each phase that has a
/// column. Nothing when no time passed.
pub fn parts(phases: &Phases, width: usize) -> impl Iterator<Item = (String, AnsiColor)> {
    let parts = columns(phases, width).into_iter().zip(LOOKS);
    let parts = parts.filter(|(columns, _)| *columns > 0);
    parts.map(|(columns, (letter, colour))| (letter.to_string().repeat(columns), colour))
}

/// Columns per phase: shares of `width`, rounding errors given to the largest remainders.
fn columns(phases: &Phases, width: usize) -> [usize; 7] {
    let values = phases.named().map(|(_, ns)| u128::from(ns));
    let total: u128 = values.iter().sum();
    if total == 0 {
        return [0; 7];
    }
    let scaled = values.map(|ns| ns * width as u128);
    let mut columns = scaled.map(|ns| usize::try_from(ns / total).unwrap_or(0));
    let mut order = [0, 1, 2, 3, 4, 5, 6];
    order.sort_by_key(|phase: &usize| std::cmp::Reverse(scaled[*phase] % total));
    let missing = width - columns.iter().sum::<usize>();
    for phase in order.into_iter().take(missing) {
        columns[phase] += 1;
    }
    columns
}
