//! Random outcomes, in a random order, and random filters: what a filter over a list gives.

use proptest::prelude::*;

use super::*;
use wx_courier_core::model::rfc3339_ms;

/// What is drawn of an outcome.
type Drawn = (i64, i64, u8, u8);

fn outcome((number, minutes, end, names): Drawn) -> Outcome {
    // Few records and few ids, so that many are the same.
    let mut outcome = sample::outcome(number % 50);
    let of_end = sample::outcome(i64::from(end));
    (outcome.status, outcome.reason, outcome.errcode) =
        (of_end.status, of_end.reason, of_end.errcode);
    outcome.settled_at = rfc3339_ms(NOW_MS - minutes * 37_000);
    outcome.id = format!(
        "events/{}/{}/{}",
        outcome.partition,
        outcome.offset,
        names % 3
    );
    outcome.event_id = Some(format!("e{}", names % 11));
    outcome.recipient = (names % 5 != 0).then(|| "***".to_owned());
    if names % 7 == 0 {
        (outcome.rule, outcome.app, outcome.template) = (None, None, None);
    }
    outcome
}

fn drawn() -> impl Strategy<Value = Vec<(Drawn, i64, u8)>> {
    let one = (0..5_000_i64, 0..3_000_i64, 0..6_u8, 0..=255_u8);
    // The outcome, its offset, and whether a batch ends with it.
    prop::collection::vec((one, 0..300_i64, 0..9_u8), 1..250)
}

fn query() -> impl Strategy<Value = String> {
    let parts = [
        "status=sent",
        "status=rejected",
        "status=postponed",
        "status=expired",
        "reason=ok",
        "reason=param_refused",
        "errcode=47003",
        "errcode=-1",
        "rule=order-completed",
        "rule=class-starting",
        "app=shop",
        "app=club",
        "template=shipment-arrived",
        "version=b15622d4c392",
        "version=none",
        "id=e3",
        "id=***",
        "id=S4",
        "id=events/1/5/2",
        "id=order-completed%7C/shop%7Corder-9",
        "id=none",
    ];
    let time = (0..3_000_i64, 0..3_000_i64).prop_map(|(from, to)| {
        let at = |minutes: i64| (NOW_MS - minutes * 37_000) / 60_000 * 60_000;
        format!("from={}&to={}", at(from), at(to))
    });
    let parts = prop::collection::vec(prop::sample::select(parts.to_vec()), 0..4);
    (parts, prop::option::of(time)).prop_map(|(parts, time)| {
        let parts = parts.into_iter().map(str::to_owned).chain(time);
        parts.collect::<Vec<String>>().join("&")
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_history_finds_and_counts_what_a_list_does(drawn in drawn(), queries in prop::collection::vec(query(), 6), at in 0..250_usize) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("console.sqlite");
            let hands = Hands::new();
            let mut history = open(&path, ROOM, &hands);
            let mut plain = Plain::default();
            let mut one = Vec::new();
            for (number, (drawn, offset, end)) in drawn.iter().enumerate() {
                one.push(sample::arriving(*offset, outcome(*drawn)));
                if *end == 0 || one.len() >= 40 {
                    plain.take(&one);
                    history.add(std::mem::take(&mut one)).await.unwrap();
                }
                if number == at {
                    drop(history);
                    history = open(&path, ROOM, &hands);
                }
            }
            plain.take(&one);
            history.add(one).await.unwrap();
            for query in queries.iter().map(String::as_str).chain([""]) {
                plain.compare(&history, query).await;
            }
        });
    }
}
