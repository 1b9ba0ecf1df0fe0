//! The manifests of `deploy/kubernetes`, and the pod that they describe.

use std::path::Path;

use serde_json::Value;

use super::documents::{documents, files_of, text};

pub(super) const FOLDER: &str = "deploy/kubernetes";

/// The objects of one file.
pub(super) fn objects(file: &str) -> Vec<Value> {
    documents(&text(&format!("{FOLDER}/{file}")))
}

/// The one object of a file.
pub(super) fn object(file: &str) -> Value {
    let [object] = <[Value; 1]>::try_from(objects(file)).unwrap();
    object
}

/// Every manifest, with the file in which it stands.
pub(super) fn all() -> Vec<(String, Value)> {
    let is_manifest = |name: &String| {
        let extension = Path::new(name).extension();
        extension.is_some_and(|extension| extension == "yaml") && name != "kustomization.yaml"
    };
    let files = files_of(FOLDER).into_iter().filter(is_manifest);
    files
        .flat_map(|file| {
            let objects = objects(&file);
            objects
                .into_iter()
                .map(move |object| (file.clone(), object))
        })
        .collect()
}

/// The pod of the `StatefulSet`.
pub(super) struct Pod(Value);

impl Pod {
    pub(super) fn of_the_manifests() -> Self {
        Self(object("statefulset.yaml")["spec"]["template"]["spec"].clone())
    }

    /// What is said for all of it.
    pub(super) fn spec(&self) -> &Value {
        &self.0
    }

    /// The one container.
    pub(super) fn container(&self) -> &Value {
        let containers = self.0["containers"].as_array().unwrap();
        assert_eq!(containers.len(), 1);
        &containers[0]
    }

    /// A user or a group: `runAsUser`, `fsGroup`.
    pub(super) fn id(&self, key: &str) -> u32 {
        let id = self.0["securityContext"][key].as_u64();
        u32::try_from(id.unwrap()).unwrap()
    }

    /// The variables that stand in the manifest, in a pod of this name.
    pub(super) fn variables(&self, pod: &str) -> Vec<(String, String)> {
        let variables = self.container()["env"].as_array().unwrap().iter();
        variables
            .map(|variable| {
                let value = variable["value"].as_str().unwrap_or("$(POD_NAME)");
                let name = variable["name"].as_str().unwrap();
                (name.to_owned(), value.replace("$(POD_NAME)", pod))
            })
            .collect()
    }

    /// What is mounted: the volume, the file in it (`subPath`), and the place.
    pub(super) fn mounts(&self) -> Vec<(&Value, Option<&str>, &str)> {
        let mounts = self.container()["volumeMounts"].as_array().unwrap().iter();
        mounts
            .map(|mount| {
                let mut volumes = self.0["volumes"].as_array().unwrap().iter();
                let volume = volumes.find(|volume| volume["name"] == mount["name"]);
                let file = mount["subPath"].as_str();
                (volume.unwrap(), file, mount["mountPath"].as_str().unwrap())
            })
            .collect()
    }
}

/// What the Secrets of the example hold: the name of the Secret, the key, the placeholder.
pub(super) fn secrets() -> Vec<(String, String, String)> {
    let secrets = objects("secret.yaml");
    let entries = secrets.iter().flat_map(|secret| {
        let name = secret["metadata"]["name"].as_str().unwrap();
        let data = secret["stringData"].as_object().unwrap().iter();
        data.map(move |(key, value)| {
            let value = value.as_str().unwrap();
            (name.to_owned(), key.clone(), value.to_owned())
        })
    });
    entries.collect()
}

/// The longest that closing takes after the drain: `CLOSE` of the service for the consumer and again for the producer, and `CLOSE_STORE`.
pub(super) fn closing_seconds() -> u64 {
    let service = text("src/service/close.rs");
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
