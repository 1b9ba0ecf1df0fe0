//! The manifests of `deploy/kubernetes`: what they say is accepted, and agrees with the service.

use std::fs;
use std::path::{Path, PathBuf};

use crate::commands::{Said, command};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes")
}

fn manifest(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

/// The lines without comments, and without the space around them.
fn lines(manifest: &str) -> impl Iterator<Item = &str> {
    let lines = manifest.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What stands behind the first `key:`.
fn value<'a>(manifest: &'a str, key: &str) -> &'a str {
    let found = lines(manifest).find_map(|line| {
        line.trim_start_matches("- ")
            .strip_prefix(key)?
            .strip_prefix(':')
    });
    found
        .unwrap_or_else(|| panic!("no {key} in:\n{manifest}"))
        .trim()
}

/// `check` as a pod would be started: with the variables that the manifests set.
fn check(arguments: &[&str]) -> Said {
    let mut command = command(&folder().join("config"), &["check"]);
    command.args(arguments);
    let statefulset = manifest("statefulset.yaml");
    let secret = manifest("secret.yaml");
    let named = lines(&statefulset).filter_map(|line| line.strip_prefix("- name: "));
    let keys = lines(&secret).filter_map(|line| line.split_once(':').map(|(key, _)| key));
    let variables = named
        .chain(keys)
        .filter(|name| name.starts_with("WX_COURIER__"));
    for variable in variables {
        command.env(variable, "wx-courier-0-and-some-letters");
    }
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
        "(environment WX_COURIER__KAFKA__OPTIONS__GROUP__INSTANCE__ID)",
        "(environment WX_COURIER__STATE__PASSWORD)",
    ]);
}

#[test]
fn every_rule_and_only_these_are_in_the_config_map() {
    let kustomization = manifest("kustomization.yaml");
    let mut listed: Vec<&str> = lines(&kustomization)
        .filter_map(|line| line.strip_prefix("- config/rules/"))
        .collect();
    listed.sort_unstable();
    let mut there: Vec<String> = fs::read_dir(folder().join("config/rules"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort_unstable();
    assert_eq!(listed, there);
}

#[test]
fn every_manifest_is_listed_or_said_not_to_be() {
    let kustomization = manifest("kustomization.yaml");
    for file in fs::read_dir(folder()).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_manifest = path
            .extension()
            .is_some_and(|extension| extension == "yaml");
        if is_manifest && name != "kustomization.yaml" {
            assert!(kustomization.contains(name), "{name} is not mentioned");
        }
    }
}

/// The longest that closing takes after the drain: `CLOSE` of the service for the consumer and again for the producer, and `CLOSE_STORE`.
fn closing_seconds() -> u64 {
    let service =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/service/close.rs"))
            .unwrap();
    ["CLOSE", "CLOSE", "CLOSE_STORE"]
        .iter()
        .map(|name| {
            let start = format!("const {name}: Duration = Duration::from_secs(");
            let (_, rest) = service.split_once(&start).unwrap();
            let (seconds, _) = rest.split_once(')').unwrap();
            seconds.parse::<u64>().unwrap()
        })
        .sum()
}

#[test]
fn the_grace_period_covers_the_drain_and_what_comes_after_it() {
    let statefulset = manifest("statefulset.yaml");
    let grace: u64 = value(&statefulset, "terminationGracePeriodSeconds")
        .parse()
        .unwrap();
    let courier = manifest("config/courier.toml");
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
    let statefulset = manifest("statefulset.yaml");
    let http = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/edges/http.rs"))
        .unwrap();
    let paths: Vec<&str> = lines(&statefulset)
        .filter_map(|line| {
            let (_, rest) = line.split_once("httpGet: { path: ")?;
            rest.split_once(',')
        })
        .map(|(path, _)| path)
        .collect();
    assert_eq!(paths.len(), 3, "startup, liveness, readiness");
    for path in paths {
        assert!(http.contains(&format!(".route(\"{path}\"")), "{path}");
    }
    let port = value(&statefulset, "containerPort");
    let listen = format!("listen = \"0.0.0.0:{port}\"");
    assert!(
        manifest("config/courier.toml").contains(&listen),
        "{listen}"
    );
}
