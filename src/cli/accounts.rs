//! What the commands that ask `WeChat` about an account have in common: settings, and which apps are meant.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Exit, complain_of, sources};
use crate::config::{Loaded, Settings, load};
use crate::edges::wechat::WeChat;
use wx_courier_core::document::known_instead;

/// The apps of the settings. Rules and templates may be wrong: these commands help to mend them.
pub(super) struct Accounts {
    pub(super) settings: Settings,
    pub(super) loaded: Loaded,
    pub(super) wechat: WeChat,
}

impl Accounts {
    /// Loads the settings, or tells what is wrong with them and gives the exit code.
    pub(super) fn open(folder: PathBuf) -> anyhow::Result<Result<Self, Exit>> {
        let loaded = load(&sources(folder, Vec::new()));
        let Some(settings) = loaded.settings.clone() else {
            complain_of(&loaded.problems);
            return Ok(Err(Exit::BadConfiguration));
        };
        let wechat = WeChat::new(&settings, &Arc::default())?;
        Ok(Ok(Self {
            settings,
            loaded,
            wechat,
        }))
    }

    /// The app that is named, or every app.
    pub(super) fn these(&self, named: Option<&str>) -> anyhow::Result<Vec<Arc<str>>> {
        match named {
            Some(name) => Ok(vec![self.named(name)?]),
            None => Ok(self.settings.apps.keys().map(Arc::clone).collect()),
        }
    }

    /// The app that is named, or the only one there is.
    pub(super) fn this(&self, named: Option<&str>) -> anyhow::Result<Arc<str>> {
        let mut apps = self.settings.apps.keys();
        match (named, apps.next(), apps.next()) {
            (Some(name), ..) => self.named(name),
            (None, Some(only), None) => Ok(Arc::clone(only)),
            (None, ..) => anyhow::bail!("name the app with --app: {}", self.names().join(", ")),
        }
    }

    fn named(&self, name: &str) -> anyhow::Result<Arc<str>> {
        let found = self.settings.apps.get_key_value(name);
        let found = found.map(|(name, _)| Arc::clone(name));
        found.ok_or_else(|| {
            let instead = known_instead(name, &self.names());
            anyhow::anyhow!("the settings have no app {name}{instead}")
        })
    }

    fn names(&self) -> Vec<&str> {
        self.settings.apps.keys().map(|name| &**name).collect()
    }
}
