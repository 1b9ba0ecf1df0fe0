//! Events that tell what a user answered when the mini program asked for permission.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Key, Policies, Report, Source};
use crate::catalog::{Catalog, Policy, Template};
use crate::event::{Event, Json, Pointer, Seen};
use crate::message::{Rejection, check_openid};
use crate::model::outcome::Reason;
use crate::wechat::{Meaning, Unknown, UnknownKind, Word};

/// Which events tell of users' answers, and where in their data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerEvents {
    /// The type of these events.
    pub kind: String,
    /// The app whose user it is.
    pub app: AppOf,
    /// Where the openid is.
    pub openid: Pointer,
    /// Where the template is: its name in `templates.toml`, or its id. Not needed where the answer is an object.
    pub template: Pointer,
    /// Where the answer is: a word that begins with `accept`, or `reject`, `ban` or `filter`, or the whole object that `wx.requestSubscribeMessage` gave.
    pub answer: Pointer,
}

/// How the app is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppOf {
    /// It is always this one.
    Always(Arc<str>),
    /// Its name is in the data.
    At(Pointer),
}

/// What an event tells of a user's answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What it reports, template by template, where a ledger is kept.
    pub reports: Result<Vec<Report>, Rejection>,
    /// The words that are not known, for log and metrics.
    pub unknown: Vec<Unknown>,
}

/// A template, and the word beside it: none where there is no text.
type Said<'a> = (Cow<'a, str>, Option<Cow<'a, str>>);

impl AnswerEvents {
    /// What the event tells. `None` if it is no such event.
    pub fn read(
        &self,
        event: &Event,
        catalog: &Catalog,
        policies: &Policies,
        now_ms: i64,
    ) -> Option<Answered> {
        (event.kind == self.kind).then(|| {
            let mut unknown = Vec::new();
            let around = (catalog, policies);
            let reports = self.reports(event, around, now_ms, &mut unknown);
            Answered { reports, unknown }
        })
    }

    fn reports(
        &self,
        event: &Event,
        (catalog, policies): (&Catalog, &Policies),
        now_ms: i64,
        unknown: &mut Vec<Unknown>,
    ) -> Result<Vec<Report>, Rejection> {
        let payload = event.data.open();
        let payload = payload.map_err(|unreadable| malformed(&unreadable.detail))?;
        let data = payload.data.json();
        let app = match &self.app {
            AppOf::Always(app) => Arc::clone(app),
            AppOf::At(pointer) => Arc::from(text_at(data, "the app", pointer)?),
        };
        let openid = text_at(data, "the openid", &self.openid)?;
        let openid: Arc<str> =
            Arc::from(check_openid(&openid).map_err(|detail| malformed(&detail))?);
        let mut reports = Vec::new();
        let mut wrong = None;
        let mut answers = self.answers(data)?;
        // The client's own fields stand beside the templates, and `errCode` where there was no popup: what is no text is a word, and one that
        // is not known, only where it stands for a template.
        answers.retain(|(template, word)| word.is_some() || catalog.find(&app, template).is_some());
        let n_answers = answers.len();
        let mut n_wrong = 0;
        for (template, word) in answers {
            let word = word.unwrap_or_default();
            let (template, word) = match understand((catalog, &app), &template, &word, unknown) {
                Ok(understood) => understood,
                Err(rejection) => {
                    n_wrong += 1;
                    wrong.get_or_insert(rejection);
                    continue;
                }
            };
            let Some(word) = word else {
                continue;
            };
            if policies.of(template) == Policy::Off {
                continue;
            }
            reports.push(Report {
                key: Key {
                    app: Arc::clone(&app),
                    openid: Arc::clone(&openid),
                    template_id: Arc::from(template.id.as_str()),
                },
                id: Arc::from(format!("{}|{}", event.source, event.id)),
                source: Source::Event,
                word,
                at_ms: event.time_ms,
                now_ms,
            });
        }
        // One template of several that the catalog does not have must not cost the others their accepts.
        match wrong {
            Some(rejection) if n_wrong == n_answers => Err(rejection),
            Some(_) | None => Ok(reports),
        }
    }

    /// What is said of each template, as it stands in the event.
    fn answers<'a>(&self, data: Json<'a>) -> Result<Vec<Said<'a>>, Rejection> {
        let Some(answer) = data.find(&self.answer) else {
            return Err(malformed(&format!(
                "the answer is missing: nothing at `{}`",
                self.answer
            )));
        };
        match answer.seen() {
            Seen::Text(word) => {
                let template = text_at(data, "the template", &self.template)?;
                Ok(vec![(template, Some(word))])
            }
            Seen::Object => {
                // Of several fields with one name the last one counts, whatever it is.
                let fields: BTreeMap<_, _> = answer.fields().collect();
                let answers = fields.into_iter().filter(|(name, _)| name != "errMsg");
                Ok(answers
                    .map(|(template, word)| (template, word.as_text()))
                    .collect())
            }
            Seen::Null | Seen::Bool | Seen::Number(_) | Seen::List => Err(malformed(&format!(
                "expected a word or an object at `{}`",
                self.answer
            ))),
        }
    }
}

/// A template and what was said of it; `None` if that says nothing of the user's will.
fn understand<'a>(
    (catalog, app): (&'a Catalog, &str),
    template: &str,
    word: &str,
    unknown: &mut Vec<Unknown>,
) -> Result<(&'a Arc<Template>, Option<Word>), Rejection> {
    // Beside the templates the object may have fields of the client's own: what stands there is no word.
    let Some(template) = catalog.find(app, template) else {
        return Err(malformed(&format!(
            "templates.toml has no template with the name or id `{}` for the app `{}`",
            shown(template),
            shown(app)
        )));
    };
    match Meaning::of(word) {
        Meaning::Will(word) => Ok((template, Some(word))),
        Meaning::NoWill => Ok((template, None)),
        Meaning::Unknown => {
            unknown.push(Unknown::new(UnknownKind::Word, word));
            Err(malformed(
                "the answer begins with no `accept` and is none of reject, ban and filter",
            ))
        }
    }
}

/// As much of a name as tells it from others: an event may bring names of any length.
fn shown(name: &str) -> &str {
    const SHOWN: usize = 64;
    name.char_indices()
        .nth(SHOWN)
        .and_then(|(end, _)| name.get(..end))
        .unwrap_or(name)
}

fn text_at<'a>(data: Json<'a>, what: &str, pointer: &Pointer) -> Result<Cow<'a, str>, Rejection> {
    let found = data.find(pointer).and_then(Json::as_text);
    found.ok_or_else(|| malformed(&format!("{what} is missing: no text at `{pointer}`")))
}

fn malformed(detail: &str) -> Rejection {
    Rejection {
        reason: Reason::GrantMalformed,
        detail: format!("grants: {detail}"),
        param: None,
    }
}

#[cfg(test)]
mod tests;
