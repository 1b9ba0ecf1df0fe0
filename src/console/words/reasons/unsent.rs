//! Why a message was left out, came too late, was given up, or is in doubt.

use super::{Known, both};

/// By the words of the wire, in the order of `Reason`.
pub(super) const REASONS: &[(&str, Known)] = &[
    (
        "no_grant",
        Known {
            name: both("没有授权次数", "No permission left"),
            means: both(
                "账本里这个用户没有剩余的授权次数，所以没有发。",
                "The ledger has no permission of this user left, so nothing was sent.",
            ),
        },
    ),
    (
        "too_soon",
        Known {
            name: both("发得太频繁", "Sent too recently"),
            means: both(
                "这个模板的同一个值，一段时间内只能发一条，前不久已经发过。",
                "The template takes one message of this value in a period, and one was sent.",
            ),
        },
    ),
    (
        "rule_gone",
        Known {
            name: both("规则已删除或改掉", "Rule gone or changed"),
            means: both(
                "消息等待期间，规则被删掉，或改成不要这个事件了。",
                "While the message waited, the rule was taken away, or was changed and does not want the event any more.",
            ),
        },
    ),
    (
        "duplicate",
        Known {
            name: both("重复的消息", "Duplicate message"),
            means: both(
                "另一条记录带来过同一条消息，已经发出或可能已经发出。",
                "Another record brought the same message, which was sent or may have been.",
            ),
        },
    ),
    (
        "expired",
        Known {
            name: both("已过时效", "Turn came too late"),
            means: both(
                "轮到它时，已经超过规则的 `expires_after`。",
                "Its turn came later than the rule's `expires_after` allows.",
            ),
        },
    ),
    (
        "attempts_used",
        Known {
            name: both("重试已用完", "All attempts used"),
            means: both(
                "每次尝试都没有得到定论。",
                "Every attempt ended without an answer that settles it.",
            ),
        },
    ),
    (
        "record_gone",
        Known {
            name: both("源记录已删除", "Source record deleted"),
            means: both(
                "消息被搁置期间，源记录被 topic 删掉了。",
                "The record was deleted from its topic while its message was set aside.",
            ),
        },
    ),
    (
        "account_fault",
        Known {
            name: both("账号有问题", "Account at fault"),
            means: both(
                "小程序的账号、密钥或 IP 白名单有问题，或用户没有授权这个接口（50001）。",
                "The app's account, secret or IP list is at fault, or the user has not authorised the API (50001).",
            ),
        },
    ),
    (
        "request_refused",
        Known {
            name: both("请求有误", "Request refused"),
            means: both(
                "微信说请求本身不对：是 wx-courier 的问题。",
                "WeChat says that the request itself is wrong: a fault of wx-courier.",
            ),
        },
    ),
    (
        "internal",
        Known {
            name: both("内部错误", "Internal fault"),
            means: both(
                "wx-courier 内部出错，消息没有发出；日志里有。",
                "A fault in wx-courier itself, which its log tells of; nothing was sent.",
            ),
        },
    ),
    (
        "in_doubt",
        Known {
            name: both("送没送到不清楚", "Delivery in doubt"),
            means: both(
                "请求已经发出，却没有听到回答，可能已经送达。",
                "The request was made and no answer was heard, so the message may have arrived.",
            ),
        },
    ),
    (
        "state_unreadable",
        Known {
            name: both("状态读不出来", "State unreadable"),
            means: both(
                "状态存储里这条消息的记录读不出来，以前可能发过，所以没有再发。",
                "The state store's entry of this message cannot be read; it may have been sent before, so nothing was sent now.",
            ),
        },
    ),
    (
        "no_rule",
        Known {
            name: both("没有规则要它", "No rule wants it"),
            means: both(
                "没有规则要这个事件，本来就不用发。",
                "No rule wants the event, so nothing was to be sent.",
            ),
        },
    ),
];
