//! Forebay: every request on a host, and where its milliseconds went.
#![forbid(unsafe_code)]

mod capture;
mod keep;

fn main() {}
