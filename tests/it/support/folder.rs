//! Configuration folders: the sample rules and templates with settings of the test's own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use wx_courier::config::{Loaded, Sources, load};
use wx_courier_core::catalog::{Catalog, TemplateKind};
use wx_courier_sandbox::{App, Kind, Settings as SandboxSettings, Template};

pub(crate) const APPID: &str = "wx0123456789abcdef";
/// The appid of one app of several; the first is the one of the sample configuration.
pub(crate) fn appid(number: usize) -> String {
    match number {
        0 => APPID.to_owned(),
        _ => format!("wx{number:016x}"),
    }
}

pub(crate) const SECRET: &str = "sandbox-secret";

/// The folder that users get.
pub(crate) fn sample_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
}

/// Which rules a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// Those of the sample configuration.
    Sample,
    /// The same without their rates, for tests that want many messages in little time.
    WithoutRates,
}

/// Writes the rules and templates of the sample configuration into `folder`.
pub(crate) fn copy_sample(folder: &Path, rules: Rules) {
    let sample = sample_folder();
    fs::create_dir_all(folder.join("rules")).expect("a folder can be made");
    fs::copy(sample.join("templates.toml"), folder.join("templates.toml"))
        .expect("templates.toml can be copied");
    let files = fs::read_dir(sample.join("rules")).expect("the sample has rules");
    for file in files {
        let path = file.expect("a folder can be read").path();
        let text = fs::read_to_string(&path).expect("a rule is text");
        let text = match rules {
            Rules::Sample => text,
            Rules::WithoutRates => without_rates(&text),
        };
        let name = path.file_name().expect("a file has a name");
        fs::write(folder.join("rules").join(name), text).expect("a rule can be written");
    }
}

/// Gives another app the templates of `shop`, under the same names.
pub(crate) fn add_templates(folder: &Path, app: &str) {
    let path = folder.join("templates.toml");
    let text = fs::read_to_string(&path).expect("templates.toml is there");
    let more = text.replace("[shop.", &format!("[{app}."));
    fs::write(path, text + &more).expect("templates.toml can be written");
}

/// Changes a text file. Panics if the old text is not there.
pub(crate) fn replace_in(path: &Path, old: &str, new: &str) {
    let text = fs::read_to_string(path).expect("the file is text");
    assert!(text.contains(old), "{old:?} is not in {}", path.display());
    fs::write(path, text.replace(old, new)).expect("the file can be written");
}

fn without_rates(rule: &str) -> String {
    let lines = rule.lines().filter(|line| !line.starts_with("rate"));
    lines.fold(String::new(), |text, line| text + line + "\n")
}

/// Reads a folder as the service does, without the environment.
pub(crate) fn read(folder: &Path) -> Loaded {
    let sources = Sources {
        folder: folder.to_owned(),
        working_folder: folder.to_owned(),
        environment: BTreeMap::new(),
        flags: Vec::new(),
    };
    let loaded = load(&sources);
    assert!(
        !loaded.problems.has_errors(),
        "the test's own configuration is wrong:\n{}",
        loaded.problems
    );
    loaded
}

/// An app and its templates, as WeChat would know them.
pub(crate) fn tell_sandbox(settings: &mut SandboxSettings, appid: &str, catalog: &Catalog) {
    let app = settings
        .apps
        .entry(appid.to_owned())
        .or_insert_with(|| App {
            secret: SECRET.to_owned(),
            ..App::default()
        });
    for template in catalog.iter() {
        let labels = template.params.iter();
        let known = Template {
            title: template.title.clone().unwrap_or_default(),
            params: labels.clone().map(|(param, _)| param.to_string()).collect(),
            labels: labels
                .map(|(param, label)| (param.to_string(), label.clone()))
                .collect(),
            kind: match template.kind {
                Some(TemplateKind::LongTerm) => Kind::LongTerm,
                Some(TemplateKind::LongTermLimited) => Kind::LongTermLimited,
                Some(TemplateKind::ServiceCard) => Kind::ServiceCard,
                Some(TemplateKind::OneTime) | None => Kind::OneTime,
            },
            enums: template.enums.clone(),
            key: template.frequency.as_ref().map(|it| it.key.to_string()),
            per_ms: template
                .frequency
                .as_ref()
                .map(|it| u64::try_from(it.per.as_millis()).unwrap()),
        };
        app.templates.insert(template.id.clone(), known);
    }
}
