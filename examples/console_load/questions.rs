//! What people ask, and some things that they hardly ask.

use std::time::Duration;

use tokio::time::Instant;
use wx_courier::console::filter::Filter;
use wx_courier::console::history::History;
use wx_courier::console::history::told::Span;

use crate::made::Made;
use crate::ms;

/// A page.
const PAGE: usize = 50;

const HOUR_MS: i64 = 3_600_000;

/// Searches by what has few values.
const FILTERS: &[&str] = &[
    "",
    "status=sent",
    "status=rejected",
    "status=failed",
    "status=unknown",
    "reason=param_refused",
    "errcode=43101",
    "errcode=-1",
    "app=club",
    "rule=rule-of-event-3",
    "template=template_39",
    "status=failed&rule=rule-of-event-39",
    "status=invalid&app=school&reason=value_missing&rule=rule-of-event-38",
    "errcode=40003&template=template_37",
    "status=failed&status=unknown&status=expired&app=shop&app=club",
    "status=sent&errcode=43101",
    "rule=none",
    "version=none",
    "errcode=1&status=sent",
];

/// Those that are asked while a thousand a second come.
pub(crate) const QUICK: &[&str] = &[
    "",
    "status=failed",
    "rule=rule-of-event-3",
    "errcode=40003&template=template_37",
    "id=none",
    "id=SO20260000000042",
];

pub(crate) async fn ask_one(history: &History, query: &str) -> Duration {
    let filter = Filter::of_query(query);
    let began = Instant::now();
    history
        .search(&filter, None, PAGE)
        .await
        .expect("an answer");
    began.elapsed()
}

pub(crate) async fn ask_all(history: &History, made: &Made) {
    println!("searches, a page of {PAGE}: first and second time");
    let mut longest = Duration::ZERO;
    let day = |from: i64, to: i64| {
        format!(
            "from={}&to={}",
            made.now_ms() - from * 24 * HOUR_MS,
            made.now_ms() - to * 24 * HOUR_MS
        )
    };
    let mut queries: Vec<String> = FILTERS.iter().map(|query| (*query).to_owned()).collect();
    queries.push(day(20, 19));
    queries.push(format!("status=failed&{}", day(20, 19)));
    queries.push(format!("version=none&{}", day(25, 2)));
    queries.extend(names(made));
    for query in &queries {
        longest = longest.max(search(history, query).await);
    }
    // Far back, page by page.
    let began = Instant::now();
    let (filter, mut before) = (Filter::of_query("status=rejected"), None);
    for _ in 0..20 {
        before = history
            .search(&filter, before, PAGE)
            .await
            .expect("an answer")
            .older;
    }
    println!("  twenty pages of status=rejected: {}", ms(began.elapsed()));
    println!("the longest search: {}", ms(longest));
    charts(history, made).await;
}

/// A name of each kind, of an outcome of long ago, and one that nobody has.
fn names(made: &Made) -> Vec<String> {
    let mut names = Vec::new();
    for number in [42, 4_242] {
        let outcome = made.outcome(number);
        let hash = outcome
            .recipient_hash
            .as_ref()
            .map(|hash| hash.as_str().to_owned());
        let of_outcome = [
            Some(outcome.id),
            Some(outcome.message_id),
            outcome.event_id,
            outcome.business_key,
            outcome.msgid,
            outcome.rid,
            outcome.recipient,
            hash,
        ];
        names.extend(of_outcome.into_iter().flatten());
    }
    names.push("nobody-has-this".to_owned());
    let with_id = |name: &String| {
        Filter {
            id: Some(name.clone()),
            ..Filter::default()
        }
        .to_query()
    };
    let mut queries: Vec<String> = names.iter().map(with_id).collect();
    queries.push("id=nobody-has-this&status=failed".to_owned());
    queries
}

async fn search(history: &History, query: &str) -> Duration {
    let filter = Filter::of_query(query);
    let mut times = Vec::new();
    let mut n_found = 0;
    for _ in 0..2 {
        let began = Instant::now();
        let found = history
            .search(&filter, None, PAGE)
            .await
            .expect("an answer");
        times.push(began.elapsed());
        n_found = found.outcomes.len();
        assert!(
            n_found == PAGE || found.older.is_none(),
            "{query} did not come to its end in time"
        );
    }
    println!(
        "  {:>10} {:>10}  {n_found:>3} found: {query}",
        ms(times[0]),
        ms(times[1])
    );
    times[0]
}

async fn charts(history: &History, made: &Made) {
    println!("charts and tables: first and second time");
    let now_ms = made.now_ms();
    for (name, hours, parts) in [
        ("an hour", 1, 60),
        ("six hours", 6, 72),
        ("a day", 24, 96),
        ("a week", 168, 84),
        ("all", 24 * 31, 62),
        ("all, finely", 24 * 31, 2_000),
    ] {
        let span = Span {
            from_ms: now_ms - hours * HOUR_MS,
            to_ms: now_ms,
        };
        for query in ["", "status=failed", "rule=rule-of-event-3"] {
            let filter = Filter::of_query(query);
            let mut times = Vec::new();
            let mut counts = (0, 0);
            for _ in 0..2 {
                let began = Instant::now();
                let buckets = history
                    .buckets(&filter, span, parts)
                    .await
                    .expect("an answer");
                let charted = began.elapsed();
                let began = Instant::now();
                let kinds = history.kinds(&filter, span).await.expect("an answer");
                times.push((charted, began.elapsed()));
                let of_bucket = buckets.iter().flat_map(|bucket| bucket.counts.values());
                counts = (
                    of_bucket.sum::<u64>(),
                    kinds.iter().map(|kind| kind.count).sum(),
                );
            }
            assert_eq!(counts.0, counts.1, "{name}, {query}");
            println!(
                "  {name} in {parts} parts {:>9} {:>9}, its kinds {:>9} {:>9}: {} outcomes, {query}",
                ms(times[0].0),
                ms(times[1].0),
                ms(times[0].1),
                ms(times[1].1),
                counts.0
            );
        }
    }
}
