//! `GET /v1/observe`: requests as they end, NDJSON. Query parameters: [`Selection`].

use super::{Shared, refuse};
use crate::keep::filter::Selection;
use crate::keep::hub::Subscription;
use crate::keep::queue::first_records;
use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::convert::Infallible;
use tokio::time::{Instant, timeout_at};

/// Streams what the query selects.
pub async fn get(agent: Shared, RawQuery(query): RawQuery) -> Response {
    let selection = match Selection::from_query(&query.unwrap_or_default()) {
        Ok(selection) => selection,
        Err(sentence) => return refuse(StatusCode::BAD_REQUEST, sentence),
    };
    match agent
        .hub
        .subscribe(selection.filter.clone(), selection.since)
    {
        Ok(subscription) => stream(subscription, &selection),
        Err(error) => refuse(StatusCode::SERVICE_UNAVAILABLE, error),
    }
}

fn stream(subscription: Subscription, selection: &Selection) -> Response {
    let end = selection
        .duration
        .and_then(|d| Instant::now().checked_add(d));
    let first = Lines {
        subscription,
        end,
        left: selection.limit,
        rest: None,
    };
    let lines = futures_util::stream::unfold(first, |mut lines| async move {
        let bytes = lines.next().await?;
        Some((Ok::<Bytes, Infallible>(bytes), lines))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    (kind, Body::from_stream(lines)).into_response()
}

/// A subscription with an end.
struct Lines {
    subscription: Subscription,
    end: Option<Instant>,
    left: Option<u64>,
    /// The time is over; so many blocks of what was waiting then are still to be sent.
    rest: Option<usize>,
}

impl Lines {
    async fn next(&mut self) -> Option<Bytes> {
        if self.left == Some(0) {
            return None;
        }
        // What waits at the end is sent, what comes after it is not: a busy host would never end.
        let over = self.end.is_some_and(|end| Instant::now() >= end);
        if over && !self.subscription.replaying() {
            let rest = self.rest.unwrap_or_else(|| self.subscription.ready());
            self.rest = Some(rest.checked_sub(1)?);
        }
        let next = self.subscription.next();
        let lines = match self.end {
            None => next.await?,
            Some(end) => timeout_at(end, next).await.ok()??,
        };
        Some(match &mut self.left {
            None => lines,
            Some(left) => first_records(&lines, left),
        })
    }
}
