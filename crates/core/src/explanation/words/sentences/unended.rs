//! There is no outcome: the message has not ended, none was to be made, or nothing is known.

use super::Words;

pub(in crate::explanation::words) const NOT_WANTED: Words = Words {
    ops: "no rule wants the event: nothing was to be sent",
    ops_chinese: "没有规则要这个事件：本来就不用发。",
    next: "write a rule for the type, or mend the `when` that does not hold; then `wx-courier replay`, or the next event",
    next_chinese: "给这个类型写一条规则，或者改不成立的 `when`；然后 `wx-courier replay`，或者等下一个事件。",
    customer: "这一步目前没有设置通知；您的业务不受影响，可以在小程序里查看。",
};

pub(in crate::explanation::words) const BEING_SENT: Words = Words {
    ops: "a process has claimed the message: its call is under way, or the process ended before it heard the answer",
    ops_chinese: "有一个进程认领了这条消息：正在调用，或者没等到回答就退出了。",
    next: "nothing: the process that owns the partition ends it, in doubt as the rule says",
    next_chinese: "不用处理：由负责这个分区的进程给出定论，存疑时按规则办。",
    customer: "通知正在发送，请稍候，并留意微信的“服务通知”。",
};

pub(in crate::explanation::words) const PAUSED: Words = Words {
    ops: "the message waits: what it needs is paused",
    ops_chinese: "消息在等：它要用到的东西暂停了。",
    next: "what is paused goes on: by itself, or by `wx-courier rules resume`, as is said of it. The message expires after the rule's `expires_after`",
    next_chinese: "等暂停结束：自动恢复，或者用 `wx-courier rules resume`，见暂停的说明。超过规则的 `expires_after`，消息就过期。",
    customer: "通知暂时停发，恢复后如果还在有效期内会补发；您的业务不受影响，可以在小程序里查看。",
};

pub(in crate::explanation::words) const WAITING: Words = Words {
    ops: "the service has not ended the message: its record is not read yet, or it waits for its turn under a limit",
    ops_chinese: "服务还没有处理完这条消息：记录还没读到，或者在限速下排队。",
    next: "the service works its backlog off; look at `/readyz`, at the lag of the group and at the limits",
    next_chinese: "服务会把积压处理完；看 `/readyz`、消费组的积压（lag）和限速。",
    customer: "通知还在排队，稍后就会发出，请留意微信的“服务通知”。",
};

pub(in crate::explanation::words) const RULES_UNUSABLE: Words = Words {
    ops: "no outcome was found, and whether a rule wants the event cannot be told: the rules on disk cannot be used",
    ops_chinese: "没有找到结果，也说不准有没有规则要这个事件：磁盘上的规则不能用。",
    next: "mend what `wx-courier check` says, and ask again; a running service goes on with the rules that it has",
    next_chinese: "按 `wx-courier check` 说的改好，再查一次；正在运行的服务仍然用它原来的规则。",
    customer: "我们正在查这条通知的情况，请稍候；您的业务不受影响。",
};

pub(in crate::explanation::words) const RECORD_DELETED: Words = Words {
    ops: "the record was deleted by retention, and no outcome of it was found: if the service had not read it before, nothing was sent",
    ops_chinese: "记录过了保留时间，已经删除，也没有找到它的结果：如果服务之前没有读到，就什么都没发。",
    next: "look further back with --since; keep records longer than the backlog lasts; upstream publishes it again",
    next_chinese: "用 --since 往更早查；记录的保留时间要比积压的时间长；由上游重新发布。",
    customer: "暂时查不到这条通知的记录。请在微信的“服务通知”里看一看；如果没有，请告诉我们，我们来查。",
};

pub(in crate::explanation::words) const NO_EVENT: Words = Words {
    ops: "the record tells of no event: it has no value, or a row was deleted",
    ops_chinese: "这条记录不是事件：没有 value，或者是删除了一行。",
    next: "nothing: there was nothing to send",
    next_chinese: "不用处理：本来就没有要发的。",
    customer: "这一步没有需要发送的通知；您的业务不受影响。",
};

pub(in crate::explanation::words) const NOT_FOUND: Words = Words {
    ops: "the service is past the record, and no outcome was found: it ended before what was read, under other rules, or owed none",
    ops_chinese: "服务已经读过这条记录，但没有找到结果：结果在读过的范围之前，规则不同，或者本来就没有结果。",
    next: "look further back with --since; an outcome topic forgets after its retention, a store after `[state] remember`",
    next_chinese: "用 --since 往更早查；结果 topic 过了保留时间就查不到，状态存储过了 `[state] remember` 就忘了。",
    customer: "暂时查不到这条通知的记录。请在微信的“服务通知”里看一看；如果没有，请告诉我们，我们来查。",
};

pub(in crate::explanation::words) const NOT_KNOWN: Words = Words {
    ops: "no outcome was found, and how far the service has come is not known",
    ops_chinese: "没有找到结果，也不知道服务读到了哪里。",
    next: "look at `/readyz` and at the consumer group; then ask again",
    next_chinese: "看 `/readyz` 和消费组，然后再查。",
    customer: "我们正在查这条通知的情况，请稍候；您的业务不受影响。",
};
