//! The manifests of `deploy/kubernetes`: what they say is accepted, and agrees with the service.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::documents::{Schema, documents, files_of, path, text, texts};
use super::image::Image;
use super::manifests::{FOLDER, Pod, all, closing_seconds, object, secrets};
use crate::commands::{Said, command};

/// `check` as a pod would be started: with the variables that the manifests set.
fn check(arguments: &[&str]) -> Said {
    let mut command = command(&path(FOLDER).join("config"), &["check"]);
    command.args(arguments);
    let of_the_pod = Pod::of_the_manifests().variables("wx-courier-0");
    let of_the_secret = secrets().into_iter().map(|(_, key, value)| (key, value));
    let variables = of_the_pod.into_iter().chain(of_the_secret);
    command.envs(variables.filter(|(name, _)| name.starts_with("WX_COURIER__")));
    // Stands for the file, which is there only in a pod.
    command.env("WX_COURIER__APPS__SHOP__SECRET", "secret");
    command.output().unwrap().into()
}

#[test]
fn the_configuration_passes_with_the_variables_of_the_manifests() {
    let said = check(&[]);
    assert_eq!(said.code, Some(0), "{}\n{}", said.out, said.err);
    said.must_have(&["ok: 0 errors, 0 warnings"]);
    let said = check(&["--settings"]);
    said.must_have(&[
        "(environment WX_COURIER__KAFKA__OPTIONS__GROUP__INSTANCE__ID; restart)",
        "(environment WX_COURIER__STATE__PASSWORD; restart)",
    ]);
}

#[test]
fn kubernetes_knows_every_key() {
    let mut kinds = Vec::new();
    for (file, object) in all() {
        // The kinds of others, KEDA's here, have their schemas in the cluster.
        if let Some(schema) = Schema::kubernetes(&object) {
            let problems = schema.problems(&object);
            assert!(problems.is_empty(), "{file}: {problems:#?}");
            kinds.push(object["kind"].as_str().unwrap().to_owned());
        }
    }
    kinds.sort_unstable();
    let expected = [
        "Namespace",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Secret",
        "Secret",
        "Service",
        "StatefulSet",
    ];
    assert_eq!(kinds, expected);

    let mut wrong = object("statefulset.yaml");
    wrong["spec"]["template"]["spec"]["containers"][0]["securityContext"]["readOnlyRoot"] =
        Value::Bool(true);
    let problems = Schema::kubernetes(&wrong).unwrap().problems(&wrong);
    assert_eq!(problems.len(), 1, "{problems:#?}");
}

/// The files that a generator of the kustomization lists.
fn generated(kustomization: &Value, name: &str) -> Vec<String> {
    let generators = kustomization["configMapGenerator"].as_array().unwrap();
    let found = generators
        .iter()
        .find(|generator| generator["name"] == name);
    texts(&found.unwrap()["files"])
}

#[test]
fn every_rule_and_only_these_are_in_the_config_map() {
    let kustomization = object("kustomization.yaml");
    let rules = files_of(&format!("{FOLDER}/config/rules"));
    let expected: Vec<String> = rules
        .iter()
        .map(|rule| format!("config/rules/{rule}"))
        .collect();
    assert_eq!(generated(&kustomization, "wx-courier-rules"), expected);
    // And whatever else the folder has.
    let mut others = generated(&kustomization, "wx-courier-config");
    others.push("config/rules".to_owned());
    let there = files_of(&format!("{FOLDER}/config"));
    let there: Vec<String> = there.iter().map(|name| format!("config/{name}")).collect();
    others.sort_unstable();
    assert_eq!(others, there);
}

#[test]
fn the_list_of_rules_is_written_from_the_folder() {
    let copy = tempfile::tempdir().unwrap();
    let rules = copy.path().join("config/rules");
    fs::create_dir_all(&rules).unwrap();
    for file in ["list-rules", "kustomization.yaml"] {
        fs::copy(path(FOLDER).join(file), copy.path().join(file)).unwrap();
    }
    let list = || {
        let done = Command::new(copy.path().join("list-rules"))
            .output()
            .unwrap();
        let said = Said::from(done);
        let written = fs::read_to_string(copy.path().join("kustomization.yaml")).unwrap();
        (said, written)
    };
    for rule in ["b.toml", "a.toml", "a.toml.bak"] {
        fs::write(rules.join(rule), "").unwrap();
    }
    let (said, written) = list();
    assert_eq!(said.code, Some(0), "{}", said.err);
    let [kustomization] = <[Value; 1]>::try_from(documents(&written)).unwrap();
    let listed = generated(&kustomization, "wx-courier-rules");
    assert_eq!(listed, ["config/rules/a.toml", "config/rules/b.toml"]);
    assert_eq!(list().1, written, "a second run changes nothing");

    fs::create_dir(rules.join("more")).unwrap();
    fs::write(rules.join("more/c.toml"), "").unwrap();
    let (said, unchanged) = list();
    assert_eq!(said.code, Some(1));
    said.must_have(&["config/rules/more/c.toml"]);
    assert_eq!(unchanged, written);

    // With the rules that are there, the list is what the repository has.
    fs::remove_dir_all(&rules).unwrap();
    fs::create_dir(&rules).unwrap();
    for rule in files_of(&format!("{FOLDER}/config/rules")) {
        fs::write(rules.join(rule), "").unwrap();
    }
    assert_eq!(list().1, text(&format!("{FOLDER}/kustomization.yaml")));
}

#[test]
fn every_manifest_is_listed_or_said_not_to_be() {
    let said = text(&format!("{FOLDER}/kustomization.yaml"));
    let kustomization = object("kustomization.yaml");
    let listed = texts(&kustomization["resources"]);
    for (file, _) in all() {
        assert!(said.contains(&file), "{file} is not mentioned");
    }
    for file in listed {
        assert!(path(FOLDER).join(&file).is_file(), "{file}");
    }
}

/// Where `kubectl` is, kustomize itself says what will be applied. Where it is not, the tests above have looked at what it would read.
#[test]
fn what_kustomize_builds_is_accepted_and_has_every_rule() {
    let built = Command::new("kubectl")
        .args(["kustomize", FOLDER])
        .current_dir(path("."))
        .output();
    let built = match built {
        Ok(output) => Said::from(output),
        Err(error) => {
            eprintln!("kubectl cannot be run ({error}): kustomize was not asked");
            return;
        }
    };
    assert_eq!(built.code, Some(0), "{}", built.err);
    let mut keys = Vec::new();
    for object in documents(&built.out) {
        let problems = Schema::kubernetes(&object).unwrap().problems(&object);
        assert!(problems.is_empty(), "{}: {problems:#?}", object["kind"]);
        if object["kind"] == "ConfigMap" {
            keys.extend(object["data"].as_object().unwrap().keys().cloned());
        }
    }
    for rule in files_of(&format!("{FOLDER}/config/rules")) {
        assert!(keys.contains(&rule), "{rule}");
    }
}

#[test]
fn the_pod_is_the_image_s_user_and_keeps_to_the_strictest_standard() {
    let (pod, image) = (Pod::of_the_manifests(), Image::of_the_dockerfile());
    assert_eq!((pod.id("runAsUser"), pod.id("runAsGroup")), image.user());
    assert_eq!(pod.id("fsGroup"), image.user().1);
    let of_the_pod = &pod.spec()["securityContext"];
    assert_eq!(of_the_pod["runAsNonRoot"], true);
    assert_eq!(of_the_pod["seccompProfile"]["type"], "RuntimeDefault");
    let own = &pod.container()["securityContext"];
    assert_eq!(own["allowPrivilegeEscalation"], false);
    assert_eq!(own["readOnlyRootFilesystem"], true);
    assert_eq!(texts(&own["capabilities"]["drop"]), ["ALL"]);
    let namespace = object("namespace.yaml");
    let enforced = &namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"];
    assert_eq!(enforced, "restricted");
    // Everything is read-only but the folders that the image writes to, and those are writable.
    for mount in pod.container()["volumeMounts"].as_array().unwrap() {
        let place = mount["mountPath"].as_str().unwrap();
        let is_written = image.volumes().iter().any(|volume| volume == place);
        assert_ne!(mount["readOnly"] == true, is_written, "{place}");
    }
    let mounted = |volume: &String| pod.mounts().iter().any(|(_, _, at)| at == volume);
    assert!(image.volumes().iter().all(mounted));
}

/// A quantity of memory, in MiB.
fn mebibytes(quantity: &Value) -> u64 {
    let quantity = quantity.as_str().unwrap();
    quantity.strip_suffix("Mi").unwrap().parse().unwrap()
}

/// The most that an instance with Redis took while it worked off a backlog, from the table of `docs/performance.md`.
fn measured() -> u64 {
    let page = text("docs/performance.md");
    let row = |start: &str| -> Vec<String> {
        let line = page.lines().find(|line| line.starts_with(start)).unwrap();
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let systems = row("| | wx-memory |");
    let column = systems.iter().position(|name| name == "wx-redis").unwrap();
    row("| meanwhile resident at most, MiB |")[column]
        .parse()
        .unwrap()
}

#[test]
fn the_memory_is_what_was_measured_and_a_margin() {
    let pod = Pod::of_the_manifests();
    let resources = &pod.container()["resources"];
    let requested = mebibytes(&resources["requests"]["memory"]);
    let limit = mebibytes(&resources["limits"]["memory"]);
    assert!(
        requested * 5 >= measured() * 6,
        "{requested} MiB, a fifth more than measured"
    );
    assert!(
        limit >= measured() * 2,
        "{limit} MiB, twice what was measured"
    );
    let told = format!("{} MiB at most", measured());
    assert!(
        text(&format!("{FOLDER}/statefulset.yaml")).contains(&told),
        "{told}"
    );
}

#[test]
fn the_grace_period_covers_the_drain_and_what_comes_after_it() {
    let pod = Pod::of_the_manifests();
    let grace = pod.spec()["terminationGracePeriodSeconds"]
        .as_u64()
        .unwrap();
    let courier = text(&format!("{FOLDER}/config/courier.toml"));
    let drain = courier
        .lines()
        .find_map(|line| line.strip_prefix("drain = \"")?.strip_suffix("s\""));
    let drain: u64 = drain.unwrap().parse().unwrap();
    assert!(
        grace >= drain + closing_seconds(),
        "{grace} s, drain {drain} s"
    );
}

#[test]
fn the_probes_ask_pages_that_the_port_serves() {
    let pod = Pod::of_the_manifests();
    let container = pod.container();
    let http = text("src/edges/http.rs");
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().unwrap();
        assert!(http.contains(&format!(".route(\"{path}\"")), "{path}");
        assert_eq!(container[probe]["httpGet"]["port"], "http");
    }
    let port = &container["ports"][0]["containerPort"];
    let listen = format!("listen = \"0.0.0.0:{port}\"");
    let courier = text(&format!("{FOLDER}/config/courier.toml"));
    assert!(courier.contains(&listen), "{listen}");
}

#[test]
fn the_page_names_files_that_are_there_and_commands_that_exist() {
    let page = text(&format!("{FOLDER}/README.md"));
    for file in files_of(FOLDER) {
        let is_named = page.contains(&format!("`{file}`")) || page.contains(&format!("`{file}/`"));
        assert!(
            is_named || file == "namespace.yaml" || file == "README.md",
            "{file}"
        );
    }
    // A line that a person copies is understood.
    let named = page.split("-- wx-courier ").skip(1);
    let commands: Vec<&str> = named.map(|rest| rest.lines().next().unwrap()).collect();
    assert!(commands.len() >= 3, "{commands:?}");
    for line in commands {
        let words: Vec<&str> = line.split_whitespace().chain(["--help"]).collect();
        let said = crate::commands::run(Path::new("config"), &words);
        assert_eq!(said.code, Some(0), "{line}: {}", said.err);
    }
}
