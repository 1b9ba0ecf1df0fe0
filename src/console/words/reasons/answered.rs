//! What `WeChat` has answered.

use super::{Known, both};

/// By the words of the wire, in the order of `Reason`.
pub(super) const REASONS: &[(&str, Known)] = &[
    (
        "ok",
        Known {
            name: both("微信已收下", "Taken by WeChat"),
            means: both("微信收下了这条消息。", "WeChat took the message."),
        },
    ),
    (
        "user_refused",
        Known {
            name: both("用户未订阅", "User has not subscribed"),
            means: both(
                "用户没有订阅、取消了，或授权次数已用完（43101）。",
                "The user has not subscribed, has cancelled, or has used up what was allowed (43101).",
            ),
        },
    ),
    (
        "recipient_unknown",
        Known {
            name: both("没有这个用户", "No such user"),
            means: both(
                "这个小程序没有这个用户（40003）。",
                "The mini program has no such user (40003).",
            ),
        },
    ),
    (
        "login_code_expired",
        Known {
            name: both("登录 code 已过期", "Login code expired"),
            means: both(
                "登录 code 超过了五分钟，或根本不是 code（40029）。",
                "The login code is older than five minutes, or never was one (40029).",
            ),
        },
    ),
    (
        "login_code_used",
        Known {
            name: both("登录 code 已用过", "Login code used before"),
            means: both(
                "登录 code 之前已经换过（40163）。",
                "The login code was exchanged before (40163).",
            ),
        },
    ),
    (
        "user_blocked",
        Known {
            name: both("用户被微信限制", "User blocked by WeChat"),
            means: both(
                "微信认为登录 code 背后的用户有风险（40226）。",
                "WeChat has blocked the user behind the login code as a risk (40226).",
            ),
        },
    ),
    (
        "param_refused",
        Known {
            name: both("微信不接受参数", "Value refused by WeChat"),
            means: both(
                "微信认为某个值不合要求，`param` 写明是哪个（47003 等）。",
                "A value breaks its rule in WeChat's eyes; `param` names it (47003 and others).",
            ),
        },
    ),
    (
        "content_refused",
        Known {
            name: both("内容违规", "Content not allowed"),
            means: both(
                "内容里有微信不允许的词或网址（45168、40066）。",
                "The content has a word or an address that WeChat does not allow (45168, 40066).",
            ),
        },
    ),
    (
        "page_unknown",
        Known {
            name: both("页面未发布", "Page not released"),
            means: both(
                "线上版本的小程序没有这个页面（41030、40165）。",
                "The page is not in the released version of the mini program (41030, 40165).",
            ),
        },
    ),
    (
        "media_unknown",
        Known {
            name: both("图片已失效", "Picture not found"),
            means: both(
                "客服消息的图片不存在，或已失效（40007）。",
                "The picture of a customer-service message is not there, or not any more (40007).",
            ),
        },
    ),
    (
        "window_closed",
        Known {
            name: both("超过 48 小时", "Reply window closed"),
            means: both(
                "用户 48 小时内没有发过消息，不能再发客服消息（45015）。",
                "The user has not written for 48 hours, so no customer-service message may answer (45015).",
            ),
        },
    ),
    (
        "window_used_up",
        Known {
            name: both("回复条数已用完", "Reply window used up"),
            means: both(
                "用户上次发消息后，客服消息的条数已用完（45047）。",
                "As many customer-service messages as are allowed have answered the user's last one (45047).",
            ),
        },
    ),
];
