//! `[grants]`: which events tell what users have allowed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Reader;
use wx_courier_core::document::{Origin, Said, Section};
use wx_courier_core::event::Pointer;
use wx_courier_core::grants::{AnswerEvents, AppOf};

impl Reader<'_> {
    /// `None` where no event tells it.
    pub(super) fn grants(
        &mut self,
        top: &mut Section,
        apps: &BTreeSet<String>,
    ) -> Option<AnswerEvents> {
        let mut section = top.take_section(self.problems, "grants")?;
        let kind = section.require_string(
            self.problems,
            "event",
            "the type of the events that tell what users have answered: event = \"subscription.answered\"",
        );
        let kind = self.shown(kind);
        let app = section.take_string(self.problems, "app");
        let app = self.app_of(&section, app, apps);
        let openid = self.pointer(&mut section, "openid", "/openid");
        let template = self.pointer(&mut section, "template", "/template");
        let answer = self.pointer(&mut section, "answer", "/answer");
        section.finish(self.problems);
        Some(AnswerEvents {
            kind: kind?,
            app: app?,
            openid: openid?,
            template: template?,
            answer: answer?,
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

    /// A JSON Pointer.
    pub(super) fn pointer(
        &mut self,
        section: &mut Section,
        key: &'static str,
        default: &str,
    ) -> Option<Pointer> {
        let path = section.key_path(key);
        let Some(said) = section.take_string(self.problems, key) else {
            self.note(&path, default.to_owned(), &Origin::Default);
            return Pointer::new(default);
        };
        self.note(&said.key, said.value.clone(), &said.origin);
        let pointer = Pointer::new(&said.value);
        if pointer.is_none() {
            let problem = said.error(format!("\"{}\" is not a JSON Pointer", said.value));
            self.problems.push(problem.help(format!(
                "begin with a slash: \"/{}\"",
                said.value.replace('.', "/")
            )));
        }
        pointer
    }
}
