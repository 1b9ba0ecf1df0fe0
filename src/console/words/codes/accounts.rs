//! What concerns the whole account: its secret, its addresses, its permissions, its quota, its punishments.

use super::{Code, Who, both};

pub(super) const WRONG_APPID: Code = Code {
    code: 40013,
    means: both("appid 不对", "The appid is wrong"),
    who: Who::Ops,
    todo: both(
        "改 courier.toml 里的 appid。",
        "Mend the appid in courier.toml.",
    ),
};

pub(super) const WRONG_SECRET: Code = Code {
    code: 40125,
    means: both("AppSecret 不对", "The AppSecret is wrong"),
    who: Who::Ops,
    todo: both(
        "换上正确的 AppSecret；如果被重置过，找小程序管理员要新的。",
        "Give the right AppSecret; if it was reset, ask the administrators for the new one.",
    ),
};

pub(super) const ADDRESS_NOT_LISTED: Code = Code {
    code: 40164,
    means: both(
        "这台服务器的 IP 不在小程序的 IP 白名单里",
        "This server's address is not on the mini program's IP list",
    ),
    who: Who::Owners,
    todo: both(
        "把错误信息里的 IP 加进后台的 IP 白名单，几分钟内会自动恢复。",
        "Add the address in the error text to the IP list at mp.weixin.qq.com; sending goes on by itself within minutes.",
    ),
};

pub(super) const WRONG_SIGNATURE: Code = Code {
    code: 40234,
    means: both("接口签名不对", "The signature of the call is wrong"),
    who: Who::Owners,
    todo: both(
        "wx-courier 不做接口签名：请在后台检查接口安全的设置。",
        "wx-courier does not sign calls: look at the API security settings at mp.weixin.qq.com.",
    ),
};

pub(super) const WRONG_ENCRYPTION: Code = Code {
    code: 40235,
    means: both("接口加密不对", "The encryption of the call is wrong"),
    who: Who::Owners,
    todo: both(
        "wx-courier 不做接口加密：请在后台检查接口安全的设置。",
        "wx-courier does not encrypt calls: look at the API security settings at mp.weixin.qq.com.",
    ),
};

pub(super) const FROZEN_SECRET: Code = Code {
    code: 40243,
    means: both("AppSecret 已冻结", "The AppSecret is frozen"),
    who: Who::Owners,
    todo: both(
        "在后台解冻，约十分钟生效。",
        "Unfreeze it at mp.weixin.qq.com; that takes about ten minutes.",
    ),
};

pub(super) const CANNOT_ADD_TEMPLATES: Code = Code {
    code: 43106,
    means: both(
        "账号被处罚，不能添加模板",
        "Templates cannot be added, as a punishment",
    ),
    who: Who::Owners,
    todo: both(
        "看后台的处罚通知，处理后申诉。",
        "Read the notice at mp.weixin.qq.com, mend what it names, then appeal.",
    ),
};

pub(super) const SUBSCRIBE_BANNED: Code = Code {
    code: 43107,
    means: both(
        "小程序或这个模板的订阅消息被封禁",
        "Subscribe messages are banned for the mini program, or for this template",
    ),
    who: Who::Owners,
    todo: both(
        "看后台的处罚通知，账号和模板都要查；处理后申诉。",
        "Read the notices at mp.weixin.qq.com about the account and the template, mend what they name, then appeal.",
    ),
};

pub(super) const TEMPLATE_BANNED: Code = Code {
    code: 43116,
    means: both("这个模板被封禁", "This template is banned"),
    who: Who::Owners,
    todo: both(
        "看后台的处罚通知，处理后申诉，或换一个模板。",
        "Read the notice at mp.weixin.qq.com and appeal, or choose another template.",
    ),
};

pub(super) const DAILY_QUOTA: Code = Code {
    code: 45009,
    means: both(
        "接口当天的调用次数已用完",
        "The API's calls of this day are used up",
    ),
    who: Who::Ops,
    todo: both(
        "零点后自动恢复；`wx-courier quota` 可以查，急用时 `wx-courier quota clear`（每月 50 次）。",
        "Sending goes on by itself after midnight in China. `wx-courier quota` shows the calls; `wx-courier quota clear` helps at once (50 a month).",
    ),
};

pub(super) const MINUTE_QUOTA: Code = Code {
    code: 45011,
    means: both(
        "这一分钟的调用次数已用完",
        "The calls of this minute are used up",
    ),
    who: Who::Nobody,
    todo: both(
        "下一分钟自动继续；经常出现就调低速率。",
        "Goes on by itself in the next minute. If it comes often, lower the rate.",
    ),
};

pub(super) const NO_PERMISSION: Code = Code {
    code: 48001,
    means: both("账号没有这个接口的权限", "The account may not use this API"),
    who: Who::Owners,
    todo: both(
        "在后台确认已开通订阅消息，类目合适；也要看 token 是不是这个小程序的。",
        "See at mp.weixin.qq.com that the account has this feature, and that the token is of this mini program.",
    ),
};

pub(super) const API_BANNED: Code = Code {
    code: 48004,
    means: both("接口因违规被封禁", "The API is banned for the account"),
    who: Who::Owners,
    todo: both(
        "看后台的处罚通知，处理后申诉；解封后自动恢复。",
        "Read the notice at mp.weixin.qq.com, mend what it names, then appeal. Sending goes on by itself after that.",
    ),
};

pub(super) const CLEARINGS_USED_UP: Code = Code {
    code: 48006,
    means: both(
        "这个月清零额度的次数已用完",
        "The month's clearings of the quota are used up",
    ),
    who: Who::Nobody,
    todo: both(
        "额度零点后自动恢复；下个月才能再清零。",
        "The quota comes back after midnight in China; it can be cleared again next month.",
    ),
};

pub(super) const RETIRED_ADDRESS: Code = Code {
    code: 48017,
    means: both(
        "请求发到了微信已停用的 IP",
        "The call went to an address that WeChat has retired",
    ),
    who: Who::Ops,
    todo: both(
        "用域名，不要把微信的 IP 写死在 hosts 或代理里。",
        "Use WeChat's host name; no hosts file or proxy may hold a fixed address.",
    ),
};

pub(super) const ACCOUNT_RESTRICTED: Code = Code {
    code: 50002,
    means: both(
        "账号受限：被冻结或已注销",
        "The account is restricted: frozen or closed",
    ),
    who: Who::Owners,
    todo: both(
        "在后台查看账号状态，恢复后自动继续。",
        "Look at the account's state at mp.weixin.qq.com; sending goes on by itself after that.",
    ),
};

pub(super) const TOKENS_FORBIDDEN: Code = Code {
    code: 50004,
    means: both(
        "账号不能使用 access_token，可能被处罚",
        "The account may not use access tokens, perhaps as a punishment",
    ),
    who: Who::Owners,
    todo: both(
        "看后台的处罚通知，处理后申诉。",
        "Read the notices at mp.weixin.qq.com, mend what they name, then appeal.",
    ),
};

pub(super) const PLATFORM_NOT_AUTHORISED: Code = Code {
    code: 61003,
    means: both(
        "小程序没有授权给第三方平台",
        "The mini program has not authorised the third-party platform",
    ),
    who: Who::Owners,
    todo: both("重新授权给第三方平台。", "Authorise the platform again."),
};

pub(super) const PLATFORM_ADDRESS: Code = Code {
    code: 61004,
    means: both(
        "这台服务器的 IP 不在第三方平台的白名单里",
        "This server's address is not on the platform's IP list",
    ),
    who: Who::Owners,
    todo: both(
        "请第三方平台把这台服务器的 IP 加进白名单。",
        "Have the platform add this server's address to its list.",
    ),
};

pub(super) const PLATFORM_LACKS_API: Code = Code {
    code: 61007,
    means: both(
        "没有把这个接口的权限授给第三方平台",
        "This API was not granted to the third-party platform",
    ),
    who: Who::Owners,
    todo: both(
        "重新授权，勾上消息类的权限。",
        "Authorise the platform again, with the permissions for messages.",
    ),
};

pub(super) const PLATFORM_REFRESH_TOKEN: Code = Code {
    code: 61023,
    means: both(
        "第三方平台的 refresh_token 不对",
        "The platform's refresh token is wrong",
    ),
    who: Who::Owners,
    todo: both(
        "重新授权给第三方平台，让它换一个。",
        "Authorise the platform again, so that it gets another one.",
    ),
};

pub(super) const PLATFORM_TOKEN_API: Code = Code {
    code: 61024,
    means: both(
        "要用第三方平台的 token 接口",
        "The platform must use its own token API",
    ),
    who: Who::Ops,
    todo: both(
        "这个小程序由第三方平台代管：让 token 由平台的 token 中控提供。",
        "A platform manages this mini program: have its token centre give the tokens.",
    ),
};

pub(super) const ADDRESS_UNCONFIRMED: Code = Code {
    code: 89501,
    means: both(
        "这台服务器的 IP 要管理员确认",
        "This server's address waits for an administrator's confirmation",
    ),
    who: Who::Owners,
    todo: both(
        "管理员在微信里确认这个 IP。",
        "An administrator confirms the address in WeChat.",
    ),
};

pub(super) const ADDRESS_REFUSED_A_DAY: Code = Code {
    code: 89506,
    means: both(
        "管理员拒绝了这个 IP，24 小时后才能再试",
        "An administrator refused this address; it may ask again after 24 hours",
    ),
    who: Who::Owners,
    todo: both(
        "和管理员核对这个 IP，下次确认时同意。",
        "Tell the administrator whose address it is, and have it confirmed next time.",
    ),
};

pub(super) const ADDRESS_REFUSED_AN_HOUR: Code = Code {
    code: 89507,
    means: both(
        "管理员拒绝了这个 IP，1 小时后才能再试",
        "An administrator refused this address; it may ask again after an hour",
    ),
    who: Who::Owners,
    todo: both(
        "和管理员核对这个 IP，下次确认时同意。",
        "Tell the administrator whose address it is, and have it confirmed next time.",
    ),
};
