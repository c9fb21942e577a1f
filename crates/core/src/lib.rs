//! The pure middle of Forebay: kernel events in, requests with their phases and findings out.
//!
//! No I/O, no clock, no async runtime and no unsafe code: everything that happens is an
//! [`event::Event`], so the same events always give the same records (that is what `replay` rests on).
//! The modules follow the journey of an event: [`event`] → [`decode`] → [`enrich`] → [`exchange`]
//! → [`explain`].
#![forbid(unsafe_code)]

pub mod decode;
pub mod enrich;
pub mod event;
pub mod exchange;
pub mod explain;
mod halves;
mod losses;
pub mod pipeline;
pub mod policy;
pub mod tape;
