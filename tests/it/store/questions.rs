//! Any questions, about few things, so that they meet often.

use wx_courier_core::grants;
use wx_courier_core::holds::{self, Hold, HoldChange, Stopped, StoppedBy};
use wx_courier_core::instances::{Instance, Note};
use wx_courier_core::model::outcome::{EventFields, Identity, OfRecord, RecipientKey, Stamp};
use wx_courier_core::state::{Look, Proposal};
use wx_courier_core::wechat::logins::UserName;
use wx_courier_core::wechat::{logins, receipts};

use super::*;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Requests that are queued together, and answered before the next ones are asked.
pub(super) fn any_play() -> impl Strategy<Value = Vec<Vec<Request>>> {
    // Clocks of several machines are not the same, and a record may be read again after an hour.
    let nearly_now = (-3_000_i64..3_000).prop_map(|by| NOW_MS + by);
    let that_day =
        prop::sample::select(vec![-12, -1, 1, 12]).prop_map(|hours| NOW_MS + hours * HOUR_MS);
    let now_ms = prop_oneof![5 => nearly_now, 1 => that_day];
    let request = now_ms.prop_flat_map(|now_ms| {
        prop_oneof![
            4 => any_claim(now_ms),
            2 => any_release(),
            3 => any_settlement(now_ms),
            5 => any_grant(now_ms),
            1 => any_login(now_ms),
            1 => any_receipt(now_ms),
            1 => any_hold(now_ms),
            1 => any_proposal(),
            1 => any_note(now_ms),
            2 => any_look(now_ms),
        ]
    });
    let group = prop::collection::vec(request, 1..5);
    let again = prop_oneof![
        6 => Just(Again::Never),
        1 => Just(Again::AsItWas),
        1 => Just(Again::Backwards),
    ];
    let play = prop::collection::vec((group, again), 1..30);
    // What came of it is looked at in the end.
    play.prop_map(|play| {
        let mut play: Vec<Vec<Request>> = play.into_iter().flat_map(repeated).collect();
        let look = |(openid, template_id): &(&str, &str)| {
            Request::Balance(grants::Query::Look {
                key: ledger(openid, template_id),
                now_ms: NOW_MS,
            })
        };
        play.push(LEDGERS.iter().map(look).collect());
        play
    })
}

/// What was asked is asked again, because the answers were lost on the way, or another process has read the same records.
#[derive(Clone, Copy, Debug)]
enum Again {
    Never,
    AsItWas,
    Backwards,
}

fn repeated((group, again): (Vec<Request>, Again)) -> Vec<Vec<Request>> {
    let mut second = group.clone();
    match again {
        Again::Never => return vec![group],
        Again::AsItWas => {}
        Again::Backwards => second.reverse(),
    }
    vec![group, second]
}

/// Openid and template of each.
const LEDGERS: [(&str, &str); 3] = [("o1", "T1"), ("o1", "T2"), ("o-2_", "T1")];

/// A message, its record and its ledger.
#[derive(Clone, Debug)]
struct Work {
    message: &'static str,
    record: &'static str,
    ledger: grants::Key,
}

/// Mostly what belongs together; now and then another record of the same message, or one that names another ledger.
fn any_work() -> impl Strategy<Value = Work> {
    let together = prop::sample::select(vec![
        ("m", "t/0/1/r", "o1", "T1"),
        ("m 2", "t/0/2/r", "o1", "T1"),
        ("{订单}:3", "t 0/-", "o1", "T2"),
        ("5\n\"5\"", "t/0/4/r", "o-2_", "T1"),
    ]);
    let together = together.prop_map(|(message, record, openid, template_id)| Work {
        message,
        record,
        ledger: ledger(openid, template_id),
    });
    let other = prop::option::weighted(0.2, (any_record(), any_ledger()));
    (together, other).prop_map(|(work, other)| match other {
        Some((record, ledger)) => Work {
            record,
            ledger,
            ..work
        },
        None => work,
    })
}

fn any_record() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["t/0/1/r", "t/0/2/r", "t 0/-", "t/0/3/r", "t/0/4/r"])
}

/// Of two records in one place, or of one that is not known.
fn any_identity() -> impl Strategy<Value = Option<Identity>> {
    let letters = prop::sample::select(vec![
        Some("first_00"),
        Some("first_00"),
        Some("other_00"),
        None,
    ]);
    letters.prop_map(|letters| letters.and_then(Identity::of_text))
}

fn any_message() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["m", "m 2", "{订单}:3", "5\n\"5\"", "never"])
}

fn any_holder() -> impl Strategy<Value = Holder> {
    let any = prop::sample::select(vec![(0, 0), (0, 1), (1, 0)]);
    any.prop_map(|(process, ticket)| holder(process, ticket))
}

fn any_ledger() -> impl Strategy<Value = grants::Key> {
    prop::sample::select(LEDGERS.to_vec())
        .prop_map(|(openid, template_id)| ledger(openid, template_id))
}

fn ledger(openid: &str, template_id: &str) -> grants::Key {
    grants::Key {
        app: Arc::from("shop"),
        openid: Arc::from(openid),
        template_id: Arc::from(template_id),
    }
}

/// By the message, by the record, or by both.
fn any_look(now_ms: i64) -> impl Strategy<Value = Request> {
    (any_work(), 0..3).prop_map(move |(work, by)| {
        Request::Look(Look {
            outcome_id: (by != 0).then(|| Arc::from(work.record)),
            message_id: (by != 1).then(|| Arc::from(work.message)),
            now_ms,
        })
    })
}

fn any_claim(now_ms: i64) -> impl Strategy<Value = Request> {
    let turn = |value: &str| {
        let value = Arc::from(value);
        grants::Need::Turn(grants::Turn {
            value,
            per_ms: HOUR_MS,
        })
    };
    let need = prop::sample::select(vec![
        grants::Need::Grant(grants::Without::Send),
        grants::Need::Grant(grants::Without::Send),
        grants::Need::Grant(grants::Without::Skip),
        grants::Need::Grant(grants::Without::Skip),
        turn("a"),
        turn("\"b\""),
    ]);
    let parts = (
        any_work(),
        any_holder(),
        prop::option::of(any_holder()),
        prop::option::weighted(0.7, need),
        any_identity(),
    );
    parts.prop_map(move |(work, holder, over, need, record)| {
        Request::Claim(Claim {
            message_id: Arc::from(work.message),
            outcome_id: Arc::from(work.record),
            record,
            holder,
            takes_over: over,
            on_unreadable: OnUnreadable::Fail,
            grant: need.map(|need| grants::Wish {
                key: work.ledger,
                need,
            }),
            // Of a machine whose calendar is behind.
            since_ms: now_ms + MINUTE_MS,
            now_ms,
        })
    })
}

fn any_release() -> impl Strategy<Value = Request> {
    let parts = (any_work(), any_holder(), prop::bool::weighted(0.8));
    parts.prop_map(|(work, holder, has_grant)| Request::Release {
        message_id: Arc::from(work.message),
        holder,
        grant: has_grant.then_some(work.ledger),
    })
}

fn any_settlement(now_ms: i64) -> impl Strategy<Value = Request> {
    let status = prop::sample::select(vec!["sent", "unknown", "failed", "expired", "rejected"]);
    let errcode = prop::sample::select(vec![None, Some(43101), Some(47003)]);
    let msgid = prop::sample::select(vec![None, Some("1"), Some("2862830402153865217")]);
    let receipts = prop::sample::select(vec![Receipts::None, Receipts::Expected]);
    let parts = (
        any_work(),
        (status, errcode, msgid),
        prop::option::weighted(0.8, any_holder()),
        prop::bool::weighted(0.8),
        receipts,
        any_identity(),
    );
    parts.prop_map(move |(work, ending, holder, has_grant, receipts, record)| {
        let (status, errcode, msgid) = ending;
        let mut outcome = outcome(work.record, work.message, status);
        outcome.errcode = errcode;
        outcome.msgid = msgid.map(str::to_owned);
        outcome.record = record.map(|identity| OfRecord {
            stamp: Stamp::of(identity, None),
            event: EventFields::Kept,
        });
        Request::Settle(Settlement {
            outcome: Arc::new(outcome),
            holder,
            grant: has_grant.then_some(work.ledger),
            receipts,
            refused_ms: (errcode == Some(43101)).then_some(now_ms - MINUTE_MS),
            on_unreadable: OnUnreadable::Fail,
            now_ms,
        })
    })
}

fn any_grant(now_ms: i64) -> impl Strategy<Value = Request> {
    // Around the time within which two sources tell of the same accept, and around the one for which accepts are kept.
    let ago = prop_oneof![
        4 => 0..2 * MINUTE_MS,
        1 => prop::sample::select(vec![
            -10 * MINUTE_MS, MINUTE_MS, MINUTE_MS + 1, HOUR_MS, 24 * HOUR_MS, 25 * HOUR_MS,
        ]),
    ];
    let source = prop::sample::select(grants::Source::ALL.to_vec());
    let word = prop_oneof![5 => Just(wx_courier_core::wechat::Word::Accept), 1 => Just(wx_courier_core::wechat::Word::Reject)];
    let id = prop::sample::select(vec!["1", "2", "3", "4", "s|5", "s|6"]);
    let report =
        (any_ledger(), id, source, word, ago).prop_map(move |(key, id, source, word, ago_ms)| {
            Request::Report(grants::Report {
                key,
                id: Arc::from(id),
                source,
                word,
                at_ms: now_ms - ago_ms,
                now_ms,
            })
        });
    let look =
        any_ledger().prop_map(move |key| Request::Balance(grants::Query::Look { key, now_ms }));
    let set = (any_ledger(), 0_u32..4)
        .prop_map(move |(key, left)| Request::Balance(grants::Query::Set { key, left, now_ms }));
    let openid = prop::sample::select(vec!["o1", "o-2_"]);
    let templates = prop::sample::select(vec![vec!["T1", "T2"], vec!["T1"], vec![]]);
    let ago = prop::sample::select(vec![-MINUTE_MS, 0, 1_500, HOUR_MS]);
    let withdrawal = (openid, templates, ago).prop_map(move |(openid, templates, ago_ms)| {
        Request::Withdraw(grants::Withdrawal {
            app: Arc::from("shop"),
            openid: Arc::from(openid),
            template_ids: templates.into_iter().map(Arc::from).collect(),
            at_ms: now_ms - ago_ms,
            now_ms,
        })
    });
    prop_oneof![6 => report, 2 => look, 1 => set, 1 => withdrawal]
}

fn any_login(now_ms: i64) -> impl Strategy<Value = Request> {
    // Redis forgets by its own clock, but nothing within a minute.
    let life_ms = prop::sample::select(vec![-HOUR_MS, 0, 1, 5 * MINUTE_MS, 2 * HOUR_MS]);
    let of_message = || {
        (any_record(), any_identity()).prop_map(|(outcome_id, record)| UserName::Message {
            outcome_id: Arc::from(outcome_id),
            record,
        })
    };
    let session = || {
        let ago_ms = prop::sample::select(vec![-2 * MINUTE_MS, 0, 2_000, 2 * HOUR_MS]);
        ago_ms.prop_map(move |ago_ms| UserName::Session {
            id: Arc::from("a b"),
            begun_ms: now_ms - ago_ms,
        })
    };
    let name = || prop_oneof![of_message(), session()];
    let openid = prop::sample::select(vec!["o1", "o-2_", "o 3"]);
    let keep = (name(), openid, life_ms).prop_map(move |(name, openid, life_ms)| {
        Request::Keep(logins::Keep {
            name,
            openid: Arc::from(openid),
            now_ms,
            until_ms: now_ms + life_ms,
        })
    });
    let recall = (name(), prop::option::of(any_message())).prop_map(move |(name, message_id)| {
        Request::Recall(Recall {
            name,
            message_id: message_id.map(Arc::from),
            now_ms,
        })
    });
    prop_oneof![keep, recall]
}

fn any_hold(now_ms: i64) -> impl Strategy<Value = Request> {
    let what = prop_oneof![
        Just(Stopped::App(Arc::from("shop"))),
        Just(Stopped::Rule(Arc::from("r"))),
    ];
    let by = prop_oneof![
        Just(StoppedBy::Person),
        Just(StoppedBy::Breaker {
            versions: vec![Arc::from("1")],
        }),
    ];
    let place = (what.clone(), by).prop_map(move |(what, by)| {
        HoldChange::Place(Hold {
            what,
            by,
            errcode: None,
            detail: "why".to_owned(),
            since_ms: now_ms,
            more: BTreeMap::new(),
        })
    });
    let change = prop_oneof![
        1 => Just(None),
        2 => place.prop_map(Some),
        1 => what.prop_map(|what| Some(HoldChange::Lift(what))),
    ];
    change.prop_map(move |change| {
        Request::Holds(holds::Ask {
            change,
            known: Arc::default(),
            now_ms,
        })
    })
}

fn any_receipt(now_ms: i64) -> impl Strategy<Value = Request> {
    let msgid = prop::sample::select(vec!["1", "2862830402153865217"]);
    let key = || {
        msgid.clone().prop_map(|msgid| receipts::Key {
            app: Arc::from("shop"),
            msgid: Arc::from(msgid),
        })
    };
    prop_oneof![
        3 => key().prop_map(move |key| Request::Join(receipts::Join { key, now_ms })),
        1 => key().prop_map(move |key| Request::Done(receipts::Done { key, now_ms })),
    ]
}

fn any_note(now_ms: i64) -> impl Strategy<Value = Request> {
    let who = prop::sample::select(vec![None, Some("a"), Some("b")]);
    who.prop_map(move |id| {
        let own = id.map(|id| Instance {
            id: id.to_owned(),
            host: "pod-0".to_owned(),
            pid: 7,
            listens: "0.0.0.0:8080".to_owned(),
            program: "1".to_owned(),
            phase: "running".to_owned(),
            rules_version: "r".to_owned(),
            in_force_since_ms: 1,
            on_disk: None,
            refused: Some("it is \"bad\"".to_owned()),
            seen_ms: now_ms,
            more: BTreeMap::new(),
        });
        Request::Note(Note { own, now_ms })
    })
}

fn any_proposal() -> impl Strategy<Value = Request> {
    let key = prop::sample::select(vec!["one", "two"]);
    key.prop_map(|key| {
        let key = RecipientKey::new(key);
        Request::Propose(Proposal { key })
    })
}
