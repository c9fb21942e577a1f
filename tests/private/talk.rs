//! Conversations over loopback: who says which bytes, one after the other.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Bytes of one side, written at once, and read by the other before anything else happens.
pub struct Turn {
    from_client: bool,
    bytes: Vec<u8>,
    after_ms: u64,
}

impl Turn {
    /// The same, some milliseconds later.
    pub fn after_ms(mut self, wait: u64) -> Turn {
        self.after_ms = wait;
        self
    }
}

pub fn client(bytes: impl Into<Vec<u8>>) -> Turn {
    Turn {
        from_client: true,
        bytes: bytes.into(),
        after_ms: 0,
    }
}

pub fn server(bytes: impl Into<Vec<u8>>) -> Turn {
    Turn {
        from_client: false,
        bytes: bytes.into(),
        after_ms: 0,
    }
}

/// A connection of this process to itself.
pub struct Talk {
    client: TcpStream,
    server: TcpStream,
}

impl Talk {
    pub fn open() -> Talk {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        for stream in [&client, &server] {
            stream.set_nodelay(true).unwrap();
        }
        Talk { client, server }
    }

    /// The client's end and the server's.
    pub fn addresses(&self) -> [SocketAddr; 2] {
        [&self.client, &self.server].map(|stream| stream.local_addr().unwrap())
    }

    pub fn play(&mut self, turns: &[Turn]) {
        for turn in turns {
            std::thread::sleep(Duration::from_millis(turn.after_ms));
            let (writer, reader) = if turn.from_client {
                (&mut self.client, &mut self.server)
            } else {
                (&mut self.server, &mut self.client)
            };
            writer.write_all(&turn.bytes).unwrap();
            reader.read_exact(&mut vec![0; turn.bytes.len()]).unwrap();
        }
    }
}
