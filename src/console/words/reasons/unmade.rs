//! Why no message could be made.

use super::{Known, both};

/// By the words of the wire, in the order of `Reason`.
pub(super) const REASONS: &[(&str, Known)] = &[
    (
        "record_too_large",
        Known {
            name: both("记录太大", "Record too large"),
            means: both(
                "记录超过了允许的大小，没有读成事件。",
                "The record is larger than is allowed, so no event was made of it.",
            ),
        },
    ),
    (
        "not_json",
        Known {
            name: both("不是 JSON", "Not JSON"),
            means: both(
                "记录的 value 不是 JSON，没有读成事件。",
                "The value of the record is not JSON, so no event was made of it.",
            ),
        },
    ),
    (
        "format_unsupported",
        Known {
            name: both("格式不支持", "Format not supported"),
            means: both(
                "记录用了不支持的格式，没有读成事件。",
                "The record has a form that is not supported, so no event was made of it.",
            ),
        },
    ),
    (
        "event_malformed",
        Known {
            name: both("事件有误", "Event malformed"),
            means: both(
                "事件的属性或 data 不合要求。",
                "The event's attributes or data are not what they must be.",
            ),
        },
    ),
    (
        "type_missing",
        Known {
            name: both("缺少事件类型", "Event type missing"),
            means: both(
                "事件没有 type，找不到规则。",
                "The event has no type, so no rule can be found for it.",
            ),
        },
    ),
    (
        "rule_error",
        Known {
            name: both("规则出错", "Error in the rule"),
            means: both(
                "规则的模板表达式或过滤器在这个事件上出错。",
                "A template or filter of the rule failed on this event.",
            ),
        },
    ),
    (
        "value_missing",
        Known {
            name: both("缺少值", "Value missing"),
            means: both(
                "规则需要的值缺失，或为 null。",
                "A value that the rule needs is missing or null in the event.",
            ),
        },
    ),
    (
        "recipient_malformed",
        Known {
            name: both("openid 无效", "Not an openid"),
            means: both(
                "`to` 得到的不可能是 openid。",
                "`to` gave nothing that can be an openid.",
            ),
        },
    ),
    (
        "page_malformed",
        Known {
            name: both("页面无效", "Not a page"),
            means: both(
                "`page` 得到的不可能是页面。",
                "`page` gave nothing that can be a page.",
            ),
        },
    ),
    (
        "param_empty",
        Known {
            name: both("参数为空", "Value empty"),
            means: both("消息里有一个值是空的。", "A value of the message is empty."),
        },
    ),
    (
        "param_too_long",
        Known {
            name: both("参数太长", "Value too long"),
            means: both(
                "有一个值超过了微信允许的长度。",
                "A value is longer than WeChat allows.",
            ),
        },
    ),
    (
        "param_malformed",
        Known {
            name: both("参数格式不对", "Value malformed"),
            means: both(
                "有一个值不合它那个参数的格式。",
                "A value breaks the format of its param.",
            ),
        },
    ),
    (
        "param_not_listed",
        Known {
            name: both("参数不在选项里", "Value not listed"),
            means: both(
                "有一个值不在模板列出的选项里。",
                "A value is none of those that the template lists.",
            ),
        },
    ),
    (
        "grant_malformed",
        Known {
            name: both("授权事件有误", "Permission event malformed"),
            means: both(
                "事件本该说明用户允许了什么，却没有说清。",
                "An event that should tell what a user has allowed does not.",
            ),
        },
    ),
];
