//! What is stopped until a person lets it go on: over restarts, and on every instance.

use crate::commands::{Said, run};
use crate::support::checks;
use crate::support::courier::Courier;
use crate::support::events::{Event, order, shipment};
use crate::support::kafka::Kafka;
use crate::support::redis::Redis;
use crate::support::wait_until;
use crate::support::world::{Plan, QUICK_GROUP, World, refuse};

const ORDER_TEMPLATE: &str = "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8";
const ORDER_RULE: &str = "rule order-completed";

fn rules(world: &World, courier: &Courier, arguments: &[&str]) -> Said {
    let mut all = vec!["rules"];
    all.extend(arguments);
    all.extend(["--at", courier.address()]);
    run(world.folder(), &all)
}

fn done(said: &Said, words: &[&str]) {
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(words);
}

fn unknown_names_are_told_what_may_be_meant(world: &World, courier: &Courier) {
    let said = rules(world, courier, &["pause", "order-complete"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    said.must_have(&["no rule is called order-complete; did you mean `order-completed`?"]);
    for (what, name, meant) in [
        ("--app", "shpo", "; did you mean `shop`? There are: shop"),
        (
            "--template",
            "order_complet",
            "; did you mean `order_completed`? There are: ",
        ),
        ("--template", "nothing_like_it", "; there are: "),
    ] {
        for change in ["pause", "resume"] {
            let said = rules(world, courier, &[change, what, name]);
            assert_eq!(said.code, Some(1), "{}", said.err);
            said.must_have(&[&format!(" called {name}{meant}")]);
        }
    }
}

#[test]
fn what_a_person_stops_waits_over_a_restart_and_goes_on_at_a_persons_word() {
    let plan = Plan {
        sections: QUICK_GROUP,
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "stopping-person", plan);
    let wechat = &world.wechat;
    let courier = world.courier();
    let mut outcomes = world.outcomes();

    unknown_names_are_told_what_may_be_meant(&world, &courier);
    let said = rules(&world, &courier, &["resume", "order-completed"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    said.must_have(&["the rule order-completed is not paused; nothing is"]);

    let pause = ["pause", "order-completed", "--why", "the text is wrong"];
    done(
        &rules(&world, &courier, &pause),
        &[
            "the rule order-completed is paused and stays so over restarts",
            "wx-courier rules resume order-completed",
        ],
    );
    courier.wait_until_paused(ORDER_RULE, "person");
    let orders: Vec<Event> = (0..5).map(order).collect();
    let others = [shipment(10), shipment(11)];
    world.publish(&orders);
    world.publish(&others);
    outcomes.read_at_least(others.len());
    courier.wait_until_waiting(orders.len());
    done(
        &rules(&world, &courier, &["list"]),
        &[
            "version of all rules: ",
            "paused: rule order-completed, since ",
            "(person): the text is wrong",
            "goes on by `wx-courier rules resume`",
        ],
    );

    courier.kill();
    let courier = world.courier();
    courier.wait_until_paused(ORDER_RULE, "person");
    courier.wait_until_waiting(orders.len());
    // Another version of the rule changes nothing of a person's word.
    world.rewrite("rules/order-completed.toml", "已完成", "已支付");
    courier.reload();
    let listed = rules(&world, &courier, &["list", "--format", "json"]);
    let listed = listed.json();
    let of_rule = listed["rules"]
        .as_array()
        .and_then(|rules| rules.iter().find(|rule| rule["rule"] == "order-completed"))
        .unwrap_or_else(|| panic!("{listed}"));
    assert_eq!(of_rule["waiting"], 5, "{of_rule}");
    assert!(of_rule["waiting_since"].is_string(), "{of_rule}");
    assert_eq!(of_rule["paused_by"][0]["cause"], "person", "{of_rule}");
    let accepted = wechat.accepted();
    assert!(
        accepted
            .iter()
            .all(|sent| sent.template_id != ORDER_TEMPLATE)
    );

    done(
        &rules(&world, &courier, &["resume", "order-completed"]),
        &["the rule order-completed goes on"],
    );
    outcomes.read_at_least(others.len() + orders.len());
    courier.wait_until_nothing_is_paused();
    let all: Vec<Event> = orders.iter().chain(&others).cloned().collect();
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    checks::each_was_sent(
        &checks::distinct_after_a_crash(outcomes.read_to_end()),
        &all,
    );
    checks::each_was_accepted_once(wechat, &all);
}

#[test]
fn a_template_and_an_app_can_be_stopped_too() {
    let world = World::new(Kafka::shared(), "stopping-others", Plan::default());
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let template = ["pause", "--template", "order_completed"];
    done(
        &rules(&world, &courier, &template),
        &["the template shop/HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8 is paused"],
    );
    let events = [order(0), shipment(1)];
    world.publish(&events[..1]);
    courier.wait_until_waiting(1);
    let app = ["pause", "--app", "shop"];
    done(&rules(&world, &courier, &app), &["the app shop is paused"]);
    courier.wait_until_paused("app shop", "person");
    let again = ["pause", "--app", "shop", "--why", "another reason"];
    let already = rules(&world, &courier, &again);
    done(&already, &["is paused since ", "already: another reason"]);
    let two_lines = ["pause", "--app", "shop", "--why", "one\ntwo"];
    let said = rules(&world, &courier, &two_lines);
    assert_eq!(said.code, Some(1), "{}", said.out);
    said.must_have(&["`why` is to be one line of 500 characters"]);
    world.publish(&events[1..]);
    courier.wait_until_waiting(2);
    assert_eq!(world.wechat.stats().accepted, 0);
    // WeChat has replaced the template since: what is paused can be named all the same.
    let id = "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8";
    world.rewrite(
        "templates.toml",
        id,
        "replaced-HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0d",
    );
    courier.reload();
    let template = ["resume", "--template", id, "--app", "shop"];
    done(&rules(&world, &courier, &template), &["goes on"]);
    world.rewrite(
        "templates.toml",
        "replaced-HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0d",
        id,
    );
    courier.reload();
    done(
        &rules(&world, &courier, &["resume", "--app", "shop"]),
        &["the app shop goes on"],
    );
    checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
}

#[test]
fn a_breakers_pause_holds_every_instance_and_the_next_run() {
    let redis = Redis::start();
    let plan = Plan {
        state: Some(redis.url()),
        sections: "[breaker]\ncount = 5\n[kafka.options]\nheartbeat.interval.ms = \"300\"\nsession.timeout.ms = \"6000\"",
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "stopping-fleet", plan);
    world
        .wechat
        .script(refuse(47003).for_template(ORDER_TEMPLATE).times(5));
    let one = world.courier();
    let mut outcomes = world.outcomes();
    let refused: Vec<Event> = (0..5).map(order).collect();
    world.publish(&refused);
    one.wait_until_paused(ORDER_RULE, "breaker");
    outcomes.read_at_least(refused.len());
    // Another one, which has seen no refusal.
    let other = world.courier();
    let pause = other.wait_until_paused(ORDER_RULE, "breaker");
    assert_eq!(pause["errcode"], 47003);
    one.end_cleanly();
    other.kill();
    let last = world.courier();
    last.wait_until_paused(ORDER_RULE, "breaker");
    let late: Vec<Event> = (5..8).map(order).collect();
    world.publish(&late);
    last.wait_until_waiting(late.len());
    assert_eq!(world.wechat.stats().accepted, 0);

    // A word to one of them reaches the others.
    let beside = world.courier();
    beside.wait_until_paused(ORDER_RULE, "breaker");
    done(
        &rules(&world, &beside, &["resume", "order-completed"]),
        &["the rule order-completed goes on"],
    );
    last.wait_until_nothing_is_paused();
    outcomes.read_at_least(refused.len() + late.len());
    checks::each_was_accepted_once(&world.wechat, &late);
    wait_until("both end", || {
        world.committed().values().all(Option::is_some)
    });
    beside.end_cleanly();
    last.end_cleanly();
}
