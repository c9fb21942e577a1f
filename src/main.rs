//! Forebay: every request on a host, and where its milliseconds went.
//!
//! The folders follow the journey of an event: [`capture`] → (the core) → [`keep`] → [`show`].
#![forbid(unsafe_code)]

mod agent;
mod capture;
mod keep;
mod show;
mod steer;

fn main() -> std::process::ExitCode {
    show::cli::main()
}
