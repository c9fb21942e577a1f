//! `GET /v1/record`: a recording as it is made. Query: `payload=true`, `duration=10s`.

use super::{Shared, refuse};
use crate::keep::time::parse_duration;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::convert::Infallible;

/// Streams encoded entries (see `keep::fbcap`, without its first 8 bytes and its packing).
pub async fn get(agent: Shared, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let (mut payload, mut duration) = (false, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match (&*name, parse_duration(&value)) {
            ("payload", _) => payload = value == "true",
            ("duration", Ok(given)) => duration = Some(given),
            ("duration", Err(sentence)) => return refuse(StatusCode::BAD_REQUEST, sentence),
            _ => {
                return refuse(
                    StatusCode::BAD_REQUEST,
                    format!("no parameter {name:?} here"),
                );
            }
        }
    }
    let Some(batches) = agent.hub.deck.ask(payload, duration) else {
        let text = "a recording is being made already. Next: wait for its end";
        return refuse(StatusCode::CONFLICT, text);
    };
    let batches = futures_util::stream::unfold(batches, |mut batches| async move {
        let bytes = batches.recv().await?;
        Some((Ok::<Bytes, Infallible>(bytes), batches))
    });
    let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
    (kind, Body::from_stream(batches)).into_response()
}
