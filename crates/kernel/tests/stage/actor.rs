//! What an actor can do.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(1);

/// Follows orders from standard input until it ends.
pub fn follow() {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let begun = Instant::now();
        let answer = match follow_one(&line) {
            Ok(()) => "ok".to_owned(),
            Err(error) => match (error.raw_os_error(), error.kind()) {
                (Some(libc::EAGAIN), _) | (_, ErrorKind::TimedOut) => "timeout".to_owned(),
                (Some(errno), _) => errno.to_string(),
                _ => format!("{error}").replace(' ', "-"),
            },
        };
        println!("@{answer} {}", begun.elapsed().as_micros());
    }
}

fn follow_one(order: &str) -> std::io::Result<()> {
    let mut words = order.split(' ');
    let verb = words.next().unwrap_or_default();
    let to: SocketAddr = words.next().unwrap_or_default().parse().unwrap();
    match verb {
        "listen" => listen(to),
        "tcp" => tcp(to),
        "udp" => {
            let socket = socket(to)?;
            socket.connect(to)?;
            socket.send(b"hi")?;
            socket.recv(&mut [0; 2]).map(drop)
        }
        // Never connected: as resolvers do.
        "datagram" => {
            let socket = socket(to)?;
            socket.send_to(b"hi", to)?;
            socket.recv_from(&mut [0; 2]).map(drop)
        }
        "many" => (0..2000).try_for_each(|_| tcp(to)),
        // For a while, as fast as it goes: every connect must end alike.
        "always" | "never" => {
            let (begun, mut times) = (Instant::now(), 0);
            while begun.elapsed() < PATIENCE {
                // What it answers is read, else its queue of connections would fill.
                let came = tcp(to);
                let refused =
                    matches!(&came, Err(error) if error.raw_os_error() == Some(libc::EPERM));
                let good = if verb == "always" {
                    came.is_ok()
                } else {
                    refused
                };
                if !good {
                    return Err(std::io::Error::other(format!("{came:?} after {times}")));
                }
                times += 1;
            }
            assert!(times > 100, "{times} connects");
            Ok(())
        }
        other => panic!("{other}?"),
    }
}

fn tcp(to: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.read_exact(&mut [0; 2])
}

fn socket(to: SocketAddr) -> std::io::Result<UdpSocket> {
    let any: IpAddr = if to.is_ipv4() {
        [0; 4].into()
    } else {
        [0u16; 8].into()
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// Answers over TCP and UDP from now on.
fn listen(at: SocketAddr) -> std::io::Result<()> {
    let (tcp, udp) = (TcpListener::bind(at)?, UdpSocket::bind(at)?);
    std::thread::spawn(move || {
        for mut stream in tcp.incoming().flatten() {
            let _ = stream.write_all(b"hi");
        }
    });
    std::thread::spawn(move || {
        let mut bytes = [0; 16];
        while let Ok((count, from)) = udp.recv_from(&mut bytes) {
            let _ = udp.send_to(&bytes[..count], from);
        }
    });
    Ok(())
}
