//! `forebay top`: who talks to whom, live, in a terminal.
//!
//! A client of the agent: it shows [`TopView`]s, which are the JSON of `/v1/top`.

mod bar;
mod draw;
mod keys;
mod names;
mod request;
mod rows;
mod screen;
mod view;

pub use screen::{TopError, run};
pub use view::{AgentLine, EdgeRow, SlowRequest, Stalls, TopView};

#[cfg(test)]
mod tests;
