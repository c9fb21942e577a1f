//! The network harness: links behave, wire times agree with tcpdump, nothing stays behind.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use forebay_rig::client::{Ask, ClientConfig, run};
use forebay_rig::net::{Netns, Shape, Tunnel, Veth, leftovers};
use forebay_rig::server::{Server, ServerConfig};
use forebay_rig::stamp::{ClientLine, ServerLine};
use forebay_rig::tools::run_line;
use forebay_rig::truth::{Points, true_stalls};
use std::io::Read;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::Duration;

const MS: u64 = 1_000_000;

fn between(
    client: &Netns,
    server: &Netns,
    at: IpAddr,
    with: impl FnOnce(&mut ClientConfig) + Send,
    during: impl FnOnce(),
) -> (Vec<ClientLine>, Vec<ServerLine>) {
    let server = server
        .run(|| Server::bind((at, 0).into(), ServerConfig::default()).unwrap())
        .unwrap();
    let mut config = ClientConfig::new(server.addr());
    with(&mut config);
    let lines = std::thread::scope(|scope| {
        let lines = scope.spawn(|| client.run(|| run(&config).unwrap()).unwrap());
        during();
        lines.join().unwrap()
    });
    (lines, server.stop())
}

fn points(client: &[ClientLine], server: &[ServerLine]) -> Vec<Points> {
    assert_eq!(client.len(), server.len(), "{client:?}");
    client
        .iter()
        .map(|line| {
            Points::new(
                line,
                server.iter().find(|other| other.id == line.id).unwrap(),
            )
            .unwrap()
        })
        .collect()
}

fn median(all: &[Points], what: impl Fn(&Points) -> u64) -> u64 {
    let mut seen: Vec<u64> = all.iter().map(what).collect();
    seen.sort_unstable();
    seen[seen.len() / 2]
}

#[test]
fn veth_carries_both_families_and_a_throttle_holds_the_body() {
    let link = Veth::new().unwrap();
    for at in [link.server_v4(), link.server_v6()] {
        let (client, server) = between(
            &link.client,
            &link.server,
            at,
            |config| config.requests = 20,
            || {},
        );
        assert!(median(&points(&client, &server), |p| p.network_ns()) < MS);
    }
    link.throttle(&link.client, "rate 80mbit burst 16kb latency 2s")
        .unwrap();
    let body = Ask {
        body_bytes: 1_000_000,
        ..Ask::default()
    };
    let (client, server) = between(
        &link.client,
        &link.server,
        link.server_v4(),
        |config| config.asks = vec![body],
        || {},
    );
    let all = points(&client, &server);
    // 1 MB at 80 Mbit/s takes 100 ms, most of it in the sender's TCP, the rest in the qdisc.
    assert!(
        (90 * MS..300 * MS).contains(&all[0].network_ns()),
        "{:?}",
        all[0]
    );
    assert!(
        all[0].phases().unwrap().send_queue > 50 * MS,
        "{:?}",
        all[0].phases()
    );
}

#[test]
fn tunnel_delays_and_loses() {
    let link = Tunnel::new().unwrap();
    link.shape_requests(Shape {
        delay_us: 10_000,
        loss_ppm: 0,
    })
    .unwrap();
    link.shape_responses(Shape {
        delay_us: 3_000,
        loss_ppm: 0,
    })
    .unwrap();
    for at in [link.server_v4(), link.server_v6()] {
        let (client, server) = between(
            &link.client,
            &link.server,
            at,
            |config| config.requests = 20,
            || {},
        );
        let wire = median(&points(&client, &server), |p| p.phases().unwrap().wire);
        assert!((13 * MS..15 * MS).contains(&wire), "{wire}");
    }
    link.shape_requests(Shape {
        delay_us: 1_000,
        loss_ppm: 100_000,
    })
    .unwrap();
    let (client, server) = between(
        &link.client,
        &link.server,
        link.server_v4(),
        |config| config.requests = 100,
        || {},
    );
    let slow = points(&client, &server)
        .iter()
        .filter(|p| p.network_ns() > 8 * MS)
        .count();
    assert!(
        (2..60).contains(&slow),
        "a tenth of the packets is lost, {slow} of 100 requests were slow"
    );
}

#[test]
fn a_held_link_makes_one_wire_stall() {
    let link = Tunnel::new().unwrap();
    let plan = Ask {
        plan: "tokens=40x10ms".into(),
        ..Ask::default()
    };
    let hold = || {
        std::thread::sleep(Duration::from_millis(250));
        link.shape_responses(Shape {
            delay_us: 150_000,
            loss_ppm: 0,
        })
        .unwrap();
        std::thread::sleep(Duration::from_millis(15));
        link.shape_responses(Shape::default()).unwrap();
    };
    let (client, server) = between(
        &link.client,
        &link.server,
        link.server_v4(),
        |config| config.asks = vec![plan],
        hold,
    );
    let stalls = true_stalls(&client[0], &server[0]);
    assert_eq!(
        stalls.iter().map(|stall| stall.cause()).collect::<Vec<_>>(),
        ["wire"],
        "{stalls:?}"
    );
}

/// Times of packets with payload from or to the server's port, in seconds of the wall clock.
fn dump(netns: &Netns, port: u16, work: impl FnOnce()) -> Vec<(bool, u64)> {
    let filter = format!("tcp port {port} and greater 100");
    let mut child = netns
        .command("tcpdump")
        .args([
            "-i",
            "fb0",
            "-n",
            "-tt",
            "--nano",
            "-l",
            "-q",
            "--immediate-mode",
            &filter,
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(1000));
    work();
    std::thread::sleep(Duration::from_millis(500));
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(child.id() as i32),
        nix::sys::signal::Signal::SIGINT,
    )
    .unwrap();
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    child.wait().unwrap();
    let stamp = |word: &str| {
        word.split_once('.')
            .map(|(s, ns)| s.parse::<u64>().unwrap() * 1_000_000_000 + ns.parse::<u64>().unwrap())
    };
    text.lines()
        .filter(|line| line.contains("tcp ") && !line.contains("tcp 0"))
        .filter_map(|line| {
            Some((
                line.contains(&format!(".{port}: ")),
                stamp(line.split(' ').next()?)?,
            ))
        })
        .collect()
}

#[test]
fn wire_times_agree_with_tcpdump() {
    let link = Veth::new().unwrap();
    let server = link
        .server
        .run(|| Server::bind((link.server_v4(), 0).into(), ServerConfig::default()).unwrap())
        .unwrap();
    let ask = Ask {
        plan: "think=2ms,size=200".into(),
        ..Ask::default()
    };
    let config = ClientConfig {
        requests: 50,
        asks: vec![ask],
        ..ClientConfig::new(server.addr())
    };
    let mut client = Vec::new();
    let seen = dump(&link.client, server.addr().port(), || {
        client = link.client.run(|| run(&config).unwrap()).unwrap()
    });
    let lines = server.stop();
    let offset = forebay_rig::clock::realtime_offset_ns();
    let times = |requests: bool| {
        seen.iter()
            .filter(move |(to, _)| *to == requests)
            .map(move |(_, at)| at - offset)
            .collect::<Vec<_>>()
    };
    let (out, back) = (times(true), times(false));
    assert_eq!((out.len(), back.len()), (50, 50), "tcpdump saw {seen:?}");
    let (mut departures, mut arrivals) = (Vec::new(), Vec::new());
    for (n, p) in points(&client, &lines).iter().enumerate() {
        departures.push(out[n].abs_diff(p.c1.unwrap()));
        arrivals.push(back[n].abs_diff(p.c2));
    }
    departures.sort_unstable();
    arrivals.sort_unstable();
    println!(
        "departure against tcpdump: p50 {} ns, max {} ns; arrival: p50 {} ns, max {} ns",
        departures[25], departures[49], arrivals[25], arrivals[49]
    );
    assert!(
        departures[25] < 20_000 && arrivals[25] < 20_000,
        "{departures:?} {arrivals:?}"
    );
}

#[test]
fn nothing_stays_behind() {
    let inside = std::thread::spawn(|| {
        let link = Tunnel::new().unwrap();
        let names = [link.client.name().to_owned(), link.server.name().to_owned()];
        assert!(names.iter().all(|name| leftovers().contains(name)));
        let pid = link.client.command("sleep").arg("0").status().unwrap();
        assert!(pid.success());
        std::panic::panic_any(names);
    });
    let names = *inside
        .join()
        .unwrap_err()
        .downcast::<[String; 2]>()
        .unwrap();
    assert!(
        names.iter().all(|name| !leftovers().contains(name)),
        "{:?}",
        leftovers()
    );
}

#[test]
fn errors_name_the_namespace_and_the_command() {
    let netns = Netns::new().unwrap();
    let error = netns
        .tc("qdisc add dev nowhere root tbf rate 1mbit burst 1kb latency 1s")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(netns.name()) && error.contains("tc -n") && error.contains("nowhere"),
        "{error}"
    );
}

#[test]
fn namespaces_of_dead_processes_are_swept() {
    // No process has this id: it is above the kernel's largest, 2^22.
    let name = "fbt-9999999-0";
    let _ = run_line(name, &format!("ip netns del {name}"));
    run_line(name, &format!("ip netns add {name}")).unwrap();
    let own = std::env::current_exe().unwrap();
    // Another process, because each sweeps once.
    run_line(
        "sweep",
        &format!(
            "{} --exact errors_name_the_namespace_and_the_command",
            own.display()
        ),
    )
    .unwrap();
    assert!(!std::path::Path::new("/run/netns").join(name).exists());
}
