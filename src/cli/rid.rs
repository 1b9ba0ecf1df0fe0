//! `wx-courier rid ID`: what `WeChat` remembers of one call.

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde::Serialize;

use super::accounts::Accounts;
use super::{Exit, Format, block_on, complain, say, say_json};
use crate::edges::wechat::{Show, Traced, Unanswered};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The request id: what follows `rid:` in an errmsg, and `rid` of an outcome
    #[arg(value_name = "ID")]
    id: String,
    /// The app that made the call; needed only if there are several
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// Show openids; tokens and secrets stay hidden
    #[arg(long)]
    plain: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Serialize)]
struct Report<'a> {
    app: &'a str,
    rid: &'a str,
    #[serde(flatten)]
    traced: Option<Traced>,
    error: Option<String>,
    help: Option<&'static str>,
}

pub(super) fn run(folder: PathBuf, arguments: &Arguments) -> anyhow::Result<Exit> {
    match Accounts::open(folder)? {
        Ok(accounts) => block_on(explain(&accounts, arguments)),
        Err(exit) => Ok(exit),
    }
}

async fn explain(accounts: &Accounts, arguments: &Arguments) -> anyhow::Result<Exit> {
    let app = accounts.this(arguments.app.as_deref())?;
    let rid = id_in(&arguments.id);
    let show = if arguments.plain {
        Show::Plain
    } else {
        Show::Masked
    };
    let answer = accounts.wechat.trace(&app, rid, show).await;
    let error = answer.as_ref().err();
    let report = Report {
        app: &app,
        rid,
        error: error.map(ToString::to_string),
        help: error.and_then(Unanswered::help),
        traced: answer.ok(),
    };
    match arguments.format {
        Format::Json => say_json(&report)?,
        Format::Text => print(&report),
    }
    Ok(if report.traced.is_some() {
        Exit::Done
    } else {
        Exit::No
    })
}

/// People copy more than the id: `rid: 617682e0-09059ac5-34a8e2ea`.
fn id_in(said: &str) -> &str {
    said.rsplit_once("rid:").map_or(said, |(_, id)| id).trim()
}

fn print(report: &Report<'_>) {
    let Some(traced) = &report.traced else {
        complain(format_args!(
            "error: app {}: {}",
            report.app,
            report.error.as_deref().unwrap_or_default()
        ));
        if let Some(help) = report.help {
            complain(format_args!("    help: {help}"));
        }
        return;
    };
    say(format_args!(
        "rid       {} (app {})",
        report.rid, report.app
    ));
    let when = traced.invoked_at.as_deref().unwrap_or("not told");
    let in_china = traced.invoked_at.as_deref().and_then(in_china);
    match in_china {
        Some(in_china) => say(format_args!("when      {when} ({in_china} in China)")),
        None => say(format_args!("when      {when}")),
    }
    match traced.cost_ms {
        Some(ms) => say(format_args!("took      {ms} ms")),
        None => say("took      not told"),
    }
    if let Some(ip) = &traced.client_ip {
        say(format_args!("from      {ip}"));
    }
    let body = |text: &str| {
        if text.is_empty() {
            "(empty)".to_owned()
        } else {
            text.to_owned()
        }
    };
    say(format_args!("url       {}", body(&traced.url)));
    say(format_args!("sent      {}", body(&traced.request_body)));
    say(format_args!("answered  {}", body(&traced.response_body)));
}

/// `WeChat`'s own pages and people speak in China's time, which is eight hours ahead all year.
pub(super) fn in_china(timestamp: &str) -> Option<String> {
    let at: Timestamp = timestamp.parse().ok()?;
    let zone = TimeZone::fixed(Offset::constant(8));
    Some(at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_id_may_be_copied() {
        assert_eq!(id_in(" a-b-c "), "a-b-c");
        assert_eq!(id_in("invalid openid rid: a-b-c"), "a-b-c");
        assert_eq!(
            in_china("2021-10-25T10:11:44Z").unwrap(),
            "2021-10-25 18:11:44"
        );
    }
}
