//! The screen: header, table of edges, legend, keys.

use super::keys::App;
use super::view::{AgentLine, EdgeRow};
use super::{bar, names, request};
use crate::show::cells::{clean, duration};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Row, Table, TableState};

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, app: &App) {
    let parts = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(3),
        Constraint::Length(2),
    ]);
    let [head, body, foot] = parts.areas(frame.area());
    frame.render_widget(header(app), head);
    match app.selected_row().filter(|_| app.opened) {
        Some(row) => request::draw(frame, body, row),
        None => table(frame, body, app),
    }
    frame.render_widget(Paragraph::new(vec![bar::legend(), footer(app)]), foot);
    if app.help {
        help(frame);
    }
}

fn header(app: &App) -> Paragraph<'static> {
    let Some(view) = &app.view else {
        let text = app
            .error
            .clone()
            .unwrap_or_else(|| "waiting for the agent".into());
        return Paragraph::new(format!("forebay top: {}", clean(&text)));
    };
    let rate: f64 = view.edges.iter().map(|row| row.rate).sum();
    // Losses come early: a narrow terminal must not cut them off.
    let first = vec![
        Span::raw(format!("forebay {} · ", clean(&view.agent.version))),
        losses(&view.agent),
        Span::raw(format!(
            " · {} · last {} · up {} · {}",
            names::rate(rate),
            names::span(view.span_ns),
            names::span(view.agent.uptime_ns),
            clean(&view.agent.source)
        )),
    ];
    let mut second = vec![Span::styled(
        cost(&view.agent),
        Style::new().add_modifier(Modifier::DIM),
    )];
    if app.paused {
        second.push(Span::styled(" PAUSED", Style::new().fg(Color::Yellow)));
    }
    if let Some(error) = &app.error {
        let text = format!(" {}", clean(error));
        second.push(Span::styled(text, Style::new().fg(Color::Red)));
    }
    Paragraph::new(vec![Line::from(first), Line::from(second)])
}

/// Losses are never silent: by reason, in red.
fn losses(agent: &AgentLine) -> Span<'static> {
    let mut lost: Vec<String> = agent
        .lost
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(why, count)| format!("{} {}", names::count(*count), clean(why)))
        .collect();
    if agent.requests_in_other > 0 {
        lost.push(format!(
            "{} in other",
            names::count(agent.requests_in_other)
        ));
    }
    if lost.is_empty() {
        return Span::styled("nothing lost", Style::new().fg(Color::Green));
    }
    Span::styled(
        format!("LOST {}", lost.join(", ")),
        Style::new().fg(Color::Red),
    )
}

fn cost(agent: &AgentLine) -> String {
    let percent = |cpus: Option<f64>| {
        cpus.map_or_else(|| "?".into(), |cpus| format!("{:.1} %", cpus * 100.0))
    };
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    format!(
        "its own cost: agent {} + kernel {} of a CPU, {}",
        percent(agent.cpus),
        percent(agent.kernel_cpus),
        agent.resident_bytes.map_or_else(|| "? MiB".into(), mib)
    )
}

/// Columns of the bar in a terminal of `width`: a fifth of it.
fn bar_width(width: u16) -> u16 {
    (width / 5).clamp(8, 48)
}

fn table(frame: &mut Frame<'_>, area: Rect, app: &App) {
    let bar_width = bar_width(area.width);
    let columns = [
        Constraint::Min(16),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Length(bar_width),
        Constraint::Length(4),
        Constraint::Length(4),
        Constraint::Length(4),
    ];
    let head = [
        "EDGE", "RATE", "P50", "P99", "PHASES", "STAL", "ERR", "RETR",
    ];
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let rows = app.rows();
    let table = Table::new(rows.iter().map(|row| edge_row(row, bar_width)), columns)
        .header(Row::new(head).style(bold))
        .column_spacing(1)
        .row_highlight_style(bold.add_modifier(Modifier::UNDERLINED));
    let mut state = TableState::new().with_selected(Some(app.selected));
    frame.render_stateful_widget(table, area, &mut state);
}

fn edge_row(row: &EdgeRow, bar_width: u16) -> Row<'static> {
    let red = |n: u64| {
        let style = if n > 0 {
            Style::new().fg(Color::Red)
        } else {
            Style::new()
        };
        Line::styled(names::count(n), style).right_aligned()
    };
    let right = |text: String| Line::from(text).right_aligned();
    let name = Line::from(vec![
        Span::raw(names::edge(&row.edge)),
        Span::styled(
            format!(" {}", row.edge.role.name()),
            Style::new().add_modifier(Modifier::DIM),
        ),
    ]);
    Row::new([
        name,
        right(names::rate(row.rate)),
        right(duration(row.p50_ns)),
        right(duration(row.p99_ns)),
        bar::bar(&row.phases_ns, bar_width),
        red(row.stalls.total()),
        red(row.errors),
        red(row.retransmits),
    ])
}

fn footer(app: &App) -> Line<'static> {
    if app.typing {
        return Line::from(format!(
            "filter: {}▏ (Enter keeps, Esc clears)",
            clean(&app.filter)
        ));
    }
    let mut text = format!("q quit  s sort: {}  ", app.sort.word());
    text += &match app.filter.as_str() {
        "" => "/ filter".to_owned(),
        filter => format!("/ filter: {}", clean(filter)),
    };
    text += if app.opened {
        "  Enter back"
    } else {
        "  Enter requests"
    };
    text += if app.paused {
        "  p go on  ? help"
    } else {
        "  p pause  ? help"
    };
    Line::from(text)
}

const HELP: [&str; 15] = [
    "A row is a service edge: who asks whom, for what.",
    "RATE requests a second    P50 P99 duration",
    "PHASES where the time of its requests went:",
    "  c client      the client's own time while it writes",
    "  q send_queue  waiting in the sender's stack",
    "  w wire        travelling, losses included",
    "  r recv_queue  arrived, not yet read",
    "  S server      the server's work to its first byte",
    "  t stream      first to last byte of the response",
    "  ? remote      far side, not split",
    "STAL stalls  ERR failures  RETR segments sent again",
    "",
    "q quit   s next order   / filter   p pause",
    "up down j k select   Enter slowest requests",
    "Esc back, or clears the filter",
];

fn help(frame: &mut Frame<'_>) {
    let width = 56.min(frame.area().width);
    let height = (HELP.len() as u16 + 2).min(frame.area().height);
    let area = frame
        .area()
        .centered(Constraint::Length(width), Constraint::Length(height));
    let lines: Vec<Line<'_>> = HELP.into_iter().map(Line::from).collect();
    frame.render_widget(Clear, area);
    frame.render_widget(
        Paragraph::new(lines).block(Block::bordered().title(" help ")),
        area,
    );
}
