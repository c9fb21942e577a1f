//! No kernel program outgrows its committed budget. Needs root.

use forebay_cost::verifier;
use std::path::Path;

#[test]
fn programs_stay_within_their_budget() -> forebay_cost::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verifier-budget.json");
    let outgrown = verifier::outgrown(&verifier::measure()?, &verifier::read(&path)?);
    assert!(outgrown.is_empty(), "{}", outgrown.join("\n"));
    Ok(())
}
