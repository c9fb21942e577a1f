//! One record against one request.

use super::join::Pair;
use super::stalls::{partners, true_gaps, true_stalls};
use super::{Bounds, Points, Report, record::GapSplit};

pub(super) fn compare(pair: &Pair<'_>, bounds: &Bounds, report: &mut Report) {
    if pair.client.error.is_none() {
        bytes(pair, report);
    }
    let Some(points) = pair
        .server
        .and_then(|server| Points::new(pair.client, server))
    else {
        report.without_points += 1;
        return;
    };
    phases(pair, &points, bounds, report);
    if pair.client.chunks.is_empty() {
        return;
    }
    stream(pair, &points, bounds, report);
}

fn bytes(pair: &Pair<'_>, report: &mut Report) {
    let seen = pair.record.bytes;
    if (seen.request, seen.response) != (pair.client.request_bytes, pair.client.response_bytes) {
        report.bytes_wrong += 1;
        report.example(format!(
            "{}: {} + {} bytes, recorded {} + {}",
            pair.client.id,
            pair.client.request_bytes,
            pair.client.response_bytes,
            seen.request,
            seen.response
        ));
    }
}

fn phases(pair: &Pair<'_>, points: &Points, bounds: &Bounds, report: &mut Report) {
    let seen = pair.record.phases_ns;
    let id = &pair.client.id;
    let mut note = |name, truth, seen| report.note(name, id, truth, seen, bounds);
    match pair.record.side.as_str() {
        "both" => {
            note("duration", points.duration_ns(), pair.record.duration_ns);
            note("network", points.network_ns(), seen.send_queue + seen.wire);
            if let Some(truth) = points.phases() {
                note("send_queue", truth.send_queue, seen.send_queue);
                note("wire", truth.wire, seen.wire);
            }
            note("client", points.client_ns(), seen.client);
            note("recv_queue", points.recv_queue_ns(), seen.recv_queue);
            note("server", points.server_ns(), seen.server);
            note("stream", points.stream_ns(), seen.stream);
            note("remote", 0, seen.remote);
        }
        "client" => {
            note("duration", points.duration_ns(), pair.record.duration_ns);
            note(
                "recv_queue",
                points.c3.saturating_sub(points.c2),
                seen.recv_queue,
            );
            note("stream", points.stream_ns(), seen.stream);
            if let Some(far) = points.far_ns() {
                note("wire+remote", far, seen.wire + seen.remote);
            }
        }
        _ => {
            note(
                "recv_queue",
                points.s1.saturating_sub(points.s0),
                seen.recv_queue,
            );
            note("server", points.server_ns(), seen.server);
        }
    }
    directions(pair, points, &mut note);
    let phases = [
        seen.client,
        seen.send_queue,
        seen.wire,
        seen.recv_queue,
        seen.server,
        seen.stream,
        seen.remote,
    ];
    if phases.iter().sum::<u64>() != pair.record.duration_ns {
        report.sums_wrong += 1;
        report.example(format!(
            "{id}: phases do not add up to {} ns",
            pair.record.duration_ns
        ));
    }
}

/// Which reader, which sender, which way.
fn directions(pair: &Pair<'_>, points: &Points, note: &mut impl FnMut(&'static str, u64, u64)) {
    let (Some(truth), Some(seen)) = (points.directions(), pair.record.directions_ns) else {
        return;
    };
    note(
        "request.send_queue",
        truth.request.send_queue,
        seen.request.send_queue,
    );
    note("request.wire", truth.request.wire, seen.request.wire);
    note(
        "request.recv_queue",
        truth.request.recv_queue,
        seen.request.recv_queue,
    );
    note(
        "response.send_queue",
        truth.response.send_queue,
        seen.response.send_queue,
    );
    note("response.wire", truth.response.wire, seen.response.wire);
    note(
        "response.recv_queue",
        truth.response.recv_queue,
        seen.response.recv_queue,
    );
}

fn stream(pair: &Pair<'_>, points: &Points, bounds: &Bounds, report: &mut Report) {
    let (client, Some(server)) = (pair.client, pair.server) else {
        return;
    };
    let content: Vec<_> = client.chunks.iter().filter(|chunk| chunk.content).collect();
    let Some(seen) = &pair.record.gen_ai else {
        report.chunks_wrong += 1;
        report.example(format!("{}: a token stream without gen_ai", client.id));
        return;
    };
    if seen.chunks.abs_diff(content.len() as u64) > bounds.chunks {
        report.chunks_wrong += 1;
        report.example(format!(
            "{}: {} chunks, recorded {}",
            client.id,
            content.len(),
            seen.chunks
        ));
    }
    if let Some(first) = content.first() {
        let recorded = seen.time_to_first_chunk_ns.unwrap_or(0);
        report.note_first_chunk(
            &client.id,
            first.read_ns.saturating_sub(points.c0),
            recorded,
            bounds,
        );
    }
    if let Some(split) = seen.gap_split_ns {
        let truth = true_gaps(client, server)
            .iter()
            .fold(GapSplit::default(), |sum, gap| GapSplit {
                engine: sum.engine + gap.split.engine,
                wire: sum.wire + gap.split.wire,
                reader: sum.reader + gap.split.reader,
            });
        for (name, truth, seen) in [
            ("gap_engine", truth.engine, split.engine),
            ("gap_wire", truth.wire, split.wire),
            ("gap_reader", truth.reader, split.reader),
        ] {
            report.note(name, &client.id, truth, seen, bounds);
        }
    }
    blame(pair, report);
}

/// Every true stall against the record's; what has no partner counts as `none`.
fn blame(pair: &Pair<'_>, report: &mut Report) {
    let (Some(server), Some(seen)) = (pair.server, &pair.record.gen_ai) else {
        return;
    };
    let truth: Vec<&str> = true_stalls(pair.client, server)
        .iter()
        .map(|stall| stall.cause())
        .collect();
    if let Some(injected) = &pair.client.injected
        && !truth.contains(&injected.as_str())
    {
        report.injections_failed += 1;
        report.example(format!(
            "{}: the injected {injected} stall did not happen: {truth:?}",
            pair.client.id
        ));
    }
    for (truth, stall) in partners(pair.client, server, &seen.stalls) {
        let cause = stall.map_or("none", |stall| stall.cause.as_str());
        let truth = match truth {
            Some(truth) if truth.may_be(cause) => cause,
            Some(truth) => truth.cause(),
            None => "none",
        };
        report.blame(&pair.client.id, truth, cause);
    }
}
