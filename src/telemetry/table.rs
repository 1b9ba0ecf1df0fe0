//! Every metric: its name, labels and help stand here, and nowhere else.

/// What only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Counter {
    Outcomes,
    Calls,
    PublishFailures,
    ProducerReplacements,
    Records,
    RecordsUnread,
    Unmatched,
    UnmatchedEvents,
    InternalErrors,
    GrantReports,
    LedgerWrong,
    CalendarBreaks,
    LogLinesDropped,
    ConnectionsRefused,
    PrivateRefusals,
    PublicRequests,
    Pushes,
    Receipts,
    TokenFetches,
    TokensInvalidated,
    StoreUnreadable,
    ReloadFailures,
    Unknown,
}

/// What goes up and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gauge {
    Unpublished,
    MessagesInHand,
    BytesInHand,
    ReadingPaused,
    CalendarSystemAhead,
    SharePartitions,
    SourcePartitions,
    Pause,
    RulesRefused,
    RulesRefusedSince,
    RulesVersion,
    RulesOnDisk,
    PunishmentEnd,
    Position,
    Connections,
    TokenInvalidatedByOthers,
    TokenState,
    TemplateDrift,
    TemplateListUnanswered,
    KafkaReached,
    KafkaTroubles,
    StoreDown,
    StoreLost,
    StoreLostPaused,
}

/// How long something took, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Histogram {
    Call,
    Settle,
}

/// A metric, its name without `wx_courier_`, its labels, and what it is.
pub(super) type Row<M> = (M, &'static str, &'static [&'static str], &'static str);

pub(super) const COUNTERS: &[Row<Counter>] = &[
    (
        Counter::Outcomes,
        "outcomes_total",
        &["rule", "status", "reason"],
        "Outcomes by rule, status and reason.",
    ),
    (
        Counter::Calls,
        "calls_total",
        &["app", "answer"],
        "Calls of WeChat's API by app and answer; answer is an errcode or a word.",
    ),
    (
        Counter::PublishFailures,
        "publish_failures_total",
        &[],
        "Outcomes that had to be published again.",
    ),
    (
        Counter::ProducerReplacements,
        "producer_replacements_total",
        &[],
        "Producers that could not go on and were replaced.",
    ),
    (Counter::Records, "records_total", &[], "Records read."),
    (
        Counter::RecordsUnread,
        "records_deleted_unread_total",
        &["topic"],
        "Records that were deleted by their topic's retention before they were read.",
    ),
    (
        Counter::Unmatched,
        "unmatched_total",
        &[],
        "Events that no rule wanted.",
    ),
    (
        Counter::UnmatchedEvents,
        "unmatched_events_total",
        &["type"],
        "The same by their type; types beyond the first fifty are `other`.",
    ),
    (
        Counter::InternalErrors,
        "internal_errors_total",
        &[],
        "Faults in wx-courier itself, each of which has cost one message. The log tells of each.",
    ),
    (
        Counter::GrantReports,
        "grant_reports_total",
        &["source"],
        "What was told of users' answers and noted in the ledger, by the source that told it.",
    ),
    (
        Counter::LedgerWrong,
        "ledger_wrong_total",
        &["how"],
        "Answers of WeChat that the ledger of grants did not expect: refused with a grant (overcounted), taken without one (undercounted).",
    ),
    (
        Counter::CalendarBreaks,
        "calendar_breaks_total",
        &[],
        "How often the system's calendar was seen to jump, to come back, or to stay where it had jumped to.",
    ),
    (
        Counter::LogLinesDropped,
        "log_lines_dropped_total",
        &[],
        "Log lines that were lost, because standard error did not take them.",
    ),
    (
        Counter::ConnectionsRefused,
        "connections_refused_total",
        &["listener", "why"],
        "Connections that were refused, or closed for another one, by listener and why: address, all_busy, made_room, not_accepted.",
    ),
    (
        Counter::PrivateRefusals,
        "private_refusals_total",
        &["status"],
        "Requests to the private listener that were refused, by the status of the answer.",
    ),
    (
        Counter::PublicRequests,
        "public_requests_total",
        &["route", "status"],
        "Requests on the public listener by route and status.",
    ),
    (
        Counter::Pushes,
        "pushes_total",
        &["app", "kind"],
        "What WeChat pushed, by app and kind: popup, change, sent, punished, revoked, cancelled, customer_message, other, unreadable. A repetition counts again, unless the first is still under way.",
    ),
    (
        Counter::Receipts,
        "receipts_total",
        &["app", "status", "joined"],
        "Receipts that were published, by app, status and whether their outcome is known (joined: yes or no).",
    ),
    (
        Counter::TokenFetches,
        "token_fetches_total",
        &["app", "kind"],
        "Questions for an access token by app and kind: fetched, forced (asked for by force), failed.",
    ),
    (
        Counter::TokensInvalidated,
        "token_invalidated_total",
        &["app"],
        "Access tokens that another program ended: they worked, were not old, were refused, and another came.",
    ),
    (
        Counter::StoreUnreadable,
        "store_unreadable_total",
        &["row"],
        "Requests to the state store that met an entry which cannot be read, by the kind of entry.",
    ),
    (
        Counter::ReloadFailures,
        "rules_reload_failures_total",
        &[],
        "Rules on disk that were refused, each state of them once.",
    ),
    (
        Counter::Unknown,
        "unknown_total",
        &["kind", "name"],
        "What WeChat has said and this version does not know, by kind (word, event, send_errcode and others) and name. Names beyond the first 50, and names that cannot be shown, are `other`.",
    ),
];

pub(super) const GAUGES: &[Row<Gauge>] = &[
    (
        Gauge::Unpublished,
        "unpublished_outcomes",
        &[],
        "Outcomes that have waited more than ten seconds for Kafka's acknowledgement.",
    ),
    (
        Gauge::MessagesInHand,
        "messages_in_hand",
        &["stage"],
        "Messages by what they wait for.",
    ),
    (
        Gauge::BytesInHand,
        "bytes_in_hand",
        &[],
        "Bytes of memory that messages in hand take.",
    ),
    (
        Gauge::ReadingPaused,
        "reading_paused",
        &[],
        "1 while reading is paused, because the engine is full or the store is down.",
    ),
    (
        Gauge::CalendarSystemAhead,
        "calendar_system_ahead_seconds",
        &[],
        "By how much the system's calendar is ahead of the one in force, while it has jumped and is not followed; else 0.",
    ),
    (
        Gauge::SharePartitions,
        "share_partitions",
        &[],
        "Partitions by which this instance reckons its part of every rate.",
    ),
    (
        Gauge::SourcePartitions,
        "source_partitions",
        &[],
        "All partitions of the source topics, whichever instance has them; 0 until they are known.",
    ),
    (
        Gauge::Pause,
        "pause",
        &["subject", "cause"],
        "1 while an app, template or rule is paused.",
    ),
    (
        Gauge::RulesRefused,
        "rules_refused",
        &[],
        "1 while the rules on disk are refused as they were read last, and those from before stay in force.",
    ),
    (
        Gauge::RulesRefusedSince,
        "rules_refused_timestamp_seconds",
        &[],
        "Since when rules on disk are refused, in Unix seconds; 0 while they are not. Their age is time() minus this.",
    ),
    (
        Gauge::RulesVersion,
        "rules_version_info",
        &["version"],
        "1, with the version of the rules in force.",
    ),
    (
        Gauge::RulesOnDisk,
        "rules_on_disk_info",
        &["version"],
        "1, with the version of the rules on disk as they were read last; `unreadable` if no rules can be made of what is there.",
    ),
    (
        Gauge::PunishmentEnd,
        "punishment_end_timestamp_seconds",
        &["app", "measure"],
        "When the next warning of WeChat's comes due, or its next ban ends, in seconds since 1970; 0 if no end was told. measure: warning, functions_banned, taken_down, account_banned, page_banned, unlisted. Only while there is one, on the instance that was told.",
    ),
    (
        Gauge::Position,
        "position",
        &["topic", "partition"],
        "The offset that may be committed.",
    ),
    (
        Gauge::Connections,
        "connections",
        &["listener"],
        "Open connections to a listener (private, public, console).",
    ),
    (
        Gauge::TokenInvalidatedByOthers,
        "token_invalidated_by_others",
        &["app"],
        "1 while another program renews the access token of the app again and again.",
    ),
    (
        Gauge::TokenState,
        "token_state",
        &["app", "state"],
        "1 for the state in which the access token of the app is, 0 for the others.",
    ),
    (
        Gauge::TemplateDrift,
        "template_drift",
        &["app", "kind"],
        "Differences between templates.toml and what WeChat lists, by app and kind.",
    ),
    (
        Gauge::TemplateListUnanswered,
        "template_list_unanswered",
        &["app"],
        "1 while WeChat has not answered the last question for the templates of the app.",
    ),
    (
        Gauge::KafkaReached,
        "kafka_reached",
        &[],
        "1 while the client that reads events has a connection to a broker.",
    ),
    (
        Gauge::KafkaTroubles,
        "kafka_troubles",
        &["about"],
        "Brokers that cannot be reached, rights that are wanting, topics of which the cluster says nothing.",
    ),
    (
        Gauge::StoreDown,
        "store_down",
        &[],
        "1 while the state store does not answer: nothing is sent meanwhile.",
    ),
    (
        Gauge::StoreLost,
        "store_lost",
        &[],
        "1 from the loss of the state until it would have been forgotten: what was sent before is not known.",
    ),
    (
        Gauge::StoreLostPaused,
        "store_lost_paused",
        &[],
        "1 while nothing is sent because the state is lost and no operator has said that it goes on.",
    ),
];

/// The rows with their buckets, in seconds: from a loopback answer to the longest timeout that is sensible, and from "at once" to
/// "waited for the limit the whole day".
pub(super) const HISTOGRAMS: &[(Row<Histogram>, [f64; 11])] = &[
    (
        (
            Histogram::Call,
            "call_seconds",
            &["app"],
            "How long calls of WeChat's API took.",
        ),
        [
            0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        ],
    ),
    (
        (
            Histogram::Settle,
            "settle_seconds",
            &[],
            "From reading a record to the outcome of its message.",
        ),
        [
            0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 86_400.0,
        ],
    ),
];
