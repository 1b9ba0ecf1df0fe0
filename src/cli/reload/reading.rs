//! What lies on disk: read, proven, and made ready to be put in force.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::check_all;
use crate::config::{
    Effective, Fingerprint, Loaded, Settings, Sources, Swap, fingerprint, unmet_until_restart,
};
use crate::edges::wechat::{Clients, WeChat};
use crate::service::bounds_of;
use wx_courier_core::document::{Origin, Problem, Problems};
use wx_courier_core::rules::RuleSet;
use wx_courier_core::schedule::admission::AppBounds;

/// What lies on disk.
pub(super) struct Found {
    /// What can be put in force, with what is told of it all the same; or why it cannot be used.
    pub(super) fresh: Result<(Fresh, Problems), Problems>,
    /// The version of the rules, be they good or not; `None` if they cannot be made.
    pub(super) version: Option<Arc<str>>,
    /// The settings by their keys; `None` if there is anything wrong with them.
    pub(super) effective: Option<Vec<Effective>>,
    pub(super) looks: Looks,
}

impl Found {
    /// Whether nothing has changed while it was read.
    pub(super) fn rests(&self) -> bool {
        self.looks.before == self.looks.after
    }
}

/// What can be put in force.
pub(super) struct Fresh {
    pub(super) rules: Arc<RuleSet>,
    pub(super) bounds: BTreeMap<Arc<str>, AppBounds>,
    pub(super) clients: Clients,
}

/// How the files looked.
pub(super) struct Looks {
    pub(super) before: Fingerprint,
    /// After they were read.
    pub(super) after: Fingerprint,
}

/// The files of secrets that the settings name.
pub(in crate::cli) fn secret_files(effective: &[Effective]) -> Vec<PathBuf> {
    let settings = effective.iter();
    settings
        .filter_map(|setting| setting.file.clone())
        .collect()
}

/// How the files look, but for those of secrets: which there are is known only after the settings were read.
pub(in crate::cli) fn first_look(sources: &Sources) -> Fingerprint {
    fingerprint(&sources.folder, &[])
}

/// Reads all of it, and proves it. Blocks.
pub(super) fn read(
    sources: &Sources,
    (running, in_force): (&Settings, &RuleSet),
    secrets: &[PathBuf],
    wechat: &WeChat,
) -> Found {
    let in_use = wechat.accounts_in_use();
    let before = fingerprint(&sources.folder, secrets);
    let Loaded {
        settings,
        rules,
        mut problems,
        effective,
        ..
    } = check_all(sources).loaded;
    let after = fingerprint(&sources.folder, secrets);
    let mut fresh = None;
    let version = rules.as_ref().map(|rules| Arc::clone(rules.version()));
    if let (Some(rules), Some(on_disk)) = (rules, &settings) {
        problems.extend(unmet_until_restart(Swap {
            fresh: &rules,
            on_disk,
            in_force,
            running,
            in_use: &in_use,
        }));
        match wechat.clients_for(&on_disk.apps) {
            Ok(clients) => {
                fresh = Some(Fresh {
                    rules,
                    bounds: bounds_of(&on_disk.apps),
                    clients,
                });
            }
            Err(error) => problems.push(Problem::error(&Origin::Default, format!("{error:#}"))),
        }
    }
    let effective = settings.is_some().then_some(effective);
    let fresh = match fresh {
        Some(fresh) if !problems.has_errors() => Ok((fresh, problems)),
        _ => Err(problems),
    };
    Found {
        fresh,
        version,
        effective,
        looks: Looks { before, after },
    }
}
