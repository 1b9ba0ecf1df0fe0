//! The calendar of the machine jumps by five days for a while: what waits is not ended, and what was sent is not forgotten.
//!
//! libfaketime moves the calendar of one process and leaves its other clocks alone.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::courier::Courier;
use crate::support::events::{Event, class, order, shipment};
use crate::support::kafka::Kafka;
use crate::support::world::{Plan, World};
use crate::support::{checks, wait_until};

const ORDER_TEMPLATE: &str = "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi8";
const WRONG_TEMPLATE: &str = "HYBDmrTAZ8gT0CRbPsp-qkVTW1GHEzmM0dyjdGoGwi9";

/// The store looks for what is old after every 256 requests, and a message makes two.
const ENOUGH_FOR_A_PURGE: usize = 200;

/// Where distributions keep it: Debian and its children, Fedora, Arch.
fn libfaketime() -> PathBuf {
    let machine = std::env::consts::ARCH;
    let places = [
        format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketimeMT.so.1"),
        "/usr/lib64/faketime/libfaketimeMT.so.1".to_owned(),
        "/usr/lib/faketime/libfaketimeMT.so.1".to_owned(),
    ];
    let found = places.iter().map(Path::new).find(|place| place.exists());
    found
        .unwrap_or_else(|| panic!("libfaketime is not installed (Debian: apt-get install faketime); looked at {places:?}"))
        .to_owned()
}

fn wait_until_calendar_is(courier: &Courier, state: &str) {
    wait_until(&format!("the calendar is {state}"), || {
        courier.report()["calendar"]["state"] == state
    });
}

#[test]
fn a_calendar_that_jumps_for_a_while_ends_and_forgets_nothing() {
    let world = World::new(Kafka::shared(), "calendar", Plan::default());
    let offset = world.folder().join("offset");
    fs::write(&offset, "+0").unwrap();
    let (library, offset_file) = (libfaketime(), offset.clone());
    let variables = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", offset_file.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    world.rewrite("templates.toml", ORDER_TEMPLATE, WRONG_TEMPLATE);
    let courier = world.courier_with(&variables);
    let mut outcomes = world.outcomes();
    let sent: Vec<Event> = (0..3).map(shipment).collect();
    world.publish(&sent);
    outcomes.read_at_least(sent.len());
    let waiting: Vec<Event> = (10..13).map(order).collect();
    world.publish(&waiting);
    courier.wait_until_paused(&format!("template shop/{WRONG_TEMPLATE}"), "template");
    courier.wait_until_waiting(waiting.len());

    fs::write(&offset, "+5d").unwrap();
    wait_until_calendar_is(&courier, "jumped");
    let meanwhile: Vec<Event> = (100..100 + ENOUGH_FOR_A_PURGE).map(class).collect();
    world.publish(&meanwhile);
    outcomes.read_at_least(sent.len() + meanwhile.len());
    // The same parcels once more: what was sent five days ago by the wrong calendar, and a minute ago by the right one.
    world.publish(&sent);
    outcomes.read_at_least(2 * sent.len() + meanwhile.len());
    courier.wait_until_waiting(waiting.len());
    assert!(courier.measures("wx_courier_calendar_breaks_total 1"));

    fs::write(&offset, "+0").unwrap();
    wait_until_calendar_is(&courier, "following");
    let log = courier.log();
    assert!(
        log.contains("the calendar of this machine has jumped"),
        "{log}"
    );
    world.rewrite("templates.toml", WRONG_TEMPLATE, ORDER_TEMPLATE);
    courier.reload();
    outcomes.read_at_least(2 * sent.len() + meanwhile.len() + waiting.len());
    checks::wait_until_everything_is_committed(&world);
    courier.end_cleanly();
    let found = checks::distinct(outcomes.read_to_end());
    for parcel in &sent {
        checks::one_is_sent_and_the_others_repeat_it(checks::of_message(&found, parcel), 2);
    }
    let all: Vec<Event> = [sent, meanwhile, waiting].concat();
    checks::each_was_accepted_once(&world.wechat, &all);
}
