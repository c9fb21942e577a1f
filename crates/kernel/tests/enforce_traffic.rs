//! Real traffic between network namespaces, judged by tables: who is refused learns it at once, and why.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;
#[path = "stage/actor.rs"]
mod stage_actor;

use forebay_core::policy::read::Files;
use forebay_core::policy::table::{Reason, UNDECIDED};
use forebay_core::policy::{Answers, Direction, Judge, Policies, Settings, Table, World};
use forebay_kernel::{Denial, Enforce, EnforceError, cgroup_id};
use stage::{Actor, Group, cable, namespace};
use std::fs::File;
use std::path::Path;
use std::time::Duration;

const EPERM: &str = "1";
const ECONNREFUSED: &str = "111";
/// Far below any time-out, far above what it takes.
const AT_ONCE: Duration = Duration::from_millis(100);

const FILES: &str = "
apiVersion: forebay.dev/v1alpha1
kind: Inventory
workloads:
- {namespace: rag, name: api, labels: {app: api}, addresses: [10.77.1.1, 'fd77:1::1', 10.77.2.1]}
- {namespace: rag, name: qdrant, labels: {app: qdrant}, addresses: [10.77.1.2, 'fd77:1::2'],
   ports: [{name: grpc, port: 6334}]}
- {namespace: shop, name: db, labels: {app: db}, addresses: [10.77.2.2]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: rag, name: api-out}
spec:
  podSelector: {matchLabels: {app: api}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: qdrant}}}]
    ports: [{port: 6333}, {port: 6333, protocol: UDP}, {port: grpc}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {namespace: rag, name: qdrant-in}
spec:
  podSelector: {matchLabels: {app: qdrant}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: 6333}, {port: 6333, protocol: UDP}, {port: 6334}]
";

/// Run by the tests themselves, with orders on standard input.
#[test]
#[ignore = "not a test: what the tests make their actors of"]
fn actor() {
    stage_actor::follow();
}

fn files() -> Files {
    let mut files = Files::default();
    files.add("the test", FILES);
    files.finish();
    assert_eq!(files.counts().0, 0, "{:#?}", files.problems());
    files
}

fn table(world: &World, policies: &Policies) -> Table {
    let answers = Answers::default();
    Table::compile(
        &Judge::new(policies, world, &answers, Settings::default()),
        None,
    )
}

/// Namespaces, control groups, who is in them, and the table in force.
struct Scene {
    enforce: Enforce,
    table: Table,
    files: Files,
    api: Actor,
    qdrant: Actor,
    /// In api's namespace, in a control group that nobody knows.
    free: Actor,
    _db: Actor,
    bound: Vec<(u64, u32)>,
    net: [File; 3],
    // Dropped last, when everybody has gone.
    group: Group,
}

fn scene(name: &str) -> Scene {
    let group = Group::new(name);
    let (api_group, qdrant_group) = (group.below("api"), group.below("qdrant"));
    let net = [namespace(), namespace(), namespace()];
    cable(
        1,
        [
            (&net[0], &["10.77.1.1/24", "fd77:1::1/64"]),
            (&net[1], &["10.77.1.2/24", "fd77:1::2/64"]),
        ],
    );
    cable(
        2,
        [(&net[0], &["10.77.2.1/24"]), (&net[2], &["10.77.2.2/24"])],
    );
    let files = files();
    let table = table(&files.world, &files.policies);
    let of = |path: &Path, name| {
        (
            cgroup_id(path).unwrap(),
            table.workload("rag", name).unwrap(),
        )
    };
    let bound = vec![of(&api_group, "api"), of(&qdrant_group, "qdrant")];
    let mut enforce = Enforce::load().unwrap();
    enforce.install(&table, &bound).unwrap();
    enforce.attach_cgroup(&group.0).unwrap();
    enforce.attach_netns(&net[1]).unwrap();
    // One below: whoever is under a workload's control group belongs to it.
    let mut scene = Scene {
        api: Actor::new(&group.below("api/inner"), &net[0]),
        qdrant: Actor::new(&qdrant_group, &net[1]),
        free: Actor::new(&group.below("free"), &net[0]),
        _db: Actor::new(&group.below("db"), &net[2]),
        enforce,
        table,
        files,
        bound,
        net,
        group,
    };
    for port in [6333, 6334, 6335] {
        assert_eq!(scene.qdrant.does(&format!("listen [::]:{port}")).0, "ok");
    }
    assert_eq!(scene._db.does("listen 10.77.2.2:5432").0, "ok");
    assert_eq!(scene.free.does("listen 10.77.1.1:7000").0, "ok");
    scene
}

impl Scene {
    /// The only denial since the last question: its direction, and the reason in words.
    fn denial(&mut self) -> (Denial, String) {
        let all = self.enforce.denials();
        assert_eq!(all.len(), 1, "{all:#?}");
        assert_eq!(all[0].revision, self.enforce.revision());
        (
            all[0],
            self.table.reason(all[0].reason).unwrap().to_string(),
        )
    }
}

#[test]
fn a_refused_sender_gets_an_errno_at_once_and_the_operator_a_reason() {
    let mut scene = scene("out");
    for order in [
        "tcp 10.77.1.2:6333",
        "tcp [fd77:1::2]:6333",
        "tcp [::ffff:10.77.1.2]:6333",
        "tcp 10.77.1.2:6334",
        "udp 10.77.1.2:6333",
        "datagram 10.77.1.2:6333",
        "datagram [fd77:1::2]:6333",
        "datagram [::ffff:10.77.1.2]:6333",
    ] {
        assert_eq!(scene.api.does(order).0, "ok", "{order}");
        assert_eq!(scene.enforce.denials(), [], "{order}");
    }
    let api = scene.table.workload("rag", "api").unwrap();
    let mut times = Vec::new();
    for (order, port) in [
        ("tcp 10.77.1.2:6335", 6335),
        ("tcp 10.77.2.2:5432", 5432),
        ("tcp [fd77:1::2]:6335", 6335),
        ("udp 10.77.2.9:9", 9),
        ("datagram 10.77.2.10:53", 53),
        ("datagram [fd77:1::9]:53", 53),
        ("tcp [::ffff:10.77.1.77]:6333", 6333),
        ("datagram [::ffff:10.77.1.78]:6333", 6333),
    ] {
        let (answer, time) = scene.api.does(order);
        assert_eq!(answer, EPERM, "{order}");
        assert!(time < AT_ONCE, "{order}: {time:?}");
        times.push(time);
        let (denial, why) = scene.denial();
        assert_eq!(
            (denial.workload, denial.port, denial.count),
            (api, port, 1),
            "{order}"
        );
        assert_eq!(denial.direction, Direction::Egress);
        assert!(
            denial.peer.is_ipv4() || order.contains("[fd"),
            "{order}: {}",
            denial.peer
        );
        assert_eq!(
            why,
            "isolated by NetworkPolicy rag/api-out, and no rule matched"
        );
    }
    times.sort();
    println!(
        "from the call to its errno: median {:?}, most {:?}",
        times[times.len() / 2],
        times.last()
    );
    // The host's own loopback is never in the way: nobody listens there.
    assert_eq!(scene.api.does("tcp 127.0.0.1:9").0, ECONNREFUSED);
    // Whom no table knows goes his way.
    assert_eq!(scene.free.does("tcp 10.77.2.2:5432").0, "ok");
    assert_eq!(scene.enforce.denials(), []);
    assert!(scene.enforce.tally().unmanaged > 0);
}

#[test]
fn denials_of_a_kind_are_told_once_and_counted() {
    let mut scene = scene("often");
    scene.enforce.refuse_with(libc::ECONNREFUSED);
    for _ in 0..50 {
        assert_eq!(scene.api.does("tcp 10.77.2.2:5432").0, ECONNREFUSED);
    }
    assert_eq!(scene.denial().0.count, 1);
    let tally = scene.enforce.tally();
    assert_eq!(
        (tally.denied, tally.held_back, tally.ring_full),
        (50, 49, 0)
    );
    std::thread::sleep(Duration::from_millis(1100));
    scene.api.does("tcp 10.77.2.2:5432");
    assert_eq!(scene.denial().0.count, 50);
}

#[test]
fn what_arrives_is_refused_with_an_answer_and_answers_are_let_in() {
    let mut scene = scene("in");
    for order in [
        "tcp 10.77.1.2:6333",
        "tcp [fd77:1::2]:6333",
        "udp 10.77.1.2:6333",
    ] {
        assert_eq!(scene.free.does(order).0, "ok", "{order}");
        assert_eq!(scene.enforce.denials(), [], "{order}");
    }
    let qdrant = scene.table.workload("rag", "qdrant").unwrap();
    for (order, port) in [("tcp 10.77.1.2:6335", 6335), ("tcp [fd77:1::2]:6336", 6336)] {
        let (answer, time) = scene.free.does(order);
        assert_eq!(answer, ECONNREFUSED, "{order}");
        assert!(time < AT_ONCE, "{order}: {time:?}");
        let (denial, why) = scene.denial();
        assert_eq!((denial.workload, denial.port), (qdrant, port), "{order}");
        assert_eq!(
            (denial.direction, denial.cgroup_id),
            (Direction::Ingress, 0)
        );
        assert_eq!(
            why,
            "isolated by NetworkPolicy rag/qdrant-in, and no rule matched"
        );
    }
    // Over UDP the refusal is an ICMP message, which a connected socket hears of.
    std::thread::sleep(Duration::from_millis(1100));
    let (answer, time) = scene.free.does("udp 10.77.1.2:6335");
    assert_eq!(answer, ECONNREFUSED);
    assert!(time < AT_ONCE, "{time:?}");
    assert_eq!(scene.denial().0.port, 6335);
    // qdrant lets nobody in on such a port, but it has asked.
    let before = scene.enforce.tally().answered;
    assert_eq!(scene.qdrant.does("datagram 10.77.1.1:7000").0, "ok");
    assert_eq!(scene.enforce.tally().answered, before + 1);
    assert_eq!(scene.enforce.denials(), []);
}

#[test]
fn tables_change_at_once_and_who_is_undecided_waits() {
    let mut scene = scene("change");
    assert_eq!(scene.api.does("tcp 10.77.2.2:5432").0, EPERM);
    let none = table(&scene.files.world, &Policies::default());
    scene.enforce.install(&none, &scene.bound).unwrap();
    assert_eq!(scene.api.does("tcp 10.77.2.2:5432").0, "ok");
    assert_eq!(scene.free.does("tcp 10.77.1.2:6335").0, "ok");
    scene.enforce.install(&scene.table, &scene.bound).unwrap();
    assert_eq!(scene.api.does("tcp 10.77.2.2:5432").0, EPERM);
    scene.enforce.denials();

    let group = scene.group.below("new");
    let mut new = Actor::new(&group, &scene.net[0]);
    let id = cgroup_id(&group).unwrap();
    scene.enforce.bind(id, UNDECIDED).unwrap();
    assert_eq!(new.does("tcp 10.77.1.2:6333").0, EPERM);
    let (denial, _) = scene.denial();
    assert_eq!(
        (denial.cgroup_id, scene.table.reason(denial.reason)),
        (id, Some(Reason::Pending))
    );
    let api = scene.table.workload("rag", "api").unwrap();
    scene.enforce.bind(id, api).unwrap();
    assert_eq!(new.does("tcp 10.77.1.2:6333").0, "ok");
}

/// Both tables say the same of the same names, but no number in them is the same: a verdict by parts of
/// both would be another one.
#[test]
fn no_flow_is_judged_by_parts_of_two_tables() {
    let mut scene = scene("swap");
    let mut turned = scene.files.world.clone();
    turned.workloads.reverse();
    turned.workloads.rotate_left(1);
    let other = table(&turned, &scene.files.policies);
    let names = ["api", "qdrant"];
    let bound = |table: &Table| -> Vec<(u64, u32)> {
        let each = scene.bound.iter().zip(names);
        each.map(|((id, _), name)| (*id, table.workload("rag", name).unwrap()))
            .collect()
    };
    let tables = [(&other, bound(&other)), (&scene.table, bound(&scene.table))];
    assert!(
        tables[0]
            .1
            .iter()
            .zip(&tables[1].1)
            .all(|(one, two)| one.1 != two.1)
    );
    let mut second = Actor::new(&scene.group.below("api/second"), &scene.net[0]);
    let (api, enforce) = (&mut scene.api, &mut scene.enforce);
    let mut swaps = 0;
    std::thread::scope(|scope| {
        let never = scope.spawn(|| api.does("never 10.77.2.2:5432").0);
        let always = scope.spawn(|| second.does("always 10.77.1.2:6333").0);
        while !never.is_finished() || !always.is_finished() {
            for (table, bound) in &tables {
                enforce.install(table, bound).unwrap();
                swaps += 1;
            }
        }
        assert_eq!(never.join().unwrap(), "ok");
        assert_eq!(always.join().unwrap(), "ok");
    });
    println!("{swaps} changes, {:?}", enforce.tally());
    assert!(swaps >= 10, "{swaps} changes");
}

#[test]
fn the_host_itself_is_never_policed() {
    let group = Group::new("guard");
    let root = group.0.parent().unwrap();
    let mut enforce = Enforce::load().unwrap();
    assert!(matches!(
        enforce.attach_cgroup(root),
        Err(EnforceError::Root)
    ));
    let own = File::open("/proc/self/ns/net").unwrap();
    assert!(matches!(
        enforce.attach_netns(&own),
        Err(EnforceError::HostNetwork)
    ));
    let missing = enforce.attach_cgroup(Path::new("/nowhere"));
    assert!(missing.unwrap_err().to_string().contains("/nowhere"));
}

/// Connect, an answer, close: without and with the programs, in turns. Prints figures:
/// `cargo test -p forebay-kernel --features kernel --test enforce_traffic -- --ignored --nocapture figures`.
#[test]
#[ignore = "a measurement"]
fn figures_of_cost() {
    // Dropped in the other order: actors before their control groups.
    let mut scene = scene("cost");
    let mut many = |judged: bool| {
        scene.enforce.detach();
        if judged {
            scene.enforce.attach_cgroup(&scene.group.0).unwrap();
            scene.enforce.attach_netns(&scene.net[1]).unwrap();
        }
        let before = scene.enforce.tally().allowed;
        let (answer, time) = scene.api.does("many 10.77.1.2:6333");
        assert_eq!(answer, "ok");
        // Out and in, each once.
        let expected = if judged { 4000 } else { 0 };
        assert_eq!(scene.enforce.tally().allowed - before, expected);
        time
    };
    let round = |number| {
        if number % 2 == 0 {
            let bare = many(false);
            return (bare, many(true));
        }
        let judged = many(true);
        (many(false), judged)
    };
    let rounds: Vec<_> = (0..40).map(round).collect();
    let ratio = |(bare, judged): &(Duration, Duration)| judged.as_secs_f64() / bare.as_secs_f64();
    let mut ratios: Vec<f64> = rounds.iter().map(ratio).collect();
    ratios.sort_by(f64::total_cmp);
    let least = rounds.iter().map(|round| round.0 / 2000).min().unwrap();
    let median = ratios[ratios.len() / 2];
    println!(
        "connect, answer, close: {least:?} bare at best; judged {median:.3} x, of {ratios:.2?}"
    );
}
