//! One assertion a line, naming the manifests in force; the cluster stands in `cluster.json` beside it.

use super::lines::{Lines, each_line};
use super::v1::Cluster;
use super::{Row, Step};
use crate::show::failure::Failure;
use crate::show::policy::{PolicyError, sources};
use forebay_core::policy::Protocol;
use forebay_core::policy::read::Files;
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    test: String,
    manifests: Vec<String>,
    client: String,
    server: String,
    protocol: String,
    #[serde(default)]
    port: u16,
    allowed: bool,
}

/// Rows that follow each other under the same manifests are a step.
pub(super) fn read(
    path: &Path,
    lines: Lines,
    judge: &mut dyn FnMut(Step) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let file = path.display().to_string();
    let mut open: Option<(Vec<String>, String, Vec<Row>)> = None;
    each_line(path, lines, &mut |number, text| {
        let wrong = |what: String| PolicyError::Cases {
            file: file.clone(),
            line: number,
            what,
        };
        let line: Line = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let protocol = Protocol::parse(&line.protocol);
        let row = Row {
            line: number,
            from: line.client,
            to: line.server,
            protocol: protocol
                .ok_or_else(|| wrong(format!("{:?} is no protocol", line.protocol)))?,
            port: line.port,
            allowed: line.allowed,
        };
        match &mut open {
            Some((manifests, _, rows)) if *manifests == line.manifests => rows.push(row),
            _ => {
                let step = open.replace((line.manifests, line.test, vec![row]));
                step.map_or(Ok(()), |(manifests, test, rows)| {
                    judge(step_of(path, &manifests, test, rows)?)
                })?;
            }
        }
        Ok(())
    })?;
    match open {
        Some((manifests, test, rows)) => judge(step_of(path, &manifests, test, rows)?),
        None => Ok(()),
    }
}

fn step_of(
    path: &Path,
    manifests: &[String],
    test: String,
    rows: Vec<Row>,
) -> Result<Step, PolicyError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let place = folder.join("cluster.json");
    let cluster: Cluster =
        serde_json::from_str(&sources::text(&place)?).map_err(|error| PolicyError::Cases {
            file: place.display().to_string(),
            line: error.line(),
            what: error.to_string(),
        })?;
    let mut files = Files::default();
    for manifest in manifests {
        let place = folder.join(manifest);
        files.add(&place.display().to_string(), &sources::text(&place)?);
    }
    files.finish();
    sources::judgeable(&[&files], &manifests.join(", "))?;
    Ok(Step {
        name: test,
        world: cluster.world(),
        policies: files.policies,
        rows,
    })
}
