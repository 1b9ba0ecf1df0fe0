//! What is made of users' grants, by template.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Catalog, Template};

/// What is made of the ledger before a message is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Nothing; it is not kept.
    #[default]
    Off,
    /// It is kept, and a message is sent whatever it says. How often it was wrong is counted.
    Advise,
    /// A message without a grant is not sent.
    Enforce,
}

impl Policy {
    /// Every policy with its name in the settings.
    pub const ALL: [(&'static str, Self); 3] = [
        ("off", Self::Off),
        ("advise", Self::Advise),
        ("enforce", Self::Enforce),
    ];

    /// Its word in the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Advise => "advise",
            Self::Enforce => "enforce",
        }
    }

    /// The policy for the messages of a template: its own, or that of its app. A long-term template needs no grants.
    pub fn of(template: &Template, app: Self) -> Self {
        if template.uses_grants() {
            template.grants.unwrap_or(app)
        } else {
            Self::Off
        }
    }

    /// The policy for how often a template is sent that is limited by frequency. What was sent is known, not heard: an app with a ledger
    /// does not send too soon, also where grants are only advised.
    pub fn of_frequency(template: &Template, app: Self) -> Self {
        match template.frequency {
            Some(_) => template.grants.unwrap_or(app),
            None => Self::Off,
        }
    }
}

/// The policies in force: those of the apps, and of the templates that have one of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policies(BTreeMap<Arc<str>, Policy>);

impl From<BTreeMap<Arc<str>, Policy>> for Policies {
    /// By the names of the apps.
    fn from(of_apps: BTreeMap<Arc<str>, Policy>) -> Self {
        Self(of_apps)
    }
}

impl Policies {
    /// The policy for the messages of a template.
    pub fn of(&self, template: &Template) -> Policy {
        Policy::of(template, self.of_app(&template.app))
    }

    /// The same where only the id is known. A template that the catalog does not have is treated as its app is.
    pub fn of_id(&self, catalog: &Catalog, app: &str, template_id: &str) -> Policy {
        match catalog.find(app, template_id) {
            Some(template) => self.of(template),
            None => self.of_app(app),
        }
    }

    /// The policy for how often a template is sent that is limited by frequency.
    pub fn of_frequency(&self, template: &Template) -> Policy {
        Policy::of_frequency(template, self.of_app(&template.app))
    }

    fn of_app(&self, app: &str) -> Policy {
        self.0.get(app).copied().unwrap_or_default()
    }
}
