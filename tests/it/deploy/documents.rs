//! The files that are deployed, as documents, and the published schemas that they have to fit.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Value, json};

/// A file or folder of the repository.
pub(super) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

pub(super) fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The YAML documents of a text, with merged keys (`<<`) in their places.
pub(super) fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"))
}

/// The names of the files in a folder, in order.
pub(super) fn files_of(folder: &str) -> Vec<String> {
    let files = fs::read_dir(path(folder)).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort_unstable();
    names
}

/// The texts of a list.
pub(super) fn texts(list: &Value) -> Vec<String> {
    let list = list
        .as_array()
        .unwrap_or_else(|| panic!("no list: {list}"))
        .iter();
    list.map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// A published schema of `schemas/`, or the definition in it.
pub(super) struct Schema(Value);

impl Schema {
    pub(super) fn compose() -> Self {
        Self(serde_json::from_str(include_str!("schemas/compose.json")).unwrap())
    }

    /// The schema of an object's kind; nothing for kinds that are no part of Kubernetes.
    pub(super) fn kubernetes(object: &Value) -> Option<Self> {
        let mut schema: Value =
            serde_json::from_str(include_str!("schemas/kubernetes.json")).unwrap();
        let (group, version) = match object["apiVersion"].as_str()?.split_once('/') {
            Some((group, version)) => (group.split('.').next()?, version),
            None => ("core", object["apiVersion"].as_str()?),
        };
        let name = format!("io.k8s.api.{group}.{version}.{}", object["kind"].as_str()?);
        schema["$defs"].get(&name)?;
        schema["$ref"] = json!(format!("#/$defs/{name}"));
        Some(Self(schema))
    }

    /// What does not fit, with its place.
    pub(super) fn problems(&self, document: &Value) -> Vec<String> {
        let validator = Validator::new(&self.0).unwrap();
        validator
            .iter_errors(document)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect()
    }
}
