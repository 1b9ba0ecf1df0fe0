//! `wx-courier rules status`: which rules each instance runs, and whether all run the same.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use tokio::time::Instant;
use wx_courier_core::instances::Instance;
use wx_courier_core::model::rfc3339_ms;

use crate::cli::pages::Instance as Asked;
use crate::cli::{Exit, Format, block_on, complain, say};

#[derive(clap::Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    instance: Asked,
    /// Wait until every instance runs the rules of this version: `check` prints it
    #[arg(long, value_name = "VERSION")]
    wait: Option<String>,
    /// How long to wait, in seconds: a mounted `ConfigMap` alone takes a minute
    #[arg(long, value_name = "SECONDS", default_value_t = 180, requires = "wait", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    timeout: u32,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// How often the fleet is asked while it is waited for.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// What `/instances` says.
#[derive(Deserialize)]
struct All {
    instances: Vec<Instance>,
}

/// Whether the fleet runs what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// All run this version.
    Agree(String),
    /// They do not, or not yet.
    Differ,
    /// The version that is waited for is refused by this instance, for this reason.
    Refused { by: String, why: String },
    /// No instance has noted yet how it is.
    Unheard,
}

pub(super) fn run(folder: &Path, arguments: &Arguments) -> anyhow::Result<Exit> {
    let Some(service) = arguments.instance.find(folder.to_owned()) else {
        return Ok(Exit::BadConfiguration);
    };
    let limit = Instant::now() + Duration::from_secs(arguments.timeout.into());
    loop {
        let is_over = arguments.wait.is_none() || Instant::now() >= limit;
        match service.ask("/instances")? {
            Ok(page) => {
                let all: All = serde_json::from_str(&page)
                    .context("the service answers otherwise than this version knows")?;
                let verdict = verdict(&all.instances, arguments.wait.as_deref());
                if is_over || matches!(verdict, Verdict::Agree(_)) {
                    match arguments.format {
                        Format::Json => say(page.trim_end()),
                        Format::Text => print(&all.instances),
                    }
                    return Ok(told(&verdict, &all.instances, arguments));
                }
            }
            // The instance may be restarting, or its store be away for a moment.
            Err(why) if is_over => {
                complain(format_args!("error: {why}"));
                return Ok(Exit::No);
            }
            Err(_passing) => {}
        }
        block_on(async {
            tokio::time::sleep(ASK_EVERY).await;
            Ok(())
        })?;
    }
}

fn verdict(instances: &[Instance], wanted: Option<&str>) -> Verdict {
    let versions: BTreeSet<&str> = instances
        .iter()
        .map(|instance| instance.rules_version.as_str())
        .collect();
    let refused = instances.iter().find_map(|instance| {
        let is_wanted = wanted.is_some() && instance.on_disk.as_deref() == wanted;
        let why = instance.refused.as_ref().filter(|_| is_wanted)?;
        Some(Verdict::Refused {
            by: instance.host.clone(),
            why: why.clone(),
        })
    });
    let mut versions = versions.into_iter();
    match (versions.next(), versions.next(), wanted) {
        (None, ..) => Verdict::Unheard,
        (Some(one), None, None) => Verdict::Agree(one.to_owned()),
        (Some(one), None, Some(wanted)) if one == wanted => Verdict::Agree(one.to_owned()),
        (Some(_), ..) => refused.unwrap_or(Verdict::Differ),
    }
}

fn told(verdict: &Verdict, instances: &[Instance], arguments: &Arguments) -> Exit {
    let line = match verdict {
        Verdict::Agree(version) => {
            if let Format::Text = arguments.format {
                let count = instances.len();
                let all = if count == 1 {
                    "the one instance runs".to_owned()
                } else {
                    format!("all {count} instances run")
                };
                say(format_args!("{all} version {version}"));
            }
            let is_refusing = instances.iter().any(|instance| instance.refused.is_some());
            if arguments.wait.is_none() && is_refusing {
                complain("error: what is on disk is refused: `wx-courier check` tells why");
                return Exit::No;
            }
            return Exit::Done;
        }
        Verdict::Refused { by, why } => format!("error: {by} refuses this version: {why}"),
        Verdict::Unheard => {
            "error: no instance has said yet how it is: ask again in a moment".to_owned()
        }
        Verdict::Differ => match &arguments.wait {
            Some(version) => format!(
                "error: after {} s not every instance runs version {version}",
                arguments.timeout
            ),
            None => {
                "error: the instances do not run the same rules: `--wait VERSION` waits for them"
                    .to_owned()
            }
        },
    };
    complain(line);
    Exit::No
}

fn print(instances: &[Instance]) {
    for instance in instances {
        let since = rfc3339_ms(instance.in_force_since_ms);
        say(format_args!(
            "{} (process {}, {}): version {} since {since}, {}",
            instance.host, instance.pid, instance.listens, instance.rules_version, instance.phase
        ));
        let on_disk = instance.on_disk.as_deref();
        if let Some(why) = &instance.refused {
            let version = on_disk.map_or("no rules can be made of it".to_owned(), |it| {
                format!("version {it}")
            });
            say(format_args!(
                "    on its disk ({version}) and refused: {why}"
            ));
        } else if on_disk.is_some_and(|on_disk| on_disk != instance.rules_version) {
            say(format_args!(
                "    on its disk: version {}",
                on_disk.unwrap_or_default()
            ));
        }
    }
}
