//! Network namespaces, and links between two of them, that vanish when they are dropped.

mod links;
mod netns;

pub use links::{Shape, Tunnel, Veth};
pub use netns::{Netns, leftovers};
