//! What the kernel's verifier spends on each program, against the committed budget.

use crate::{CostError, Result, Tried};
use forebay_kernel::{Enforce, Observe, ProgramSize};
use std::collections::BTreeMap;
use std::path::Path;

/// A program may grow by this factor before the budget has to be raised on purpose.
pub const GROWTH_MAX: f64 = 1.25;
/// The clang that made the programs of the budget.
const BUDGET_CLANG: &str = "19";
/// Programs made by another one take other ways: measured with 14 to 16, up to 1.4 times as many.
const OTHER_CLANG: f64 = 1.5;

/// How much a program of this build may exceed the budget.
pub fn growth_max() -> f64 {
    if forebay_kernel::CLANG == BUDGET_CLANG {
        GROWTH_MAX
    } else {
        GROWTH_MAX * OTHER_CLANG
    }
}

/// Sizes by program.
pub type Budget = BTreeMap<String, ProgramSize>;

/// Loads every program and reads what it took.
///
/// # Errors
/// When the kernel half does not start (needs root).
pub fn measure() -> Result<Budget> {
    let observe = Observe::start()?;
    let enforce = Enforce::load().map_err(|error| CostError::Unexpected(error.to_string()))?;
    let sizes = observe.sizes().into_iter().chain(enforce.sizes());
    Ok(sizes.map(|s| (s.program.clone(), s)).collect())
}

/// Reads the committed budget.
///
/// # Errors
/// When it is missing or not a budget.
pub fn read(path: &Path) -> Result<Budget> {
    let text = std::fs::read_to_string(path).tried(format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text)
        .map_err(|e| CostError::Unexpected(format!("{}: {e}", path.display())))
}

/// Sentences about every program that outgrew its budget or has none. Empty: all is well.
pub fn outgrown(now: &Budget, budget: &Budget, growth_max: f64) -> Vec<String> {
    let mut said = Vec::new();
    for (name, size) in now {
        let Some(allowed) = budget.get(name) else {
            said.push(format!("{name} has no budget"));
            continue;
        };
        let pairs = [
            (
                "instructions verified",
                size.verified_instructions,
                allowed.verified_instructions,
            ),
            (
                "bytes translated",
                size.translated_bytes,
                allowed.translated_bytes,
            ),
        ];
        for (what, is, was) in pairs {
            if f64::from(is) > f64::from(was) * growth_max {
                said.push(format!(
                    "{name}: {is} {what}, budget {was} (+{:.0} %)",
                    (f64::from(is) / f64::from(was) - 1.0) * 100.0
                ));
            }
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(verified_instructions: u32) -> Budget {
        let size = ProgramSize {
            program: "egress".into(),
            verified_instructions,
            translated_bytes: 1000,
            native_bytes: 1000,
        };
        BTreeMap::from([("egress".to_owned(), size)])
    }

    #[test]
    fn growth_beyond_a_quarter_is_told() {
        assert_eq!(
            outgrown(&budget(1250), &budget(1000), GROWTH_MAX),
            Vec::<String>::new()
        );
        assert_eq!(outgrown(&budget(1251), &budget(1000), GROWTH_MAX).len(), 1);
        assert_eq!(
            outgrown(&budget(1), &Budget::new(), GROWTH_MAX),
            ["egress has no budget"]
        );
    }
}
