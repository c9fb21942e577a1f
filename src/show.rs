//! What people and other programs see: the API, its clients and the command line.

pub mod api;
pub mod cells;
pub mod cli;
pub mod client;
pub mod demo;
pub mod doctor;
pub mod explain;
pub mod failure;
pub mod metrics;
pub mod observe;
pub mod phase_bar;
mod playback;
pub mod policy;
pub mod status;
pub mod top;
pub mod verbs;
