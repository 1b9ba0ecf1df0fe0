//! `wx-courier rules resume NAME`: lets a rule go on that its breaker has paused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::{Exit, block_on, complain, say, sources};
use crate::config::load;

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
    let address = if let Some(address) = &arguments.at {
        address.clone()
    } else {
        let loaded = load(&sources(folder, Vec::new()));
        let Some(settings) = loaded.settings else {
            complain(&loaded.problems);
            return Ok(Exit::BadConfiguration);
        };
        reachable(settings.listen).to_string()
    };
    block_on(resume(&arguments.name, &address))
}

async fn resume(rule: &str, address: &str) -> anyhow::Result<Exit> {
    let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
    let url =
        reqwest::Url::parse_with_params(&format!("http://{address}/resume"), [("rule", rule)])?;
    let response = http.post(url).send().await;
    let response = response.with_context(|| format!("no service answers at {address}"))?;
    let is_done = response.status().is_success();
    let answer = response.text().await?;
    if is_done {
        say(answer.trim_end());
        return Ok(Exit::Done);
    }
    complain(format_args!("error: {}", answer.trim_end()));
    Ok(Exit::No)
}

/// Who listens on every address is reached on this machine's own.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}
