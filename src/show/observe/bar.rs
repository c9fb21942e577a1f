//! A request's phases as a bar of letters, so that it reads without colours too.

use anstyle::{AnsiColor, Style};
use forebay_core::exchange::record::Phases;

/// Letter and colour of a phase, in the order of [`Phases::named`]. The help of `observe` names them.
const LOOKS: [(char, AnsiColor); 7] = [
    ('c', AnsiColor::White),
    ('q', AnsiColor::Yellow),
    ('w', AnsiColor::Blue),
    ('r', AnsiColor::Magenta),
    ('S', AnsiColor::Green),
    ('t', AnsiColor::Cyan),
    ('?', AnsiColor::BrightBlack),
];

/// Cells per phase: shares of `width`, the rounding error given to the largest remainders.
fn cells(phases: &Phases, width: usize) -> [usize; 7] {
    let values = phases.named().map(|(_, ns)| u128::from(ns));
    let total: u128 = values.iter().sum();
    if total == 0 {
        return [0; 7];
    }
    let scaled = values.map(|ns| ns * width as u128);
    let mut cells = scaled.map(|s| usize::try_from(s / total).unwrap_or(0));
    let mut order = [0, 1, 2, 3, 4, 5, 6];
    order.sort_by_key(|phase: &usize| std::cmp::Reverse(scaled[*phase] % total));
    let missing = width - cells.iter().sum::<usize>();
    for phase in order.into_iter().take(missing) {
        cells[phase] += 1;
    }
    cells
}

/// The bar, exactly `width` columns wide.
pub fn bar(phases: &Phases, width: usize, colour: bool) -> String {
    let mut out = String::new();
    let cells = cells(phases, width);
    for ((letter, paint), count) in LOOKS.into_iter().zip(cells) {
        if count == 0 {
            continue;
        }
        let run: String = std::iter::repeat_n(letter, count).collect();
        let style = Style::new().fg_color(Some(paint.into()));
        if colour {
            out.push_str(&format!("{style}{run}{style:#}"));
        } else {
            out.push_str(&run);
        }
    }
    let blank = width - cells.iter().sum::<usize>();
    out.extend(std::iter::repeat_n(' ', blank));
    out
}

/// Name and share of the longest phase, such as `server 93%`.
pub fn dominant(phases: &Phases) -> String {
    let total: u128 = phases.named().iter().map(|(_, ns)| u128::from(*ns)).sum();
    let longest = phases.named().into_iter().max_by_key(|(_, ns)| *ns);
    match longest {
        Some((name, ns)) if ns > 0 => format!("{name} {}%", u128::from(ns) * 100 / total),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_wide_as_asked_and_true_to_the_shares() {
        let phases = Phases {
            client: 0,
            send_queue: 1,
            wire: 1,
            recv_queue: 1,
            server: 6,
            stream: 1,
            remote: 0,
        };
        assert_eq!(bar(&phases, 10, false), "qwrSSSSSSt");
        assert_eq!(bar(&Phases::default(), 4, false), "    ");
        let one = Phases {
            server: u64::MAX,
            ..Phases::default()
        };
        assert_eq!(bar(&one, 3, false), "SSS");
        for width in 0..40 {
            assert_eq!(bar(&phases, width, false).len(), width);
        }
        assert_eq!(dominant(&phases), "server 60%");
        assert_eq!(dominant(&Phases::default()), "-");
    }
}
