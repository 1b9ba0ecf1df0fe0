//! Names of the user's fit into outcomes, ids and labels, or are refused.

use jiff::tz::TimeZone;

use super::{RULE, SETTINGS, TEMPLATES, load_with};
use crate::config::{Sources, load};
use wx_courier_core::catalog::{Catalog, Policies};
use wx_courier_core::document::Problems;
use wx_courier_core::rules::{RuleSet, RuleSource, Surroundings};

/// What is told about an app, a template and a rule with names of so many bytes.
fn told(n_bytes: usize) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (app, template) = ("a".repeat(n_bytes), "t".repeat(n_bytes));
    // The name of one file cannot be that long, but the path of a rule can.
    let inside = "f".repeat(200);
    let rule = format!("{inside}/{}", "r".repeat(n_bytes - inside.len() - 1));
    let write = |file: &str, text: String| std::fs::write(folder.path().join(file), text).unwrap();
    std::fs::create_dir_all(folder.path().join("rules").join(&inside)).unwrap();
    write(
        "courier.toml",
        format!(
            "[kafka]\ntopics = [\"events\"]\n[apps.{app}]\nappid = \"wx0123456789abcdef\"\nsecret = \"s\"\n"
        ),
    );
    write(
        "templates.toml",
        format!("[{app}.{template}]\nid = \"T1\"\n"),
    );
    write(
        &format!("rules/{rule}.toml"),
        format!(
            "on = \"a\"\napp = \"{app}\"\ntemplate = \"{template}\"\nto = \"{{{{ data.to }}}}\"\n[params]\nthing1 = \"x\"\n"
        ),
    );
    let loaded = load(&Sources {
        folder: folder.path().to_owned(),
        working_folder: folder.path().to_owned(),
        environment: Default::default(),
        flags: Vec::new(),
    });
    loaded.problems.to_string()
}

#[test]
fn a_name_that_would_be_cut_is_refused() {
    let fitting = told(256);
    assert!(!fitting.contains("error"), "{fitting}");
    let told = told(257);
    for (place, line) in [("courier.toml", 3), ("templates.toml", 1)] {
        let place = format!("{place}:{line}: error: ");
        assert!(told.contains(&place), "{place} is missing in\n{told}");
    }
    // The app in both files, and the template.
    let mistake = "the name is too long: 257 bytes, and outcomes have room for 256\n    help: give it a shorter name";
    assert_eq!(told.matches(mistake).count(), 3, "{told}");
}

#[test]
fn a_rule_whose_name_would_be_cut_is_refused() {
    let mut problems = Problems::default();
    let source = RuleSource {
        file: "rules/long.toml".to_owned(),
        name: "r".repeat(257),
        text: RULE.to_owned(),
    };
    let catalog = Catalog::read(&mut problems, "templates.toml", TEMPLATES).unwrap();
    let around = Surroundings {
        apps: &["shop".to_owned()].into(),
        catalog: &catalog,
        policies: &Policies::default(),
        time_zone: TimeZone::UTC,
    };
    assert!(RuleSet::compile(&mut problems, &[source], &around).is_none());
    let told = problems.to_string();
    let mistake = "the name is too long: 257 bytes, and outcomes have room for 256";
    assert!(told.starts_with("rules/long.toml: error: rule r"), "{told}");
    assert!(told.contains(mistake), "{told}");
}

#[test]
fn an_appid_that_looks_unlike_those_of_wechat_is_a_warning() {
    for (appid, is_doubtful) in [
        ("wx0123456789abcdef", false),
        ("wx1", true),
        ("wx0123456789abcdeg", true),
        ("WX0123456789abcdef", true),
        ("wx0123456789abcdef0", true),
    ] {
        let settings = SETTINGS.replace("wx0123456789abcdef", appid);
        let problems = load_with(&settings, RULE, &[], Vec::new()).problems;
        assert!(!problems.has_errors(), "{problems}");
        let said = problems.to_string();
        assert_eq!(said.contains("does not look like"), is_doubtful, "{said}");
    }
}
