//! `wx-courier console`: pages for a browser; and tokens for those who may see them.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Subcommand, ValueEnum};
use tokio::net::TcpListener;

use super::{Exit, asked_to_end, block_on, colour, configuration_with, say, sources};
use crate::config::{
    Console, ConsoleRole, FlagSetting, NeededSecrets, Reach, Settings, Sources, TokenHash,
    is_user_name,
};
use crate::console::access::{Access, draw};
use crate::console::history::History;
use crate::console::history::told::Bounds;
use crate::console::opening::Opening;
use crate::edges::descriptors::Descriptors;
use crate::edges::listener::Bound;
use crate::telemetry;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    /// Where the pages are served
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// A new token for a user, and the lines for courier.toml that let it in
    Token(Token),
}

#[derive(clap::Args)]
struct Token {
    /// The user: what records of changes will say
    #[arg(value_parser = user_name)]
    name: String,
    /// What the user may do
    #[arg(long, value_enum, default_value = "view")]
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Role {
    /// Look
    View,
    /// Change something, too
    Edit,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::View => ConsoleRole::View.as_str(),
            Self::Edit => ConsoleRole::Edit.as_str(),
        }
    }
}

/// Browsers keep several connections each, and a stream of news is one.
const MOST_SEATS: usize = 256;

pub(super) fn run(folder: PathBuf, arguments: &Arguments) -> anyhow::Result<Exit> {
    if let Some(Command::Token(token)) = &arguments.command {
        return make_token(token);
    }
    let listen = arguments.listen.iter().map(|value| FlagSetting {
        flag: "--listen",
        key: "console.listen".to_owned(),
        value: value.clone(),
    });
    let sources = sources(folder, listen.collect());
    match configuration_with(&sources, NeededSecrets::OfKafka) {
        Ok(configuration) => block_on(open(configuration.settings, sources)),
        Err(exit) => Ok(exit),
    }
}

/// Where the files of replays are that the console has begun, beside its history.
const REPLAYS: &str = "replays";

/// How long the readers of topics may take to end.
const LAST_READ: Duration = Duration::from_secs(5);

/// Opens everything, and serves until the process is asked to end.
async fn open(settings: Arc<Settings>, sources: Sources) -> anyhow::Result<Exit> {
    telemetry::start_logging(settings.log_format, &settings.log_level, colour::of_log())?;
    let console = &settings.console;
    make_place(&console.history)?;
    let socket = TcpListener::bind(console.listen)
        .await
        .map_err(|error| unbound(console, error))?;
    let descriptors = Descriptors::raise_limit(&settings);
    let seats = descriptors.public_seats.min(MOST_SEATS);
    say_where(console, &socket)?;
    let bounds = Bounds {
        keep: console.keep,
        max_bytes: u64::try_from(console.max_bytes)?,
    };
    let opening = Opening {
        history: History::open(&console.history, bounds)?,
        instance: None,
        replays: console.history.with_file_name(REPLAYS),
        access: Access::new(console),
        bound: Bound { socket, seats },
        settings,
        sources,
    };
    let mut console = opening.start()?;
    tokio::select! {
        ended = console.ended() => {
            ended?;
            anyhow::bail!("the console's listener has ended unexpectedly");
        }
        ended = asked_to_end() => ended?,
    }
    console.close(LAST_READ).await?;
    tracing::info!("the console has ended");
    Ok(Exit::Done)
}

/// Makes the folder of the history, and tries whether the file can be written.
fn make_place(history: &Path) -> anyhow::Result<()> {
    let not_kept = || format!("[console] history: {} cannot be written", history.display());
    let folder = history.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(not_kept)?;
    if history.exists() {
        let opened = OpenOptions::new().append(true).open(history);
        opened.with_context(not_kept)?;
    } else {
        tempfile::tempfile_in(folder).with_context(not_kept)?;
    }
    Ok(())
}

fn unbound(console: &Console, error: io::Error) -> anyhow::Error {
    let is_taken = error.kind() == io::ErrorKind::AddrInUse;
    let listen = console.listen;
    let error =
        anyhow::Error::from(error).context(format!("[console] listen: {listen} cannot be bound"));
    if is_taken {
        return error.context(
            "another process listens there, the sandbox for example: end it, or say another address with --listen",
        );
    }
    error
}

fn say_where(console: &Console, socket: &TcpListener) -> io::Result<()> {
    let who = match (console.is_open(), console.reach()) {
        (true, Reach::ThisMachine | Reach::Others) => "whoever is on this machine",
        (false, Reach::ThisMachine) => "those whom the settings name, from this machine",
        (false, Reach::Others) => "those whom the settings name",
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = %socket.local_addr()?,
        history = %console.history.display(),
        users = console.users.len(),
        proxy = console.user_header().unwrap_or("none"),
        who,
        "the console is there"
    );
    Ok(())
}

fn make_token(token: &Token) -> anyhow::Result<Exit> {
    let Token { name, role } = token;
    let drawn = draw().context("the system gives no random bytes")?;
    let key = if is_bare(name) {
        name.clone()
    } else {
        format!("\"{name}\"")
    };
    say(format_args!(
        "The token of {name}. It is shown this once; give it to nobody else:"
    ));
    say("");
    say(format_args!("  {}", drawn.expose()));
    say("");
    say("In courier.toml; the console reads it when it is started again:");
    say("");
    say(format_args!("[console.users.{key}]"));
    say(format_args!(
        "token_hash = \"{}\"",
        TokenHash::of(drawn.expose())
    ));
    say(format_args!("role       = \"{}\"", role.as_str()));
    Ok(Exit::Done)
}

fn user_name(name: &str) -> Result<String, &'static str> {
    if is_user_name(name) {
        Ok(name.to_owned())
    } else {
        Err("use at most 64 letters that can be seen, without quotes")
    }
}

/// Whether TOML takes it as a key without quotes.
fn is_bare(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}
