//! Kernel events to records: described conversations go through a model of the kernel half.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't go on should fail where it stands"
)]

mod bounds;
mod ends;
mod kernel;
mod lost;
mod old;
mod phases;
mod replay;
mod said;
mod streams;
mod truth;
mod world;
