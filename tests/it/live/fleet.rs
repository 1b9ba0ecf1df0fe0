//! Three instances under load, whose rules are mounted as Kubernetes mounts a `ConfigMap`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{is_sent, on_save, version};
use crate::commands::{Said, run};
use crate::support::checks;
use crate::support::courier::Courier;
use crate::support::kafka::Kafka;
use crate::support::load::Load;
use crate::support::redis::Redis;
use crate::support::world::{Plan, QUICK_GROUP, World};

/// A folder whose files are links through `..data`, which is swapped when they change.
pub(super) struct Mounted {
    folder: PathBuf,
    n_versions: usize,
}

impl Mounted {
    /// Puts the world's rules into such a folder.
    pub(super) fn new(world: &World) -> Self {
        let (rules, folder) = (world.folder().join("rules"), world.folder().join("mounted"));
        let first = folder.join("..0");
        fs::create_dir_all(&first).unwrap();
        for file in fs::read_dir(&rules).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), first.join(file.file_name())).unwrap();
            let link = Path::new("..data").join(file.file_name());
            symlink(link, folder.join(file.file_name())).unwrap();
        }
        symlink("..0", folder.join("..data")).unwrap();
        fs::remove_dir_all(&rules).unwrap();
        symlink("mounted", &rules).unwrap();
        Self {
            folder,
            n_versions: 1,
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Swaps all files at once.
    pub(super) fn swap(&mut self, change: impl Fn(&str) -> String) {
        let data = self.path("..data");
        let (before, now) = (
            fs::canonicalize(&data).unwrap(),
            format!("..{}", self.n_versions),
        );
        self.n_versions += 1;
        fs::create_dir(self.path(&now)).unwrap();
        for file in fs::read_dir(&before).unwrap() {
            let file = file.unwrap();
            let text = fs::read_to_string(file.path()).unwrap();
            fs::write(self.path(&now).join(file.file_name()), change(&text)).unwrap();
        }
        symlink(&now, self.path("..tmp")).unwrap();
        fs::rename(self.path("..tmp"), &data).unwrap();
        fs::remove_dir_all(before).unwrap();
    }
}

fn status(world: &World, courier: &Courier, more: &[&str]) -> Said {
    let mut all = vec!["rules", "status", "--at", courier.address()];
    all.extend(more);
    run(world.folder(), &all)
}

/// The version of what is on disk, as a pipeline would ask for it.
fn on_disk(world: &World) -> String {
    let said = run(world.folder(), &["check", "--format", "json"]);
    let checked: Value = serde_json::from_str(&said.out).unwrap();
    checked["rules_version"].as_str().unwrap().to_owned()
}

#[test]
fn three_instances_under_load_take_a_good_set_whole_and_no_bad_one() {
    let redis = Redis::start();
    let plan = Plan {
        partitions: 6,
        state: Some(redis.url()),
        sections: QUICK_GROUP,
        ..on_save()
    };
    let world = World::new(Kafka::shared(), "live-fleet", plan);
    let mut mounted = Mounted::new(&world);
    let couriers = [world.courier(), world.courier(), world.courier()];
    let mut load = Load::new(&world);
    load.keep_until(
        "all three hold partitions, and say that they run the same",
        || {
            let holds = |courier: &Courier| courier.engine()["share"]["partitions"] == 2;
            couriers.iter().all(holds)
                && status(&world, &couriers[0], &[])
                    .out
                    .contains("all 3 instances run version")
        },
    );
    let first = version(&couriers[0]);

    // A bad one: each says so, and goes on as before.
    mounted.swap(|text| text.replace("| yuan", "| yaun"));
    load.keep_until("all refuse it", || {
        couriers
            .iter()
            .all(|it| it.measures("wx_courier_rules_refused 1"))
    });
    for courier in &couriers {
        assert_eq!(version(courier), first);
        let refused = &courier.report()["reload"]["refused"];
        assert!(
            refused["first"]
                .as_str()
                .unwrap()
                .contains("did you mean `yuan`?"),
            "{refused}"
        );
        assert!(courier.measures("wx_courier_rules_on_disk_info{version=\"unreadable\"} 1"));
        assert!(courier.measures("wx_courier_rules_reload_failures_total 1"));
        assert!(courier.log().contains("the new rules are refused"));
    }
    load.keep_until("each is told to refuse it", || {
        let said = status(&world, &couriers[1], &[]);
        said.out.matches("and refused:").count() == 3
    });
    let said = status(
        &world,
        &couriers[1],
        &["--wait", "another", "--timeout", "1"],
    );
    assert_eq!(said.code, Some(1), "{}", said.out);

    // A good one, which changes two parts of each message.
    mounted.swap(|text| {
        let text = text.replace("| yaun", "| yuan").replace("已完成", "已支付");
        text.replace("pages/order/detail?", "pages/order/paid?")
    });
    let second = on_disk(&world);
    assert_ne!(Value::from(second.as_str()), first);
    let said = status(&world, &couriers[2], &["--wait", &second]);
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    said.must_have(&[&format!("all 3 instances run version {second}")]);
    load.keep_until("the new text is sent", || is_sent(&world, "已支付"));
    world.flush();

    let events = load.events;
    let mut outcomes = world.outcomes();
    outcomes.read_distinct(events.len());
    for courier in couriers {
        courier.end_cleanly();
    }
    checks::each_was_sent(&checks::distinct(outcomes.read_to_end()), &events);
    checks::each_was_accepted_once(&world.wechat, &events);
    assert_no_message_is_of_two_versions(&world);
    assert!(events.len() > 50, "the load was none: {}", events.len());
}

fn assert_no_message_is_of_two_versions(world: &World) {
    let mut made: BTreeMap<(bool, bool), usize> = BTreeMap::new();
    for sent in world.wechat.accepted() {
        if let Some(phrase) = sent.data.get("phrase5") {
            let is_new_page = sent.page.is_some_and(|page| page.contains("/paid?"));
            *made.entry((phrase == "已支付", is_new_page)).or_default() += 1;
        }
    }
    let versions: Vec<_> = made.keys().copied().collect();
    assert_eq!(versions, [(false, false), (true, true)], "{made:?}");
}
