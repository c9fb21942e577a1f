//! Whatever a record says, its slots add up to its phases.

use super::*;
use crate::explain::testing::arbitrary::any_record;
use proptest::prelude::*;

proptest! {
    #[test]
    fn slots_add_up_to_the_phases(record in any_record()) {
        prop_assert_eq!(Blame::of(&record).total(), record.phases_ns.total());
    }
}
