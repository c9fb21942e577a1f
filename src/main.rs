//! Forebay: every request on a host, and where its milliseconds went.
//!
//! The folders follow the journey of an event: [`capture`] → (the core) → [`keep`] → [`show`].
#![forbid(unsafe_code)]

mod agent;
mod capture;
mod keep;
mod show;

/// Records are many small texts that live for a few milliseconds: the C library's allocator took a
/// quarter of the capture thread's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    show::cli::main()
}
