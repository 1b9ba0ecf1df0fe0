//! The texts themselves.

use super::Words;

pub(super) const SENT: Words = Words {
    ops: "WeChat took the message",
    next: "nothing: the customer looks into 服务通知 (Service Notifications), and whether they are muted. Check that the openid is this customer's, who may use two accounts",
    customer: "通知已经发到您的微信，请在“服务通知”里查看；如果没有看到，请确认没有把它设为免打扰，或者是否在用另一个微信号。",
};

pub(super) const OPS_SENT_BY_ANOTHER: &str =
    "this record has not sent the message; a later record (a replay) has: `sent by` names it";

pub(super) const OPS_DELIVERED_BY_ANOTHER: &str = "this record has not sent the message; a later record (a replay) has, and WeChat told that it was delivered: `sent by` names it";

pub(super) const OPS_UNDELIVERED_BY_ANOTHER: &str = "this record has not sent the message; a later record (a replay) has, and WeChat told that it was not delivered, a fault of its system: `sent by` names it";

pub(super) const DELIVERED: Words = Words {
    ops: "WeChat took the message, and told later that it was delivered",
    next: "nothing: the customer looks into 服务通知 (Service Notifications), and whether they are muted. Check that the openid is this customer's, who may use two accounts",
    customer: "通知已经送达您的微信，请在“服务通知”里查看；如果没有看到，请确认没有把它设为免打扰，或者是否在用另一个微信号。",
};

pub(super) const UNDELIVERED: Words = Words {
    ops: "WeChat took the message, and told later that it was not delivered: a fault of its system",
    next: "nothing here; the next message goes its own way",
    customer: "微信没能把这条通知送达，这是微信系统的问题；您的业务不受影响，可以在小程序里查看。",
};

pub(super) const USER_REFUSED: Words = Words {
    ops: "the customer has not allowed the message, or has used up what was allowed (43101)",
    next: "one permission is one message: the customer opens the mini program and allows it again, and the mini program asks at each order. Many at once are a wave (docs/grants.md)",
    customer: "微信规定每次允许只能收到一条通知：您还没有允许，或者允许的次数已经用完。请打开小程序，再点一次提醒按钮并选择“允许”；也请在小程序右上角“…”→“设置”→“订阅消息”里确认开关是打开的。",
};

pub(super) const RECIPIENT_UNKNOWN: Words = Words {
    ops: "the openid is none of this mini program (40003)",
    next: "upstream gives the openid of this mini program, not of another one or of an official account",
    customer: "很抱歉，我们登记的微信账号有误，通知没能发出；您的业务不受影响，我们会更正。",
};

pub(super) const LOGIN_CODE_EXPIRED: Words = Words {
    ops: "the login code came too late: it lives five minutes (40029)",
    next: "upstream publishes right after `wx.login`, or gives the openid",
    customer: "登录信息已经过期，通知没能发出。请重新打开小程序再操作一次。",
};

pub(super) const LOGIN_CODE_USED: Words = Words {
    ops: "the login code was exchanged before, elsewhere or by a run that ended too soon (40163)",
    next: "a code is exchanged in one place only: this service, or upstream, which then gives the openid",
    customer: "登录信息已经失效，通知没能发出。请重新打开小程序再操作一次。",
};

pub(super) const USER_BLOCKED: Words = Words {
    ops: "WeChat has blocked the user behind the login code as a risk (40226)",
    next: "WeChat lifts the block; nothing can be done here",
    customer: "微信暂时限制了这个账号接收通知，请在微信里查看账号状态，或联系微信客服。",
};

pub(super) const PARAM_REFUSED: Words = Words {
    ops: "WeChat does not like a value of the card: `param` names it (47003, 45002 to 45005)",
    next: "mend the rule or the template in templates.toml; `wx-courier rid RID` shows what WeChat was sent. Then replay",
    customer: "很抱歉，通知的内容有误，没能发出；您的业务不受影响，我们会尽快修正。",
};

pub(super) const CONTENT_REFUSED: Words = Words {
    ops: "WeChat does not allow the words of the message (45168), or a page that it leads to (40066)",
    next: "change the text in the rule, then replay",
    customer: "很抱歉，通知的内容没有通过微信的审核，没能发出；您的业务不受影响，我们会修改。",
};

pub(super) const PAGE_UNKNOWN: Words = Words {
    ops: "the page is not in the released version of the mini program (41030, 40165)",
    next: "mend `page` in the rule, or release the mini program, then replay",
    customer: "很抱歉，通知里的页面还没有发布，通知没能发出；您的业务不受影响，我们会尽快处理。",
};

pub(super) const MEDIA_UNKNOWN: Words = Words {
    ops: "the picture of a customer-service message is not at WeChat, or not any more (40007)",
    next: "upload it again: temporary media is gone after three days; then replay",
    customer: "很抱歉，客服消息里的图片已经失效，没能发出，我们会重新上传。",
};

pub(super) const WINDOW_CLOSED: Words = Words {
    ops: "a customer-service message comes more than 48 hours after the user last wrote (45015)",
    next: "the user writes again; use a subscribe message for notices",
    customer: "距离您上次联系客服已超过 48 小时，微信不允许我们再回复。请在小程序里再给客服发一条消息。",
};

pub(super) const WINDOW_USED_UP: Words = Words {
    ops: "the user was sent as many customer-service messages as may answer their last one (45047)",
    next: "the user writes again; say it in fewer messages",
    customer: "微信限制了客服连续回复的条数。请在小程序里再给客服发一条消息，我们就能继续回复。",
};

pub(super) const RECORD_TOO_LARGE: Words = Words {
    ops: "no event was made of the record: it is larger than is allowed",
    next: "upstream sends less, or raise `[events] max_bytes`, then replay",
    customer: "很抱歉，我们的系统没能处理这条业务数据，通知没有发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const NOT_JSON: Words = Words {
    ops: "no event was made of the record: its value is not JSON",
    next: "upstream publishes JSON; what lies there is told in `detail`",
    customer: "很抱歉，我们的系统没能读出这条业务数据，通知没有发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const FORMAT_UNSUPPORTED: Words = Words {
    ops: "no event was made of the record: its form is not supported",
    next: "upstream publishes one CloudEvent, or one JSON object, a record",
    customer: "很抱歉，我们的系统不支持这条业务数据的格式，通知没有发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const EVENT_MALFORMED: Words = Words {
    ops: "the event's attributes or data are not what they must be",
    next: "upstream mends them: `detail` says which. Then replay",
    customer: "很抱歉，我们收到的业务数据有误，通知没有发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const TYPE_MISSING: Words = Words {
    ops: "the event has no type, so no rule can be found for it",
    next: "upstream gives a type, or `[events] type` says where it lies; then replay",
    customer: "很抱歉，我们收到的业务数据不完整，通知没有发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const RULE_ERROR: Words = Words {
    ops: "a template or a filter of the rule failed on this event",
    next: "mend the rule; `wx-courier preview` tries it on this event. Then replay",
    customer: "很抱歉，我们的通知设置有误，这条通知没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const VALUE_MISSING: Words = Words {
    ops: "a value that the rule needs is missing in the event",
    next: "upstream gives the value, or the rule says what stands in: `{{ data.x | default('…') }}`. Then replay",
    customer: "很抱歉，我们收到的业务数据缺少内容，这条通知没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const RECIPIENT_MALFORMED: Words = Words {
    ops: "`to` gave nothing that can be an openid",
    next: "upstream gives the openid of this mini program, then replay",
    customer: "很抱歉，我们没有拿到您的微信账号，通知没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const PAGE_MALFORMED: Words = Words {
    ops: "`page` gave nothing that can be a page",
    next: "mend `page` in the rule (`urlencode`), then replay",
    customer: "很抱歉，通知里的链接有误，没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const PARAM_EMPTY: Words = Words {
    ops: "a value of the message is empty: `param` names it",
    next: "upstream gives the value, or the rule says what stands in; then replay",
    customer: "很抱歉，通知里有一项内容是空的，没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const PARAM_TOO_LONG: Words = Words {
    ops: "a value is longer than WeChat allows: `param` names it",
    next: "cut it in the rule: `{{ data.x | fit }}`; then replay",
    customer: "很抱歉，通知里有一项内容太长，没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const PARAM_MALFORMED: Words = Words {
    ops: "a value breaks the format of its param: `param` names it",
    next: "mend the rule, or what upstream gives; then replay",
    customer: "很抱歉，通知里有一项内容格式不对，没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const PARAM_NOT_LISTED: Words = Words {
    ops: "a value is none of those that the template lists: `param` names it",
    next: "map it in the rule with `lookup`, then replay",
    customer: "很抱歉，通知里有一项内容不在微信模板允许的范围内，没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const GRANT_MALFORMED: Words = Words {
    ops: "an event that should tell of a permission does not, so nothing was counted",
    next: "mend what upstream publishes, or `[grants]`; `wx-courier grants set` counts by hand",
    customer: "很抱歉，您的订阅选择我们没能记录下来。请在小程序里再点一次提醒按钮，我们也会尽快修复。",
};

pub(super) const NO_GRANT: Words = Words {
    ops: "the ledger has no permission of this customer left, so nothing was sent",
    next: "the customer allows it again in the mini program; if they surely did, look at what tells of accepts (docs/grants.md) and at `wx-courier grants show`",
    customer: "您还没有允许接收这类通知，或者允许的次数已经用完。请打开小程序，再点一次提醒按钮并选择“允许”。",
};

pub(super) const TOO_SOON: Words = Words {
    ops: "the template takes one message of this value in a period, and one was sent",
    next: "it comes again after the period; mend `key` and `per` in templates.toml if WeChat takes more",
    customer: "同类通知在一段时间内只发一次，前不久已经发过，请在微信的“服务通知”里往前翻一翻。",
};

pub(super) const RULE_GONE: Words = Words {
    ops: "the rule was taken away, or changed, while the message waited",
    next: "nothing, if that was meant; else bring the rule back, and `wx-courier replay --from outcomes --reason rule_gone`",
    customer: "这类通知目前已经停发；您的业务不受影响，可以在小程序里查看。",
};

pub(super) const DUPLICATE: Words = Words {
    ops: "another record brought the same message, which was sent: `duplicate_of` names it",
    next: "nothing; or mend the rule's `dedupe`, if these were two things",
    customer: "同一件事的通知之前已经发过，请在微信的“服务通知”里往前翻一翻。",
};

pub(super) const EXPIRED: Words = Words {
    ops: "its turn came too late: a limit, a pause or an outage; `detail` says which",
    next: "raise `expires_after` or the rate, or end what was paused",
    customer: "系统繁忙，这条通知错过了时间，所以没有再发；您的业务不受影响，可以在小程序里查看。",
};

pub(super) const PUBLISHED_LATE: Words = Words {
    ops: "it had expired already when its record was made: upstream published it too late",
    next: "upstream publishes events as they happen, and gives the time at which they did; or raise `expires_after`",
    customer: "业务消息到得太晚，通知已过时效，所以没有再发；您的业务不受影响，可以在小程序里查看。",
};

pub(super) const EXPIRED_DAILY_QUOTA: Words = Words {
    ops: "it waited for the day's calls of WeChat's API, which were used up (45009), until it was too old",
    next: "the calls are counted anew after midnight; `wx-courier quota` shows them, and WeChat raises the limit on request",
    customer: "今天的通知数量已达微信的上限，这条通知没能发出；您的业务不受影响，可以在小程序里查看。",
};

pub(super) const QUOTA_USED_UP: Words = Words {
    ops: "WeChat took no more calls (45009, 45011) until all attempts were used",
    next: "`wx-courier quota` shows the calls that are left; lower the rate, or ask WeChat for more. Then replay",
    customer: "微信限制了发送的数量，这条通知没能发出；您的业务不受影响，可以在小程序里查看。",
};

pub(super) const REFUSED_EACH_TIME: Words = Words {
    ops: "WeChat answered every attempt with a code that settles nothing",
    next: "look at the code: `wx-courier rid RID` says more. Then replay",
    customer: "微信系统暂时异常，这条通知没能发出；您的业务不受影响，可以在小程序里查看。",
};

pub(super) const NO_ANSWER: Words = Words {
    ops: "no answer of WeChat's settled it, and all attempts are used",
    next: "look at the network between here and WeChat, then replay",
    customer: "网络异常，这条通知没能发出；您的业务不受影响，可以在小程序里查看。",
};

pub(super) const RECORD_GONE: Words = Words {
    ops: "the record was deleted from its topic while the message was set aside",
    next: "keep records longer than the backlog lasts; upstream publishes it again",
    customer: "很抱歉，系统积压太久，这条通知没能发出；您的业务不受影响，可以在小程序里查看。",
};

pub(super) const ACCOUNT_FAULT: Words = Words {
    ops: "the app's account, secret or IP list is at fault, or the user has not authorised the API",
    next: "mend it in WeChat's console, then replay",
    customer: "很抱歉，我们的小程序账号暂时不能发通知；您的业务不受影响，我们正在处理。",
};

pub(super) const REQUEST_REFUSED: Words = Words {
    ops: "WeChat says that the request itself is wrong: a fault of wx-courier",
    next: "report it; then replay with the version that mends it",
    customer: "很抱歉，我们的系统出了问题，这条通知没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const INTERNAL: Words = Words {
    ops: "a fault in wx-courier itself, which its log tells of; nothing was sent",
    next: "report it, with the lines of the log; then replay",
    customer: "很抱歉，我们的系统出了故障，这条通知没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(super) const IN_DOUBT: Words = Words {
    ops: "the message may have arrived, and nothing can tell: the call was made and no answer was heard",
    next: "nothing; `wx-courier replay --again` would send it again, perhaps twice",
    customer: "这条通知可能已经送达，请在微信的“服务通知”里看一看；如果没有，可以在小程序里查看业务进度。",
};

pub(super) const STATE_UNREADABLE: Words = Words {
    ops: "the state store has an entry of this message that cannot be read, so it may have been sent before; nothing was sent now",
    next: "the log says which entry; ask whether the message came before it is replayed",
    customer: "这条通知可能之前已经发过，请在微信的“服务通知”里看一看；如果没有，请告诉我们。",
};

pub(super) const NOT_WANTED: Words = Words {
    ops: "no rule wants the event: nothing was to be sent",
    next: "write a rule for the type, or mend the `when` that does not hold; then `wx-courier replay`, or the next event",
    customer: "这一步目前没有设置通知；您的业务不受影响，可以在小程序里查看。",
};

pub(super) const UNLISTED: Words = Words {
    ops: "a later version of wx-courier ended the message, in a way that this version does not know",
    next: "ask the version that wrote it: its docs/outcomes.md lists the reason",
    customer: "请在微信的“服务通知”里看一看；如果没有收到，请告诉我们，我们来查。",
};

pub(super) const BEING_SENT: Words = Words {
    ops: "a process has claimed the message: its call is under way, or the process ended before it heard the answer",
    next: "nothing: the process that owns the partition ends it, in doubt as the rule says",
    customer: "通知正在发送，请稍候，并留意微信的“服务通知”。",
};

pub(super) const PAUSED: Words = Words {
    ops: "the message waits: what it needs is paused",
    next: "what is paused goes on: by itself, or by `wx-courier rules resume`, as is said of it. The message expires after the rule's `expires_after`",
    customer: "通知暂时停发，恢复后如果还在有效期内会补发；您的业务不受影响，可以在小程序里查看。",
};

pub(super) const WAITING: Words = Words {
    ops: "the service has not ended the message: its record is not read yet, or it waits for its turn under a limit",
    next: "the service works its backlog off; look at `/readyz`, at the lag of the group and at the limits",
    customer: "通知还在排队，稍后就会发出，请留意微信的“服务通知”。",
};

pub(super) const RULES_UNUSABLE: Words = Words {
    ops: "no outcome was found, and whether a rule wants the event cannot be told: the rules on disk cannot be used",
    next: "mend what `wx-courier check` says, and ask again; a running service goes on with the rules that it has",
    customer: "我们正在查这条通知的情况，请稍候；您的业务不受影响。",
};

pub(super) const RECORD_DELETED: Words = Words {
    ops: "the record was deleted by retention, and no outcome of it was found: if the service had not read it before, nothing was sent",
    next: "look further back with --since; keep records longer than the backlog lasts; upstream publishes it again",
    customer: "暂时查不到这条通知的记录。请在微信的“服务通知”里看一看；如果没有，请告诉我们，我们来查。",
};

pub(super) const NO_EVENT: Words = Words {
    ops: "the record tells of no event: it has no value, or a row was deleted",
    next: "nothing: there was nothing to send",
    customer: "这一步没有需要发送的通知；您的业务不受影响。",
};

pub(super) const NOT_FOUND: Words = Words {
    ops: "the service is past the record, and no outcome was found: it ended before what was read, under other rules, or owed none",
    next: "look further back with --since; an outcome topic forgets after its retention, a store after `[state] remember`",
    customer: "暂时查不到这条通知的记录。请在微信的“服务通知”里看一看；如果没有，请告诉我们，我们来查。",
};

pub(super) const NOT_KNOWN: Words = Words {
    ops: "no outcome was found, and how far the service has come is not known",
    next: "look at `/readyz` and at the consumer group; then ask again",
    customer: "我们正在查这条通知的情况，请稍候；您的业务不受影响。",
};
