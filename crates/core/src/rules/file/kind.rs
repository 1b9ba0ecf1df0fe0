//! `kind` of a rule file: which kind of message, what belongs to it and what to the other, and kinds that are no more.

use super::Reader;
use crate::document::{Problem, Said, Section, nearest};
use crate::message::Api;

/// A kind of message that `WeChat` has withdrawn.
struct Withdrawn {
    /// Words by which people ask for it.
    words: &'static [&'static str],
    what: &'static str,
    /// The day, and what the API answers since.
    when: &'static str,
    help: &'static str,
}

/// `WeChat`: announcement of October 2019.
const BY_FORM_ID: Withdrawn = Withdrawn {
    words: &["template", "form_id", "formid"],
    what: "template messages by form_id",
    when: "on 2020-01-10: the API answers 45103",
    help: "use a subscribe message: leave `kind` out, let the user accept a template with wx.requestSubscribeMessage, and name it in `template`",
};
/// `WeChat`: announcement of September 2023.
const UNIFORM: Withdrawn = Withdrawn {
    words: &["uniform", "uniform_send", "uniform_message"],
    what: "uniform service messages",
    when: "on 2023-09-20: the API answers 45109",
    help: "use a subscribe message of the mini program: leave `kind` out, and name its template in `template`; an official account sends by APIs of its own, which wx-courier does not use",
};

/// Keys of a rule file that belong to one kind, with what to do in a rule of the other.
const OF_CARDS: [(&str, &str); 5] = [
    ("template", "it fills no template: leave it out"),
    (
        "page",
        "write it into the message: [message] with page = { title = \"…\", pagepath = \"…\", thumb_media_id = \"…\" }",
    ),
    ("lang", "leave it out: the values are the message"),
    (
        "overflow",
        "leave it out, and cut with a filter: {{ data.text | fit(100) }}",
    ),
    ("params", "write what is sent into [message]: text = \"…\""),
];
const OF_CUSTOMERS: [(&str, &str); 1] = [(
    "message",
    "write kind = \"customer\", or put the values of the template into [params]",
)];

impl Reader<'_> {
    /// The kind of message that the rule makes. Where that is in doubt, the kind of which the file says more: the mistake is told once, and
    /// the rest is read as it was most likely meant.
    pub(super) fn kind(&mut self, file: &mut Section) -> Api {
        let meant = if file.says("message") && !file.says("template") && !file.says("params") {
            Api::Customer
        } else {
            Api::Subscribe
        };
        let api = match file.take_string(self.problems, "kind") {
            Some(said) => self.named_kind(&said).unwrap_or(meant),
            None if file.says("form_id") => {
                self.refuse_form_id(file);
                meant
            }
            None if meant == Api::Customer => {
                let problem =
                    file.error("`kind` is missing: [message] is for customer-service messages");
                self.problems
                    .push(problem.help("write kind = \"customer\""));
                meant
            }
            None => meant,
        };
        match api {
            Api::Subscribe => self.refuse(file, "customer-service", &OF_CUSTOMERS),
            Api::Customer => self.refuse(file, "subscribe", &OF_CARDS),
        }
        api
    }

    fn named_kind(&mut self, said: &Said<String>) -> Option<Api> {
        const APIS: [Api; 2] = [Api::Subscribe, Api::Customer];
        let word = said.value.as_str();
        if let Some(api) = APIS.into_iter().find(|api| api.as_str() == word) {
            return Some(api);
        }
        let mut withdrawn = [&BY_FORM_ID, &UNIFORM].into_iter();
        if let Some(kind) = withdrawn.find(|kind| kind.words.contains(&word)) {
            self.problems.push(kind.problem(said));
            return None;
        }
        let problem = said.error(format!("\"{word}\" is no kind of message"));
        self.problems
            .push(match nearest(word, &APIS.map(Api::as_str)) {
                Some(near) => problem.help(format!("did you mean \"{near}\"?")),
                None => problem.help("expected \"subscribe\" or \"customer\""),
            });
        None
    }

    /// A rule that was moved here from the days of form ids may still bring one.
    fn refuse_form_id(&mut self, file: &mut Section) {
        if let Some(said) = file.take("form_id") {
            self.problems.push(BY_FORM_ID.problem(&said));
        }
    }

    fn refuse(&mut self, file: &mut Section, others: &str, keys: &[(&'static str, &'static str)]) {
        for (key, help) in keys {
            if file.says(key)
                && let Some(said) = file.take(key)
            {
                let problem = said.error(format!("this belongs to {others} messages"));
                self.problems.push(problem.help(*help));
            }
        }
    }
}

impl Withdrawn {
    fn problem<T>(&self, said: &Said<T>) -> Problem {
        let Self {
            what, when, help, ..
        } = self;
        let problem = said.error(format!("WeChat withdrew {what} {when}"));
        problem.help(*help)
    }
}
