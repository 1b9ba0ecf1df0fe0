//! A subscribe message: the values of a template.

use std::sync::Arc;

use super::leftover::{Sight, leftovers};
use super::{Rejection, check_page};
use crate::catalog::Template;
use crate::model::outcome::Reason;
use crate::wechat::params::{ParamKind, Violation, normalise};

/// The language in which `WeChat` shows the card. `WeChat`: subscribe/send, `lang`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lang {
    /// `zh_CN`
    #[default]
    ZhCn,
    /// `en_US`
    EnUs,
    /// `zh_HK`
    ZhHk,
    /// `zh_TW`
    ZhTw,
}

impl Lang {
    /// Every language with its name on the wire.
    pub const ALL: [(&'static str, Self); 4] = [
        ("zh_CN", Self::ZhCn),
        ("en_US", Self::EnUs),
        ("zh_HK", Self::ZhHk),
        ("zh_TW", Self::ZhTw),
    ];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ZhCn => "zh_CN",
            Self::EnUs => "en_US",
            Self::ZhHk => "zh_HK",
            Self::ZhTw => "zh_TW",
        }
    }
}

/// What happens to a value that is too long for its param.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// The message is `invalid`.
    #[default]
    Reject,
    /// The value is cut.
    Trim,
}

/// A template, filled. `WeChat`: subscribe/send.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// The template.
    pub template: Arc<Template>,
    /// The page that a tap on the card opens, with its query; without one the card opens nothing.
    pub page: Option<String>,
    /// The language of the card.
    pub lang: Lang,
    /// Each param's name and value, in the order of the numbers in the names.
    pub params: Vec<(Arc<str>, String)>,
}

impl Card {
    /// The card with values as they are sent, if all of them fit.
    pub(super) fn checked(
        mut self,
        overflow_of: &dyn Fn(&str) -> Overflow,
    ) -> Result<Self, Rejection> {
        if let Some(page) = &self.page {
            // An empty page is no page: the card opens nothing then.
            self.page = check_page(page).map_err(|violation| of_page(&violation))?;
        }
        let template = &self.template;
        for (name, value) in &mut self.params {
            let kind = kind_of(name);
            *value = fitted(kind, overflow_of(name), value);
            check_fitted(kind, template, name, value)
                .map_err(|violation| of_value(name, &violation))?;
        }
        Ok(self)
    }
}

/// What is doubtful of a value that fits.
pub(super) fn doubts_of_param(kind: ParamKind, value: &str) -> Vec<String> {
    let sight = Sight::of_param(kind).into_iter();
    let found = sight.flat_map(|sight| leftovers(sight, value));
    let found = found.map(|leftover| leftover.to_string());
    kind.doubt(value).into_iter().chain(found).collect()
}

/// The same of a page.
pub(super) fn doubts_of_page(page: &str) -> Vec<String> {
    let found = leftovers(Sight::Address, page).into_iter();
    found.map(|leftover| leftover.to_string()).collect()
}

/// Why the page of a card is refused.
pub(super) fn of_page(violation: &Violation) -> Rejection {
    Rejection {
        reason: violation.reason,
        detail: format!("page: {}", violation.detail),
        param: None,
    }
}

/// Why a value is refused, with its name.
pub(super) fn of_value(name: &str, violation: &Violation) -> Rejection {
    Rejection {
        reason: violation.reason,
        detail: format!("{name}: {}", violation.detail),
        param: Some(Arc::from(name)),
    }
}

/// The type of a param. A name that is none of a type is sent where the template has it.
pub(super) fn kind_of(name: &str) -> ParamKind {
    ParamKind::of(name).unwrap_or(ParamKind::Unlisted)
}

/// The value of a param as it is sent, if it may be.
pub(super) fn fitted(kind: ParamKind, overflow: Overflow, value: &str) -> String {
    let value = normalise(value);
    if overflow == Overflow::Trim && kind.can_trim() && kind.is_too_long(&value) {
        return kind.trim(&value, "");
    }
    value
}

/// Whether a fitted value may be sent.
pub(super) fn check_fitted(
    kind: ParamKind,
    template: &Template,
    name: &str,
    value: &str,
) -> Result<(), Violation> {
    kind.check(value)?;
    match template.enums.get(name) {
        Some(listed) if !listed.iter().any(|known| known == value) => {
            let detail = format!(
                "expected one of the template's values: {}",
                listed.join(", ")
            );
            Err(Violation {
                reason: Reason::ParamNotListed,
                detail,
            })
        }
        _ => Ok(()),
    }
}
