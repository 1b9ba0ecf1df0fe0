//! A message was made, and was left out, came too late, was given up, or is in doubt.

use super::Words;

pub(in crate::explanation::words) const NO_GRANT: Words = Words {
    ops: "the ledger has no permission of this customer left, so nothing was sent",
    ops_chinese: "账本里这位客户没有剩余的授权次数，所以没有发。",
    next: "the customer allows it again in the mini program; if they surely did, look at what tells of accepts (docs/grants.md) and at `wx-courier grants show`",
    next_chinese: "客户在小程序里再允许一次；如果确实允许过，就查是谁上报的（docs/grants.zh-CN.md），再看 `wx-courier grants show`。",
    customer: "您还没有允许接收这类通知，或者允许的次数已经用完。请打开小程序，再点一次提醒按钮并选择“允许”。",
};

pub(in crate::explanation::words) const TOO_SOON: Words = Words {
    ops: "the template takes one message of this value in a period, and one was sent",
    ops_chinese: "这个模板的同一个值，一段时间内只能发一条，之前已经发过。",
    next: "it comes again after the period; mend `key` and `per` in templates.toml if WeChat takes more",
    next_chinese: "过了这段时间会再发；如果微信允许更多，改 templates.toml 里的 `key` 和 `per`。",
    customer: "同类通知在一段时间内只发一次，前不久已经发过，请在微信的“服务通知”里往前翻一翻。",
};

pub(in crate::explanation::words) const RULE_GONE: Words = Words {
    ops: "the rule was taken away, or changed, while the message waited",
    ops_chinese: "消息等待期间，规则被删掉或改掉了。",
    next: "nothing, if that was meant; else bring the rule back, and `wx-courier replay --from outcomes --reason rule_gone`",
    next_chinese: "有意如此就不用管；否则恢复规则，再运行 `wx-courier replay --from outcomes --reason rule_gone`。",
    customer: "这类通知目前已经停发；您的业务不受影响，可以在小程序里查看。",
};

pub(in crate::explanation::words) const DUPLICATE: Words = Words {
    ops: "another record brought the same message, which was sent: `duplicate_of` names it",
    ops_chinese: "另一条记录带来过同一条消息，已经发了：`duplicate_of` 写明是哪条。",
    next: "nothing; or mend the rule's `dedupe`, if these were two things",
    next_chinese: "不用处理；如果其实是两件事，改规则的 `dedupe`。",
    customer: "同一件事的通知之前已经发过，请在微信的“服务通知”里往前翻一翻。",
};

pub(in crate::explanation::words) const EXPIRED: Words = Words {
    ops: "its turn came too late: a limit, a pause or an outage; `detail` says which",
    ops_chinese: "轮到它时太晚了：限速、暂停或断连，`detail` 写明是哪个。",
    next: "raise `expires_after` or the rate, or end what was paused",
    next_chinese: "调大 `expires_after` 或速率，或者让暂停的继续。",
    customer: "系统繁忙，这条通知错过了时间，所以没有再发；您的业务不受影响，可以在小程序里查看。",
};

pub(in crate::explanation::words) const PUBLISHED_LATE: Words = Words {
    ops: "it had expired already when its record was made: upstream published it too late",
    ops_chinese: "记录写进来时它就已经过期：上游发得太晚。",
    next: "upstream publishes events as they happen, and gives the time at which they did; or raise `expires_after`",
    next_chinese: "上游在事情发生时就发事件，并写明发生的时间；或者调大 `expires_after`。",
    customer: "业务消息到得太晚，通知已过时效，所以没有再发；您的业务不受影响，可以在小程序里查看。",
};

pub(in crate::explanation::words) const EXPIRED_DAILY_QUOTA: Words = Words {
    ops: "it waited for the day's calls of WeChat's API, which were used up (45009), until it was too old",
    ops_chinese: "微信接口当天的调用次数用完了（45009），它一直等到过期。",
    next: "the calls are counted anew after midnight; `wx-courier quota` shows them, and WeChat raises the limit on request",
    next_chinese: "零点以后重新计数；`wx-courier quota` 可以查，也可以向微信申请提高上限。",
    customer: "今天的通知数量已达微信的上限，这条通知没能发出；您的业务不受影响，可以在小程序里查看。",
};

pub(in crate::explanation::words) const QUOTA_USED_UP: Words = Words {
    ops: "WeChat took no more calls (45009, 45011) until all attempts were used",
    ops_chinese: "微信限制了调用次数（45009、45011），直到所有尝试都用完。",
    next: "`wx-courier quota` shows the calls that are left; lower the rate, or ask WeChat for more. Then replay",
    next_chinese: "`wx-courier quota` 可以查还剩多少；调低速率，或者向微信申请更多。然后重放。",
    customer: "微信限制了发送的数量，这条通知没能发出；您的业务不受影响，可以在小程序里查看。",
};

pub(in crate::explanation::words) const REFUSED_EACH_TIME: Words = Words {
    ops: "WeChat answered every attempt with a code that settles nothing",
    ops_chinese: "每次尝试，微信都回了一个没有定论的错误码。",
    next: "look at the code: `wx-courier rid RID` says more. Then replay",
    next_chinese: "看这个错误码：`wx-courier rid RID` 能查到更多。然后重放。",
    customer: "微信系统暂时异常，这条通知没能发出；您的业务不受影响，可以在小程序里查看。",
};

pub(in crate::explanation::words) const NO_ANSWER: Words = Words {
    ops: "no answer of WeChat's settled it, and all attempts are used",
    ops_chinese: "没有得到微信的定论，所有尝试都已用完。",
    next: "look at the network between here and WeChat, then replay",
    next_chinese: "检查这里到微信的网络，然后重放。",
    customer: "网络异常，这条通知没能发出；您的业务不受影响，可以在小程序里查看。",
};

pub(in crate::explanation::words) const RECORD_GONE: Words = Words {
    ops: "the record was deleted from its topic while the message was set aside",
    ops_chinese: "消息被搁置期间，源记录被 topic 删掉了。",
    next: "keep records longer than the backlog lasts; upstream publishes it again",
    next_chinese: "记录的保留时间要比积压的时间长；由上游重新发布。",
    customer: "很抱歉，系统积压太久，这条通知没能发出；您的业务不受影响，可以在小程序里查看。",
};

pub(in crate::explanation::words) const ACCOUNT_FAULT: Words = Words {
    ops: "the app's account, secret or IP list is at fault, or the user has not authorised the API",
    ops_chinese: "小程序的账号、密钥或 IP 白名单有问题，或者用户没有授权这个接口。",
    next: "mend it in WeChat's console, then replay",
    next_chinese: "在微信后台改好，然后重放。",
    customer: "很抱歉，我们的小程序账号暂时不能发通知；您的业务不受影响，我们正在处理。",
};

pub(in crate::explanation::words) const REQUEST_REFUSED: Words = Words {
    ops: "WeChat says that the request itself is wrong: a fault of wx-courier",
    ops_chinese: "微信说请求本身不对：是 wx-courier 的问题。",
    next: "report it; then replay with the version that mends it",
    next_chinese: "请反馈；换成修好的版本后重放。",
    customer: "很抱歉，我们的系统出了问题，这条通知没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const INTERNAL: Words = Words {
    ops: "a fault in wx-courier itself, which its log tells of; nothing was sent",
    ops_chinese: "wx-courier 内部出错，日志里有；消息没有发出。",
    next: "report it, with the lines of the log; then replay",
    next_chinese: "请反馈，附上日志里的那几行；然后重放。",
    customer: "很抱歉，我们的系统出了故障，这条通知没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const IN_DOUBT: Words = Words {
    ops: "the message may have arrived, and nothing can tell: the call was made and no answer was heard",
    ops_chinese: "消息可能已经送达，谁也无法知道：调用发出了，没有听到回答。",
    next: "nothing; `wx-courier replay --again` would send it again, perhaps twice",
    next_chinese: "不用处理；`wx-courier replay --again` 会再发一次，客户可能收到两条。",
    customer: "这条通知可能已经送达，请在微信的“服务通知”里看一看；如果没有，可以在小程序里查看业务进度。",
};

pub(in crate::explanation::words) const STATE_UNREADABLE: Words = Words {
    ops: "the state store has an entry of this message that cannot be read, so it may have been sent before; nothing was sent now",
    ops_chinese: "状态存储里这条消息的记录读不出来，所以以前可能发过；这次没有发。",
    next: "the log says which entry; ask whether the message came before it is replayed",
    next_chinese: "日志里写明是哪一条；重放之前，先问客户有没有收到。",
    customer: "这条通知可能之前已经发过，请在微信的“服务通知”里看一看；如果没有，请告诉我们。",
};

pub(in crate::explanation::words) const UNLISTED: Words = Words {
    ops: "a later version of wx-courier ended the message, in a way that this version does not know",
    ops_chinese: "这条消息由更新版本的 wx-courier 给出定论，这个版本不认识。",
    next: "ask the version that wrote it: its docs/outcomes.md lists the reason",
    next_chinese: "查写它的那个版本：它的 docs/outcomes.zh-CN.md 列出了这个 reason。",
    customer: "请在微信的“服务通知”里看一看；如果没有收到，请告诉我们，我们来查。",
};
