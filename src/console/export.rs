//! What was found, taken away: as CSV, or as JSON lines.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::filter::Filter;
use super::history::told::{Cursor, Kept};
use super::rooms::House;

/// Outcomes of an export; the topic has all.
const MOST_EXPORTED: usize = 100_000;

/// What is read of the history at once.
const EXPORT_PAGE: usize = 500;

#[derive(Clone, Copy)]
enum Export {
    Csv,
    JsonLines,
}

/// What was found, as CSV.
pub async fn export_csv(State(house): State<Arc<House>>, RawQuery(query): RawQuery) -> Response {
    export(house, query, Export::Csv)
}

/// What was found, as JSON lines: outcomes as they are on the topic.
pub async fn export_json_lines(
    State(house): State<Arc<House>>,
    RawQuery(query): RawQuery,
) -> Response {
    export(house, query, Export::JsonLines)
}

struct Exporting {
    house: Arc<House>,
    filter: Filter,
    before: Option<Cursor>,
    left: usize,
    as_what: Export,
    begun: bool,
}

fn export(house: Arc<House>, query: Option<String>, as_what: Export) -> Response {
    let exporting = Exporting {
        house,
        filter: Filter::of_query(&query.unwrap_or_default()),
        before: None,
        left: MOST_EXPORTED,
        as_what,
        begun: false,
    };
    let pieces = stream::unfold(Some(exporting), |exporting| async move {
        let mut exporting = exporting?;
        match exporting.piece().await {
            Ok((piece, true)) => Some((Ok(piece), Some(exporting))),
            Ok((piece, false)) => Some((Ok(piece), None)),
            Err(error) => Some((Err(std::io::Error::other(format!("{error:#}"))), None)),
        }
    });
    let (media_type, name) = match as_what {
        Export::Csv => (
            "text/csv; charset=utf-8",
            "attachment; filename=\"outcomes.csv\"",
        ),
        Export::JsonLines => (
            "application/x-ndjson",
            "attachment; filename=\"outcomes.jsonl\"",
        ),
    };
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CONTENT_DISPOSITION, name),
    ];
    (headers, Body::from_stream(pieces)).into_response()
}

impl Exporting {
    /// The next piece, and whether more follows.
    async fn piece(&mut self) -> anyhow::Result<(String, bool)> {
        let found = self
            .house
            .history
            .search(&self.filter, self.before, EXPORT_PAGE.min(self.left))
            .await?;
        self.left = self.left.saturating_sub(found.outcomes.len());
        self.before = found.older;
        let text = match self.as_what {
            Export::Csv => csv_lines(&found.outcomes, !self.begun)?,
            Export::JsonLines => {
                let lines = found
                    .outcomes
                    .iter()
                    .map(|kept| serde_json::to_string(&kept.outcome));
                lines
                    .map(|line| line.map(|line| line + "\n"))
                    .collect::<Result<String, _>>()?
            }
        };
        self.begun = true;
        Ok((text, self.before.is_some() && self.left > 0))
    }
}

const COLUMNS: [&str; 15] = [
    "settled_at",
    "status",
    "reason",
    "errcode",
    "rule",
    "app",
    "template",
    "recipient",
    "business_key",
    "event_id",
    "event_type",
    "id",
    "message_id",
    "attempts",
    "detail",
];

fn csv_lines(outcomes: &[Kept], with_head: bool) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if with_head {
        writer.write_record(COLUMNS)?;
    }
    for Kept { outcome, .. } in outcomes {
        let text = |text: Option<&str>| guarded(text.unwrap_or_default());
        writer.write_record([
            outcome.settled_at.clone(),
            outcome.status.as_str().to_owned(),
            outcome.reason.as_str().to_owned(),
            outcome
                .errcode
                .map(|code| code.to_string())
                .unwrap_or_default(),
            text(outcome.rule.as_deref()),
            text(outcome.app.as_deref()),
            text(outcome.template.as_deref()),
            text(outcome.recipient.as_deref()),
            text(outcome.business_key.as_deref()),
            text(outcome.event_id.as_deref()),
            text(outcome.event_type.as_deref()),
            guarded(&outcome.id),
            guarded(&outcome.message_id),
            outcome.attempts.to_string(),
            guarded(&outcome.detail),
        ])?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// A spreadsheet takes what begins like this for a formula, and carries it out.
fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula() {
        assert_eq!(guarded("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(guarded("订单1"), "订单1");
    }
}
