//! What WeChat refuses to an app, a template or a rule makes that wait, and nothing else.

use std::collections::BTreeMap;

use crate::commands::{Said, run};
use crate::support::checks::{self, text};
use crate::support::courier::Courier;
use crate::support::events::{Event, class, order, order_of, shipment};
use crate::support::kafka::Kafka;
use crate::support::topic::Reader;
use crate::support::wait_until;
use crate::support::world::{Plan, World, refuse};
use serde_json::Value;

const ORDER_TEMPLATE: &str = "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8";
const WRONG_TEMPLATE: &str = "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi9";
const ORDER_RULE: &str = "rule order-completed";

/// Ends the service, and gives the outcomes by their `id`.
fn end(world: &World, courier: Courier, outcomes: &mut Reader) -> BTreeMap<String, Value> {
    checks::wait_until_everything_is_committed(world);
    courier.end_cleanly();
    checks::distinct(outcomes.read_to_end())
}

fn outcomes_of<'a>(
    found: &'a BTreeMap<String, Value>,
    events: &'a [Event],
) -> impl Iterator<Item = &'a Value> {
    events
        .iter()
        .flat_map(|event| checks::of_message(found, event))
}

#[test]
fn a_wrong_template_id_holds_its_messages_until_it_is_mended() {
    let world = World::new(Kafka::shared(), "pauses-template", Plan::default());
    let wechat = &world.wechat;
    world.rewrite("templates.toml", ORDER_TEMPLATE, WRONG_TEMPLATE);
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let mut events: Vec<Event> = (0..3).map(order).collect();
    world.publish(&events);
    let template = format!("template shop/{WRONG_TEMPLATE}");
    let pause = courier.wait_until_paused(&template, "template");
    assert_eq!(pause["errcode"], 40037);
    let log = courier.log();
    let line = log
        .lines()
        .find(|line| line.contains("a person has to look"));
    assert!(line.is_some_and(|line| line.contains(&template)), "{log}");

    // Every other message goes on, and more of the same waits without a call.
    courier.wait_until_waiting(events.len());
    let n_refused = wechat.stats().errcodes[&40037];
    let others = [shipment(10), class(11), shipment(12), class(13)];
    let more = [order(3), order(4)];
    world.publish(&more);
    world.publish(&others);
    events.extend(more);
    outcomes.read_at_least(others.len());
    courier.wait_until_waiting(events.len());
    assert_eq!(wechat.stats().errcodes[&40037], n_refused);

    world.rewrite("templates.toml", WRONG_TEMPLATE, ORDER_TEMPLATE);
    courier.reload();
    outcomes.read_at_least(others.len() + events.len());
    courier.wait_until_nothing_is_paused();
    let version = courier.engine()["rules_version"].clone();
    let found = end(&world, courier, &mut outcomes);
    for outcome in outcomes_of(&found, &events) {
        assert_eq!(outcome["template_id"], ORDER_TEMPLATE);
        assert_eq!(outcome["rules_version"], version);
    }
    // No message was spent to try whether the old id is good by now.
    assert_eq!(wechat.stats().errcodes[&40037], n_refused);
    events.extend(others);
    checks::each_was_sent(&found, &events);
    checks::each_was_accepted_once(wechat, &events);
}

#[test]
fn an_app_that_may_not_send_waits_alone() {
    let plan = Plan {
        more_apps: &["branch"],
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "pauses-app", plan);
    let wechat = &world.wechat;
    world.rewrite("rules/class-starting.toml", "\"shop\"", "\"branch\"");
    world.rewrite("rules/order-completed.toml", "\"30m\"", "\"5s\"");
    wechat.script(refuse(50002).for_template(ORDER_TEMPLATE));
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let orders: Vec<Event> = (0..6).map(order).collect();
    let classes: Vec<Event> = (10..40).map(class).collect();
    world.publish(&orders[..3]);
    let pause = courier.wait_until_paused("app shop", "account");
    assert_eq!(pause["errcode"], 50002);
    wait_until("metrics tell of the pause", || {
        courier.measures("wx_courier_pause{cause=\"account\",subject=\"app shop\"} 1")
    });
    world.publish(&orders[3..]);
    world.publish(&classes);
    outcomes.read_at_least(orders.len() + classes.len());
    courier.wait_until_paused("app shop", "account");
    let found = end(&world, courier, &mut outcomes);
    checks::has_ended(outcomes_of(&found, &classes), 30, ("sent", "ok"));
    checks::has_ended(outcomes_of(&found, &orders), 6, ("expired", "expired"));
    for outcome in outcomes_of(&found, &orders) {
        let detail = text(outcome, "detail");
        let why = "app shop is paused (account, 50002)";
        assert!(detail.contains(why), "{detail}");
    }
    // Those that were called before the pause have the answer as well.
    let refused = outcomes_of(&found, &orders).filter(|outcome| outcome["errcode"] == 50002);
    let n_refused = wechat.stats().errcodes[&50002];
    assert_eq!(u64::try_from(refused.count()).unwrap(), n_refused);
    assert!((1..=3).contains(&n_refused), "{n_refused} calls");
    checks::each_was_accepted_once(wechat, &classes);
    let branch = world.appid(1);
    assert!(wechat.accepted().iter().all(|sent| sent.appid == branch));
}

const BREAKER_COUNT: u64 = 5;

/// A service whose rule for orders was paused after so many refusals, while five of its messages wait; and everything published so far.
struct Broken {
    world: World,
    courier: Courier,
    outcomes: Reader,
    refused: Vec<Event>,
    waiting: Vec<Event>,
}

impl Broken {
    fn new(name: &str) -> Self {
        let plan = Plan {
            sections: "[breaker]\ncount = 5",
            ..Plan::default()
        };
        let world = World::new(Kafka::shared(), name, plan);
        let script = refuse(47003).for_template(ORDER_TEMPLATE);
        world.wechat.script(script.times(BREAKER_COUNT));
        let courier = world.courier();
        let mut outcomes = world.outcomes();
        let refused: Vec<Event> = (0..5).map(order).collect();
        world.publish(&refused);
        outcomes.read_at_least(refused.len());
        let pause = courier.wait_until_paused(ORDER_RULE, "breaker");
        let version = courier.engine()["rules_version"].clone();
        let detail = text(&pause, "detail");
        assert!(detail.contains(version.as_str().unwrap()), "{detail}");
        assert_eq!(pause["errcode"], 47003);

        let waiting: Vec<Event> = (5..10).map(order).collect();
        world.publish(&waiting);
        courier.wait_until_waiting(waiting.len());
        let others = [shipment(10), class(11)];
        world.publish(&others);
        outcomes.read_at_least(refused.len() + others.len());
        Self {
            world,
            courier,
            outcomes,
            refused,
            waiting,
        }
    }

    /// Waits until what waited was sent, and holds that nothing else was.
    fn end_well(mut self) -> BTreeMap<String, Value> {
        self.outcomes.read_at_least(12);
        self.courier.wait_until_nothing_is_paused();
        let found = end(&self.world, self.courier, &mut self.outcomes);
        assert_eq!(found.len(), 12);
        let refused = outcomes_of(&found, &self.refused);
        checks::has_ended(refused, 5, ("rejected", "param_refused"));
        checks::has_ended(outcomes_of(&found, &self.waiting), 5, ("sent", "ok"));
        let mut sent = self.waiting;
        sent.extend([shipment(10), class(11)]);
        checks::each_was_accepted_once(&self.world.wechat, &sent);
        found
    }
}

#[test]
fn refusals_to_one_user_pause_nothing_for_the_others() {
    let plan = Plan {
        sections: "[breaker]\ncount = 5",
        ..Plan::default()
    };
    let world = World::new(Kafka::shared(), "pauses-one-user", plan);
    let stranger = "oStranger00001_M2pxb1Q9zNj";
    world.wechat.script(refuse(47003).for_openid(stranger));
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let refused: Vec<Event> = (0..30).map(|n| order_of(n, stranger)).collect();
    let others: Vec<Event> = (30..40).map(order).collect();
    world.publish(&refused);
    outcomes.read_at_least(refused.len());
    world.publish(&others);
    outcomes.read_at_least(refused.len() + others.len());
    courier.wait_until_nothing_is_paused();
    let found = end(&world, courier, &mut outcomes);
    let ends = outcomes_of(&found, &refused);
    checks::has_ended(ends, 30, ("rejected", "param_refused"));
    checks::each_was_accepted_once(&world.wechat, &others);
}

/// Nothing listens on the first port.
const NOBODY: &str = "127.0.0.1:1";

#[test]
fn a_rule_that_is_refused_too_often_waits_until_somebody_lets_it_go_on() {
    let broken = Broken::new("pauses-resume");
    let address = broken.courier.address().to_owned();
    let resume = |rule: &str, address: &str| -> Said {
        let arguments = ["rules", "resume", rule, "--at", address];
        run(broken.world.folder(), &arguments)
    };
    let said = resume("shipment-arrived", &address);
    assert_eq!(said.code, Some(1), "{}", said.err);
    said.must_have(&["the rule shipment-arrived is not paused; paused are: rule order-completed"]);
    let said = resume("order-completed", NOBODY);
    assert_eq!(said.code, Some(1), "{}", said.err);
    said.must_have(&["no service answers at 127.0.0.1:1"]);
    broken.courier.wait_until_waiting(5);

    let said = resume("order-completed", &address);
    assert_eq!(said.code, Some(0), "{}", said.err);
    said.must_have(&["the rule order-completed goes on"]);
    broken.end_well();
}

#[test]
fn a_rule_that_was_mended_goes_on_with_its_new_text() {
    let broken = Broken::new("pauses-mended");
    let rule = "rules/order-completed.toml";
    broken.world.rewrite(rule, "已完成", "已支付");
    broken.courier.reload();
    let version = broken.courier.engine()["rules_version"].clone();
    let wechat = broken.world.wechat.clone();
    let waited = broken.waiting.clone();
    let found = broken.end_well();
    let accepted = wechat.accepted();
    let of_rule = accepted
        .iter()
        .filter(|sent| sent.template_id == ORDER_TEMPLATE);
    let texts: Vec<&str> = of_rule.map(|sent| sent.data["phrase5"].as_str()).collect();
    assert_eq!(texts, ["已支付"; 5]);
    for outcome in outcomes_of(&found, &waited) {
        assert_eq!(outcome["rules_version"], version);
    }
}

#[test]
fn too_much_in_a_minute_waits_for_the_next_minute() {
    let world = World::new(Kafka::shared(), "pauses-minute", Plan::default());
    world.wechat.script(refuse(45011).times(1));
    let courier = world.courier();
    let mut outcomes = world.outcomes();
    let events = [order(0), shipment(1)];
    world.publish(&events[..1]);
    let pause = courier.wait_until_paused("api shop/subscribe", "minute_quota");
    assert_eq!(pause["errcode"], 45011);
    assert_eq!(pause["ends"], "by itself");
    world.publish(&events[1..]);
    checks::end_with_each_sent_once(&world, courier, &mut outcomes, &events);
}
