//! What Forebay changes on a host: policy in force, as long as the process runs.

pub mod force;
mod groups;
