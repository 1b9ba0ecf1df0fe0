//! An event on its way through the containers: as compose starts them, and as the `StatefulSet` does. The command lines, variables, mounts and users are
//! those of the files. Only addresses are this test's own, since there is no network of containers.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use wx_courier::edges::kafka::test_client::Upstream;

use super::compose::Compose;
use super::container::{Access, Container, Running, Tester, Volume};
use super::documents::path;
use super::image::Image;
use super::manifests::{FOLDER, Pod, secrets};
use crate::support::checks::text;
use crate::support::events::{Event, order};
use crate::support::folder::SECRET;
use crate::support::kafka::{Kafka, free_port};
use crate::support::redis::Redis;
use crate::support::topic::{Published, Reader};
use crate::support::wait_until;

/// What `topics create` makes unless it is told otherwise.
const PARTITIONS: i32 = 12;

/// Where the containers find each other.
struct Site {
    /// Of its own: the topics and the group have the names that users see.
    kafka: Kafka,
    sandbox: u16,
    pages: u16,
    image: Image,
    logs: TempDir,
}

impl Site {
    fn new() -> Self {
        Self {
            kafka: Kafka::start(),
            sandbox: free_port().unwrap(),
            pages: free_port().unwrap(),
            image: Image::of_the_dockerfile(),
            logs: tempfile::tempdir().unwrap(),
        }
    }

    /// The addresses of the files, as they are here.
    fn here(&self, said: &str) -> String {
        let local = |port: u16| format!("127.0.0.1:{port}");
        said.replace("kafka:19092", self.kafka.bootstrap())
            .replace("sandbox:8090", &local(self.sandbox))
            .replace("0.0.0.0:8090", &local(self.sandbox))
            .replace("127.0.0.1:8090", &local(self.sandbox))
            .replace("0.0.0.0:8080", &local(self.pages))
    }

    /// A service of compose; `state` is what its named volume keeps.
    fn container(&self, compose: &Compose, name: &str, state: &Volume) -> Container {
        let service = compose.service(name);
        let arguments = service.arguments();
        let arguments = arguments.map(|all| all.iter().map(|said| self.here(said)).collect());
        let mut container = Container::of(&self.image).arguments(arguments);
        for (name, value) in service.variables() {
            container = container.variable(&name, &self.here(&value));
        }
        for volume in service.volumes() {
            container = if volume.is_read_only {
                container.mount(&path(&volume.what), &volume.at, Access::ReadOnly)
            } else {
                container.mount(state.path(), &volume.at, Access::Writable)
            };
        }
        container
    }

    fn health_check(&self, compose: &Compose, name: &str) -> Vec<String> {
        let check = compose.service(name).health_check();
        check.iter().map(|said| self.here(said)).collect()
    }

    fn publish(&self, event: &Event) {
        let upstream = Upstream::new(self.kafka.bootstrap()).unwrap();
        upstream
            .publish("order-events", &event.openid, &[], &event.structured())
            .unwrap();
        upstream.flush().unwrap();
    }

    fn outcomes(&self) -> Reader {
        Reader::new(self.kafka.bootstrap(), "wx-courier.outcomes", PARTITIONS)
    }
}

/// Starts a container, and waits until its health check says that it is there.
fn start(container: &Container, log: &Path, check: &[String]) -> Running {
    let mut running = container.start(log);
    wait_until("the health check is content", || {
        running.is_content(container, check)
    });
    running
}

/// Waits until so many outcomes of the event have this status.
fn wait_for(outcomes: &mut Reader, event: &Event, status: &str, count: usize) {
    let what = format!("{} is {status}, {count} times", event.id);
    outcomes.read_until(&what, |seen| {
        let found = seen.iter().map(Published::json);
        let is_meant = |outcome: &Value| {
            text(outcome, "event_id") == event.id && text(outcome, "status") == status
        };
        found.filter(is_meant).count() >= count
    });
}

/// What an operator types to send once more whatever was sent.
const REPLAY: [&str; 8] = [
    "wx-courier",
    "replay",
    "--from",
    "outcomes",
    "--status",
    "sent",
    "--again",
    "--yes",
];

/// Replays in a running container. The state file has its place there, and is gone afterwards.
fn replay(container: &Container, data: &Path) {
    let said = container.exec(&REPLAY);
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    said.must_have(&["done: 1 record"]);
    let files = fs::read_dir(data).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = names.filter(|name| name.starts_with("replay-")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The process has the image's user and no right.
fn check_rights(running: &Running, image: &Image) {
    let facts = running.facts();
    assert_eq!(facts["NoNewPrivs"], "1");
    assert_eq!(facts["CapEff"], "0000000000000000");
    assert_eq!(facts["CapPrm"], "0000000000000000");
    if Tester::of_this_process() == Tester::Root {
        let (user, group) = image.user();
        assert_eq!(facts["Uid"], format!("{user}\t{user}\t{user}\t{user}"));
        assert_eq!(facts["Gid"], format!("{group}\t{group}\t{group}\t{group}"));
        assert_eq!(facts["Groups"].trim(), "");
    }
}

#[test]
fn an_event_has_its_outcome_in_the_containers_of_compose_and_in_a_pod() {
    let site = Site::new();
    let compose = Compose::of_the_repository();
    let place = &site.image.volumes()[0];
    let state = Volume::new_at(place, &site.image);

    let topics = site.container(&compose, "topics", &state).run();
    assert_eq!(topics.code, Some(0), "{}\n{}", topics.out, topics.err);
    let sandbox = site.container(&compose, "sandbox", &state);
    let check = site.health_check(&compose, "sandbox");
    let _sandbox = start(&sandbox, &site.logs.path().join("sandbox.log"), &check);

    under_compose(&site, &compose, &state);
    in_a_pod(&site);
}

fn under_compose(site: &Site, compose: &Compose, state: &Volume) {
    let mut outcomes = site.outcomes();
    let courier = site.container(compose, "wx-courier", state);
    let check = site.health_check(compose, "wx-courier");
    let not_yet = courier.exec(&check);
    assert_eq!(not_yet.code, Some(1), "nothing runs: {}", not_yet.out);
    let running = start(&courier, &site.logs.path().join("first.log"), &check);
    check_rights(&running, &site.image);
    let event = order(1);
    site.publish(&event);
    wait_for(&mut outcomes, &event, "sent", 1);
    let kept = fs::metadata(state.path().join("state.db")).unwrap();
    if Tester::of_this_process() == Tester::Root {
        assert_eq!((kept.uid(), kept.gid()), site.image.user());
    }
    replay(&courier, state.path());
    wait_for(&mut outcomes, &event, "sent", 2);
    assert_eq!(running.stop().code(), Some(0));

    // A new container and the old volume: what was sent is known.
    let courier = site.container(compose, "wx-courier", state);
    let running = start(&courier, &site.logs.path().join("second.log"), &check);
    site.publish(&event);
    wait_for(&mut outcomes, &event, "skipped", 1);
    assert_eq!(running.stop().code(), Some(0));
}

/// A file of a Secret, as the kubelet writes it: the group of the pod reads it.
fn secret_file(folder: &Path, key: &str, value: &str, group: u32) {
    let file = folder.join(key);
    fs::write(&file, value).unwrap();
    if Tester::of_this_process() == Tester::Root {
        chown(&file, Some(0), Some(group)).unwrap();
    }
    fs::set_permissions(&file, Permissions::from_mode(0o440)).unwrap();
}

/// The container of a pod, with what its volumes have.
fn pod_container(site: &Site, redis: &Redis, name: &str, data: &Volume, apps: &Path) -> Container {
    let pod = Pod::of_the_manifests();
    let mut container = Container::of(&site.image);
    for (variable, value) in pod.variables(name) {
        container = container.variable(&variable, &value);
    }
    for (secret, key, value) in secrets() {
        let names = &pod.container()["envFrom"][0]["secretRef"]["name"];
        if *names == secret.as_str() {
            container = container.variable(&key, &value);
        }
    }
    let config = path(FOLDER).join("config");
    for (volume, file, at) in pod.mounts() {
        container = match (volume["name"].as_str().unwrap(), file) {
            ("config", Some(file)) => container.mount(&config.join(file), at, Access::ReadOnly),
            ("rules", None) => container.mount(&config.join("rules"), at, Access::ReadOnly),
            ("apps", None) => container.mount(apps, at, Access::ReadOnly),
            ("data", None) => container.mount(data.path(), at, Access::Writable),
            (other, _) => panic!("this test does not know the volume {other}"),
        };
    }
    container
        .variable("WX_COURIER__KAFKA__BROKERS", site.kafka.bootstrap())
        .variable("WX_COURIER__STATE__URL", &redis.url())
        .variable("WX_COURIER__HTTP__LISTEN", &site.here("0.0.0.0:8080"))
        .variable(
            "WX_COURIER__APPS__SHOP__BASE_URL",
            &site.here("http://sandbox:8090"),
        )
}

fn in_a_pod(site: &Site) {
    let pod = Pod::of_the_manifests();
    let all = secrets();
    let password = all
        .iter()
        .find(|(_, key, _)| key == "WX_COURIER__STATE__PASSWORD");
    let redis = Redis::start_with(&["--requirepass", &password.unwrap().2]);
    let group = pod.id("fsGroup");
    let data = Volume::of_the_group(group, &site.image);
    let apps = tempfile::tempdir().unwrap();
    fs::set_permissions(apps.path(), Permissions::from_mode(0o755)).unwrap();
    secret_file(apps.path(), "shop", SECRET, group);
    let container = pod_container(site, &redis, "wx-courier-0", &data, apps.path());

    let mut outcomes = site.outcomes();
    let check = ["wx-courier", "ready"].map(str::to_owned);
    let running = start(&container, &site.logs.path().join("pod.log"), &check);
    check_rights(&running, &site.image);
    let event = order(2);
    site.publish(&event);
    wait_for(&mut outcomes, &event, "sent", 1);

    // The commands of the page, as `kubectl exec` runs them.
    let settings = container.exec(&["wx-courier", "check", "--settings"]);
    assert_eq!(settings.code, Some(0), "{}\n{}", settings.out, settings.err);
    let resume = container.exec(&["wx-courier", "rules", "resume", "order-completed"]);
    assert_eq!(resume.code, Some(1), "{}", resume.out);
    resume.must_have(&["the rule order-completed is not paused; nothing is"]);
    let mut only_this = REPLAY.to_vec();
    only_this.extend(["--id", &event.id]);
    let said = container.exec(&only_this);
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    wait_for(&mut outcomes, &event, "sent", 2);
    assert_eq!(running.stop().code(), Some(0));
}

/// What happened while the image had no folder for its user.
#[test]
fn a_service_that_cannot_write_its_state_file_ends_and_says_so() {
    let image = Image::of_the_dockerfile();
    let state = Volume::of((0, 0), 0o755, &image);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let container = Container::of(&image)
        .mount(&path("config"), "/config", Access::ReadOnly)
        .mount(state.path(), &image.volumes()[0], Access::Writable)
        .variable("WX_COURIER__KAFKA__BROKERS", &address)
        .variable("WX_COURIER__HTTP__LISTEN", "127.0.0.1:0");
    let log = tempfile::tempdir().unwrap();
    let (status, said) = container.start(&log.path().join("run.log")).wait();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("data/state.db cannot be made"), "{said}");
}
