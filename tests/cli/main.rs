//! The built binary, as people use it.
