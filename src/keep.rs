//! What the agent remembers and hands out: recent records, subscribers and their filters.

pub mod deck;
pub mod fbcap;
pub mod filter;
pub mod hub;
mod limits;
pub mod line;
pub mod queue;
pub mod recent;
pub mod tables;
pub mod time;
pub mod vitals;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; a panic elsewhere must not silence the agent, and every state here is valid between
/// statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
