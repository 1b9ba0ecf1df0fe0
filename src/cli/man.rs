//! `wx-courier man`: the manual page of each command, with its examples and the exit codes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Command;
use clap_mangen::Man;

use super::examples::{EXIT_CODES, lines_of};
use super::{Exit, command_line, count, say};
use wx_courier_core::document::known_instead;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The command whose page is printed, such as `rules new`; without it, the page of all
    #[arg(value_name = "COMMAND", conflicts_with = "to")]
    command: Vec<String>,
    /// Write the pages of all commands into this folder instead
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut root = command_line().disable_help_subcommand(true);
    root.build();
    if let Some(folder) = &arguments.to {
        fs::create_dir_all(folder)
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let written = write_all(&root, "", folder)?;
        say(format_args!(
            "{} written to {}",
            count(written, "page"),
            folder.display()
        ));
        return Ok(Exit::Done);
    }
    let mut command = &root;
    for word in &arguments.command {
        command = command.find_subcommand(word).ok_or_else(|| {
            let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
            let instead = known_instead(word, &names);
            anyhow::anyhow!("there is no command {word}{instead}")
        })?;
    }
    let page = page(command, &arguments.command.join(" "))?;
    say(page.trim_end());
    Ok(Exit::Done)
}

fn write_all(command: &Command, path: &str, folder: &Path) -> anyhow::Result<usize> {
    let name = Man::new(command.clone()).get_filename();
    let file = folder.join(name);
    fs::write(&file, page(command, path)?)
        .with_context(|| format!("{} cannot be written", file.display()))?;
    let mut written = 1;
    for below in command.get_subcommands() {
        let path = format!("{path} {}", below.get_name());
        written += write_all(below, path.trim_start(), folder)?;
    }
    Ok(written)
}

/// A page in roff. What stands at the end of `--help` has sections of its own here.
fn page(command: &Command, path: &str) -> anyhow::Result<String> {
    let man = Man::new(command.clone()).source(concat!("wx-courier ", env!("CARGO_PKG_VERSION")));
    let mut roff = Vec::new();
    man.render_title(&mut roff)?;
    man.render_name_section(&mut roff)?;
    man.render_synopsis_section(&mut roff)?;
    man.render_description_section(&mut roff)?;
    man.render_options_section(&mut roff)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut roff)?;
    }
    let mut page = String::from_utf8(roff)?;
    page += ".SH EXAMPLES\n.nf\n";
    for line in lines_of(path) {
        page += &verbatim(line);
        page += "\n";
    }
    page += ".fi\n.SH \"EXIT STATUS\"\n";
    page += &verbatim(EXIT_CODES);
    Ok(page + "\n")
}

/// A line that roff shows as it is.
fn verbatim(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    if line.starts_with(['.', '\'']) {
        format!("\\&{line}")
    } else {
        line
    }
}
