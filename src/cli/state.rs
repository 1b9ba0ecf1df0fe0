//! `wx-courier state resume`: lets a service go on whose state was lost.

use std::path::PathBuf;

use super::Exit;
use super::pages::Change;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Go on without the state that was lost: what was sent before is not known any more, and may be sent again
    Resume(Change),
}

pub(super) fn run(folder: PathBuf, command: &Command) -> anyhow::Result<Exit> {
    let Command::Resume(change) = command;
    change.ask(folder, "/state/resume")
}
