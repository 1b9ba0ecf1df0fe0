//! No message could be made of the record or of the event.

use super::Words;

pub(in crate::explanation::words) const RECORD_TOO_LARGE: Words = Words {
    ops: "no event was made of the record: it is larger than is allowed",
    ops_chinese: "记录超过了允许的大小，没有读成事件。",
    next: "upstream sends less, or raise `[events] max_bytes`, then replay",
    next_chinese: "上游发小一点，或者调大 `[events] max_bytes`，然后重放。",
    customer: "很抱歉，我们的系统没能处理这条业务数据，通知没有发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const NOT_JSON: Words = Words {
    ops: "no event was made of the record: its value is not JSON",
    ops_chinese: "记录的 value 不是 JSON，没有读成事件。",
    next: "upstream publishes JSON; what lies there is told in `detail`",
    next_chinese: "上游要发 JSON；里面实际是什么，`detail` 写明了。",
    customer: "很抱歉，我们的系统没能读出这条业务数据，通知没有发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const FORMAT_UNSUPPORTED: Words = Words {
    ops: "no event was made of the record: its form is not supported",
    ops_chinese: "不支持这种格式的记录，没有读成事件。",
    next: "upstream publishes one CloudEvent, or one JSON object, a record",
    next_chinese: "上游每条记录只发一个 CloudEvent，或一个 JSON 对象。",
    customer: "很抱歉，我们的系统不支持这条业务数据的格式，通知没有发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const EVENT_MALFORMED: Words = Words {
    ops: "the event's attributes or data are not what they must be",
    ops_chinese: "事件的属性或 data 不合要求。",
    next: "upstream mends them: `detail` says which. Then replay",
    next_chinese: "上游改好：`detail` 写明是哪一个。然后重放。",
    customer: "很抱歉，我们收到的业务数据有误，通知没有发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const TYPE_MISSING: Words = Words {
    ops: "the event has no type, so no rule can be found for it",
    ops_chinese: "事件没有 type，所以找不到规则。",
    next: "upstream gives a type, or `[events] type` says where it lies; then replay",
    next_chinese: "上游写上 type，或者在 `[events] type` 里写明它在哪里；然后重放。",
    customer: "很抱歉，我们收到的业务数据不完整，通知没有发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const RULE_ERROR: Words = Words {
    ops: "a template or a filter of the rule failed on this event",
    ops_chinese: "规则的模板表达式或过滤器在这个事件上出错了。",
    next: "mend the rule; `wx-courier preview` tries it on this event. Then replay",
    next_chinese: "改规则；`wx-courier preview` 可以拿这个事件试。然后重放。",
    customer: "很抱歉，我们的通知设置有误，这条通知没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const VALUE_MISSING: Words = Words {
    ops: "a value that the rule needs is missing in the event",
    ops_chinese: "事件里没有规则需要的值。",
    next: "upstream gives the value, or the rule says what stands in: `{{ data.x | default('…') }}`. Then replay",
    next_chinese: "上游给出这个值，或者在规则里写缺省值：`{{ data.x | default('…') }}`。然后重放。",
    customer: "很抱歉，我们收到的业务数据缺少内容，这条通知没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const RECIPIENT_MALFORMED: Words = Words {
    ops: "`to` gave nothing that can be an openid",
    ops_chinese: "`to` 得到的不可能是 openid。",
    next: "upstream gives the openid of this mini program, then replay",
    next_chinese: "上游要给这个小程序的 openid，然后重放。",
    customer: "很抱歉，我们没有拿到您的微信账号，通知没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const PAGE_MALFORMED: Words = Words {
    ops: "`page` gave nothing that can be a page",
    ops_chinese: "`page` 得到的不可能是页面。",
    next: "mend `page` in the rule (`urlencode`), then replay",
    next_chinese: "改规则里的 `page`（用 `urlencode`），然后重放。",
    customer: "很抱歉，通知里的链接有误，没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const PARAM_EMPTY: Words = Words {
    ops: "a value of the message is empty: `param` names it",
    ops_chinese: "消息里有一个值是空的，`param` 写明是哪个。",
    next: "upstream gives the value, or the rule says what stands in; then replay",
    next_chinese: "上游给出这个值，或者在规则里写缺省值；然后重放。",
    customer: "很抱歉，通知里有一项内容是空的，没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const PARAM_TOO_LONG: Words = Words {
    ops: "a value is longer than WeChat allows: `param` names it",
    ops_chinese: "有一个值超过了微信允许的长度，`param` 写明是哪个。",
    next: "cut it in the rule: `{{ data.x | fit }}`; then replay",
    next_chinese: "在规则里截短：`{{ data.x | fit }}`；然后重放。",
    customer: "很抱歉，通知里有一项内容太长，没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const PARAM_MALFORMED: Words = Words {
    ops: "a value breaks the format of its param: `param` names it",
    ops_chinese: "有一个值不合它那个参数的格式，`param` 写明是哪个。",
    next: "mend the rule, or what upstream gives; then replay",
    next_chinese: "改规则，或者改上游给的值；然后重放。",
    customer: "很抱歉，通知里有一项内容格式不对，没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const PARAM_NOT_LISTED: Words = Words {
    ops: "a value is none of those that the template lists: `param` names it",
    ops_chinese: "有一个值不在模板列出的选项里，`param` 写明是哪个。",
    next: "map it in the rule with `lookup`, then replay",
    next_chinese: "在规则里用 `lookup` 对应到选项，然后重放。",
    customer: "很抱歉，通知里有一项内容不在微信模板允许的范围内，没能发出；您的业务不受影响，我们会尽快修复。",
};

pub(in crate::explanation::words) const GRANT_MALFORMED: Words = Words {
    ops: "an event that should tell of a permission does not, so nothing was counted",
    ops_chinese: "这个事件本该说明用户允许了什么，却没有说清，所以什么都没有记。",
    next: "mend what upstream publishes, or `[grants]`; `wx-courier grants set` counts by hand",
    next_chinese: "改上游发的事件，或者改 `[grants]`；可以用 `wx-courier grants set` 手工补记。",
    customer: "很抱歉，您的订阅选择我们没能记录下来。请在小程序里再点一次提醒按钮，我们也会尽快修复。",
};
