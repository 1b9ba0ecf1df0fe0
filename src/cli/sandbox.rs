//! `wx-courier sandbox`: the fake WeChat API as a command, with the apps and templates of the configuration.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::net::TcpListener;

use super::{Exit, asked_to_end, block_on, complain, configuration, say, sources};
use crate::config::Settings;
use wx_courier_core::catalog::{Catalog, TemplateKind};
use wx_courier_sandbox::{
    App, GrantCheck, Kind, Latency, Sandbox, Settings as SandboxSettings, Template,
};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: String,
    /// A JSON file with apps, templates and all else, in place of the configuration
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// How long every answer takes, in milliseconds
    #[arg(long, value_name = "MS")]
    latency_ms: Option<u64>,
    /// How long an access token lives, in seconds (7200 unless said)
    #[arg(long, value_name = "S")]
    token_life_s: Option<u64>,
    /// Refuse users without a grant (43101); give grants with POST /sandbox/users/subscribe or /sandbox/grants
    #[arg(long)]
    grants: bool,
    /// The same calls in the same order get the same ids, tokens, latencies and failures
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

pub(super) fn run(folder: PathBuf, arguments: &Arguments) -> anyhow::Result<Exit> {
    let mut settings = match &arguments.settings {
        Some(file) => match read(file) {
            Ok(settings) => settings,
            Err(why) => {
                complain(format_args!("{why:#}"));
                return Ok(Exit::BadConfiguration);
            }
        },
        None => match configuration(&sources(folder, Vec::new())) {
            Ok(configuration) => sandbox_settings(
                &configuration.settings,
                configuration.loaded.catalog.as_ref(),
            ),
            Err(exit) => return Ok(exit),
        },
    };
    if let Some(ms) = arguments.latency_ms {
        settings.latency = Latency::fixed(ms);
    }
    if let Some(seconds) = arguments.token_life_s {
        settings.token_life_ms = seconds.saturating_mul(1000);
    }
    if arguments.grants {
        settings.grants = GrantCheck::On;
    }
    if arguments.seed.is_some() {
        settings.seed = arguments.seed;
    }
    if let Err(why) = settings.check() {
        complain(format_args!("the sandbox cannot be like this: {why}"));
        return Ok(Exit::BadConfiguration);
    }
    block_on(async {
        let listener = TcpListener::bind(&arguments.listen)
            .await
            .with_context(|| format!("{} cannot be bound", arguments.listen))?;
        let mut sandbox = Sandbox::start(listener, settings)?;
        say(format_args!(
            "the sandbox answers as WeChat would at {}",
            sandbox.base_url()
        ));
        say(format_args!(
            "what it accepted: {}/sandbox/log",
            sandbox.base_url()
        ));
        tokio::select! {
            ended = asked_to_end() => ended?,
            () = sandbox.ended() => anyhow::bail!("the sandbox's server has ended unexpectedly"),
        }
        sandbox.shutdown().await;
        Ok(Exit::Done)
    })
}

fn read(file: &Path) -> anyhow::Result<SandboxSettings> {
    let name = file.display();
    let text = fs::read(file).with_context(|| format!("{name} cannot be read"))?;
    serde_json::from_slice(&text).with_context(|| format!("{name} does not fit"))
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The apps and templates that the service knows, as `WeChat` would know them.
pub(super) fn sandbox_settings(settings: &Settings, catalog: Option<&Catalog>) -> SandboxSettings {
    let mut apps: BTreeMap<String, App> = BTreeMap::new();
    for (name, app) in &settings.apps {
        let known = apps.entry(app.appid.clone()).or_default();
        // Without one no program can fetch a token here, as none could at WeChat.
        if let Some(secret) = &app.secret {
            secret.expose().clone_into(&mut known.secret);
        }
        let templates = catalog
            .into_iter()
            .flat_map(Catalog::iter)
            .filter(|template| template.app == *name);
        for template in templates {
            let kind = match template.kind {
                Some(TemplateKind::LongTerm) => Kind::LongTerm,
                Some(TemplateKind::LongTermLimited) => Kind::LongTermLimited,
                Some(TemplateKind::ServiceCard) => Kind::ServiceCard,
                Some(TemplateKind::OneTime) | None => Kind::OneTime,
            };
            let labels = template
                .params
                .iter()
                .map(|(param, label)| (param.to_string(), label.clone()));
            let entry = Template {
                title: template.title.clone().unwrap_or_default(),
                params: template
                    .params
                    .iter()
                    .map(|(param, _)| param.to_string())
                    .collect(),
                labels: labels.collect(),
                kind,
                enums: template.enums.clone(),
                key: template
                    .frequency
                    .as_ref()
                    .map(|frequency| frequency.key.to_string()),
                per_ms: template
                    .frequency
                    .as_ref()
                    .map(|frequency| millis(frequency.per)),
            };
            known.templates.insert(template.id.clone(), entry);
        }
    }
    SandboxSettings {
        apps,
        ..SandboxSettings::default()
    }
}
