//! Tests of the sampler, with real processes.

use super::*;
use crate::keep::hub::tests::record;
use crate::keep::time::monotonic_ns;
use std::process::{Child, Command};
use std::time::Duration;

/// Burns one CPU, on core 0 only. Ended when dropped.
struct Hog(Child);

impl Hog {
    fn start() -> Hog {
        let mut command = Command::new("taskset");
        command.args(["-c", "0", "sh", "-c", "while :; do :; done"]);
        Hog(command.spawn().unwrap())
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn answer(pid: u32, workload: &str) -> Output {
    let mut record = record(1);
    record.server.pid = Some(pid);
    record.server.workload = workload.into();
    Output::Record(record)
}

#[test]
fn a_process_that_shares_its_core_shows_the_wait() {
    let hogs = [Hog::start(), Hog::start()];
    let pid = hogs[0].0.id();
    let mut sampler = Sampler::new();
    sampler.answered(&[answer(pid, "llama-server")], monotonic_ns());
    assert!(
        sampler.samples(monotonic_ns()).is_empty(),
        "no interval yet"
    );
    std::thread::sleep(Duration::from_millis(1500));
    let samples = sampler.samples(monotonic_ns());
    let [sample] = &samples[..] else {
        panic!("{samples:?}");
    };
    assert_eq!((&*sample.workload, sample.pid), ("llama-server", pid));
    assert!(sample.interval_ns >= 1_400_000_000, "{sample:?}");
    let share = sample.run_delay_ns as f64 / (sample.cpu_ns + sample.run_delay_ns) as f64;
    assert!(
        share > 0.25,
        "two on one core wait half of the time: {sample:?}"
    );
    assert!(sample.cpu_ns + sample.run_delay_ns <= sample.interval_ns * 11 / 10);
}

#[test]
fn only_who_answers_is_sampled_and_only_once_an_interval() {
    let now_ns = monotonic_ns();
    let mut sampler = Sampler::new();
    assert!(sampler.samples(now_ns).is_empty());
    assert_eq!(sampler.next_ns, 0, "nothing was looked at");
    sampler.answered(&[answer(std::process::id(), "me")], now_ns);
    sampler.samples(now_ns);
    assert!(sampler.servers[&std::process::id()].before.is_some());
    let due_ns = sampler.next_ns;
    sampler.samples(due_ns - 1);
    assert_eq!(sampler.next_ns, due_ns, "not due");
    sampler.samples(now_ns + LATELY_NS + 1);
    assert!(sampler.servers.is_empty(), "it answered nothing for long");
}

#[test]
fn the_dead_are_forgotten_and_the_count_is_bounded() {
    let mut child = Command::new("true").spawn().unwrap();
    let dead = child.id();
    child.wait().unwrap();
    let mut sampler = Sampler::new();
    sampler.answered(&[answer(dead, "gone")], 1);
    assert!(sampler.samples(1).is_empty());
    assert!(sampler.servers.is_empty());
    let many: Vec<Output> = (0..1000).map(|n| answer(10_000_000 + n, "x")).collect();
    sampler.answered(&many, 1);
    assert_eq!(sampler.servers.len(), COUNTED_MAX);
}
