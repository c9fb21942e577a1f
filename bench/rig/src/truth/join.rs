//! Which record is which request: by the id in the path, else by place on the connection.

use super::Record;
use crate::http::id_of;
use crate::stamp::{ClientLine, ServerLine};
use std::collections::{HashMap, HashSet};

/// A request with everything known of it.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// Forebay's.
    pub record: &'a Record,
    /// The client's.
    pub client: &'a ClientLine,
    /// The server's, if it logged one.
    pub server: Option<&'a ServerLine>,
}

/// The result of joining.
#[derive(Clone, Debug, Default)]
pub struct Joined<'a> {
    /// Requests with a record.
    pub pairs: Vec<Pair<'a>>,
    /// Requests that were sent and have no record.
    pub missing: Vec<&'a str>,
    /// Records of requests nobody sent, and second records of one request.
    pub extra: Vec<&'a str>,
}

/// Joins; records that have no client of this run are not the run's traffic and are left out.
pub fn join<'a>(
    records: &'a [Record],
    client: &'a [ClientLine],
    server: &'a [ServerLine],
) -> Joined<'a> {
    let by_id: HashMap<&str, &ClientLine> =
        client.iter().map(|line| (line.id.as_str(), line)).collect();
    let by_place: HashMap<(&str, u64), &ClientLine> = client
        .iter()
        .map(|line| ((line.local.as_str(), line.nth), line))
        .collect();
    let addresses: HashSet<&str> = client.iter().map(|line| line.local.as_str()).collect();
    let servers: HashMap<&str, &ServerLine> =
        server.iter().map(|line| (line.id.as_str(), line)).collect();

    let by_server_place = by_place_at_server(server);

    let mut ordered: Vec<&Record> = records.iter().collect();
    ordered.sort_by(|a, b| a.ts.cmp(&b.ts));
    let (mut places, mut seen) = (HashMap::<&str, u64>::new(), HashSet::new());
    let mut joined = Joined::default();
    for record in ordered {
        if !addresses.contains(record.client.addr.as_str()) {
            continue;
        }
        let nth = places.entry(record.client.addr.as_str()).or_default();
        let place = (record.client.addr.as_str(), *nth);
        *nth += 1;
        let id = id_of(&record.op);
        let line = id.map_or_else(|| by_place.get(&place), |id| by_id.get(id));
        match line {
            Some(client) if seen.insert(client.id.as_str()) => {
                let place = (client.local.as_str(), client.nth);
                let server = servers
                    .get(client.id.as_str())
                    .or_else(|| by_server_place.get(&place));
                let server = server.copied();
                joined.pairs.push(Pair {
                    record,
                    client,
                    server,
                });
            }
            _ => joined.extra.push(&record.op),
        }
    }
    let sent = client.iter().filter(|line| !line.writes.is_empty());
    joined.missing = sent
        .filter(|line| !seen.contains(line.id.as_str()))
        .map(|line| line.id.as_str())
        .collect();
    joined
}

/// The server's lines by client address and place on its connection: a path without an id still
/// has these.
fn by_place_at_server(server: &[ServerLine]) -> HashMap<(&str, u64), &ServerLine> {
    let mut places = HashMap::<&str, u64>::new();
    let mut lines = HashMap::new();
    for line in server {
        let nth = places.entry(line.peer.as_str()).or_default();
        lines.insert((line.peer.as_str(), *nth), line);
        *nth += 1;
    }
    lines
}
