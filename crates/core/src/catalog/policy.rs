//! What is made of users' grants, by template.

use super::Template;

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
