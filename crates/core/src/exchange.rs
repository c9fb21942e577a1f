//! Messages to requests: pairs them, times them, joins both ends of a connection.

pub mod record;
