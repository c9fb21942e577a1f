//! Network namespaces, control groups and processes in them. All of it goes with the test: a namespace
//! has no name and ends with its last process and descriptor, control groups are removed on drop.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A fresh network namespace.
pub fn namespace() -> File {
    let make = || {
        // SAFETY: no pointers; only this thread leaves its namespace, and it ends at once.
        let left = unsafe { libc::unshare(libc::CLONE_NEWNET) };
        assert_eq!(left, 0, "root is needed");
        File::open("/proc/thread-self/ns/net").unwrap()
    };
    let file = std::thread::spawn(make).join().unwrap();
    ip(&file, "link set lo up");
    file
}

fn path(namespace: &File) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), namespace.as_raw_fd())
}

fn ip(namespace: &File, words: &str) {
    let status = Command::new("nsenter")
        .arg(format!("--net={}", path(namespace)))
        .arg("ip")
        .args(words.split(' '))
        .status()
        .unwrap();
    assert!(status.success(), "ip {words}");
}

/// Joins two namespaces by a cable, each end with its addresses.
pub fn cable(number: u8, ends: [(&File, &[&str]); 2]) {
    let names = [format!("a{number}"), format!("b{number}")];
    let [(one, _), (other, _)] = ends;
    ip(
        one,
        &format!("link add {} type veth peer name {}", names[0], names[1]),
    );
    ip(one, &format!("link set {} netns {}", names[1], path(other)));
    for ((namespace, addresses), name) in ends.into_iter().zip(&names) {
        for address in addresses {
            let plain = if address.contains(':') { " nodad" } else { "" };
            ip(namespace, &format!("addr add {address} dev {name}{plain}"));
        }
        ip(namespace, &format!("link set {name} up"));
    }
}

/// A control group with others below it.
pub struct Group(pub PathBuf);

impl Group {
    pub fn new(name: &str) -> Group {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let root = mounts.lines().find_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let (path, kind) = (fields.next()?, fields.next()?);
            (kind == "cgroup2").then(|| PathBuf::from(path))
        });
        let path = root
            .unwrap()
            .join(format!("forebay-{name}-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Group(path)
    }

    pub fn below(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Processes that were told to end may take a moment to go.
        for _ in 0..100 {
            if remove(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("{} is still there", self.0.display());
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(path)?.flatten() {
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(path)
}

/// This test's own program once more, in a control group and a namespace, doing what it is told.
pub struct Actor {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Actor {
    pub fn new(group: &Path, namespace: &File) -> Actor {
        let procs = File::options()
            .write(true)
            .open(group.join("cgroup.procs"))
            .unwrap();
        let (procs, net) = (procs.as_raw_fd(), namespace.as_raw_fd());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--ignored", "--exact", "actor", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        // SAFETY: between fork and exec only two system calls are made, on descriptors that outlive
        // the spawn below.
        unsafe {
            command.pre_exec(move || {
                let moved = libc::write(procs, c"0".as_ptr().cast(), 1) == 1;
                if moved && libc::setns(net, libc::CLONE_NEWNET) == 0 {
                    return Ok(());
                }
                Err(std::io::Error::last_os_error())
            });
        }
        let mut child = command.spawn().unwrap();
        Actor {
            orders: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        }
    }

    /// What came of an order: `ok`, `timeout` or an errno, and after how long.
    pub fn does(&mut self, order: &str) -> (String, Duration) {
        writeln!(self.orders, "{order}").unwrap();
        loop {
            let mut line = String::new();
            assert_ne!(
                self.answers.read_line(&mut line).unwrap(),
                0,
                "the actor is gone"
            );
            // The test's own lines stand around it.
            if let Some((_, answer)) = line.split_once('@') {
                let (what, micros) = answer.trim().rsplit_once(' ').unwrap();
                return (
                    what.to_owned(),
                    Duration::from_micros(micros.parse().unwrap()),
                );
            }
        }
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
