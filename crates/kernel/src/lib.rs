//! The kernel half behind a safe API: what this kernel can do, loading, records, orders.
//!
//! The only crate with unsafe code, clang and libbpf in it.

mod enforce;
mod features;
mod load;
mod memory;
mod observe;
mod programs;
mod schedule;
mod wire;

pub use enforce::{Denial, Enforce, EnforceError, Fill, Installed, Question, Tally, cgroup_id};
pub use features::{Feature, optional};
pub use load::cgroup2_root;
pub use memory::give_back_memory;
pub use observe::{LoadError, Losses, Observe, RING_BYTES, SOCKETS_MAX, Stop};
pub use programs::{ProgramSize, ProgramStats, StatsGuard};
pub use schedule::{run_when_idle, runs_when_idle};

/// Major version of the clang that made the programs; what the verifier walks depends on it.
pub const CLANG: &str = env!("FOREBAY_CLANG");

/// The generated skeleton: private, its types leave through [`wire`] and [`observe`].
#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::undocumented_unsafe_blocks,
    unsafe_op_in_unsafe_fn,
    dead_code,
    non_camel_case_types,
    non_snake_case
)]
mod skeleton {
    include!(concat!(env!("OUT_DIR"), "/observe.skel.rs"));
}

/// The generated skeleton: private, its types leave through [`enforce`].
#[allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::undocumented_unsafe_blocks,
    unsafe_op_in_unsafe_fn,
    dead_code,
    non_camel_case_types,
    non_snake_case
)]
mod enforce_skeleton {
    include!(concat!(env!("OUT_DIR"), "/enforce.skel.rs"));
}
