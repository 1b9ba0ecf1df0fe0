//! What `WeChat` says of an app as a whole: punishments, and warnings of them.

use std::sync::Arc;

use super::{Effect, Engine};
use crate::model::{Moment, rfc3339_ms};
use crate::wechat::callback::Punishment;

impl Engine {
    /// Tells of it once, and pauses what `WeChat` bans.
    pub(super) fn punished(
        &mut self,
        now: Moment,
        app: &Arc<str>,
        punishment: &Punishment,
        effects: &mut Vec<Effect>,
    ) {
        let Some(told) = self.punishments.tell(now, app, punishment) else {
            return;
        };
        let bans = told.bans();
        effects.push(Effect::Punished(told.clone()));
        for (subject, until_ms) in bans {
            let end = match until_ms {
                Some(until_ms) => format!("until {}", rfc3339_ms(until_ms)),
                None => "without an end that is known".to_owned(),
            };
            let named = |text: &str| match text {
                "" => "not told".to_owned(),
                text => text.to_owned(),
            };
            let (id, reason) = (named(&punishment.id), named(&punishment.reason));
            let detail =
                format!("WeChat says that it is banned {end}; punishment: {id}; reason: {reason}");
            let begun = self.pauses.ban(now, subject, until_ms, detail);
            self.announce(begun, effects);
        }
    }
}
