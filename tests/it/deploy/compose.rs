//! `docker-compose.yml`: its services as compose would start them.

use serde_json::Value;

use super::documents::{Schema, documents, path, text, texts};
use super::manifests::closing_seconds;

pub(super) struct Compose(Value);

impl Compose {
    pub(super) fn of_the_repository() -> Self {
        let all = documents(&with_defaults(&text("docker-compose.yml")));
        let [one] = <[Value; 1]>::try_from(all).unwrap();
        Self(one)
    }

    fn services(&self) -> impl Iterator<Item = (&String, Service<'_>)> {
        let services = self.0["services"].as_object().unwrap().iter();
        services.map(|(name, service)| (name, Service(service)))
    }

    pub(super) fn service(&self, name: &str) -> Service<'_> {
        let service = &self.0["services"][name];
        assert!(service.is_object(), "there is no service {name}");
        Service(service)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Service<'a>(&'a Value);

impl Service<'_> {
    fn is_ours(self) -> bool {
        self.0.get("build").is_some()
    }

    /// What stands behind the image's entry point; nothing where the image's own arguments are used.
    pub(super) fn arguments(self) -> Option<Vec<String>> {
        self.0.get("command").map(texts)
    }

    pub(super) fn variables(self) -> Vec<(String, String)> {
        let variables = self.0["environment"].as_object().into_iter().flatten();
        variables
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect()
    }

    /// What is mounted, where, and whether with `:ro`.
    pub(super) fn volumes(self) -> Vec<Volume> {
        let volumes = self.0.get("volumes").map(texts).unwrap_or_default();
        volumes
            .iter()
            .map(|volume| {
                let mut parts = volume.split(':');
                Volume {
                    what: parts.next().unwrap().to_owned(),
                    at: parts.next().unwrap().to_owned(),
                    is_read_only: parts.next() == Some("ro"),
                }
            })
            .collect()
    }

    /// The command of the health check.
    pub(super) fn health_check(self) -> Vec<String> {
        let mut test = texts(&self.0["healthcheck"]["test"]);
        assert_eq!(test.remove(0), "CMD", "the image has no shell");
        test
    }
}

pub(super) struct Volume {
    pub(super) what: String,
    pub(super) at: String,
    pub(super) is_read_only: bool,
}

/// `${NAME:-default}` becomes the default, `$$` a dollar.
fn with_defaults(text: &str) -> String {
    let mut parts = text.split("${");
    let mut whole = parts.next().unwrap().to_owned();
    for part in parts {
        let (variable, rest) = part.split_once('}').unwrap();
        let (_, default) = variable.split_once(":-").unwrap();
        whole += default;
        whole += rest;
    }
    whole.replace("$$", "$")
}

#[test]
fn compose_knows_every_key() {
    let compose = Compose::of_the_repository();
    let problems = Schema::compose().problems(&compose.0);
    assert!(problems.is_empty(), "{problems:#?}");
    let mut wrong = compose.0;
    wrong["services"]["wx-courier"]["read-only"] = Value::Bool(true);
    assert_eq!(Schema::compose().problems(&wrong).len(), 1);
}

#[test]
fn our_containers_have_no_rights_and_one_folder_to_write_to() {
    let compose = Compose::of_the_repository();
    let image = super::image::Image::of_the_dockerfile();
    let ours: Vec<_> = compose
        .services()
        .filter(|(_, service)| service.is_ours())
        .collect();
    assert_eq!(ours.len(), 3, "sandbox, topics, wx-courier");
    for (name, service) in ours {
        assert_eq!(service.0["read_only"], true, "{name}");
        assert_eq!(texts(&service.0["cap_drop"]), ["ALL"], "{name}");
        let security = texts(&service.0["security_opt"]);
        assert_eq!(security, ["no-new-privileges:true"], "{name}");
        for volume in service.volumes() {
            let is_the_image_s = image.volumes().contains(&volume.at);
            assert_ne!(volume.is_read_only, is_the_image_s, "{name}: {}", volume.at);
        }
    }
    let kept = compose.service("wx-courier").volumes();
    let state = kept.iter().find(|volume| !volume.is_read_only).unwrap();
    let declared = compose.0["volumes"].as_object().unwrap();
    assert!(declared.contains_key(&state.what), "{}", state.what);
}

#[test]
fn what_is_mounted_from_here_is_here() {
    let compose = Compose::of_the_repository();
    for (name, service) in compose.services() {
        let volumes = service.volumes();
        for volume in volumes.iter().filter(|volume| volume.what.starts_with('.')) {
            assert!(path(&volume.what).exists(), "{name}: {}", volume.what);
        }
    }
}

#[test]
fn nobody_outside_this_machine_can_connect() {
    let compose = Compose::of_the_repository();
    for (name, service) in compose.services() {
        for port in service.0.get("ports").map(texts).unwrap_or_default() {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
}

#[test]
fn a_service_waits_only_for_what_can_come() {
    let compose = Compose::of_the_repository();
    for (name, service) in compose.services() {
        let awaited = service.0["depends_on"].as_object().into_iter().flatten();
        for (other, condition) in awaited {
            let has_check = compose.service(other).0.get("healthcheck").is_some();
            let is_healthy = condition["condition"] == "service_healthy";
            assert!(has_check || !is_healthy, "{name} waits for {other}");
        }
    }
}

#[test]
fn compose_gives_the_drain_its_time() {
    let compose = Compose::of_the_repository();
    let grace = compose.service("wx-courier").0["stop_grace_period"]
        .as_str()
        .and_then(|grace| grace.strip_suffix('s')?.parse::<u64>().ok())
        .unwrap();
    let drain = crate::support::folder::read(&path("config"))
        .settings
        .unwrap()
        .engine
        .drain
        .as_secs();
    assert!(grace >= drain + closing_seconds(), "{grace} s");
}
