//! Every code of `WeChat`'s that is known here: what it means, who must act, and what to do.
//!
//! Codes and meanings: `WeChat`'s pages of each API, its global return codes, and reports of developers where the pages are silent.

mod accounts;
mod calls;
mod elsewhere;
mod lookups;
mod messages;
mod templates;

use super::Both;

/// What is known of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// `WeChat`'s errcode.
    pub code: i64,
    /// What it means.
    pub means: Both,
    /// Who must act.
    pub who: Who,
    /// What is to be done.
    pub todo: Both,
}

/// Who must act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// Those who run this service and write its rules.
    Ops,
    /// The team that publishes the events.
    Publishers,
    /// Who administers the mini program at mp.weixin.qq.com.
    Owners,
    /// The developers of the mini program.
    MiniProgram,
    /// `WeChat` itself.
    WeChat,
    /// No team: it passes by itself, or is only the user's matter.
    Nobody,
}

impl Who {
    /// How pages call them.
    pub fn name(self) -> Both {
        match self {
            Self::Ops => both("运维", "Operators"),
            Self::Publishers => both("事件发布方", "Event publishers"),
            Self::Owners => both("小程序管理员", "Mini program administrators"),
            Self::MiniProgram => both("小程序开发", "Mini program developers"),
            Self::WeChat => both("微信", "WeChat"),
            Self::Nobody => both("不用处理", "Nobody"),
        }
    }
}

const NOTHING: Both = both("不用处理。", "Nothing.");

const REPORT: Both = both(
    "这是 wx-courier 的问题，请反馈，附上日志。",
    "A fault of wx-courier: report it, with its log.",
);

const BY_ANOTHER: Both = both(
    "wx-courier 不调用这个接口：查是哪个程序在调用。",
    "wx-courier does not call this API: find out which program does.",
);

/// A text in both languages.
pub(super) const fn both(chinese: &'static str, english: &'static str) -> Both {
    Both { chinese, english }
}

/// All of them, in the order of the codes.
pub static ALL: &[Code] = &[
    calls::BUSY,
    messages::OK,
    calls::WRONG_PATH,
    elsewhere::POPUP_EMPTY,
    elsewhere::POPUP_NO_LIST,
    elsewhere::POPUP_NOT_SENT,
    elsewhere::POPUP_WRONG_ID,
    elsewhere::POPUP_IN_BACKGROUND,
    templates::SYSTEM_ERROR,
    templates::WRONG_PARAMETER,
    elsewhere::POPUP_TOO_MANY,
    elsewhere::POPUP_SWITCHED_OFF,
    elsewhere::POPUP_BANNED,
    elsewhere::POPUP_DEVICE,
    calls::BAD_TOKEN,
    calls::WRONG_GRANT_TYPE,
    messages::UNKNOWN_RECIPIENT,
    messages::UNKNOWN_MEDIA,
    calls::WRONG_MESSAGE_TYPE,
    accounts::WRONG_APPID,
    calls::MALFORMED_TOKEN,
    lookups::LOGIN_CODE_EXPIRED,
    elsewhere::DEVICE_RECIPIENTS,
    messages::UNKNOWN_TEMPLATE,
    calls::BAD_REQUEST,
    messages::BAD_URL,
    accounts::WRONG_SECRET,
    lookups::LOGIN_CODE_USED,
    accounts::ADDRESS_NOT_LISTED,
    messages::UNKNOWN_PATH,
    lookups::USER_BLOCKED,
    accounts::WRONG_SIGNATURE,
    accounts::WRONG_ENCRYPTION,
    messages::REPEATED,
    accounts::FROZEN_SECRET,
    calls::BAD_HTTP,
    calls::NO_TOKEN,
    calls::NO_APPID,
    calls::NO_SECRET,
    calls::NO_LOGIN_CODE,
    calls::WRONG_FORM_ID,
    calls::FORM_ID_USED_UP,
    messages::UNKNOWN_PAGE,
    calls::TOKEN_EXPIRED,
    calls::WANTS_GET,
    calls::WANTS_POST,
    messages::NOT_SUBSCRIBED,
    accounts::CANNOT_ADD_TEMPLATES,
    accounts::SUBSCRIBE_BANNED,
    messages::CONCURRENT,
    accounts::TEMPLATE_BANNED,
    messages::TOO_OFTEN,
    calls::EMPTY_BODY,
    messages::EMPTY_TEXT,
    messages::LONG_TEXT,
    messages::LONG_TITLE,
    messages::LONG_DESCRIPTION,
    messages::LONG_ADDRESS,
    accounts::DAILY_QUOTA,
    accounts::MINUTE_QUOTA,
    messages::WINDOW_CLOSED,
    messages::WINDOW_USED_UP,
    calls::API_OFFLINE,
    calls::API_WITHDRAWN,
    messages::FORBIDDEN_WORD,
    calls::NOT_JSON,
    calls::ESCAPED,
    messages::BAD_VALUE,
    accounts::NO_PERMISSION,
    accounts::API_BANNED,
    accounts::CLEARINGS_USED_UP,
    accounts::RETIRED_ADDRESS,
    messages::NOT_AUTHORISED,
    accounts::ACCOUNT_RESTRICTED,
    accounts::TOKENS_FORBIDDEN,
    accounts::PLATFORM_NOT_AUTHORISED,
    accounts::PLATFORM_ADDRESS,
    accounts::PLATFORM_LACKS_API,
    accounts::PLATFORM_REFRESH_TOKEN,
    accounts::PLATFORM_TOKEN_API,
    lookups::RID_UNKNOWN,
    lookups::RID_MALFORMED,
    lookups::RID_OF_OTHERS,
    lookups::RID_EXPIRED,
    lookups::PATH_UNKNOWN,
    lookups::PATH_FORBIDDEN,
    elsewhere::CARD_BUSY,
    elsewhere::CARD_CHECK,
    elsewhere::CARD_CODE_UNKNOWN,
    elsewhere::CARD_CODE_EXPIRED,
    elsewhere::CARD_LOCKED,
    accounts::ADDRESS_UNCONFIRMED,
    Code {
        code: 89502,
        ..accounts::ADDRESS_UNCONFIRMED
    },
    Code {
        code: 89503,
        ..accounts::ADDRESS_UNCONFIRMED
    },
    Code {
        code: 89504,
        ..accounts::ADDRESS_UNCONFIRMED
    },
    Code {
        code: 89505,
        ..accounts::ADDRESS_UNCONFIRMED
    },
    accounts::ADDRESS_REFUSED_A_DAY,
    accounts::ADDRESS_REFUSED_AN_HOUR,
    templates::SYSTEM_ERROR_OF_TEMPLATES,
    templates::WRONG_PARAMETER_OF_TEMPLATES,
    templates::TEMPLATES_BANNED,
    templates::TOO_MANY_TEMPLATES,
    templates::LIBRARY_TEMPLATE_BANNED,
    templates::WRONG_TID,
    templates::WRONG_START,
    templates::WRONG_LIMIT,
    templates::NO_CATEGORIES,
    templates::WRONG_CATEGORIES,
    templates::WRONG_KEYWORDS,
    templates::WRONG_SCENE,
    templates::SAME_TEMPLATE,
    templates::WRONG_ACCOUNT_TYPE,
    elsewhere::DEVICE_UNKNOWN,
];

/// What is known of this one.
pub fn find(code: i64) -> Option<&'static Code> {
    let place = ALL.binary_search_by_key(&code, |known| known.code).ok()?;
    ALL.get(place)
}

/// That a text is there in both languages, each in its own letters.
#[cfg(test)]
pub(super) fn assert_both(name: &str, text: Both) {
    let has_chinese = |text: &str| text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    let Both { chinese, english } = text;
    assert!(has_chinese(chinese), "{name}: {chinese}");
    let is_foreign = |c: char| !c.is_ascii();
    assert!(
        !english.trim().is_empty() && !english.contains(is_foreign),
        "{name}: {english}"
    );
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Where codes are written in this repository: what they mean to the service, what the sandbox answers, and what people are told.
    const SOURCES: [(&str, &str); 3] = [
        (
            "src/edges/wechat/errcode.rs",
            include_str!("../../edges/wechat/errcode.rs"),
        ),
        (
            "crates/sandbox/src/codes.rs",
            include_str!("../../../crates/sandbox/src/codes.rs"),
        ),
        (
            "docs/outcomes.md",
            include_str!("../../../docs/outcomes.md"),
        ),
    ];

    /// The numbers of a text that look like errcodes: five digits or six, or behind a minus.
    fn codes_in(text: &str) -> BTreeSet<i64> {
        let program = text.split("mod tests").next().unwrap().replace('_', "");
        let is_of_number = |c: char| c.is_ascii_digit() || c == '-';
        let numbers = program
            .split(|c| !is_of_number(c))
            .filter(|it| it.len() == 5 || it.len() == 6);
        let numbers = numbers.filter_map(|it| it.parse().ok());
        numbers
            .filter(|code| matches!(code, 40_000..=89_999 | 200_000..=299_999))
            .collect()
    }

    #[test]
    fn every_code_that_is_written_anywhere_is_known_here() {
        for (path, text) in SOURCES {
            let codes = codes_in(text);
            assert!(codes.len() > 20, "{path}: {codes:?}");
            let unknown: Vec<i64> = codes
                .into_iter()
                .filter(|code| find(*code).is_none())
                .collect();
            assert!(unknown.is_empty(), "{path}: {unknown:?}");
        }
        for code in [-1, 404, 20_001, 20_002] {
            assert_eq!(find(code).map(|known| known.code), Some(code));
        }
        assert_eq!(find(12_345), None);
    }

    #[test]
    fn they_stand_in_order_and_each_is_told_in_both_languages() {
        assert!(ALL.is_sorted_by(|left, right| left.code < right.code));
        for Code {
            code,
            means,
            who,
            todo,
        } in ALL
        {
            for text in [*means, who.name(), *todo] {
                assert_both(&code.to_string(), text);
            }
            assert!(
                todo.chinese.ends_with('。') && todo.english.ends_with('.'),
                "{code}"
            );
            assert!(
                !means.chinese.ends_with('。') && !means.english.ends_with('.'),
                "{code}"
            );
        }
    }

    #[test]
    fn what_passes_by_itself_asks_nobody() {
        for (code, who) in [
            (43108, Who::Nobody),
            (45011, Who::Nobody),
            (43101, Who::MiniProgram),
            (40003, Who::Publishers),
            (40164, Who::Owners),
            (47003, Who::Ops),
            (-1, Who::WeChat),
        ] {
            assert_eq!(find(code).unwrap().who, who, "{code}");
        }
    }
}
