//! The values of a draft, each looked at by itself: for people who want to see all that is wrong, where [`validate`](super::validate) stops
//! at the first. The checks are the same.

use super::card::{
    check_fitted, doubts_of_page, doubts_of_param, fitted, kind_of, of_page, of_value,
};
use super::customer::Field;
use super::{
    LONGEST_OPENID, LONGEST_PAGE_BYTES, Overflow, Rejection, To, check_code, check_page,
    check_recipient,
};
use crate::catalog::Template;
use crate::wechat::params::{Extent, Violation, normalise};

/// A login code that is shorter may stand in a text by chance. Those seen have 32 characters.
const SHORTEST_CODE_IN_TEXT: usize = 8;

/// A value as it would be sent, and what is found of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examined {
    /// As it would be sent if it may be. `None` for what is not shown: a login code is a key to its user.
    pub value: Option<String>,
    /// The same before it was cut, where it was.
    pub whole: Option<String>,
    /// How long it is, and may be; `None` where that says nothing.
    pub extent: Option<Extent>,
    /// Why it cannot be sent.
    pub rejection: Option<Rejection>,
    /// Why it may be refused all the same, or is hardly meant: sentences.
    pub doubts: Vec<String>,
}

impl Examined {
    /// A value that did not come into being.
    pub(crate) fn without_value(rejection: Rejection) -> Self {
        Self {
            value: None,
            whole: None,
            extent: None,
            rejection: Some(rejection),
            doubts: Vec::new(),
        }
    }

    /// Notes what the value was before it was cut, if that is another text.
    pub(crate) fn note_whole(&mut self, whole: &str) {
        let whole = normalise(whole);
        if self.value.as_ref().is_some_and(|value| *value != whole) {
            self.whole = Some(whole);
        }
    }

    /// Does not show the value if it is this login code, or has it in it.
    pub(crate) fn hide(&mut self, code: &str) {
        let is_code = |value: &str| {
            value == code && !code.is_empty()
                || code.len() >= SHORTEST_CODE_IN_TEXT && value.contains(code)
        };
        for value in [&mut self.value, &mut self.whole] {
            value.take_if(|value| is_code(value));
        }
    }

    /// A text that `WeChat` does not see.
    pub(crate) fn of_text(value: String) -> Self {
        Self {
            value: Some(value),
            whole: None,
            extent: None,
            rejection: None,
            doubts: Vec::new(),
        }
    }

    pub(crate) fn of_recipient(to: &To) -> Self {
        match to {
            To::Openid(openid) => {
                let openid = openid.trim();
                Self {
                    value: Some(openid.to_owned()),
                    whole: None,
                    extent: Some(Extent::of_bytes(openid, LONGEST_OPENID)),
                    rejection: check_recipient(openid).err(),
                    doubts: Vec::new(),
                }
            }
            To::Code(code) => Self {
                value: None,
                whole: None,
                extent: None,
                rejection: check_code(code).err(),
                doubts: Vec::new(),
            },
        }
    }

    pub(crate) fn of_page(page: &str) -> Self {
        let page = page.trim();
        let refused = check_page(page).err();
        Self {
            extent: Some(Extent::of_bytes(page, LONGEST_PAGE_BYTES)),
            doubts: unless(refused.as_ref(), || doubts_of_page(page)),
            rejection: refused.as_ref().map(of_page),
            value: Some(page.to_owned()),
            whole: None,
        }
    }

    pub(crate) fn of_param(
        template: &Template,
        overflow: Overflow,
        name: &str,
        value: &str,
    ) -> Self {
        let kind = kind_of(name);
        let value = fitted(kind, overflow, value);
        let refused = check_fitted(kind, template, name, &value).err();
        Self {
            extent: Some(kind.extent(&value)),
            doubts: unless(refused.as_ref(), || doubts_of_param(kind, &value)),
            rejection: refused.as_ref().map(|violation| of_value(name, violation)),
            value: Some(value),
            whole: None,
        }
    }

    pub(crate) fn of_field(field: Field, value: &str) -> Self {
        let refused = field.check(value).err();
        let value = field.written(value);
        Self {
            extent: Some(field.extent(&value)),
            doubts: unless(refused.as_ref(), || field.doubts(&value)),
            rejection: refused
                .as_ref()
                .map(|violation| of_value(field.as_str(), violation)),
            value: Some(value),
            whole: None,
        }
    }
}

/// A value that is refused needs no doubts.
fn unless(refused: Option<&Violation>, doubts: impl FnOnce() -> Vec<String>) -> Vec<String> {
    match refused {
        Some(_) => Vec::new(),
        None => doubts(),
    }
}
