//! `wx-courier rules resume NAME`: lets a rule go on that its breaker has paused.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::pages::{client, reachable, reason, with_proof};
use super::{Exit, block_on, complain, say, sources};
use crate::config::{Secret, load};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Let a rule go on that was paused because too many of its messages were refused
    Resume(Arguments),
}

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The rule: its file below rules/, without .toml
    name: String,
    /// Where the service listens; http.listen of the settings unless said. Each instance of a fleet has to be asked
    #[arg(long, value_name = "HOST:PORT")]
    at: Option<String>,
}

/// A service that does not answer by then has other troubles.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn run(folder: PathBuf, command: &Command) -> anyhow::Result<Exit> {
    let Command::Resume(arguments) = command;
    let loaded = load(&sources(folder, Vec::new()));
    let http = loaded.settings.as_ref().map(|settings| &settings.http);
    let address = match (&arguments.at, http) {
        (Some(address), _) => address.clone(),
        (None, Some(http)) => reachable(http).to_string(),
        (None, None) => {
            complain(&loaded.problems);
            return Ok(Exit::BadConfiguration);
        }
    };
    let token = http.and_then(|http| http.token.as_ref());
    block_on(resume(&arguments.name, &address, token))
}

async fn resume(rule: &str, address: &str, token: Option<&Secret>) -> anyhow::Result<Exit> {
    let url =
        reqwest::Url::parse_with_params(&format!("http://{address}/resume"), [("rule", rule)])?;
    let request = with_proof(client(PATIENCE)?.post(url), token);
    let response = request.send().await;
    let response = response.with_context(|| format!("no service answers at {address}"))?;
    let is_done = response.status().is_success();
    let answer = response.text().await?;
    if is_done {
        say(answer.trim_end());
        return Ok(Exit::Done);
    }
    complain(format_args!("error: {}", reason(&answer)));
    Ok(Exit::No)
}
