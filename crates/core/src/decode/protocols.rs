//! The protocols, in the order in which they are tried on a new connection.

mod http;
mod postgresql;
mod redis;

use super::Protocol;

/// Every protocol Forebay understands. Order matters: the first that says `Mine` wins, so the
/// ones that are hardest to fool come first.
pub static PROTOCOLS: &[&Protocol] = &[&http::HTTP, &postgresql::POSTGRESQL, &redis::REDIS];
