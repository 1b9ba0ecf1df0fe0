//! Templates that `WeChat` has changed.

use super::end::End;
use super::trials::Trials;
use super::{Cause, Change, Pauses, Subject};
use crate::model::{Moment, Ticket};
use crate::rules::Rule;

impl Pauses {
    /// `WeChat` lists a template otherwise than we know it. Where its messages wait already, it is told why.
    pub fn template_differs(
        &mut self,
        now: Moment,
        subject: Subject,
        difference: String,
    ) -> Option<Change> {
        if let Some(present) = self.in_force.get_mut(&subject)
            && present.cause >= Cause::Template
        {
            if present.cause == Cause::Template {
                present.detail = format!("{}; {difference}", present.detail);
            }
            return None;
        }
        let cause = Cause::TemplateChanged;
        let end = End::Trial(Trials::of(now, cause));
        Some(self.put(now, (subject, cause, end), (None, difference)))
    }

    /// A value of this message was refused. Where that is what a template's change brings, it was a trial that failed.
    pub fn value_was_refused(&mut self, now: Moment, ticket: Ticket) {
        for pause in self.in_force.values_mut() {
            if pause.cause == Cause::TemplateChanged
                && let Some(trials) = pause.end.trials_mut()
            {
                trials.failed(now, pause.cause, ticket);
            }
        }
    }

    /// A rule was changed, most likely for what its template is now.
    pub fn changed_template_is_met(&mut self, rule: &Rule) -> Vec<Change> {
        let template =
            Subject::covering(rule).find(|subject| matches!(subject, Subject::Template(..)));
        self.end_if(|pause| {
            pause.cause == Cause::TemplateChanged && Some(&pause.subject) == template.as_ref()
        })
    }
}
