//! Words that were mistyped, and texts too long to repeat.

/// Long texts would drown the message.
pub(super) fn shortened(text: &str) -> String {
    const MAX: usize = 60;
    if text.chars().count() <= MAX {
        return text.to_owned();
    }
    text.chars().take(MAX).chain(['…']).collect()
}

/// The known word that a mistyped one probably means.
pub(super) fn closest<'k>(text: &str, known: &[&'k str]) -> Option<&'k str> {
    let lower = text.to_lowercase();
    let distances = known
        .iter()
        .map(|word| (distance(&lower, &word.to_lowercase()), *word));
    let (least, word) = distances.min_by_key(|(distance, _)| *distance)?;
    (least <= 2 && least < word.len() / 2 + 1).then_some(word)
}

/// Letters to change, add, remove or swap; 3 or more counts as 3.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) =
        (a.chars().take(40).collect(), b.chars().take(40).collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                let swap = if swapped {
                    rows[i - 2][j - 2] + 1
                } else {
                    usize::MAX
                };
                change
                    .min(swap)
                    .min(rows[i - 1][j] + 1)
                    .min(rows[i][j - 1] + 1)
            };
        }
    }
    rows[a.len()][b.len()].min(3)
}
