//! The slowest requests of one edge, each with its own bar.

use super::view::{EdgeRow, SlowRequest};
use super::{bar, names};
use crate::show::cells::{clean, duration};
use forebay_core::exchange::record::Evidence;
use forebay_core::explain::finding::evidence_word;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

/// Draws the edge's own line, then lines for each request.
pub fn draw(frame: &mut Frame<'_>, area: Rect, row: &EdgeRow) {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut lines = vec![
        Line::styled(
            format!("{} · slowest requests", names::edge(&row.edge)),
            bold,
        ),
        Line::from(summary(row)),
        Line::default(),
    ];
    if row.slowest.is_empty() {
        lines.push(Line::from("none of them is kept any more"));
    }
    for request in &row.slowest {
        lines.extend(lines_of(request, area.width));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn summary(row: &EdgeRow) -> String {
    let first = row
        .first_chunk_p50_ns
        .map(|ns| format!(", first chunk {}", duration(ns)));
    format!(
        "{} requests ({}), p50 {}, p99 {}{}, stalls by engine {} wire {} reader {}",
        row.requests,
        evidence_word(row.evidence),
        duration(row.p50_ns),
        duration(row.p99_ns),
        first.unwrap_or_default(),
        row.stalls.engine,
        row.stalls.wire,
        row.stalls.reader
    )
}

fn lines_of(request: &SlowRequest, width: u16) -> [Line<'static>; 4] {
    let status = request.status.as_deref().unwrap_or("-");
    let time = request.ts.get(11..23).unwrap_or(&request.ts);
    let evidence: Evidence = request.evidence;
    let head = format!(
        "{} {} {} {} [{}]",
        duration(request.duration_ns),
        clean(time),
        clean(&request.op),
        clean(status),
        clean(&request.id)
    );
    let phases = request.phases_ns.named();
    let told: Vec<String> = phases
        .into_iter()
        .filter(|(_, ns)| *ns > 0)
        .map(|(name, ns)| format!("{name} {}", duration(ns)))
        .collect();
    [
        Line::from(head),
        bar::bar(&request.phases_ns, width),
        Line::styled(
            format!("{} ({})", told.join(", "), evidence_word(evidence)),
            Style::new().add_modifier(Modifier::DIM),
        ),
        Line::default(),
    ]
}
