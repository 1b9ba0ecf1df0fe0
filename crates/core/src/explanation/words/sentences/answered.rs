//! What `WeChat` has answered: the message was taken, or refused for good.

use super::{Ops, Words};

pub(in crate::explanation::words) const SENT: Words = Words {
    ops: "WeChat took the message",
    ops_chinese: "微信已经收下这条消息。",
    next: "nothing: the customer looks into 服务通知 (Service Notifications), and whether they are muted. Check that the openid is this customer's, who may use two accounts",
    next_chinese: "不用处理：请客户看微信的“服务通知”，以及有没有设成免打扰；再确认 openid 是这位客户的，有人用两个微信号。",
    customer: "通知已经发到您的微信，请在“服务通知”里查看；如果没有看到，请确认没有把它设为免打扰，或者是否在用另一个微信号。",
};

pub(in crate::explanation::words) const OPS_SENT_BY_ANOTHER: Ops = Ops {
    english: "this record has not sent the message; a later record (a replay) has: `sent by` names it",
    chinese: "这条记录没有发出消息，后来的一条记录（重放）发出了：`sent by` 写明是哪条。",
};

pub(in crate::explanation::words) const OPS_DELIVERED_BY_ANOTHER: Ops = Ops {
    english: "this record has not sent the message; a later record (a replay) has, and WeChat told that it was delivered: `sent by` names it",
    chinese: "这条记录没有发出消息，后来的一条记录（重放）发出了，微信通知已经送达：`sent by` 写明是哪条。",
};

pub(in crate::explanation::words) const OPS_UNDELIVERED_BY_ANOTHER: Ops = Ops {
    english: "this record has not sent the message; a later record (a replay) has, and WeChat told that it was not delivered, a fault of its system: `sent by` names it",
    chinese: "这条记录没有发出消息，后来的一条记录（重放）发出了，但微信通知没有送达，是微信系统的问题：`sent by` 写明是哪条。",
};

pub(in crate::explanation::words) const DELIVERED: Words = Words {
    ops: "WeChat took the message, and told later that it was delivered",
    ops_chinese: "微信收下了这条消息，之后又通知已经送达。",
    next: "nothing: the customer looks into 服务通知 (Service Notifications), and whether they are muted. Check that the openid is this customer's, who may use two accounts",
    next_chinese: "不用处理：请客户看微信的“服务通知”，以及有没有设成免打扰；再确认 openid 是这位客户的，有人用两个微信号。",
    customer: "通知已经送达您的微信，请在“服务通知”里查看；如果没有看到，请确认没有把它设为免打扰，或者是否在用另一个微信号。",
};

pub(in crate::explanation::words) const UNDELIVERED: Words = Words {
    ops: "WeChat took the message, and told later that it was not delivered: a fault of its system",
    ops_chinese: "微信收下了这条消息，之后又通知没有送达：是微信系统的问题。",
    next: "nothing here; the next message goes its own way",
    next_chinese: "这边不用处理；下一条消息不受影响。",
    customer: "微信没能把这条通知送达，这是微信系统的问题；您的业务不受影响，可以在小程序里查看。",
};

pub(in crate::explanation::words) const USER_REFUSED: Words = Words {
    ops: "the customer has not allowed the message, or has used up what was allowed (43101)",
    ops_chinese: "客户没有允许这类消息，或者允许的次数已经用完（43101）。",
    next: "one permission is one message: the customer opens the mini program and allows it again, and the mini program asks at each order. Many at once are a wave (docs/grants.md)",
    next_chinese: "允许一次只够一条：客户打开小程序再允许一次，小程序每次下单都要申请。同时有很多，就是一波 43101（docs/grants.zh-CN.md）。",
    customer: "微信规定每次允许只能收到一条通知：您还没有允许，或者允许的次数已经用完。请打开小程序，再点一次提醒按钮并选择“允许”；也请在小程序右上角“…”→“设置”→“订阅消息”里确认开关是打开的。",
};

pub(in crate::explanation::words) const RECIPIENT_UNKNOWN: Words = Words {
    ops: "the openid is none of this mini program (40003)",
    ops_chinese: "这个 openid 不是这个小程序的（40003）。",
    next: "upstream gives the openid of this mini program, not of another one or of an official account",
    next_chinese: "上游要给这个小程序的 openid，不要给别的小程序或公众号的。",
    customer: "很抱歉，我们登记的微信账号有误，通知没能发出；您的业务不受影响，我们会更正。",
};

pub(in crate::explanation::words) const LOGIN_CODE_EXPIRED: Words = Words {
    ops: "the login code came too late: it lives five minutes (40029)",
    ops_chinese: "登录 code 来得太晚：它只有五分钟有效（40029）。",
    next: "upstream publishes right after `wx.login`, or gives the openid",
    next_chinese: "上游在 `wx.login` 之后马上发事件，或者直接给 openid。",
    customer: "登录信息已经过期，通知没能发出。请重新打开小程序再操作一次。",
};

pub(in crate::explanation::words) const LOGIN_CODE_USED: Words = Words {
    ops: "the login code was exchanged before, elsewhere or by a run that ended too soon (40163)",
    ops_chinese: "登录 code 之前已经换过：在别处，或者换完的进程太早退出了（40163）。",
    next: "a code is exchanged in one place only: this service, or upstream, which then gives the openid",
    next_chinese: "一个 code 只在一个地方换：由这个服务换，或者由上游换，再给 openid。",
    customer: "登录信息已经失效，通知没能发出。请重新打开小程序再操作一次。",
};

pub(in crate::explanation::words) const USER_BLOCKED: Words = Words {
    ops: "WeChat has blocked the user behind the login code as a risk (40226)",
    ops_chinese: "微信认为登录 code 背后的用户有风险，已经限制（40226）。",
    next: "WeChat lifts the block; nothing can be done here",
    next_chinese: "只有微信能解除，这边没有办法。",
    customer: "微信暂时限制了这个账号接收通知，请在微信里查看账号状态，或联系微信客服。",
};

pub(in crate::explanation::words) const PARAM_REFUSED: Words = Words {
    ops: "WeChat does not like a value of the card: `param` names it (47003, 45002 to 45005)",
    ops_chinese: "微信不接受卡片上的某个值，`param` 写明是哪个（47003、45002 到 45005）。",
    next: "mend the rule or the template in templates.toml; `wx-courier rid RID` shows what WeChat was sent. Then replay",
    next_chinese: "改规则，或改 templates.toml 里的模板；`wx-courier rid RID` 能看到发给微信的内容。然后重放。",
    customer: "很抱歉，通知的内容有误，没能发出；您的业务不受影响，我们会尽快修正。",
};

pub(in crate::explanation::words) const CONTENT_REFUSED: Words = Words {
    ops: "WeChat does not allow the words of the message (45168), or a page that it leads to (40066)",
    ops_chinese: "微信不允许消息里的用词（45168），或它指向的页面（40066）。",
    next: "change the text in the rule, then replay",
    next_chinese: "改规则里的文案，然后重放。",
    customer: "很抱歉，通知的内容没有通过微信的审核，没能发出；您的业务不受影响，我们会修改。",
};

pub(in crate::explanation::words) const PAGE_UNKNOWN: Words = Words {
    ops: "the page is not in the released version of the mini program (41030, 40165)",
    ops_chinese: "小程序的线上版本没有这个页面（41030、40165）。",
    next: "mend `page` in the rule, or release the mini program, then replay",
    next_chinese: "改规则里的 `page`，或者发布小程序，然后重放。",
    customer: "很抱歉，通知里的页面还没有发布，通知没能发出；您的业务不受影响，我们会尽快处理。",
};

pub(in crate::explanation::words) const MEDIA_UNKNOWN: Words = Words {
    ops: "the picture of a customer-service message is not at WeChat, or not any more (40007)",
    ops_chinese: "客服消息的图片不在微信那边，或者已经失效（40007）。",
    next: "upload it again: temporary media is gone after three days; then replay",
    next_chinese: "重新上传：临时素材三天后失效；然后重放。",
    customer: "很抱歉，客服消息里的图片已经失效，没能发出，我们会重新上传。",
};

pub(in crate::explanation::words) const WINDOW_CLOSED: Words = Words {
    ops: "a customer-service message comes more than 48 hours after the user last wrote (45015)",
    ops_chinese: "客服消息来得太晚：用户上次发消息已经超过 48 小时（45015）。",
    next: "the user writes again; use a subscribe message for notices",
    next_chinese: "只有用户再发一条消息才行；通知类的请用订阅消息。",
    customer: "距离您上次联系客服已超过 48 小时，微信不允许我们再回复。请在小程序里再给客服发一条消息。",
};

pub(in crate::explanation::words) const WINDOW_USED_UP: Words = Words {
    ops: "the user was sent as many customer-service messages as may answer their last one (45047)",
    ops_chinese: "用户上次发消息以后，客服消息的条数已经用完（45047）。",
    next: "the user writes again; say it in fewer messages",
    next_chinese: "等用户再发一条消息；以后少发几条，把话合在一起说。",
    customer: "微信限制了客服连续回复的条数。请在小程序里再给客服发一条消息，我们就能继续回复。",
};
