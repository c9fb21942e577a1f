//! Bounded label values within an edge: methods, statuses, models and what else the wire names.

/// Sets of label values told apart per edge and family.
pub const VARIANTS_MAX: usize = 8;
/// Value of labels beyond the bound (OpenTelemetry's own word for unknown methods).
pub const OTHER: &str = "_OTHER";
/// Values are cut to this many bytes.
const VALUE_BYTES_MAX: usize = 64;

/// Three label values: what they mean is the family's matter; empty ones are left out.
pub type Values<'a> = [&'a str; 3];

/// Figures by label values.
#[derive(Debug)]
pub struct Variants<T> {
    known: Vec<([Box<str>; 3], T)>,
    /// The place found last: the next request is mostly like the one before it.
    last: usize,
}

impl<T> Default for Variants<T> {
    fn default() -> Self {
        Self {
            known: Vec::new(),
            last: 0,
        }
    }
}

impl<T> Variants<T> {
    /// The figures of `values`, or of [`OTHER`] when there are too many.
    pub fn entry(&mut self, values: Values<'_>, empty: fn() -> T) -> &mut T {
        let values = values.map(cut);
        let place = self.place(values).unwrap_or_else(|| {
            if self.known.len() < VARIANTS_MAX {
                return self.push(values, empty);
            }
            let other = [OTHER, "", ""];
            self.place(other).unwrap_or_else(|| self.push(other, empty))
        });
        self.last = place;
        &mut self.known[place].1
    }
    fn place(&self, values: Values<'_>) -> Option<usize> {
        let is_it = |(known, _): &([Box<str>; 3], T)| {
            let mut both = known.iter().zip(values);
            both.all(|(known, value)| same(known, value))
        };
        if self.known.get(self.last).is_some_and(is_it) {
            return Some(self.last);
        }
        self.known.iter().position(is_it)
    }
    fn push(&mut self, values: Values<'_>, empty: fn() -> T) -> usize {
        self.known.push((values.map(Into::into), empty()));
        self.known.len() - 1
    }
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Values<'_>, &T)> {
        self.known
            .iter()
            .map(|([a, b, c], figures)| ([&**a, &**b, &**c], figures))
    }
}

/// Empty texts are not compared: they lie nowhere, and on some processors a masked read of no
/// bytes from an unmapped place takes longer than all the rest of a request.
fn same(known: &str, value: &str) -> bool {
    known.len() == value.len() && (value.is_empty() || known == value)
}

fn cut(value: &str) -> &str {
    let mut end = value.len().min(VALUE_BYTES_MAX);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    &value[..end]
}
