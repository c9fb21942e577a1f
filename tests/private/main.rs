//! A real agent against scripted conversations: what it keeps to itself, and what recordings hold.
//!
//! Needs root: `sudo -E env "PATH=$PATH" cargo test -p forebay --features kernel --test private`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't go on should fail where it stands"
)]

mod agent;
mod capture;
mod database;
mod golden;
mod identity;
mod programs;
mod scripts;
mod secrets;
mod talk;
