//! The commands: one file each.

mod access;
mod accounts;
mod actor;
mod ask;
mod audit;
mod check;
mod colour;
mod completions;
mod demo;
mod examples;
mod explain;
mod grants;
mod init;
mod man;
mod opening;
mod pages;
mod preview;
mod progress;
mod quota;
mod ready;
mod reload;
mod replay;
mod rid;
mod rules;
mod run;
mod sandbox;
mod state;
mod templates;
mod topics;
mod usage;
mod visible;
mod when;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use clap::{FromArgMatches as _, Parser, Subcommand, ValueEnum};

use crate::config::{
    FlagSetting, Kafka, Loaded, NeededSecrets, Secret, Settings, Sources, load_with,
};
use crate::edges::kafka::check_options;
use crate::telemetry;
use colour::Stream;
use wx_courier_core::document::{Origin, Problem, Problems};
use wx_courier_core::rules::{RuleSet, TestResult};

/// Where the configuration is looked for if no folder is named.
const DEFAULT_FOLDER: &str = "config";

/// Turns business events on Kafka into WeChat mini-program subscribe messages, and tells what became of each one.
#[derive(Parser)]
#[command(name = "wx-courier", version, propagate_version = true)]
struct Cli {
    /// The folder that holds courier.toml, templates.toml and rules/
    #[arg(long, global = true, value_name = "DIR", default_value = DEFAULT_FOLDER)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A first configuration, with a rule and its test
    Init(init::Arguments),
    /// The service
    Run(run::Arguments),
    /// Whether a running service is ready: exit code 0 if it is, as a health check wants it
    Ready(pages::Instance),
    /// Let a running service read rules, templates and settings again, and say what came of it
    Reload(pages::Change),
    /// Everything that can be wrong in settings, rules and templates; runs every rule's tests
    Check(check::Arguments),
    /// What events would become, without sending anything
    Preview(preview::Arguments),
    /// The whole thing in one process: embedded broker, sandbox, sample events
    Demo(demo::Arguments),
    /// The fake WeChat API
    Sandbox(sandbox::Arguments),
    /// What became of an event, and why: the rules, the values, the outcome, and what to say
    Explain(explain::Arguments),
    /// Dead letters or outcomes back onto their source topics
    Replay(replay::Arguments),
    /// What can be done about rules while the service runs
    #[command(subcommand)]
    Rules(rules::Command),
    /// What can be done about a state that was lost while the service runs
    #[command(subcommand)]
    State(state::Command),
    /// The template catalog, from WeChat
    #[command(subcommand)]
    Templates(templates::Command),
    /// How much of the day's calls of WeChat's API is left
    Quota(quota::Arguments),
    /// What WeChat remembers of one call, by its request id
    Rid(rid::Arguments),
    /// How many messages users have allowed
    #[command(subcommand)]
    Grants(grants::Command),
    /// The topics that the service needs
    #[command(subcommand)]
    Topics(topics::Command),
    /// What lets a shell complete these commands
    Completions(completions::Arguments),
    /// The manual pages of these commands
    Man(man::Arguments),
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// How a command ended. The numbers are part of the contract with scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// Done.
    Done,
    /// The answer is no: a failing check, an invalid preview, a service that stopped on an error.
    No,
    /// The configuration cannot be used.
    BadConfiguration,
}

/// Every code that a command may end with. The second last is clap's, for a command line that cannot be read.
pub const EXIT_CODES: [u8; 4] = [
    Exit::Done.code(),
    Exit::No.code(),
    2,
    Exit::BadConfiguration.code(),
];

impl Exit {
    const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::BadConfiguration => 64,
        }
    }
}

/// Parses the command line and runs one command. Usage errors end with 2, as clap does by itself.
pub fn main() -> ExitCode {
    let cli = read_command_line();
    let result = match cli.command {
        Command::Init(arguments) => init::run(cli.config, &arguments),
        Command::Run(arguments) => run::run(cli.config, &arguments),
        Command::Ready(instance) => ready::run(cli.config, &instance),
        Command::Reload(change) => change.ask(cli.config, "/reload"),
        Command::Check(arguments) => check::run(cli.config, &arguments),
        Command::Preview(arguments) => preview::run(cli.config, &arguments),
        Command::Demo(arguments) => demo::run(&cli.config, &arguments),
        Command::Sandbox(arguments) => sandbox::run(cli.config, &arguments),
        Command::Explain(arguments) => explain::run(cli.config, &arguments),
        Command::Replay(arguments) => replay::run(cli.config, arguments),
        Command::Rules(command) => rules::run(cli.config, &command),
        Command::State(command) => state::run(cli.config, &command),
        Command::Templates(command) => templates::run(cli.config, &command),
        Command::Quota(arguments) => quota::run(cli.config, &arguments),
        Command::Rid(arguments) => rid::run(cli.config, &arguments),
        Command::Grants(command) => grants::run(cli.config, command),
        Command::Topics(command) => topics::run(cli.config, &command),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => man::run(&arguments),
    };
    let mut exit = result.unwrap_or_else(|error| {
        complain(format_args!("{} {error:#}", colour::error()));
        Exit::No
    });
    if let Some(why) = UNWRITTEN.get() {
        complain(format_args!(
            "{} the result could not be written to standard output: {why}",
            colour::error()
        ));
        if exit == Exit::Done {
            exit = Exit::No;
        }
    }
    telemetry::finish_logging();
    ExitCode::from(exit.code())
}

/// The command line as clap knows it, with examples at the end of each command's help.
pub fn command_line() -> clap::Command {
    examples::add(<Cli as clap::CommandFactory>::command())
}

/// Reads what the process was called with. A mistake there, and `--help`, end the process.
fn read_command_line() -> Cli {
    let words: Vec<OsString> = std::env::args_os().collect();
    let read = command_line()
        .try_get_matches_from(&words)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    read.unwrap_or_else(|error| usage::explain(error, command_line(), &words).exit())
}

/// Why a line of the result could not be written: the disk is full, for example.
static UNWRITTEN: OnceLock<io::ErrorKind> = OnceLock::new();

/// A line of a result, on standard output. A reader that has gone away (`| head`) is no error of ours; any other failure is told at the end.
fn say(line: impl fmt::Display) {
    if let Err(error) = writeln!(io::stdout().lock(), "{line}")
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        UNWRITTEN.get_or_init(|| error.kind());
    }
}

/// A line about something wrong, on standard error.
fn complain(line: impl fmt::Display) {
    telemetry::write_line(&line.to_string());
}

/// Every mistake of a list, on standard error.
fn complain_of(problems: &Problems) {
    for problem in problems {
        complain(colour::problem(problem, Stream::Errors));
    }
}

fn say_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    say(serde_json::to_string_pretty(value)?);
    Ok(())
}

/// So many of something.
fn count(number: usize, noun: &str) -> String {
    if number == 1 {
        format!("1 {noun}")
    } else {
        format!("{number} {noun}s")
    }
}

/// Where settings come from: the folder, the environment, the flags of this command.
fn sources(folder: PathBuf, flags: Vec<FlagSetting>) -> Sources {
    Sources {
        folder,
        // Without one, as after its deletion, relative paths stay relative, and the system refuses them by name.
        working_folder: std::env::current_dir().unwrap_or_default(),
        environment: environment(),
        flags,
    }
}

/// The process's environment.
fn environment() -> BTreeMap<String, String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment; `config` is given it as a value"
    )]
    std::env::vars().collect()
}

/// What a command needs that cannot go on without a whole configuration.
struct Configuration {
    settings: Arc<Settings>,
    rules: Arc<RuleSet>,
    loaded: Loaded,
}

/// Loads everything, or tells every mistake and gives the exit code. Warnings are told either way.
fn configuration(sources: &Sources) -> Result<Configuration, Exit> {
    configuration_with(sources, NeededSecrets::All)
}

/// The same for a command that does without some of the secrets.
fn configuration_with(sources: &Sources, needed: NeededSecrets) -> Result<Configuration, Exit> {
    usable(check_all_with(sources, needed).loaded)
}

/// What was loaded, if it can be used; what is wrong with it is told.
fn usable(loaded: Loaded) -> Result<Configuration, Exit> {
    complain_of(&loaded.problems);
    match (&loaded.settings, &loaded.rules) {
        (Some(settings), Some(rules)) if !loaded.problems.has_errors() => Ok(Configuration {
            settings: Arc::new(settings.clone()),
            rules: Arc::clone(rules),
            loaded,
        }),
        _ => {
            complain("the configuration cannot be used; `wx-courier check` tells the whole story");
            Err(Exit::BadConfiguration)
        }
    }
}

/// Everything `check` knows: the configuration, how the rules' tests went, and every problem of either.
struct Checked {
    loaded: Loaded,
    tests: Vec<TestResult>,
}

fn check_all(sources: &Sources) -> Checked {
    check_all_with(sources, NeededSecrets::All)
}

fn check_all_with(sources: &Sources, needed: NeededSecrets) -> Checked {
    let mut loaded = check_files(sources, needed);
    let rules = loaded.rules.as_ref();
    let tests = rules.map(|rules| rules.run_tests()).unwrap_or_default();
    for problem in tests.iter().flat_map(TestResult::problems) {
        loaded.problems.push(problem);
    }
    Checked { loaded, tests }
}

/// The same without the rules' tests, for a command that helps to mend rules.
fn check_files(sources: &Sources, needed: NeededSecrets) -> Loaded {
    let mut loaded = load_with(sources, needed);
    let refused = loaded.settings.as_ref().map(|settings| match needed {
        NeededSecrets::All | NeededSecrets::OfKafka => check_options(&settings.kafka),
        NeededSecrets::None => check_options(&without_absent_files(&settings.kafka)),
    });
    for (name, why) in refused.unwrap_or_default() {
        let key = name.map_or("kafka.options".to_owned(), |name| {
            format!("kafka.options.{name}")
        });
        let said = loaded.effective.iter().find(|setting| setting.key == key);
        let origin = said.map_or(Origin::Default, |setting| setting.place.clone());
        let problem = Problem::error(&origin, why).key(key);
        loaded
            .problems
            .push(problem.help("librdkafka's CONFIGURATION.md lists names and values; TLS, PLAIN and SCRAM are compiled in"));
    }
    loaded
}

/// A key or certificate of the cluster may lie on another machine only: without one of them the others are not looked at either.
fn without_absent_files(kafka: &Kafka) -> Kafka {
    let mut kafka = kafka.clone();
    let is_file = |name: &str| name.starts_with("ssl.") && name.ends_with(".location");
    let is_absent = |path: &Secret| !Path::new(path.expose()).exists();
    let options = &mut kafka.options;
    if options
        .iter()
        .any(|(name, path)| is_file(name) && is_absent(path))
    {
        options.retain(|name, _| !is_file(name));
    }
    kafka
}

/// The present, in Unix milliseconds.
fn now_ms() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "a command has no earlier reading to tell a jump by"
    )]
    jiff::Timestamp::now().as_millisecond()
}

/// Runs a future on a runtime of this process's own.
fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(future);
    // A question to a broker that does not answer must not keep the process from ending.
    runtime.shutdown_background();
    result
}

/// Ends when the process is asked to end: Ctrl-C or SIGTERM.
async fn asked_to_end() -> io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
