//! The built binary, as people and programs use it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that can't go on should fail where it stands"
)]

mod agent;
mod api;
mod captures;
mod demo;
mod help;
mod instance;
mod observe;
mod own_agent;
mod policy;
mod policy_diff;
mod policy_suggest;
mod privilege;
mod slow_reader;
mod usage;

use std::process::{Command, Output};

/// The binary under test, apart from any agent of this machine.
fn forebay() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
    command.env_remove("FOREBAY_SOCKET").env("TZ", "UTC");
    command
}

/// Runs it to its end.
fn output(args: &[&str]) -> Output {
    forebay().args(args).output().unwrap()
}

/// Standard output as text.
fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard error as text.
fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}
