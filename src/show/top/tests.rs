//! The screen at 80x24 and wider, its keys, and its safety.

use super::bar::bar;
use super::draw::draw;
use super::keys::App;
use super::*;
use forebay_core::decode::Role;
use forebay_core::exchange::record::{Evidence, Phases};
use forebay_core::explain::EdgeKey;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;

const MS: u64 = 1_000_000;

fn row(client: &str, server: &str, role: Role, p50_ms: u64, phases_ns: Phases) -> EdgeRow {
    EdgeRow {
        edge: EdgeKey {
            client: client.into(),
            server: server.into(),
            protocol: "http".into(),
            role,
        },
        requests: 60,
        rate: 6.0,
        p50_ns: p50_ms * MS,
        p99_ns: p50_ms * 3 * MS,
        duration_ns: p50_ms * 60 * MS,
        phases_ns,
        evidence: Evidence::Exact,
        stalls: Stalls::default(),
        first_chunk_p50_ns: None,
        errors: 0,
        retransmits: 0,
        slowest: vec![SlowRequest {
            id: "00000000000000aa".into(),
            ts: "2026-01-02T03:04:05.678901234Z".into(),
            op: "POST /v1/chat/completions".into(),
            status: Some("200".into()),
            duration_ns: p50_ms * 3 * MS,
            phases_ns,
            evidence: Evidence::Exact,
        }],
    }
}

fn view() -> TopView {
    let model = Phases {
        wire: 10,
        server: 300,
        stream: 690,
        ..Phases::default()
    };
    let search = Phases {
        recv_queue: 410,
        server: 590,
        ..Phases::default()
    };
    let mut generation = row("rag-app", "llama-server", Role::Model, 900, model);
    generation.stalls = Stalls {
        engine: 3,
        wire: 1,
        reader: 0,
    };
    generation.first_chunk_p50_ns = Some(310 * MS);
    let mut retrieval = row("rag-app", "pgvector", Role::VectorSearch, 10, search);
    (retrieval.errors, retrieval.retransmits, retrieval.rate) = (2, 12_345, 60.0);
    TopView {
        span_ns: 10_000_000_000,
        agent: AgentLine {
            version: "0.1.0".into(),
            source: "kernel".into(),
            uptime_ns: 310_000_000_000,
            cpus: Some(0.004),
            resident_bytes: Some(31 << 20),
            ..AgentLine::default()
        },
        edges: vec![generation, retrieval],
    }
}

fn app() -> App {
    let mut app = App::default();
    app.fetched(Ok(view()));
    app
}

fn press(app: &mut App, keys: &[KeyCode]) -> bool {
    let mut stays = true;
    for code in keys {
        stays = app.key(KeyEvent::new(*code, KeyModifiers::NONE));
    }
    stays
}

fn screen(app: &App, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, app)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let line = |y| {
        (0..width)
            .map(|x| buffer[(x, y)].symbol().to_owned())
            .collect::<String>()
    };
    (0..height).map(|y| line(y).trim_end().to_owned()).collect()
}

#[test]
fn shows_the_edges_at_80_by_24() {
    let lines = screen(&app(), 80, 24);
    let want = [
        "forebay 0.1.0 · kernel · up 5m 10s · 66.0/s · last 10s · nothing lost",
        "its own cost: agent 0.4 % + kernel ? of a CPU, 31 MiB",
    ];
    assert_eq!(lines[..2], want);
    assert!(
        lines[2].starts_with("EDGE") && lines[2].ends_with("STAL ERR  RETR"),
        "{}",
        lines[2]
    );
    assert!(
        lines[3].starts_with("rag-app → llama-server"),
        "{}",
        lines[3]
    );
    assert!(
        lines[3].contains("6.00/s  900ms  2.70s SSSSSttttttttttt    4    ·    ·"),
        "{}",
        lines[3]
    );
    assert!(
        lines[4].contains("60.0/s 10.0ms 30.0ms rrrrrrrSSSSSSSSS    ·    2  12k"),
        "{}",
        lines[4]
    );
    assert!(
        lines[22].starts_with("c client  q send_queue") && lines[22].ends_with("? remote"),
        "{}",
        lines[22]
    );
    assert!(lines[23].starts_with("q quit  s sort: time  / filter  Enter requests"));
}

#[test]
fn bars_are_coloured_and_as_wide_as_asked() {
    let phases = Phases {
        send_queue: 1,
        wire: 1,
        recv_queue: 1,
        server: 6,
        ..Phases::default()
    };
    for width in 0..50 {
        assert_eq!(bar(&phases, width).width(), usize::from(width));
    }
    assert_eq!(bar(&Phases::default(), 10).width(), 0);
    let colours: Vec<_> = bar(&phases, 9)
        .spans
        .iter()
        .map(|span| span.style.bg)
        .collect();
    let want = [Color::Yellow, Color::Blue, Color::Magenta, Color::Green].map(Some);
    assert_eq!(colours, want);
}

#[test]
fn sorting_cycles_and_the_selection_stays_with_its_edge() {
    let mut app = app();
    assert_eq!(&*app.rows()[0].edge.server, "llama-server");
    press(&mut app, &[KeyCode::Char('s')]);
    assert_eq!(&*app.rows()[0].edge.server, "pgvector");
    assert_eq!(app.selected, 0);
    let mut faster = view();
    faster.edges[0].rate = 1000.0;
    app.fetched(Ok(faster));
    assert_eq!(&*app.selected_row().unwrap().edge.server, "pgvector");
    press(&mut app, &[KeyCode::Char('s'); 5]);
    assert_eq!(app.sort, super::rows::Sort::Time);
}

#[test]
fn the_filter_is_typed_kept_and_cleared() {
    let mut app = app();
    press(
        &mut app,
        &[KeyCode::Char('/'), KeyCode::Char('P'), KeyCode::Char('g')],
    );
    assert!(screen(&app, 80, 24)[23].starts_with("filter: Pg"));
    // While typing, letters are letters.
    press(
        &mut app,
        &[
            KeyCode::Backspace,
            KeyCode::Char('q'),
            KeyCode::Backspace,
            KeyCode::Char('g'),
        ],
    );
    assert!(press(&mut app, &[KeyCode::Enter]));
    assert_eq!(app.rows().len(), 1);
    press(&mut app, &[KeyCode::Esc]);
    assert_eq!(app.rows().len(), 2);
    press(
        &mut app,
        &[
            KeyCode::Char('/'),
            KeyCode::Char('v'),
            KeyCode::Char('e'),
            KeyCode::Char('c'),
            KeyCode::Enter,
        ],
    );
    assert_eq!(app.rows().len(), 1, "roles match too: vector_search");
}

#[test]
fn pausing_holds_the_view() {
    let mut app = app();
    press(&mut app, &[KeyCode::Char('p')]);
    app.fetched(Ok(TopView::default()));
    assert_eq!(app.rows().len(), 2);
    assert!(screen(&app, 80, 24)[1].ends_with("PAUSED"));
    press(&mut app, &[KeyCode::Char('p')]);
    app.fetched(Ok(TopView::default()));
    assert_eq!((app.rows().len(), app.selected), (0, 0));
}

#[test]
fn enter_shows_the_slowest_requests() {
    let mut app = app();
    press(&mut app, &[KeyCode::Down, KeyCode::Enter]);
    let lines = screen(&app, 80, 24);
    assert_eq!(lines[2], "rag-app → pgvector · slowest requests");
    assert_eq!(
        lines[5],
        "30.0ms 03:04:05.678 POST /v1/chat/completions 200 [00000000000000aa]"
    );
    assert!(
        lines[6].starts_with("rrrr") && lines[6].len() == 80,
        "{}",
        lines[6]
    );
    assert_eq!(lines[7], "recv_queue 410ns, server 590ns (exact)");
    press(&mut app, &[KeyCode::Enter]);
    assert!(!app.opened);
}

#[test]
fn help_covers_and_leaves() {
    let mut app = app();
    press(&mut app, &[KeyCode::Char('?')]);
    assert!(
        screen(&app, 80, 24)
            .iter()
            .any(|line| line.contains("arrived, not yet read"))
    );
    press(&mut app, &[KeyCode::Esc]);
    assert!(!app.help);
}

#[test]
fn quits_by_q_and_by_control_c_even_while_typing() {
    let mut app = app();
    assert!(!press(&mut app, &[KeyCode::Char('q')]));
    press(&mut app, &[KeyCode::Char('/')]);
    assert!(!app.key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
}

#[test]
fn losses_and_failures_are_on_the_screen() {
    let mut lossy = view();
    lossy.agent.lost.insert("ring_full".into(), 17);
    lossy.agent.requests_in_other = 3;
    let mut app = App::default();
    assert!(screen(&app, 80, 24)[0].contains("waiting for the agent"));
    app.fetched(Ok(lossy));
    app.fetched(Err("the agent is gone".into()));
    let lines = screen(&app, 100, 24);
    assert!(
        lines[0].ends_with("LOST 17 ring_full, 3 in other"),
        "{}",
        lines[0]
    );
    assert!(lines[1].ends_with("the agent is gone"), "{}", lines[1]);
}

#[test]
fn draws_in_any_size_and_names_cannot_steer_the_terminal() {
    let mut odd = view();
    odd.edges[0].edge.client = "\u{1b}[2J\u{202e}evil".into();
    let mut app = App::default();
    app.fetched(Ok(odd));
    for (width, height) in [(1, 1), (20, 5), (80, 24), (300, 80)] {
        for opened in [false, true] {
            for help in [false, true] {
                (app.opened, app.help) = (opened, help);
                let text = screen(&app, width, height).join("");
                assert!(!text.contains(['\u{1b}', '\u{202e}']));
            }
        }
    }
}

#[test]
fn the_view_survives_json() {
    let json = serde_json::to_string(&view()).unwrap();
    assert_eq!(serde_json::from_str::<TopView>(&json).unwrap(), view());
}
