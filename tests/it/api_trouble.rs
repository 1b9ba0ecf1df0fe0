//! An API that answers like a broken gateway for a while, and then well again.

use std::collections::BTreeMap;

use wx_courier_sandbox::{Answer, Fate, Latency, Script, Settings as SandboxSettings};

use crate::support::checks;
use crate::support::events::{self, Event};
use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};

/// Answers of a gateway without a server behind it.
const STORM: u64 = 40;

const QUICK_RETRIES: &str = r#"
[send]
attempts     = 20
backoff_base = "50ms"
backoff_cap  = "500ms"
"#;

fn http(status: u16, body: &str) -> Answer {
    Answer::Http {
        status,
        body: body.to_owned(),
        fate: Fate::Lost,
    }
}

fn troubles() -> [Answer; 6] {
    [
        http(502, "<html><body>502 Bad Gateway</body></html>"),
        http(200, "<html><body>under maintenance</body></html>"),
        http(200, ""),
        http(200, r#"{"errcode":0,"errm"#),
        http(504, ""),
        Answer::Errcode {
            code: -1,
            message: None,
        },
    ]
}

#[test]
fn an_api_that_answers_garbage_for_a_while_costs_attempts_and_nothing_else() {
    let plan = Plan {
        sections: QUICK_RETRIES,
        sandbox: SandboxSettings {
            latency: Latency::fixed(5),
            ..SandboxSettings::default()
        },
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "api-trouble", plan);
    let wechat = &world.wechat;
    // A rule that says `leave` would give some of these up as `unknown`: see the test below.
    let mut events = events::mixed(0..900);
    events.retain(|event| event.rule != checks::LEAVING_RULE);
    assert_eq!(events.len(), 600);
    // Some users meet each trouble a known number of times …
    let mut expected = BTreeMap::new();
    for (n, answer) in troubles().into_iter().enumerate() {
        for event in &events[n * 10..n * 10 + 10] {
            let times = u64::try_from(n % 2 + 1).unwrap();
            let script = Script::every_send(answer.clone()).for_openid(&*event.openid);
            wechat.script(script.times(times));
            expected.insert(event.message_id.as_str(), times + 1);
        }
    }
    // … and the first messages meet a gateway without a server behind it. Twenty in a row are an outage, and what is left of these answers goes
    // to its trials, one every few seconds.
    let storm = Script::every_send(http(502, "<html>")).times(STORM);
    wechat.script(storm);
    world.publish(&events);
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let found = checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
    let mut n_attempts = 0;
    for outcome in found.values() {
        let attempts = outcome["attempts"].as_u64().unwrap();
        n_attempts += attempts;
        if let Some(least) = expected.get(checks::text(outcome, "message_id")) {
            assert!(attempts >= *least, "{attempts} < {least}: {outcome:#}");
        }
    }
    let n_calls = wechat.stats().calls["/cgi-bin/message/subscribe/send"];
    assert_eq!(n_attempts, n_calls, "attempts in outcomes, and calls");
    assert_eq!(n_calls, 600 + STORM + 10 * (1 + 2 + 1 + 2 + 1 + 2));
}

#[test]
fn one_user_never_gets_two_messages_at_once() {
    let plan = Plan {
        sections: QUICK_RETRIES,
        sandbox: SandboxSettings {
            latency: Latency::fixed(20),
            ..SandboxSettings::default()
        },
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "one-at-a-time", plan);
    let wechat = &world.wechat;
    let events: Vec<Event> = (0..200)
        .map(|n| events::order_of(n, &events::user(n % 5)))
        .collect();
    // A message that has to wait before its next attempt keeps its place before the user's next message.
    for n in 0..5 {
        let script = Script::every_send(http(502, "")).for_openid(events::user(n));
        wechat.script(script.times(3));
    }
    world.publish(&events);
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
    assert_eq!(wechat.stats().errcodes.get(&43108), None);
    assert_eq!(wechat.stats().max_concurrency, 5, "one for each user");
    for n in 0..5 {
        let of_user = |openid: &str| openid == events::user(n);
        let published = events.iter().filter(|event| of_user(&event.openid));
        let accepted = wechat.accepted();
        let accepted = accepted.iter().filter(|send| of_user(&send.openid));
        let marks: Vec<&str> = accepted.map(events::mark_of).collect();
        let in_order: Vec<&str> = published.map(|event| event.mark.as_str()).collect();
        assert_eq!(marks, in_order, "the order of one user's messages");
    }
}

#[test]
fn a_rule_that_leaves_what_is_in_doubt_never_sends_it_again() {
    let world = World::new(Kafka::shared(), "api-doubt", Plan::default());
    let wechat = &world.wechat;
    let events: Vec<Event> = (0..6).map(events::shipment).collect();
    let taken = |status, body: &str| Answer::Http {
        status,
        body: body.to_owned(),
        fate: Fate::Accepted,
    };
    let answers = [
        taken(200, r#"{"errcode":0,"errm"#),
        taken(200, ""),
        taken(502, "<html>"),
        taken(504, ""),
        Answer::Drop {
            fate: Fate::Accepted,
        },
        // Turned away: this one may be tried again.
        http(503, "<html>"),
    ];
    for (event, answer) in events.iter().zip(answers) {
        wechat.script(
            Script::every_send(answer)
                .for_openid(&*event.openid)
                .times(1),
        );
    }
    world.publish(&events);
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    outcomes.read_at_least(events.len());
    courier.end_cleanly();

    let found = checks::distinct(outcomes.read_to_end());
    let count = |status: &str| {
        let statuses = found.values().map(|outcome| &outcome["status"]);
        statuses.filter(|found| *found == status).count()
    };
    assert_eq!((count("unknown"), count("sent")), (5, 1), "{found:#?}");
    checks::each_was_accepted_once(wechat, &events);
}
