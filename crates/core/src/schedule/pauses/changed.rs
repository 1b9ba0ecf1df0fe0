//! Templates that `WeChat` has changed.

use super::end::End;
use super::trials::Trials;
use super::{Cause, Change, Pauses, Subject};
use crate::model::{Moment, Ticket};
use crate::rules::Rule;
use crate::wechat::Class;

impl Pauses {
    /// `WeChat` lists a template otherwise than we know it. Where its messages wait already, it is told why.
    pub fn template_differs(
        &mut self,
        now: Moment,
        subject: Subject,
        difference: String,
    ) -> Option<Change> {
        match self.in_force.get_mut(&subject) {
            Some(present) if present.cause == Cause::TemplateChanged => {
                present.detail = difference;
                None
            }
            Some(present) if present.cause > Cause::TemplateChanged => {
                if present.cause == Cause::Template && !present.detail.ends_with(&difference) {
                    present.detail = format!("{}; {difference}", present.detail);
                }
                None
            }
            Some(_) | None => {
                let cause = Cause::TemplateChanged;
                let end = End::Trial(Trials::of(now, cause));
                Some(self.put(now, (subject, cause, end), (None, difference)))
            }
        }
    }

    /// A message was refused, for whatever reason. If it was the trial of a changed template, only a message that is accepted ends that pause: `WeChat`
    /// may have looked at the user's permission before it looked at the values.
    pub fn changed_template_refused(&mut self, now: Moment, ticket: Ticket, class: Class) {
        for pause in self.in_force.values_mut() {
            if pause.cause == Cause::TemplateChanged
                && let Some(trials) = pause.end.trials_mut()
            {
                if may_mean_a_change(class) {
                    trials.failed(now, pause.cause, ticket);
                } else {
                    trials.said_nothing(ticket);
                }
            }
        }
    }

    /// A rule was changed, most likely for what its template is now.
    pub fn changed_template_is_met(&mut self, rule: &Rule) -> Vec<Change> {
        let template = Subject::template_of(rule);
        self.end_if(|pause| {
            pause.cause == Cause::TemplateChanged && Some(&pause.subject) == template.as_ref()
        })
    }
}

/// Whether a template that `WeChat` has changed is refused like that: other params (47003), or it is gone (40037).
pub fn may_mean_a_change(class: Class) -> bool {
    matches!(class, Class::BadParam | Class::UnknownTemplate)
}
