//! Messages to requests: pairs them, times them, joins both ends of a connection.

pub mod connection;
pub mod join;
pub mod pair;
pub mod points;
pub mod record;
pub mod stream;
pub mod timeline;
