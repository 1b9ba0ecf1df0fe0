//! One rule and one event → a message, or why there is none.

use std::sync::Arc;

use super::context::{self, EventValues};
use super::template::Failure;
use super::{Planned, Rule};
use crate::event::{Event, Unreadable};
use crate::message::{Draft, Rejection, To, check_openid, message_id, sent_again, validate};
use crate::model::outcome::Reason;
use crate::wechat::params::normalise;

/// What `dedupe` gives is part of the key of every outcome.
const LONGEST_DEDUPE_BYTES: usize = 1024;

/// An event as templates see it, or why its data cannot be read.
pub(super) type Values = Result<Arc<EventValues>, Unreadable>;

impl Rule {
    /// The plan for an event of a type that the rule is for; `None` if `when` does not hold. Data that cannot be read makes no message of any
    /// rule.
    pub(super) fn apply(self: &Arc<Self>, event: &Event, values: &Values) -> Option<Planned> {
        match values {
            Ok(values) => {
                let mut planned = self.planned(event, values)?;
                if let Err(rejection) = &mut planned.result {
                    add_hint(rejection, values);
                    planned.refused_for = self.openid(values);
                }
                Some(planned)
            }
            Err(unreadable) => {
                let rejection = Rejection {
                    reason: unreadable.reason,
                    detail: unreadable.detail.clone(),
                    param: None,
                };
                Some(self.rejected(event, rejection))
            }
        }
    }

    /// What is sent once, of this event.
    fn message_id(&self, event: &Event, id: &str) -> String {
        let id = message_id(&self.name, &event.source, id);
        match &event.wish.again {
            Some(run) => sent_again(&id, run),
            None => id,
        }
    }

    fn rejected(self: &Arc<Self>, event: &Event, rejection: Rejection) -> Planned {
        Planned {
            rule: Arc::clone(self),
            message_id: self.message_id(event, &event.id),
            result: Err(rejection),
            refused_for: None,
        }
    }

    fn planned(self: &Arc<Self>, event: &Event, values: &Arc<EventValues>) -> Option<Planned> {
        let root = context::root(values, &self.belongings);
        let rejected = |rejection| Some(self.rejected(event, rejection));
        match self.holds(&root) {
            Ok(false) => return None,
            Err(rejection) => return rejected(rejection),
            Ok(true) => {}
        }
        let id = match self.once(&root) {
            Ok(id) => id.unwrap_or_else(|| event.id.clone()),
            Err(rejection) => return rejected(rejection),
        };
        let draft = self.draft(&root);
        let id = self.message_id(event, &id);
        let result = draft
            .and_then(|draft| validate(&self.name, &id, draft, &|param| self.overflow_of(param)));
        Some(Planned {
            rule: Arc::clone(self),
            message_id: id,
            result,
            refused_for: None,
        })
    }

    /// The openid that `to` gives for an event, whatever the rest of the rule makes of it. `None` where that is none, or a login code.
    pub fn openid_of(&self, event: &Event) -> Option<String> {
        self.openid(&EventValues::of(event).ok()?)
    }

    fn openid(&self, values: &Arc<EventValues>) -> Option<String> {
        match self
            .to
            .render(&context::root(values, &self.belongings))
            .ok()?
        {
            To::Openid(openid) => check_openid(&openid).ok().map(str::to_owned),
            To::Code(_) => None,
        }
    }

    /// Whether `when` holds; without one it always does.
    pub(super) fn holds(&self, root: &minijinja::Value) -> Result<bool, Rejection> {
        let Some(when) = &self.when else {
            return Ok(true);
        };
        when.holds(root)
            .map_err(|failure| rejection("when", &failure))
    }

    /// What `dedupe` gives in place of the event's id.
    pub(super) fn once(&self, root: &minijinja::Value) -> Result<Option<String>, Rejection> {
        let Some(dedupe) = &self.dedupe else {
            return Ok(None);
        };
        let value = dedupe
            .render(root)
            .map_err(|failure| rejection("dedupe", &failure))?;
        let value = normalise(&value);
        if value.is_empty() {
            return Err(Rejection {
                reason: Reason::ValueMissing,
                detail: "dedupe: the value is empty".to_owned(),
                param: None,
            });
        }
        if value.len() > LONGEST_DEDUPE_BYTES {
            return Err(Rejection {
                reason: Reason::RuleError,
                detail: format!(
                    "dedupe: at most {LONGEST_DEDUPE_BYTES} bytes can name a message, found {}",
                    value.len()
                ),
                param: None,
            });
        }
        Ok(Some(value))
    }

    fn draft(&self, root: &minijinja::Value) -> Result<Draft, Rejection> {
        let to = self.to.render(root)?;
        let content = self.recipe.render(root)?;
        Ok(Draft { to, content })
    }
}

/// What a person should know who looks for a value that is not there.
pub(super) fn add_hint(rejection: &mut Rejection, values: &EventValues) {
    if let Some(hint) = values.hint()
        && rejection.reason == Reason::ValueMissing
        && rejection.detail.contains("`data")
    {
        rejection.detail = format!("{}; {hint}", rejection.detail);
    }
}

pub(super) fn rejection(key: &str, failure: &Failure) -> Rejection {
    Rejection {
        reason: failure.reason,
        detail: format!("{key}: {}", failure.detail),
        param: None,
    }
}
