//! What a user does about subscribe messages in the mini program: answers the popup, and changes their mind in the settings.
//!
//! WeChat: `wx.requestSubscribeMessage`, its results and error codes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::callbacks;
use crate::settings::{Kind, Template};
use crate::state::{State, lock};
use crate::users::Switch;

/// WeChat: `wx.requestSubscribeMessage`, `tmplIds`. The newest page says five, older ones three.
const MOST_IDS: usize = 5;

/// What became of one template in the popup.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Choice {
    /// The user agrees.
    Accept,
    /// The user agrees, in another of WeChat's words: `acceptWithAudio`, `acceptWithForcePush`, `ACCEPT`. Made with [`Choice::try_from`].
    AcceptAs(AcceptWord),
    /// The user does not.
    Reject,
    /// WeChat has banned the template.
    Ban,
    /// Another template of the same title was asked for instead.
    Filter,
}

/// A word that begins with `accept`, in any case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AcceptWord(Arc<str>);

/// No user's answer to the popup.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "expected accept, a longer word of letters that begins with accept, reject, ban or filter, not `{0}`"
)]
pub struct NoChoice(String);

/// Room for any word of WeChat's; `acceptWithForcePush` has 19 letters.
const LONGEST_WORD: usize = 64;

impl TryFrom<String> for Choice {
    type Error = NoChoice;

    fn try_from(word: String) -> Result<Self, NoChoice> {
        match word.as_str() {
            "accept" => Ok(Self::Accept),
            "reject" => Ok(Self::Reject),
            "ban" => Ok(Self::Ban),
            "filter" => Ok(Self::Filter),
            _ => {
                let is_accept = word.len() <= LONGEST_WORD
                    && word.bytes().all(|byte| byte.is_ascii_alphabetic())
                    && word.to_ascii_lowercase().starts_with("accept");
                if !is_accept {
                    return Err(NoChoice(word));
                }
                Ok(Self::AcceptAs(AcceptWord(Arc::from(word))))
            }
        }
    }
}

impl From<Choice> for String {
    fn from(choice: Choice) -> Self {
        choice.as_str().to_owned()
    }
}

impl Choice {
    /// WeChat's word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Accept => "accept",
            Self::AcceptAs(AcceptWord(word)) => word,
            Self::Reject => "reject",
            Self::Ban => "ban",
            Self::Filter => "filter",
        }
    }

    /// Whether the user agrees.
    pub(crate) fn is_yes(&self) -> bool {
        match self {
            Self::Accept | Self::AcceptAs(_) => true,
            Self::Reject | Self::Ban | Self::Filter => false,
        }
    }
}

/// Why the popup never came: the fail callback's `errCode`. WeChat: `wx.requestSubscribeMessage`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAsked {
    /// No template at all.
    #[error("TmplIds can't be empty")]
    Nothing,
    /// An id that cannot be one.
    #[error("Invalid template id")]
    BadId,
    /// The app has no such template.
    #[error("No template data return, verify the template id exist")]
    UnknownTemplate,
    /// One-time and long-term templates together.
    #[error("Templates type must be same")]
    MixedKinds,
    /// More than five.
    #[error("Templates count out of max bounds")]
    TooMany,
    /// The user's main switch is off.
    #[error("The main switch is switched off")]
    SwitchedOff,
}

impl NotAsked {
    /// WeChat's number.
    pub fn code(self) -> u32 {
        match self {
            Self::Nothing => 10001,
            Self::BadId => 10004,
            Self::UnknownTemplate => 20001,
            Self::MixedKinds => 20002,
            Self::TooMany => 20003,
            Self::SwitchedOff => 20004,
        }
    }
}

/// The popup: what the user answers counts, and is told to every listener. Gives what the success callback gets.
pub(super) fn ask(
    state: &State,
    appid: &str,
    openid: &str,
    answers: &BTreeMap<String, Choice>,
) -> Result<BTreeMap<String, Choice>, NotAsked> {
    let templates = asked_for(state, appid, answers)?;
    let mut users = lock(&state.users);
    let user = users.of(appid, openid);
    if user.main_switch == Switch::Off {
        return Err(NotAsked::SwitchedOff);
    }
    let mut grants = lock(&state.grants);
    let mut titles = BTreeSet::new();
    let mut results = BTreeMap::new();
    for (id, template, choice) in &templates {
        let first = template.title.is_empty() || titles.insert(&template.title);
        let choice = if first {
            choice.clone()
        } else {
            Choice::Filter
        };
        if choice.is_yes() {
            user.switched_off.remove(id);
            grants.accept(openid, id, template.kind);
        }
        results.insert(id.clone(), choice);
    }
    drop(grants);
    drop(users);
    callbacks::popup(state, appid, openid, &results);
    Ok(results)
}

type AskedFor = Vec<(String, Arc<Template>, Choice)>;

fn asked_for(
    state: &State,
    appid: &str,
    answers: &BTreeMap<String, Choice>,
) -> Result<AskedFor, NotAsked> {
    if answers.is_empty() {
        return Err(NotAsked::Nothing);
    }
    if answers.len() > MOST_IDS {
        return Err(NotAsked::TooMany);
    }
    let catalogs = lock(&state.catalogs);
    let mut templates = AskedFor::new();
    for (id, choice) in answers {
        if id.trim().is_empty() {
            return Err(NotAsked::BadId);
        }
        let template = catalogs.find(appid, id);
        let template = template.filter(|template| template.kind != Kind::ServiceCard);
        let template = template.ok_or(NotAsked::UnknownTemplate)?;
        templates.push((id.clone(), template, choice.clone()));
    }
    let n_lasting = templates.iter().filter(|(_, it, _)| it.kind.lasts());
    let n_lasting = n_lasting.count();
    if n_lasting > 0 && n_lasting < templates.len() {
        return Err(NotAsked::MixedKinds);
    }
    Ok(templates)
}

/// The settings page. Off takes the grants away; on only lets the user be asked again.
pub(super) fn switch(
    state: &State,
    appid: &str,
    openid: &str,
    templates: &BTreeMap<String, Switch>,
) {
    let mut users = lock(&state.users);
    let user = users.of(appid, openid);
    for (id, to) in templates {
        match to {
            Switch::On => {
                user.switched_off.remove(id);
            }
            Switch::Off => {
                user.switched_off.insert(id.clone());
                lock(&state.grants).revoke(openid, id);
            }
        }
    }
    drop(users);
    let off = templates.iter().filter(|(_, to)| **to == Switch::Off);
    let off: Vec<&String> = off.map(|(id, _)| id).collect();
    callbacks::changed(state, appid, openid, &off);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn given() -> State {
        let settings: Settings = serde_json::from_str(
            r#"{"grants": "on", "apps": {"wx1": {"templates": {
                "A": {"title": "a"}, "A2": {"title": "a"}, "B": {}, "C": {}, "D": {}, "E": {}, "L": {"kind": "long-term"}, "S": {"kind": "service-card"}}}}}"#,
        )
        .unwrap();
        State::new(settings)
    }

    fn answers(ids: &[(&str, Choice)]) -> BTreeMap<String, Choice> {
        ids.iter()
            .map(|(id, choice)| ((*id).to_owned(), choice.clone()))
            .collect()
    }

    fn check_refused(state: &State, ids: &[&str], expected: NotAsked) {
        let ids: Vec<_> = ids.iter().map(|id| (*id, Choice::Accept)).collect();
        assert_eq!(ask(state, "wx1", "o1", &answers(&ids)), Err(expected));
    }

    #[test]
    fn accepts_of_one_time_templates_add_up() {
        let state = given();
        let both = answers(&[("A", Choice::Accept), ("B", Choice::Reject)]);
        assert_eq!(ask(&state, "wx1", "o1", &both), Ok(both.clone()));
        assert_eq!(ask(&state, "wx1", "o1", &both), Ok(both));
        assert_eq!(lock(&state.grants).of("o1"), [("A".to_owned(), 2)].into());
        let lasting = answers(&[("L", Choice::Accept)]);
        for _ in 0..2 {
            assert!(ask(&state, "wx1", "o1", &lasting).is_ok());
            assert_eq!(lock(&state.grants).of("o1")["L"], 1);
        }
    }

    #[test]
    fn odd_questions_are_not_asked() {
        let state = given();
        check_refused(&state, &[], NotAsked::Nothing);
        check_refused(&state, &[" "], NotAsked::BadId);
        check_refused(&state, &["A", "X"], NotAsked::UnknownTemplate);
        check_refused(&state, &["S"], NotAsked::UnknownTemplate);
        check_refused(&state, &["A", "L"], NotAsked::MixedKinds);
        check_refused(&state, &["A", "A2", "B", "C", "D", "E"], NotAsked::TooMany);
        lock(&state.users).of("wx1", "o1").main_switch = Switch::Off;
        check_refused(&state, &["A"], NotAsked::SwitchedOff);
        assert!(lock(&state.grants).of("o1").is_empty());
    }

    #[test]
    fn one_of_two_with_the_same_title_is_asked_for() {
        let state = given();
        let both = answers(&[("A", Choice::Accept), ("A2", Choice::Accept)]);
        let results = ask(&state, "wx1", "o1", &both).unwrap();
        assert_eq!(
            (&results["A"], &results["A2"]),
            (&Choice::Accept, &Choice::Filter)
        );
        assert_eq!(lock(&state.grants).of("o1"), [("A".to_owned(), 1)].into());
    }

    #[test]
    fn every_word_that_begins_with_accept_gives_one_more() {
        let state = given();
        for (n_before, yes) in ["acceptWithForcePush", "acceptWithAudio", "ACCEPT"]
            .into_iter()
            .enumerate()
        {
            let choice = Choice::try_from(yes.to_owned()).unwrap();
            let said = answers(&[("A", choice)]);
            let results = ask(&state, "wx1", "o1", &said).unwrap();
            assert_eq!(results["A"].as_str(), yes);
            let left = lock(&state.grants).of("o1")["A"];
            assert_eq!(left, n_before as u64 + 1, "{yes}");
        }
        for no in ["acept", "accept it", "", "perhaps"] {
            let refused = NoChoice(no.to_owned());
            assert_eq!(Choice::try_from(no.to_owned()), Err(refused), "{no}");
        }
    }

    #[test]
    fn switching_off_takes_the_grants_away() {
        let state = given();
        let lasting = answers(&[("L", Choice::Accept)]);
        ask(&state, "wx1", "o1", &lasting).unwrap();
        switch(&state, "wx1", "o1", &[("L".to_owned(), Switch::Off)].into());
        assert!(!lock(&state.grants).take("o1", "L", Kind::LongTerm));
        ask(&state, "wx1", "o1", &lasting).unwrap();
        assert!(lock(&state.grants).take("o1", "L", Kind::LongTerm));
        assert!(lock(&state.users).of("wx1", "o1").switched_off.is_empty());
    }
}
