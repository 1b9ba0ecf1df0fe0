//! What concerns the call itself: the token, the form of the request, `WeChat`'s own trouble.

use super::{Code, REPORT, Who, both};

pub(super) const BUSY: Code = Code {
    code: -1,
    means: both("微信系统繁忙", "WeChat is busy"),
    who: Who::WeChat,
    todo: both(
        "会自动重试，最多三次。只有同一条消息一直这样时，多半是它的某个值有问题，例如电话号码里有汉字。",
        "Tried again by itself, three times at most. If only one message gets it each time, look at its values: a phone number with Chinese characters, for example.",
    ),
};

pub(super) const WRONG_PATH: Code = Code {
    code: 404,
    means: both("接口地址不对", "The path of the API is wrong"),
    who: Who::Ops,
    todo: both(
        "检查 `base_url` 和中间的代理；都没问题，就是 wx-courier 的问题，请反馈。",
        "Look at `base_url` and at proxies. If these are right, it is a fault of wx-courier: report it.",
    ),
};

pub(super) const BAD_TOKEN: Code = Code {
    code: 40001,
    means: both(
        "access_token 无效或不是最新的；取 token 时是 AppSecret 不对",
        "The access token is not valid, or not the latest; where a token is asked for, the AppSecret is wrong",
    ),
    who: Who::Ops,
    todo: both(
        "会自动换一个再发。反复出现，就是别的程序也在刷新这个小程序的 token，或 AppSecret 改过。",
        "Another one is fetched by itself. If it comes again and again, another program renews this mini program's token, or the AppSecret was changed.",
    ),
};

pub(super) const WRONG_GRANT_TYPE: Code = Code {
    code: 40002,
    means: both("grant_type 不对", "The grant_type is wrong"),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const WRONG_MESSAGE_TYPE: Code = Code {
    code: 40008,
    means: both("消息类型不对", "There is no such type of message"),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const MALFORMED_TOKEN: Code = Code {
    code: 40014,
    means: both("access_token 无效", "The access token is not valid"),
    who: Who::Nobody,
    todo: both(
        "会自动换一个再发；一直不好，检查 AppSecret 和 token 中控。",
        "Another one is fetched by itself. If that does not help, look at the AppSecret and the token centre.",
    ),
};

pub(super) const BAD_REQUEST: Code = Code {
    code: 40038,
    means: both("请求的格式不对", "The request has a wrong format"),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const BAD_HTTP: Code = Code {
    code: 40400,
    means: both("HTTP 请求不对", "The HTTP message is wrong"),
    who: Who::Ops,
    todo: both(
        "检查 `base_url` 和中间的代理；都没问题，就是 wx-courier 的问题，请反馈。",
        "Look at `base_url` and at proxies. If these are right, it is a fault of wx-courier: report it.",
    ),
};

pub(super) const NO_TOKEN: Code = Code {
    code: 41001,
    means: both("请求里没有 access_token", "The request has no access token"),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const NO_APPID: Code = Code {
    code: 41002,
    means: both("请求里没有 appid", "The request has no appid"),
    who: Who::Ops,
    todo: both(
        "检查 courier.toml 里的 appid；写了还这样，就是 wx-courier 的问题，请反馈。",
        "Look at the appid in courier.toml. If it is there, it is a fault of wx-courier: report it.",
    ),
};

pub(super) const NO_SECRET: Code = Code {
    code: 41004,
    means: both("请求里没有 AppSecret", "The request has no AppSecret"),
    who: Who::Ops,
    todo: both(
        "检查 AppSecret 有没有给；给了还这样，就是 wx-courier 的问题，请反馈。",
        "See that the AppSecret is given. If it is, it is a fault of wx-courier: report it.",
    ),
};

pub(super) const NO_LOGIN_CODE: Code = Code {
    code: 41008,
    means: both("请求里没有登录 code", "The request has no login code"),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const WRONG_FORM_ID: Code = Code {
    code: 41028,
    means: both(
        "form_id 不对：旧的模板消息，早已下线",
        "The form id is wrong, of a kind of message that is withdrawn",
    ),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const FORM_ID_USED_UP: Code = Code {
    code: 41029,
    means: both(
        "form_id 已用过：旧的模板消息，早已下线",
        "The form id is used up, of a kind of message that is withdrawn",
    ),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const TOKEN_EXPIRED: Code = Code {
    code: 42001,
    means: both("access_token 已过期", "The access token has expired"),
    who: Who::Nobody,
    todo: both("会自动换一个再发。", "Another one is fetched by itself."),
};

pub(super) const WANTS_GET: Code = Code {
    code: 43001,
    means: both("要用 GET 请求", "The request must be a GET"),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const WANTS_POST: Code = Code {
    code: 43002,
    means: both("要用 POST 请求", "The request must be a POST"),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const EMPTY_BODY: Code = Code {
    code: 44002,
    means: both("请求的内容是空的", "The request has no body"),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const API_OFFLINE: Code = Code {
    code: 45103,
    means: both("接口已下线", "This API is withdrawn"),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const API_WITHDRAWN: Code = Code {
    code: 45109,
    means: both("接口已停止支持", "This API is not supported any more"),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const NOT_JSON: Code = Code {
    code: 47001,
    means: both("请求的内容不是 JSON", "The request is not JSON"),
    who: Who::Ops,
    todo: REPORT,
};

pub(super) const ESCAPED: Code = Code {
    code: 47002,
    means: both("请求里的汉字被转义了", "The request escapes its characters"),
    who: Who::Ops,
    todo: REPORT,
};
