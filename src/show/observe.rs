//! How `forebay observe` prints requests: a table for people, NDJSON for programs.

pub mod bar;
pub mod columns;
pub mod output;
pub mod table;
