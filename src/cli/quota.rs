//! `wx-courier quota`: how much of the day's calls is left, and how to get them back.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::accounts::Accounts;
use super::actor::Why;
use super::audit::Noted;
use super::{Exit, Format, ask, block_on, complain, say, say_json};
use crate::config::TokenMode;
use crate::edges::wechat::{Quota, Unanswered};
use wx_courier_core::model::audit::{Action, Ended, What, facts};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only this app; every app of the settings unless said
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// The path of an API, like /cgi-bin/message/subscribe/send; may be repeated. Those that the service calls unless said
    #[arg(long = "api", value_name = "PATH", value_parser = api)]
    apis: Vec<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Sets today's count back to none; WeChat allows it a few times a month
    Clear(Clear),
}

#[derive(clap::Args)]
// A group, so that the usage line says that one of the two is required.
#[command(group(clap::ArgGroup::new("which").args(["api", "all"]).required(true)))]
struct Clear {
    /// The app
    #[arg(long, value_name = "NAME")]
    app: String,
    /// Of this API, by its path: 50 times a month
    #[arg(long, value_name = "PATH", value_parser = api)]
    api: Option<String>,
    /// Of every API at once: 10 times a month
    #[arg(long)]
    all: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    why: Why,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

fn api(text: &str) -> Result<String, String> {
    if text.starts_with('/') && !text.contains(['?', ' ']) {
        return Ok(text.to_owned());
    }
    Err("expected a path without host and query, like /cgi-bin/message/subscribe/send".to_owned())
}

pub(super) fn run(folder: PathBuf, arguments: &Arguments) -> anyhow::Result<Exit> {
    let accounts = match Accounts::open(folder)? {
        Ok(accounts) => accounts,
        Err(exit) => return Ok(exit),
    };
    match &arguments.command {
        None => block_on(show(&accounts, arguments)),
        Some(Command::Clear(clear)) => block_on(clear_quota(&accounts, clear)),
    }
}

/// The quota of one API of one app, or why it is not known.
#[derive(Serialize)]
struct Row {
    app: Arc<str>,
    api: String,
    #[serde(flatten)]
    quota: Option<Quota>,
    error: Option<String>,
    help: Option<&'static str>,
}

impl Row {
    fn new(app: &Arc<str>, api: &str, answer: Result<Quota, Unanswered>) -> Self {
        let error = answer.as_ref().err();
        Self {
            app: Arc::clone(app),
            api: api.to_owned(),
            error: error.map(ToString::to_string),
            help: error.and_then(Unanswered::help),
            quota: answer.ok(),
        }
    }
}

async fn show(accounts: &Accounts, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut rows = Vec::new();
    for app in accounts.these(arguments.app.as_deref())? {
        let usual = accounts
            .settings
            .apps
            .get(&app)
            .map(|app| usual_apis(&app.token));
        let apis = if arguments.apis.is_empty() {
            usual.unwrap_or_default()
        } else {
            arguments.apis.iter().map(String::as_str).collect()
        };
        for api in apis {
            let answer = accounts.wechat.quota_of(&app, api).await;
            rows.push(Row::new(&app, api, answer));
        }
    }
    match arguments.format {
        Format::Json => say_json(&rows)?,
        Format::Text => print(&rows),
    }
    let is_whole = rows.iter().all(|row| row.quota.is_some());
    Ok(if is_whole { Exit::Done } else { Exit::No })
}

/// What the service calls. A token centre has its own quota.
fn usual_apis(token: &TokenMode) -> Vec<&'static str> {
    let mut apis = vec![
        "/cgi-bin/message/subscribe/send",
        "/cgi-bin/message/custom/send",
        "/wxaapi/newtmpl/gettemplate",
    ];
    match token {
        TokenMode::Stable => apis.push("/cgi-bin/stable_token"),
        TokenMode::Classic => apis.push("/cgi-bin/token"),
        TokenMode::External(_) => {}
    }
    apis
}

fn print(rows: &[Row]) {
    let widest = |text: fn(&Row) -> &str| rows.iter().map(|row| text(row).len()).max().unwrap_or(0);
    let app = widest(|row| &row.app).max("app".len());
    let api = widest(|row| &row.api).max("api".len());
    say(format_args!(
        "{:app$}  {:api$}  {:>12}  {:>12}  {:>12}  rate",
        "app", "api", "a day", "used", "left"
    ));
    for row in rows {
        let Some(quota) = row.quota else {
            continue;
        };
        let rate = quota.rate.map_or("-".to_owned(), |rate| {
            format!("{} in {} s", grouped(rate.call_count), rate.refresh_second)
        });
        say(format_args!(
            "{:app$}  {:api$}  {:>12}  {:>12}  {:>12}  {rate}",
            row.app,
            row.api,
            grouped(quota.daily_limit),
            grouped(quota.used),
            grouped(quota.remain),
        ));
    }
    for row in rows {
        if let Some(error) = &row.error {
            complain(format_args!("error: {} {}: {error}", row.app, row.api));
        }
        if let Some(help) = row.help {
            complain(format_args!("    help: {help}"));
        }
    }
}

/// 30000000 → 30,000,000
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

#[derive(Serialize)]
struct Cleared {
    app: Arc<str>,
    /// `None` is every API.
    api: Option<String>,
    done: bool,
    error: Option<String>,
    help: Option<&'static str>,
}

async fn clear_quota(accounts: &Accounts, clear: &Clear) -> anyhow::Result<Exit> {
    let app = accounts.this(Some(&clear.app))?;
    if !clear.yes && !is_meant(&app, clear).await? {
        return Ok(Exit::No);
    }
    let action = Action {
        what: What::QuotaClear,
        subject: format!("app {app}"),
        before: None,
        after: Some(facts([("api", what(clear).into())])),
        why: clear.why.words(),
    };
    let noted = Noted::begin(&accounts.settings, action).await?;
    let answer = match &clear.api {
        Some(api) => accounts.wechat.clear_quota(&app, api).await,
        None => accounts.wechat.clear_quotas(&app).await,
    };
    let error = answer.as_ref().err();
    let cleared = Cleared {
        app,
        api: clear.api.clone(),
        done: answer.is_ok(),
        error: error.map(ToString::to_string),
        help: error.and_then(Unanswered::help),
    };
    // Said first: what came of it is worth more to the person than its record.
    match clear.format {
        Format::Json => say_json(&cleared)?,
        Format::Text => tell(&cleared, clear),
    }
    let (ended, detail) = match &answer {
        Ok(()) => (Ended::Done, "today's count is set back".to_owned()),
        Err(refused) if refused.errcode.is_some() => (Ended::Failed, refused.to_string()),
        Err(unanswered) => (Ended::NotKnown, unanswered.to_string()),
    };
    noted.end(ended, &detail, None).await;
    Ok(if cleared.done { Exit::Done } else { Exit::No })
}

fn tell(cleared: &Cleared, clear: &Clear) {
    match &cleared.error {
        None => say(format_args!(
            "{}: today's count of {} is set back",
            cleared.app,
            what(clear)
        )),
        Some(error) => complain(format_args!("error: {}: {error}", cleared.app)),
    }
    if let Some(help) = cleared.help {
        complain(format_args!("    help: {help}"));
    }
}

fn what(clear: &Clear) -> &str {
    clear.api.as_deref().unwrap_or("every API")
}

/// The name is to be typed: a `y` comes too easily for what can be done a few times a month.
async fn is_meant(app: &str, clear: &Clear) -> anyhow::Result<bool> {
    let limit = if clear.api.is_some() {
        "50 times a month"
    } else {
        "10 times a month, counting what others do by any way"
    };
    let question = format!(
        "This sets today's count of {} back for the app {app}. WeChat allows it {limit}, and a quota that is used up by a mistake will be used up again.\nType the name of the app to go on: ",
        what(clear)
    );
    match ask::line(question).await? {
        Some(line) if line == app => Ok(true),
        Some(_) => {
            complain("nothing was cleared");
            Ok(false)
        }
        None => {
            complain("nothing was cleared: say --yes where no user can be asked");
            Ok(false)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_groups() {
        let groups = [0, 999, 1000, 30_000_000, -1234].map(grouped);
        assert_eq!(groups, ["0", "999", "1,000", "30,000,000", "-1,234"]);
    }
}
