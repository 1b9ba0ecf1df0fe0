//! `wx-courier sandbox`: the fake WeChat API as a command, with the apps and templates of the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Context;
use tokio::net::TcpListener;

use super::{Exit, asked_to_end, block_on, configuration, say, sources};
use crate::config::Settings;
use crate::pipeline::catalog::{Catalog, TemplateKind};
use crate::sandbox::{
    App, GrantCheck, Kind, Latency, Sandbox, Settings as SandboxSettings, Template,
};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: String,
    /// How long every answer takes, in milliseconds
    #[arg(long, value_name = "MS", default_value = "0")]
    latency_ms: u64,
    /// How long an access token lives, in seconds
    #[arg(long, value_name = "S", default_value = "7200")]
    token_life_s: u64,
    /// Refuse users without a grant (43101); give grants with POST /sandbox/grants
    #[arg(long)]
    grants: bool,
}

pub(super) fn run(folder: PathBuf, arguments: &Arguments) -> anyhow::Result<Exit> {
    let configuration = match configuration(&sources(folder, Vec::new())) {
        Ok(configuration) => configuration,
        Err(exit) => return Ok(exit),
    };
    let mut settings = sandbox_settings(
        &configuration.settings,
        configuration.loaded.catalog.as_ref(),
    );
    settings.latency = Latency::fixed(arguments.latency_ms);
    settings.token_life_ms = arguments.token_life_s.saturating_mul(1000);
    settings.grants = if arguments.grants {
        GrantCheck::On
    } else {
        GrantCheck::Off
    };
    block_on(async {
        let listener = TcpListener::bind(&arguments.listen)
            .await
            .with_context(|| format!("{} cannot be bound", arguments.listen))?;
        let sandbox = Sandbox::start(listener, settings)?;
        say(format_args!(
            "the sandbox answers as WeChat would at {}",
            sandbox.base_url()
        ));
        say(format_args!(
            "what it accepted: {}/sandbox/log",
            sandbox.base_url()
        ));
        asked_to_end().await?;
        sandbox.shutdown().await;
        Ok(Exit::Done)
    })
}

/// The apps and templates that the service knows, as `WeChat` would know them.
pub(super) fn sandbox_settings(settings: &Settings, catalog: Option<&Catalog>) -> SandboxSettings {
    let mut apps: BTreeMap<String, App> = BTreeMap::new();
    for (name, app) in &settings.apps {
        let known = apps.entry(app.appid.clone()).or_default();
        // Without one nobody can fetch a token here, as nobody could at WeChat.
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
            };
            known.templates.insert(template.id.clone(), entry);
        }
    }
    SandboxSettings {
        apps,
        ..SandboxSettings::default()
    }
}
