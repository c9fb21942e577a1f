//! A request's phases in a line of text: as a bar, or the longest one by name.

use crate::show::phase_bar::parts;
use anstyle::Style;
use forebay_core::exchange::record::Phases;

/// The bar, exactly `width` columns wide.
pub fn bar(phases: &Phases, width: usize, colour: bool) -> String {
    let mut out = String::new();
    let mut used = 0;
    for (letters, paint) in parts(phases, width) {
        used += letters.len();
        if colour {
            let style = Style::new().fg_color(Some(paint.into()));
            out.push_str(&format!("{style}{letters}{style:#}"));
        } else {
            out.push_str(&letters);
        }
    }
    out.extend(std::iter::repeat_n(' ', width - used));
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
