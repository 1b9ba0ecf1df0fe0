//! `wx-courier rules resume NAME`: lets a rule go on that its breaker has paused.

use std::path::PathBuf;

use super::Exit;
use super::pages::Instance;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Let a rule go on that was paused because too many of its messages were refused
    Resume(Arguments),
}

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The rule: its file below rules/, without .toml
    name: String,
    #[command(flatten)]
    instance: Instance,
}

pub(super) fn run(folder: PathBuf, command: &Command) -> anyhow::Result<Exit> {
    let Command::Resume(Arguments { name, instance }) = command;
    instance.change(folder, "/resume", &[("rule", name)])
}
