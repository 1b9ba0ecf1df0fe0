//! `[grants]`: which events tell what users have allowed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Reader;
use super::events::POINTER;
use crate::config::keys::{Key, Open, Table, Without};
use crate::config::kinds::{Parsed, Text};
use wx_courier_core::document::{Origin, Said, Section};
use wx_courier_core::event::Pointer;
use wx_courier_core::grants::{AnswerEvents, AppOf};

pub(super) static GRANTS: Table = Table {
    path: "grants",
    keys: &[&EVENT, &APP, &OPENID, &TEMPLATE, &ANSWER],
};

static EVENT: Open<Text> = Open {
    name: "event",
    kind: Text,
    without: Without::Required {
        message: "`event` is missing",
        help: "the type of the events that tell what users have answered: event = \"subscription.answered\"",
    },
    about: "the type of these events",
};

static APP: Open<Text> = Open {
    name: "app",
    kind: Text,
    without: Without::Means("the only app"),
    about: "the app of these users, or where its name is in the data (`/app`)",
};

static OPENID: Key<Parsed<Pointer>> = Key {
    name: "openid",
    kind: POINTER,
    default: || Pointer::new("/openid").unwrap_or_default(),
    about: "where the openid is in the data",
};

static TEMPLATE: Key<Parsed<Pointer>> = Key {
    name: "template",
    kind: POINTER,
    default: || Pointer::new("/template").unwrap_or_default(),
    about: "where the template is, by its name in `templates.toml` or by its id",
};

static ANSWER: Key<Parsed<Pointer>> = Key {
    name: "answer",
    kind: POINTER,
    default: || Pointer::new("/answer").unwrap_or_default(),
    about: "where the answer is: a word, or the object that `wx.requestSubscribeMessage` gave",
};

impl Reader<'_> {
    /// `None` where no event tells it.
    pub(super) fn grants(
        &mut self,
        top: &mut Section,
        apps: &BTreeSet<String>,
    ) -> Option<AnswerEvents> {
        let mut section = top.take_section(self.problems, GRANTS.key())?;
        let kind = self.open(&mut section, &EVENT);
        let kind = self.shown(&EVENT, kind);
        let app = self.open(&mut section, &APP);
        let app = self.app_of(&section, app, apps);
        let openid = self.read(&mut section, &OPENID);
        let template = self.read(&mut section, &TEMPLATE);
        let answer = self.read(&mut section, &ANSWER);
        section.finish(self.problems);
        Some(AnswerEvents {
            kind: kind?,
            app: app?,
            openid,
            template,
            answer,
        })
    }

    /// A name of an app, or where in the data it is.
    fn app_of(
        &mut self,
        section: &Section,
        said: Option<Said<String>>,
        apps: &BTreeSet<String>,
    ) -> Option<AppOf> {
        let known: Vec<&str> = apps.iter().map(String::as_str).collect();
        let Some(said) = said else {
            if let [only] = known.as_slice() {
                self.note("grants.app", (*only).to_owned(), &Origin::Default);
                return Some(AppOf::Always(Arc::from(*only)));
            }
            let problem = section.error("`app` is missing: there is more than one app");
            self.problems.push(problem.help(
                "name the app of these users (app = \"shop\"), or where its name is in the data (app = \"/app\")",
            ));
            return None;
        };
        self.note(&said.key, said.value.clone(), &said.origin);
        if said.value.starts_with('/') {
            return Pointer::new(&said.value).map(AppOf::At);
        }
        if apps.contains(&said.value) {
            return Some(AppOf::Always(Arc::from(said.value.as_str())));
        }
        let problem = said.error(format!("there is no app \"{}\"", said.value));
        self.problems
            .push(problem.help(format!("the settings know: {}", known.join(", "))));
        None
    }
}
