//! No kernel program outgrows its committed budget. Needs root.

use forebay_cost::verifier;
use std::path::Path;

#[test]
fn programs_stay_within_their_budget() -> forebay_cost::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verifier-budget.json");
    let budget = verifier::read(&path)?;
    let outgrown = verifier::outgrown(&verifier::measure()?, &budget, verifier::growth_max());
    assert!(outgrown.is_empty(), "{}", outgrown.join("\n"));
    Ok(())
}
