//! `wx-courier grants`: how many messages users have allowed, for support and for moving in with an existing count.

mod file;
mod setting;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::json;

use super::access::{Missing, StoreAccess};
use super::actor::Why;
use super::progress::Progress;
use super::{Exit, Format, block_on, complain, complain_of, say, say_json, sources};
use crate::config::{Settings, load};
use crate::edges::grants::{Line, Wanted};
use crate::edges::http::grants::MOST_ROWS;
use wx_courier_core::catalog::{Catalog, Policy};
use wx_courier_core::grants::Named;
use wx_courier_core::model::outcome::RecipientStyle;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// What is known of one user's grants
    Show(Show),
    /// Say how many more messages a user has allowed, whatever was counted before
    Set(Set),
    /// Set many, from a CSV file
    Import(Import),
}

#[derive(clap::Args)]
pub(super) struct Show {
    #[command(flatten)]
    user: User,
    /// The template, by its name in templates.toml or by its id; all of the app unless said
    #[arg(long, value_name = "NAME")]
    template: Option<String>,
    #[command(flatten)]
    way: Way,
    /// Show the openid as it is
    #[arg(long)]
    plain: bool,
}

#[derive(clap::Args)]
pub(super) struct Set {
    #[command(flatten)]
    user: User,
    /// The template, by its name in templates.toml or by its id
    #[arg(long, value_name = "NAME")]
    template: String,
    /// How many more messages; those under way keep what is set aside for them
    #[arg(long, value_name = "N")]
    left: u32,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    way: Way,
    /// Show the openid as it is
    #[arg(long)]
    plain: bool,
}

#[derive(clap::Args)]
pub(super) struct Import {
    /// Lines of app, openid, template and left, with those names in the first line; `-` is standard input. With one app in
    /// templates.toml the column app may be left out. Every line is checked before anything is set
    file: PathBuf,
    #[command(flatten)]
    why: Why,
    #[command(flatten)]
    way: Way,
}

#[derive(clap::Args)]
struct User {
    /// The app, by its name in the settings
    #[arg(long, value_name = "NAME")]
    app: String,
    /// The user
    #[arg(long)]
    openid: String,
}

/// How the store is reached, and the result told.
#[derive(clap::Args)]
struct Way {
    /// Where the service listens; http.listen of the settings unless said. If no service listens there, the state store is opened without it
    #[arg(long, value_name = "HOST:PORT")]
    at: Option<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(super) fn run(folder: PathBuf, command: Command) -> anyhow::Result<Exit> {
    let loaded = load(&sources(folder, Vec::new()));
    // Rules that cannot be used are no reason not to look at a ledger.
    let (Some(settings), Some(catalog)) = (loaded.settings, loaded.catalog) else {
        complain_of(&loaded.problems);
        return Ok(Exit::BadConfiguration);
    };
    match command {
        Command::Show(arguments) => block_on(show(&settings, &catalog, arguments)),
        Command::Set(arguments) => block_on(set(&settings, &catalog, arguments)),
        Command::Import(arguments) => block_on(import(&settings, &catalog, arguments)),
    }
}

async fn show(settings: &Settings, catalog: &Catalog, arguments: Show) -> anyhow::Result<Exit> {
    let User { app, openid } = &arguments.user;
    let named = match &arguments.template {
        Some(template) => vec![Named::find(catalog, app, openid, template)?],
        None => Named::all(catalog, app, openid)?,
    };
    let wanted = named.into_iter().map(|named| Wanted { named, left: None });
    let wanted: Vec<Wanted> = wanted.collect();
    let lines = look(settings, &arguments.way, &wanted).await?;
    for (app, template) in unused(settings, catalog, &wanted) {
        complain(format_args!(
            "warning: grants are off for the template {template} of the app {app}: nothing is counted there, and no message is held back"
        ));
    }
    tell(
        &arguments.user,
        style(arguments.plain),
        arguments.way.format,
        &lines,
    )
}

async fn set(settings: &Settings, catalog: &Catalog, arguments: Set) -> anyhow::Result<Exit> {
    let User { app, openid } = &arguments.user;
    let wanted = Wanted {
        named: Named::find(catalog, app, openid, &arguments.template)?,
        left: Some(arguments.left),
    };
    let mut access =
        StoreAccess::open(settings, arguments.way.at.as_deref(), Missing::Refuse).await?;
    let lines = setting::set_one(settings, &mut access, &wanted, &arguments.why).await;
    access.close().await?;
    let lines = lines?;
    warn_of_unused(settings, catalog, &[wanted]);
    tell(
        &arguments.user,
        style(arguments.plain),
        arguments.way.format,
        &lines,
    )
}

/// App and template of those ledgers that nothing uses, each once.
fn unused<'a>(
    settings: &Settings,
    catalog: &Catalog,
    wanted: &'a [Wanted],
) -> BTreeSet<(&'a str, &'a str)> {
    let policies = settings.policies();
    let is_off = |named: &&Named| {
        let policy = policies.of_id(catalog, &named.key.app, &named.key.template_id);
        policy == Policy::Off
    };
    let named = wanted.iter().map(|wanted| &wanted.named).filter(is_off);
    named
        .map(|named| (&*named.key.app, &*named.template))
        .collect()
}

/// Says for which templates a count that was set is not used. It is kept all the same: a team that moves in may count before grants are
/// switched on.
fn warn_of_unused(settings: &Settings, catalog: &Catalog, wanted: &[Wanted]) {
    for (app, template) in unused(settings, catalog, wanted) {
        complain(format_args!(
            "warning: nothing uses this count: grants are off for the template {template} of the app {app}, and its messages are sent whatever is left"
        ));
        complain(format_args!(
            "    help: say grants = \"advise\" or \"enforce\" in [apps.{app}] of courier.toml, or in [{app}.{template}] of templates.toml; a running service takes it up when it is saved"
        ));
    }
}

async fn look(settings: &Settings, way: &Way, wanted: &[Wanted]) -> anyhow::Result<Vec<Line>> {
    let mut access = StoreAccess::open(settings, way.at.as_deref(), Missing::Refuse).await?;
    let lines = access.ask_grants(wanted).await;
    access.close().await?;
    lines
}

async fn import(settings: &Settings, catalog: &Catalog, arguments: Import) -> anyhow::Result<Exit> {
    let wanted = match file::read(&arguments.file, catalog)? {
        Ok(wanted) => wanted,
        Err(mistakes) => {
            mistakes.tell();
            return Ok(Exit::No);
        }
    };
    let mut access =
        StoreAccess::open(settings, arguments.way.at.as_deref(), Missing::Make).await?;
    let noted = match setting::note(settings, &mut access, &wanted, &arguments.why).await {
        Ok(noted) => noted,
        Err(error) => {
            access.close().await?;
            return Err(error);
        }
    };
    let mut progress = Progress::new();
    let mut n_set = 0;
    let n_wanted = u64::try_from(wanted.len())?;
    let mut failure = None;
    for batch in wanted.chunks(MOST_ROWS) {
        if let Err(error) = access.set_grants(batch, &arguments.why).await {
            failure = Some(error);
            break;
        }
        n_set += u64::try_from(batch.len())?;
        progress.show_of("counts set", n_set, n_wanted);
    }
    progress.end();
    setting::conclude(noted, n_set, failure.as_ref()).await;
    access.close().await?;
    if let Some(error) = failure {
        return Err(error.context(format!(
            "{n_set} of {} are set, those of the first lines; run it again: setting twice does no harm",
            wanted.len()
        )));
    }
    warn_of_unused(settings, catalog, &wanted);
    match arguments.way.format {
        Format::Text => say(format_args!("{n_set} set")),
        Format::Json => say_json(&json!({ "set": n_set }))?,
    }
    Ok(Exit::Done)
}

fn style(plain: bool) -> RecipientStyle {
    if plain {
        RecipientStyle::Plain
    } else {
        RecipientStyle::Masked
    }
}

fn tell(
    user: &User,
    style: RecipientStyle,
    format: Format,
    lines: &[Line],
) -> anyhow::Result<Exit> {
    let openid = style.show(user.openid.trim());
    if format == Format::Json {
        say_json(&json!({ "app": user.app, "openid": openid, "templates": lines }))?;
        return Ok(Exit::Done);
    }
    say(format_args!("app {}, user {openid}", user.app));
    let widest = lines.iter().map(|line| line.template.chars().count()).max();
    let width = widest.unwrap_or_default().max("template".len());
    say(format_args!(
        "{:width$}  granted  reserved  used  left",
        "template"
    ));
    for line in lines {
        say(format_args!(
            "{:width$}  {:>7}  {:>8}  {:>4}  {:>4}",
            line.template, line.granted, line.reserved, line.used, line.left
        ));
    }
    Ok(Exit::Done)
}
