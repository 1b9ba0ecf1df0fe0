//! The texts: one line each, Chinese before English.

use super::Both;

/// Makes a field of each text, so that a page that names one that is not there does not compile, and a text without a translation neither.
macro_rules! texts {
    ($($name:ident: $chinese:literal, $english:literal;)*) => {
        /// The texts of the pages in one language.
        #[derive(Debug)]
        pub struct Words {
            $(#[doc = $english] pub $name: &'static str,)*
        }

        pub(super) static CHINESE: Words = Words { $($name: $chinese,)* };
        pub(super) static ENGLISH: Words = Words { $($name: $english,)* };

        /// Every text by its name.
        pub static ALL: &[(&str, Both)] = &[
            $((stringify!($name), Both { chinese: $chinese, english: $english }),)*
        ];
    };
}

texts! {
    // layout
    pages: "页面", "Pages";
    skip_to_content: "跳到正文", "Skip to content";
    overview: "总览", "Overview";
    outcomes: "发送结果", "Outcomes";
    errors: "错误", "Errors";
    rules: "规则", "Rules";
    templates: "模板", "Templates";
    grants: "订阅授权", "Grants";
    letters: "死信", "Dead letters";
    changes: "变更", "Changes";
    find_placeholder: "订单号、事件 ID、消息 ID…", "Order number, event id, message id…";
    signed_in_as: "当前用户", "Signed in as";
    may_view: "只读", "view only";
    theme: "深浅色", "Theme";
    keys: "快捷键", "Keys";
    sign_out: "退出", "Sign out";
    key_find: "查找", "Find";
    key_rows: "下一行、上一行", "Next row, previous row";
    key_open: "打开这一行", "Open the row";
    key_pause: "暂停或继续实时更新", "Pause or go on with the stream";
    key_help: "显示快捷键", "Show the keys";
    key_close: "关闭", "Close";
    close: "关闭", "Close";
    copied: "已复制", "Copied";
    copy: "复制", "Copy";
    stream_paused: "实时更新已暂停", "The stream is paused";
    connection_lost: "与控制台的连接断开，正在重连…", "The connection to the console is lost; trying again…";
    // times
    ago: "{0}前", "{0} ago";
    unit_ms: " 毫秒", " ms";
    unit_s: " 秒", " s";
    unit_min: " 分", " min";
    unit_h: " 小时", " h";
    unit_d: " 天", " d";
    since: "自", "since";
    until: "至", "until";
    time: "时间", "Time";
    span: "时间范围", "Time span";
    last_24h: "最近 24 小时", "the last 24 hours";
    // outcomes
    pause_stream: "暂停更新", "Pause";
    go_on_stream: "继续更新", "Go on";
    status: "状态", "Status";
    reason: "原因", "Reason";
    rule: "规则", "Rule";
    app: "小程序", "Mini program";
    template: "模板", "Template";
    errcode: "错误码", "Errcode";
    version: "规则版本", "Rules version";
    business_key: "业务号", "Business key";
    event: "事件", "Event";
    recipient: "用户", "User";
    took: "用时", "Took";
    attempts_short: "{0} 次", "{0} attempts";
    id: "编号", "Id";
    id_placeholder: "订单号、事件、消息、msgid、rid、用户", "Order, event, message, msgid, rid, user";
    from: "从", "From";
    search: "搜索", "Search";
    clear_filter: "清除条件", "Clear";
    any: "全部", "any";
    newest: "回到最新", "Newest";
    older: "更早的", "Older";
    more_than_shown: "还有 {0} 条更新没有显示在这里", "{0} more have come than are shown here";
    cannot_read: "历史无法继续读取：", "The history cannot be read on:";
    reading: "正在读取主题：已读 {0} 条，还有约 {1} 条。", "Reading the topic: {0} records read, about {1} left.";
    whole_since: "目前的历史从这个时间起是完整的：", "The history is whole from here on:";
    nothing_found: "没有符合条件的结果。", "Nothing was found.";
    nothing_yet: "还没有任何发送结果。发布一个事件后，结果会立刻出现在这里。", "There is no outcome yet. Publish an event, and its outcome appears here at once.";
    // message
    message: "消息", "Message";
    message_of: "消息 {0}", "Message {0}";
    not_told: "无法得知的部分", "What could not be told";
    no_rule: "没有规则", "No rule";
    no_outcome_yet: "尚无结果", "No outcome yet";
    sent_by_another: "已由另一条记录发送", "sent by another record";
    what_happened: "发生了什么", "What happened";
    what_next: "怎样才能发出下一条", "For the next message to arrive";
    to_customer: "可以这样回复用户", "What to tell the customer";
    copy_sentence: "复制这句话", "Copy this sentence";
    paused: "已暂停", "Paused";
    card_title: "微信里的样子", "As the user sees it";
    no_card: "这条消息没有卡片内容。", "There is no card of this message.";
    card_was_sent: "按现在的规则重新生成；发送时的规则可能不同。", "Made anew by the present rules; those of then may have been others.";
    card_was_not_sent: "没有发出；如果发出，会是这个样子。", "It was not sent; it would look like this.";
    card_enter: "进入小程序查看", "Enter the mini program";
    time_line: "时间线", "Time line";
    step_happened: "事件发生", "The event happened";
    step_published: "写入 Kafka", "Written to Kafka";
    step_read: "读取", "Read";
    step_waits: "开始等待", "Waits";
    step_settled: "得出结果", "Settled";
    step_delivered: "微信确认送达", "WeChat says: delivered";
    step_undelivered: "微信告知未送达", "WeChat says: not delivered";
    step_expires: "过期时间", "Expires";
    calls_took: "调用 {0} 次，共 {1}；等待 {2}", "{0} calls, {1}; waited {2}";
    values: "各个字段", "Values";
    param: "参数", "Param";
    label: "名称", "Label";
    value: "值", "Value";
    length: "长度", "Length";
    made_at: "出自", "Made at";
    faulty: "有问题", "At fault";
    cut_from: "截断前：", "before it was cut:";
    all_facts: "全部字段", "All fields";
    outcome_id: "结果 ID", "Outcome id";
    message_id: "消息 ID", "Message id";
    errmsg: "微信说明", "WeChat's text";
    duplicate_of: "重复于", "Duplicate of";
    attempts: "调用次数", "Attempts";
    claim: "发送权", "Claim";
    grant_counts: "授权 {0}，已用 {1}，剩余 {2}", "{0} granted, {1} used, {2} left";
    place: "位置", "Place";
    kind: "类型", "Type";
    source: "来源", "Source";
    trace: "跟踪", "Trace";
    detail: "说明", "Detail";
    unmatched: "为何没有匹配", "Why none matches";
    rules_for_it: "适用于这类事件的规则", "Rules for this type of event";
    rule_wants: "要发送", "wants it";
    rule_does_not_want: "when 条件不成立", "its `when` does not hold";
    rule_not_meant: "这次重放不针对它", "the replay is not for it";
    // overview
    asking_instances: "正在询问各个实例…", "Asking the instances…";
    nothing_needs_you: "一切正常，没有需要处理的事。", "All is well: nothing needs you.";
    needs_you: "需要处理：{0} 件", "{0} need a person";
    instance_silent: "实例没有应答", "An instance does not answer";
    way_instance: "看看这个进程是否还在运行，地址是否正确。", "See whether the process runs, and whether the address is right.";
    kafka_away: "连不上 Kafka", "Kafka does not answer";
    way_kafka: "检查 broker 和网络；恢复后会自动继续，什么也不会丢。", "Look at the brokers and the network; it goes on by itself, and nothing is lost.";
    store_down: "状态存储没有应答", "The state store does not answer";
    store_down_means: "在此期间不发送任何消息，也不会丢失消息。", "Nothing is sent meanwhile, and nothing is lost.";
    way_store: "检查 Redis 或磁盘；恢复后会自动继续。", "Look at Redis or the disk; it goes on by itself.";
    state_lost: "状态已丢失，等待确认", "The state is lost, and a person has to decide";
    unpublished: "结果写不进 Kafka", "Outcomes cannot be written to Kafka";
    way_unpublished: "检查结果主题的权限、大小限制和磁盘。", "Look at the outcome topic: rights, sizes, disks.";
    rules_refused: "新规则被拒绝，仍在用旧规则", "The new rules are refused; those from before stay in force";
    versions_differ: "各实例的规则版本不一致", "Instances run different versions of the rules";
    way_pause: "在规则页可以让它继续。", "The page of rules lets it go on.";
    punished: "微信处罚", "A punishment by WeChat";
    way_punished: "请管理员到微信公众平台处理。", "The mini program's administrator has to act at mp.weixin.qq.com.";
    resume: "继续发送", "Let it go on";
    messages: "消息", "Messages";
    sent: "已发送", "Sent";
    failure_share: "失败占比", "Share of failures";
    before: "上一时段", "before:";
    waiting: "等待中", "Waiting";
    waiting_hint: "等待轮次、限速或重试", "for their turn, a limit, or another attempt";
    behind: "积压", "Behind";
    nothing_behind: "没有积压", "nothing is behind";
    clear_in: "按现在的速度，{0}后处理完", "cleared in {0} at this pace";
    reading_is_paused: "读取已暂停", "reading is paused";
    pace_unknown: "正在测量速度", "the pace is being measured";
    does_not_shrink: "积压没有减少", "it does not shrink";
    not_known_yet: "还不知道", "not known yet";
    nothing_before: "上一时段没有消息", "none before";
    against_before: "与上一时段相比 {0}", "{0} against the time before";
    over_time: "发送结果随时间的变化", "Outcomes over time";
    none: "无", "none";
    no_failures: "这段时间没有失败。", "There were no failures in this time.";
    reasons_of_failure: "失败原因", "Why messages fail";
    headroom: "限速余量", "Headroom";
    no_limits: "没有设置限速。", "No limits are set.";
    used_of_limit: "每分钟 {0} / {1}", "{0} of {1} a minute";
    instances: "实例", "Instances";
    no_instances: "还没有找到正在运行的实例。", "No running instance was found yet.";
    instance: "实例", "Instance";
    phase: "阶段", "Phase";
    partitions: "分区", "Partitions";
    in_hand: "处理中", "In hand";
    program: "程序版本", "Program";
    tokens: "访问令牌", "Access tokens";
    expires_in: "{0}后过期", "expires in {0}";
    // errors
    heat: "错误码 × 模板", "Codes × templates";
    all: "合计", "All";
    code_unknown: "没有收录这个错误码；请查看微信文档。", "This code is not known here; see WeChat's documentation.";
    who_acts: "谁来处理", "Who must act";
    what_to_do: "怎么处理", "What to do";
    first_seen: "最早出现", "First seen";
    last_seen: "最近出现", "Last seen";
    began_with: "开始出现的规则版本", "Began with rules version";
    // rules
    limit: "限速", "Limit";
    held_by: "被什么拦住", "Held by";
    actions: "操作", "Actions";
    pause: "暂停", "Pause";
    why: "原因说明", "Why";
    // templates
    no_templates: "没有找到模板配置。", "No templates were found in the configuration.";
    drift: "与微信上的模板不一致", "Differs from what WeChat lists";
    // grants
    user: "用户", "User";
    no_grants: "没有这个用户的授权记录。", "Nothing is known of this user's grants.";
    last_messages: "最近的消息", "The last messages";
    coverage: "各模板的授权覆盖", "Coverage of templates";
    coverage_hint: "有授权的消息占比：其余因用户没有授权（43101 或没有余量）而未发送。", "The share of messages that found a permission; the others met none (43101, or none left).";
    // letters
    letters_hint: "没能生成或已放弃的消息；原因排除后可以重放。", "What could not be made or was given up; replay it once the cause is mended.";
    no_letters: "没有死信。", "There are no dead letters.";
    choose: "选择", "Choose";
    choose_all: "全选本页", "All on this page";
    chosen: "已选 {0} 条", "{0} chosen";
    replay_chosen: "重放选中的", "Replay the chosen";
    replay: "重放", "Replay";
    replay_looks: "正在查找记录", "looks for the records";
    replay_runs: "进行中", "under way";
    replay_done: "已完成", "done";
    replay_stopped: "已停止", "stopped";
    replay_failed: "失败", "failed";
    done_of: "已完成 {0} / {1}", "{0} of {1} done";
    records_gone: "{0} 条原始记录已不在主题上", "{0} records are not on their topic any more";
    left_out: "没有重放的：", "Not replayed:";
    left_already_sent: "已经发送 {0} 条", "{0} were sent already";
    left_tried_since: "之后又试过 {0} 条", "{0} were tried since";
    left_rule_gone: "规则已删除 {0} 条", "the rule of {0} is gone";
    left_original_gone: "原始记录已删除 {0} 条", "the record of {0} is gone";
    left_not_wanted: "现在的规则不要 {0} 条", "{0} are not wanted by the present rules";
    left_still_invalid: "按现在的规则仍然无效 {0} 条", "{0} would be invalid again by the present rules";
    left_expired: "已过期 {0} 条", "{0} have expired";
    stop: "停止", "Stop";
    // changes
    no_changes: "这段时间没有变更记录。", "Nothing was changed in this time.";
    who: "谁", "Who";
    what: "做了什么", "What";
    subject: "对象", "Subject";
    change: "前后", "Before and after";
    // other pages
    not_here: "这里没有这个页面", "There is no such page here";
    not_here_said: "地址可能写错了，或者内容已经过期。", "The address may be wrong, or what it named is gone.";
    cannot_now: "现在无法显示", "This cannot be shown now";
    not_done: "没有执行", "This was not done";
    no_configuration: "磁盘上的配置无法使用；请运行 wx-courier check。", "The configuration on disk cannot be used: `wx-courier check` tells why.";
}
