//! What is asked besides messages: the user behind a login code, a rid, a quota.

use super::{Code, Who, both};

pub(super) const LOGIN_CODE_EXPIRED: Code = Code {
    code: 40029,
    means: both(
        "登录 code 无效，或已过五分钟",
        "The login code is none, or is older than five minutes",
    ),
    who: Who::Publishers,
    todo: both(
        "`wx.login` 之后马上发事件，或者直接给 openid。",
        "Publish the event right after `wx.login`, or give the openid.",
    ),
};

pub(super) const LOGIN_CODE_USED: Code = Code {
    code: 40163,
    means: both("登录 code 已经用过", "The login code was used before"),
    who: Who::Publishers,
    todo: both(
        "一个 code 只在一个地方换，或者直接给 openid。",
        "Exchange a code in one place only, or give the openid.",
    ),
};

pub(super) const USER_BLOCKED: Code = Code {
    code: 40226,
    means: both(
        "微信认为这个用户有风险，不让登录",
        "WeChat has blocked the user as a risk",
    ),
    who: Who::Nobody,
    todo: both(
        "只有微信能解除；可以请用户在微信里查看账号状态。",
        "Only WeChat can lift the block; the user may look at the account's state in WeChat.",
    ),
};

pub(super) const RID_UNKNOWN: Code = Code {
    code: 76001,
    means: both("查不到这个 rid", "The rid was not found"),
    who: Who::Ops,
    todo: both(
        "核对 rid；它只保留七天。",
        "Compare the rid; WeChat keeps it for seven days.",
    ),
};

pub(super) const RID_MALFORMED: Code = Code {
    code: 76002,
    means: both("rid 的写法不对", "The rid is malformed"),
    who: Who::Ops,
    todo: both(
        "照错误信息里的 rid 原样填写。",
        "Copy the rid as it stands in the error text.",
    ),
};

pub(super) const RID_OF_OTHERS: Code = Code {
    code: 76003,
    means: both(
        "没有权限查：不是这个小程序的",
        "Not allowed to ask: it is of another account",
    ),
    who: Who::Ops,
    todo: both(
        "用发起那次调用的小程序去查（`--app`）。",
        "Ask as the mini program that made the call (`--app`).",
    ),
};

pub(super) const RID_EXPIRED: Code = Code {
    code: 76004,
    means: both(
        "rid 已过期：只保留七天",
        "The rid has expired: it is kept for seven days",
    ),
    who: Who::Ops,
    todo: both(
        "只能查七天内的调用。",
        "Only calls of the last seven days can be looked up.",
    ),
};

pub(super) const PATH_UNKNOWN: Code = Code {
    code: 76021,
    means: both("没有这个接口路径", "There is no such path of an API"),
    who: Who::Ops,
    todo: both(
        "核对 `--api` 后面的路径，例如 `/cgi-bin/message/subscribe/send`。",
        "Compare the path after `--api`, such as `/cgi-bin/message/subscribe/send`.",
    ),
};

pub(super) const PATH_FORBIDDEN: Code = Code {
    code: 76022,
    means: both(
        "没有权限查这个接口的额度",
        "Not allowed to ask for the quota of this API",
    ),
    who: Who::Ops,
    todo: both(
        "看 token 是不是这个小程序的；不影响发送。",
        "See that the token is of this mini program; sending does not depend on it.",
    ),
};
