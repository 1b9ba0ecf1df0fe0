//! `wx-courier completions`: the script by which a shell completes commands and flags.

use clap::ValueEnum;
use clap_complete::{Shell as Known, generate};

use super::{Exit, command_line, say};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let shell = match arguments.shell {
        Shell::Bash => Known::Bash,
        Shell::Zsh => Known::Zsh,
        Shell::Fish => Known::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut command_line(), "wx-courier", &mut script);
    say(String::from_utf8(script)?.trim_end());
    Ok(Exit::Done)
}
