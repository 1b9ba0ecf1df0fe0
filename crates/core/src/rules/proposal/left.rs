//! Params for which no field was found: fixed text where that can be said, and else what a person needs to know.

use super::choice::Wanted;
use super::trial::Trial;
use super::words::{Aspect, Concept, Meaning};
use super::{Confidence, Guess};
use crate::catalog::Template;
use crate::wechat::params::ParamKind;

/// Fixed text where the type of the event says it all: what is completed has the state 已完成.
pub(super) fn fixed(
    wanted: &Wanted<'_>,
    template: &Template,
    of_event: &Meaning,
    trial: &Trial<'_>,
) -> Option<Guess> {
    let (text, why) = if wanted.kind == ParamKind::Const {
        let text = template.examples.get(wanted.name.as_ref())?;
        (
            text.as_str(),
            "the template's own text, from WeChat's example",
        )
    } else {
        let is_state = wanted.said.concepts.contains(&Concept::Status);
        let aspect = of_event.aspects.first().filter(|_| is_state)?;
        (
            state(*aspect)?,
            "fixed text, because the type of the event says so: is it this word?",
        )
    };
    let tried = trial.param(wanted.name, text).ok()?;
    Some(Guess {
        key: format!("params.{}", wanted.name),
        label: Some(wanted.label.to_owned()),
        source: Some(text.to_owned()),
        value: Some(tried.value),
        why: why.to_owned(),
        confidence: Confidence::Doubtful,
    })
}

fn state(aspect: Aspect) -> Option<&'static str> {
    match aspect {
        Aspect::Done => Some("已完成"),
        Aspect::Ended => Some("已结束"),
        Aspect::Created => Some("已提交"),
        Aspect::Paid => Some("已支付"),
        Aspect::Shipped => Some("已发货"),
        Aspect::Arrived => Some("已到达"),
        Aspect::Booked => Some("已预约"),
        Aspect::Refunded => Some("已退款"),
        Aspect::Cancelled => Some("已取消"),
        Aspect::Started | Aspect::PickedUp => None,
    }
}

/// A param for which nothing was found.
pub(super) fn open(wanted: &Wanted<'_>, template: &Template, near: Option<String>) -> Guess {
    let mut why = near.unwrap_or_else(|| "no field of the sample fits".to_owned());
    why += "; it takes ";
    why += &takes(wanted, template);
    if let Some(example) = template.examples.get(wanted.name.as_ref()) {
        why += ", WeChat's example is ";
        why += example;
    }
    Guess {
        key: format!("params.{}", wanted.name),
        label: Some(wanted.label.to_owned()),
        source: None,
        value: None,
        why,
        confidence: Confidence::Open,
    }
}

/// What a param takes, in a few words.
fn takes(wanted: &Wanted<'_>, template: &Template) -> String {
    if let Some(listed) = template.enums.get(wanted.name.as_ref()) {
        let listed: Vec<&str> = listed.iter().map(String::as_str).collect();
        return format!("one of {}", listed.join(", "));
    }
    let words = match wanted.kind {
        ParamKind::Thing => "a text of at most 20 characters",
        ParamKind::Number => "a number",
        ParamKind::Letter => "at most 32 Latin letters",
        ParamKind::Symbol => "at most 5 symbols",
        ParamKind::CharacterString => "at most 32 digits, letters and symbols",
        ParamKind::Time => "a time such as 2026年11月22日 16:30",
        ParamKind::Date => "a date such as 2026年11月22日",
        ParamKind::Amount => "an amount such as ￥128.50",
        ParamKind::PhoneNumber => "a phone number",
        ParamKind::CarNumber => "a number plate",
        ParamKind::Name => "a name of at most 10 Han characters, or 20 others",
        ParamKind::Phrase => "at most 5 Han characters",
        ParamKind::Enum => "one of the values that the template lists",
        ParamKind::Const => "the fixed text of the template",
        ParamKind::ShortThing => "a text of a few characters",
        ParamKind::Unlisted => "a text",
    };
    words.to_owned()
}
