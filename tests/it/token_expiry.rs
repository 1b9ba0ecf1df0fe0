//! Tokens that live two seconds, and are taken back in the middle of the work besides.

use wx_courier_sandbox::{Latency, Settings as SandboxSettings};

use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};
use crate::support::{checks, events, wait_until};

#[test]
fn tokens_that_expire_or_are_taken_back_cost_no_message() {
    let plan = Plan {
        // 16 calls at once of 60 ms each: the work takes some five seconds, more than two lives of a token.
        app: "max_in_flight = 16",
        sandbox: SandboxSettings {
            token_life_ms: 2000,
            latency: Latency::fixed(60),
            ..SandboxSettings::default()
        },
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "token-expiry", plan);
    let events = events::mixed(0..1200);
    world.publish(&events);
    let courier = world.courier();
    let wechat = &world.wechat;
    wait_until("300 sends are accepted", || wechat.stats().accepted >= 300);
    assert!(wechat.expire_tokens() > 0);
    wait_until("600 sends are accepted", || wechat.stats().accepted >= 600);
    assert!(wechat.invalidate_tokens() > 0);
    let mut outcomes = world.outcomes();
    let found = checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
    let stats = wechat.stats();
    let refused = |code| stats.errcodes.get(&code).copied().unwrap_or(0);
    assert!(refused(42001) > 0 && refused(40001) > 0, "{stats:?}");
    // Those under way when a token ends, and those that begin before the first of them is back; then the new one is used.
    let n_refused = refused(42001) + refused(40001);
    assert!(n_refused <= 80, "{stats:?}");
    assert!(stats.tokens_issued >= 4, "{stats:?}");
    // One a life, one after each of the two refusals; not one a message.
    assert!(stats.token_fetches <= 20, "{stats:?}");
    let attempts: u64 = found
        .values()
        .filter_map(|outcome| outcome["attempts"].as_u64())
        .sum();
    let answers: u64 = stats.errcodes.values().sum();
    assert_eq!(
        attempts, answers,
        "attempts in outcomes, and calls answered"
    );
}
