//! What concerns one message: its user, its template, its page, its values.

use super::{Code, NOTHING, Who, both};

pub(super) const OK: Code = Code {
    code: 0,
    means: both("成功", "Success"),
    who: Who::Nobody,
    todo: NOTHING,
};

pub(super) const UNKNOWN_RECIPIENT: Code = Code {
    code: 40003,
    means: both(
        "openid 不对：不是这个小程序的用户",
        "The openid is none of this mini program",
    ),
    who: Who::Publishers,
    todo: both(
        "给这个小程序的 openid，不要给公众号或别的小程序的。",
        "Give the openid of this mini program, not of an official account or another mini program.",
    ),
};

pub(super) const UNKNOWN_MEDIA: Code = Code {
    code: 40007,
    means: both(
        "客服消息的图片不存在，或已失效",
        "The picture of a customer-service message is not there, or not any more",
    ),
    who: Who::Ops,
    todo: both(
        "重新上传素材（临时素材三天后失效），然后重放。",
        "Upload it again (temporary media is gone after three days), then replay.",
    ),
};

pub(super) const UNKNOWN_TEMPLATE: Code = Code {
    code: 40037,
    means: both(
        "模板 id 不对，或不属于这个小程序",
        "The template id is wrong, or of another mini program",
    ),
    who: Who::Ops,
    todo: both(
        "用 `wx-courier check --remote` 核对 templates.toml；token 是别的小程序的，或者用了设备消息的模板，也会这样。",
        "Compare templates.toml by `wx-courier check --remote`. A token of another mini program, or a template of device messages, gives the same.",
    ),
};

pub(super) const BAD_URL: Code = Code {
    code: 40066,
    means: both(
        "网址不允许，或页面被 sitemap 禁止",
        "The address is not allowed, or the sitemap bars its page",
    ),
    who: Who::Ops,
    todo: both(
        "改规则里的页面或链接，然后重放。",
        "Change the page or the link in the rule, then replay.",
    ),
};

pub(super) const UNKNOWN_PATH: Code = Code {
    code: 40165,
    means: both(
        "小程序的页面路径不对",
        "The path of the mini program is wrong",
    ),
    who: Who::Ops,
    todo: both(
        "改规则里的 `page`，或请小程序开发发布这个页面，然后重放。",
        "Mend `page` in the rule, or have the page released, then replay.",
    ),
};

pub(super) const REPEATED: Code = Code {
    code: 40241,
    means: both(
        "60 秒内给同一个用户发了重复的内容（在公众号上见过）",
        "The same content to the same user within 60 seconds (seen at official accounts)",
    ),
    who: Who::Ops,
    todo: both(
        "看是不是有两条规则做同一件事，或改规则的 `dedupe`。",
        "See whether two rules do the same thing, or mend the rule's `dedupe`.",
    ),
};

pub(super) const UNKNOWN_PAGE: Code = Code {
    code: 41030,
    means: both(
        "线上版本的小程序没有这个页面",
        "The page is not in the released version of the mini program",
    ),
    who: Who::Ops,
    todo: both(
        "改规则里的 `page`（写成 `pages/x/y`，开头没有 `/`），或请小程序开发发布，然后重放。",
        "Mend `page` in the rule (`pages/x/y`, without `/` at its beginning), or have it released, then replay.",
    ),
};

pub(super) const NOT_SUBSCRIBED: Code = Code {
    code: 43101,
    means: both(
        "用户没有订阅、取消了，或授权次数已用完",
        "The user has not subscribed, has cancelled, or has used up what was allowed",
    ),
    who: Who::MiniProgram,
    todo: both(
        "在小程序里再请用户允许一次，重试没有用。偶尔出现是正常的。",
        "Ask the user again in the mini program; a retry does not help. A few of these are normal.",
    ),
};

pub(super) const CONCURRENT: Code = Code {
    code: 43108,
    means: both(
        "同时还在给这个用户发另一条消息",
        "Another message to the same user is under way",
    ),
    who: Who::Nobody,
    todo: both("会自动重试。", "Tried again by itself."),
};

pub(super) const TOO_OFTEN: Code = Code {
    code: 43117,
    means: both(
        "给同一个用户发得太频繁（在公众号上见过）",
        "Too many messages to the same user (seen at official accounts)",
    ),
    who: Who::Ops,
    todo: both("给同一个用户少发几条。", "Send fewer messages to one user."),
};

pub(super) const EMPTY_TEXT: Code = Code {
    code: 44004,
    means: both(
        "客服消息的文字是空的",
        "The text of a customer-service message is empty",
    ),
    who: Who::Ops,
    todo: both(
        "在规则里写上缺省的文字，然后重放。",
        "Give a default for the text in the rule, then replay.",
    ),
};

pub(super) const LONG_TEXT: Code = Code {
    code: 45002,
    means: both(
        "客服消息的文字太长",
        "The text of a customer-service message is too long",
    ),
    who: Who::Ops,
    todo: both(
        "在规则里用 `fit` 截短，然后重放。",
        "Cut it with `fit` in the rule, then replay.",
    ),
};

pub(super) const LONG_TITLE: Code = Code {
    code: 45003,
    means: both(
        "客服消息的标题太长",
        "The title of a customer-service message is too long",
    ),
    who: Who::Ops,
    todo: both(
        "在规则里用 `fit` 截短，然后重放。",
        "Cut it with `fit` in the rule, then replay.",
    ),
};

pub(super) const LONG_DESCRIPTION: Code = Code {
    code: 45004,
    means: both(
        "客服消息的描述太长",
        "The description of a customer-service message is too long",
    ),
    who: Who::Ops,
    todo: both(
        "在规则里用 `fit` 截短，然后重放。",
        "Cut it with `fit` in the rule, then replay.",
    ),
};

pub(super) const LONG_ADDRESS: Code = Code {
    code: 45005,
    means: both(
        "客服消息的链接太长",
        "The link of a customer-service message is too long",
    ),
    who: Who::Ops,
    todo: both(
        "换一个短一点的链接，然后重放。",
        "Use a shorter link, then replay.",
    ),
};

pub(super) const WINDOW_CLOSED: Code = Code {
    code: 45015,
    means: both(
        "用户 48 小时内没有发过消息，不能再发客服消息",
        "The user has not written for 48 hours, so no customer-service message may answer",
    ),
    who: Who::Nobody,
    todo: both(
        "只有用户再发一条消息才行；通知类的请用订阅消息。",
        "Only the user can write again; use a subscribe message for notices.",
    ),
};

pub(super) const WINDOW_USED_UP: Code = Code {
    code: 45047,
    means: both(
        "用户上次发消息后，客服消息的条数已用完",
        "As many customer-service messages as are allowed have answered the user's last one",
    ),
    who: Who::Ops,
    todo: both(
        "等用户再发一条消息；以后把话合在一起，少发几条。",
        "The user has to write again; say it in fewer messages.",
    ),
};

pub(super) const FORBIDDEN_WORD: Code = Code {
    code: 45168,
    means: both(
        "内容里有微信不允许的词",
        "The content holds a word that WeChat does not allow",
    ),
    who: Who::Ops,
    todo: both(
        "改规则里的文案，或请事件发布方改内容；电话号码里有汉字也会这样。",
        "Change the text in the rule, or have the event's content changed. A phone number with Chinese characters gives the same.",
    ),
};

pub(super) const BAD_VALUE: Code = Code {
    code: 47003,
    means: both(
        "某个参数是空的，或不合它的格式",
        "A value is empty, or breaks the format of its param",
    ),
    who: Who::Ops,
    todo: both(
        "`param` 写明是哪个参数：和模板对一对，改规则，然后重放。",
        "`param` names it: compare it with the template, mend the rule, then replay.",
    ),
};

pub(super) const NOT_AUTHORISED: Code = Code {
    code: 50001,
    means: both(
        "用户没有授权小程序使用这个接口",
        "The user has not authorised this API for the mini program",
    ),
    who: Who::Owners,
    todo: both(
        "在后台检查这个接口的权限，然后重放。",
        "Look at the permissions of this API at mp.weixin.qq.com, then replay.",
    ),
};
