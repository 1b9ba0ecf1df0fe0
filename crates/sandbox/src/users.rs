//! The users as the apps know them: what a person in the mini program has done so far.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::customer::Windows;
use crate::login::Logins;

/// Whether WeChat lets a user log in.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As most.
    #[default]
    Good,
    /// A high risk: a login is answered with 40226.
    Blocked,
}

/// A switch on a user's settings page of a mini program: the main one for subscribe messages, or a template's.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// As most leave it.
    #[default]
    On,
    /// Nothing reaches the user by it. Under the main one the user cannot even be asked.
    Off,
}

/// One user of one app.
#[derive(Clone, Debug, Default)]
pub(super) struct User {
    pub(super) unionid: Option<String>,
    pub(super) standing: Standing,
    pub(super) main_switch: Switch,
    /// The templates that the user switched off in the settings, by id.
    pub(super) switched_off: BTreeSet<String>,
    pub(super) logins: Logins,
    pub(super) windows: Windows,
}

/// All users of whom something is known beside their openids.
#[derive(Debug, Default)]
pub(super) struct Users(BTreeMap<String, BTreeMap<String, User>>);

impl Users {
    /// The user, who is known from now on.
    pub(super) fn of(&mut self, appid: &str, openid: &str) -> &mut User {
        let users = self.0.entry(appid.to_owned()).or_default();
        users.entry(openid.to_owned()).or_default()
    }

    /// The user, if anything is known of them.
    pub(super) fn find(&mut self, appid: &str, openid: &str) -> Option<&mut User> {
        self.0.get_mut(appid)?.get_mut(openid)
    }

    /// Nothing is known of the user any more.
    pub(super) fn forget(&mut self, appid: &str, openid: &str) {
        if let Some(users) = self.0.get_mut(appid) {
            users.remove(openid);
        }
    }

    /// Those of an app.
    pub(super) fn openids(&self, appid: &str) -> Vec<String> {
        let users = self.0.get(appid).into_iter().flatten();
        users.map(|(openid, _)| openid.clone()).collect()
    }
}
