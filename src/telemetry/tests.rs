//! The text that is scraped, with something of everything in it.

use std::collections::BTreeMap;

use wx_courier_core::flow::attempt::{Refusal, TokenTrouble};
use wx_courier_core::flow::{
    PartitionStatus, PauseStatus, PunishmentStatus, ShareStatus, Status, UnmatchedType,
};

use super::table::{COUNTERS, GAUGES, HISTOGRAMS};
use super::*;
use crate::edges::kafka::standing::Deed;
use crate::edges::kafka::trouble::{About, ClusterStatus, Trouble, Why};
use crate::edges::store::{Loss, StateStatus};
use crate::edges::wechat::{Mode, TokenState, TokenStatus};
use wx_courier_core::calendar::CalendarStatus;
use wx_courier_core::catalog::drift::TemplateStatus;
use wx_courier_core::wechat::{Unknown, UnknownKind};

fn outcome(waited_ms: u64) -> Outcome {
    serde_json::from_value(serde_json::json!({
        "id": "events/0/1", "message_id": "m1", "rule": "order",
        "status": outcome::Status::Failed, "reason": Reason::AttemptsUsed, "detail": "", "rules_version": "1",
        "topic": "events", "partition": 0, "offset": 1, "attempts": 1,
        "received_at": "", "settled_at": "", "waited_ms": waited_ms, "api_ms": 20,
    }))
    .unwrap()
}

fn punishment(measure: &'static str, until_ms: Option<i64>) -> PunishmentStatus {
    PunishmentStatus {
        app: "shop".to_owned(),
        id: String::new(),
        measure,
        threat: None,
        functions: Vec::new(),
        reason: String::new(),
        told: String::new(),
        until: None,
        until_ms,
    }
}

fn engine() -> Status {
    let mut status = Status {
        waiting: 11,
        set_aside: [("order".to_owned(), 12)].into(),
        bytes_in_hand: 13,
        paused: true,
        store_is_down: true,
        pauses: vec![PauseStatus {
            subject: "app shop".to_owned(),
            cause: "account",
            errcode: None,
            detail: String::new(),
            since: String::new(),
            ends: "",
        }],
        punishments: vec![
            punishment("warning", Some(1_800_000_000_000)),
            punishment("warning", Some(1_700_000_000_000)),
            punishment("warning", None),
            punishment("page_banned", None),
        ],
        share: ShareStatus {
            partitions: 1,
            of: 4,
        },
        partitions: vec![PartitionStatus {
            topic: "events".to_owned(),
            partition: 0,
            position: Some(14),
            open_records: 1,
        }],
        ..Status::default()
    };
    status.unmatched_types = vec![UnmatchedType {
        event_type: "coupon".to_owned(),
        count: 2,
        last_at: String::new(),
        why: String::new(),
    }];
    status.totals.records = 7;
    status.totals.unmatched = 2;
    status.totals.internal_errors = 6;
    status.totals.grant_reports = 3;
    status.totals.grants_overcounted = 4;
    status.totals.grants_undercounted = 5;
    status
}

fn tokens() -> BTreeMap<Arc<str>, TokenStatus> {
    let status = TokenStatus {
        mode: Mode::Classic,
        state: TokenState::InvalidatedByOthers,
        expires_in_s: Some(60),
        fetched: 5,
        forced: 1,
        failed: 2,
        invalidated: 3,
        last_error: None,
    };
    [(Arc::from("shop"), status)].into()
}

fn cluster() -> ClusterStatus {
    let trouble = |about| Trouble {
        about,
        why: Why {
            cause: None,
            said: String::new(),
        },
        since: String::new(),
        failures: 1,
    };
    let right = |topic: &str| About::Right(Deed::Read(topic.to_owned()));
    ClusterStatus {
        reached: true,
        troubles: vec![trouble(right("a")), trouble(right("b"))],
    }
}

fn templates() -> BTreeMap<Arc<str>, TemplateStatus> {
    let known = TemplateStatus {
        checked_at: Some("2026-11-22T08:30:00Z".to_owned()),
        n_drifts: [("gone", 2)].into(),
        ..TemplateStatus::default()
    };
    let unanswered = TemplateStatus {
        error: Some("no".to_owned()),
        ..TemplateStatus::default()
    };
    [(Arc::from("shop"), known), (Arc::from("club"), unanswered)].into()
}

fn calls(metrics: &Metrics) {
    let refused = |class| {
        SendAnswer::Refused(Refusal {
            errcode: 43101,
            errmsg: String::new(),
            rid: None,
            param: None,
            class,
        })
    };
    let trouble = TokenTrouble {
        errcode: None,
        detail: String::new(),
        class: Class::Busy,
    };
    let detail = String::new;
    for answer in [
        SendAnswer::Accepted { msgid: None },
        refused(Class::NotSubscribed),
        refused(Class::Unlisted),
        SendAnswer::Garbled { detail: detail() },
        SendAnswer::Unreachable { detail: detail() },
        SendAnswer::InDoubt { detail: detail() },
        SendAnswer::NoToken(trouble),
    ] {
        metrics.call("shop", &answer, 30);
    }
}

fn text(metrics: &Metrics) -> String {
    let calendar = CalendarStatus {
        system_ahead_ms: 1_500,
        breaks: 6,
        ..CalendarStatus::default()
    };
    let state = StateStatus {
        unreadable: [("claim", 8)].into(),
        loss: Some(Loss {
            noticed_at: String::new(),
            what: String::new(),
            paused: true,
            not_promised: "",
        }),
    };
    let encoded = metrics.encode(
        &engine(),
        calendar,
        &tokens(),
        &templates(),
        &state,
        &cluster(),
    );
    encoded.unwrap()
}

fn everything() -> Arc<Metrics> {
    let metrics = Metrics::new().unwrap();
    metrics.outcome(&outcome(0));
    metrics.outcome(&outcome(700_000));
    calls(&metrics);
    metrics.publish_failed();
    metrics.producer_replaced();
    metrics.unread("events", 8);
    metrics.unpublished(Some(&Unpublished {
        outcomes: 9,
        since: String::new(),
        refusal: None,
    }));
    metrics.public_request(PublicRoute::Callback, 200);
    metrics.push("shop", "popup");
    metrics.grant_reported(Source::Callback);
    metrics.receipt(
        &serde_json::from_value(serde_json::json!({
            "id": "r1", "status": "delivered", "errcode": 0, "errmsg": "", "msgid": "1", "app": "shop",
            "template_id": "t", "recipient": "o***1", "happened_at": "", "received_at": "",
        }))
        .unwrap(),
    );
    metrics.reloaded(&ReloadStatus {
        rules_version: Some(Arc::from("a1")),
        ..ReloadStatus::default()
    });
    metrics.reload_failed();
    metrics.connections(ListenerName::Public, 10);
    metrics.connection_refused(ListenerName::Private, NoSeat::AllBusy);
    metrics.private_refusal(403);
    let unknown = Unknown::new(UnknownKind::Word, "perhaps");
    metrics.unknown().note(&unknown);
    metrics
}

#[test]
fn every_metric_of_the_table_is_published_with_its_help() {
    let text = text(&everything());
    let names = COUNTERS.iter().map(|(_, name, _, help)| (name, help));
    let names = names.chain(GAUGES.iter().map(|(_, name, _, help)| (name, help)));
    let histograms = HISTOGRAMS.iter();
    let names = names.chain(histograms.map(|((_, name, _, help), _)| (name, help)));
    for (name, help) in names {
        let line = format!("# HELP wx_courier_{name} {help}\n");
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
    assert_eq!(text.matches("# HELP").count(), 49, "{text}");
}

#[test]
fn what_is_known_becomes_series_and_a_second_scrape_says_the_same() {
    let metrics = everything();
    let first = text(&metrics);
    assert_eq!(text(&metrics), first, "counters are set, not added to");
    for state in TokenState::ALL {
        assert_eq!(serde_json::json!(state), state.as_str());
    }
    for line in [
        r#"outcomes_total{reason="attempts_used",rule="order",status="failed"} 2"#,
        r#"settle_seconds_bucket{le="0.05"} 1"#,
        r#"calls_total{answer="43101",app="shop"} 1"#,
        r#"call_seconds_count{app="shop"} 6"#,
        r#"unmatched_events_total{type="coupon"} 2"#,
        "kafka_reached 1",
        r#"kafka_troubles{about="broker"} 0"#,
        r#"kafka_troubles{about="right"} 2"#,
        "records_total 7",
        "internal_errors_total 6",
        r#"messages_in_hand{stage="set_aside"} 12"#,
        r#"punishment_end_timestamp_seconds{app="shop",measure="warning"} 1700000000"#,
        r#"punishment_end_timestamp_seconds{app="shop",measure="page_banned"} 0"#,
        r#"position{partition="0",topic="events"} 14"#,
        "calendar_system_ahead_seconds 1.5",
        r#"token_fetches_total{app="shop",kind="fetched"} 5"#,
        r#"token_fetches_total{app="shop",kind="forced"} 1"#,
        r#"token_fetches_total{app="shop",kind="failed"} 2"#,
        r#"token_invalidated_total{app="shop"} 3"#,
        r#"token_invalidated_by_others{app="shop"} 1"#,
        r#"token_state{app="shop",state="invalidated_by_others"} 1"#,
        r#"token_state{app="shop",state="holding"} 0"#,
        r#"template_drift{app="shop",kind="gone"} 2"#,
        r#"template_drift{app="shop",kind="params"} 0"#,
        r#"template_list_unanswered{app="shop"} 0"#,
        r#"template_list_unanswered{app="club"} 1"#,
        r#"store_unreadable_total{row="claim"} 8"#,
        "store_lost_paused 1",
        r#"unknown_total{kind="word",name="perhaps"} 1"#,
    ] {
        let line = format!("\nwx_courier_{line}\n");
        assert!(first.contains(&line), "{line} is not in\n{first}");
    }
    assert!(!first.contains(r#"drift{app="club""#), "{first}");
}

#[test]
fn what_has_no_labels_is_there_from_the_start() {
    let fresh = Metrics::new().unwrap().collector.encode().unwrap();
    for name in [
        "records_total",
        "unpublished_outcomes",
        "settle_seconds_count",
    ] {
        assert!(
            fresh.contains(&format!("\nwx_courier_{name} 0\n")),
            "{fresh}"
        );
    }
    assert!(!fresh.contains("wx_courier_outcomes_total"), "{fresh}");
}
