//! Apps in files of their own.

use std::fs;

use super::{RULE, TEMPLATES, origin_of};
use crate::config::{Loaded, Sources, load};

const WITHOUT_APPS: &str = "[kafka]\ntopics = [\"events\"]\n";
const SHOP: &str = "appid = \"wx1\"\nsecret = \"s3cret\"\nrate = { per_second = 7 }\n";

fn load_with(settings: &str, files: &[(&str, &str)], environment: &[(&str, &str)]) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("apps/below")).unwrap();
    fs::create_dir_all(folder.path().join("rules")).unwrap();
    fs::write(folder.path().join("courier.toml"), settings).unwrap();
    fs::write(folder.path().join("templates.toml"), TEMPLATES).unwrap();
    fs::write(folder.path().join("rules/note.toml"), RULE).unwrap();
    for (name, text) in files {
        fs::write(folder.path().join("apps").join(name), text).unwrap();
    }
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    load(&Sources {
        folder: folder.path().to_owned(),
        working_folder: folder.path().to_owned(),
        environment: environment.iter().map(own).collect(),
        flags: Vec::new(),
    })
}

#[test]
fn a_file_says_what_its_table_would() {
    let environment = [("WX_COURIER__APPS__SHOP__MAX_IN_FLIGHT", "9")];
    let loaded = load_with(WITHOUT_APPS, &[("shop.toml", SHOP)], &environment);
    assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
    let app = &loaded.settings.as_ref().unwrap().apps["shop"];
    assert_eq!((app.appid.as_str(), app.max_in_flight), ("wx1", 9));
    assert!(app.rate.is_some());
    let (value, origin) = origin_of(&loaded, "apps.shop.appid");
    assert_eq!((value.as_str(), origin.as_str()), ("wx1", "shop.toml:1"));
    let (_, origin) = origin_of(&loaded, "apps.shop.max_in_flight");
    assert_eq!(origin, "environment WX_COURIER__APPS__SHOP__MAX_IN_FLIGHT");
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_place() {
    let both = format!("{WITHOUT_APPS}[apps.shop]\nappid = \"wx1\"\nsecret = \"s\"\n");
    for (settings, (name, text), expected) in [
        (
            both.as_str(),
            ("shop.toml", SHOP),
            "the app shop is in two places",
        ),
        (
            WITHOUT_APPS,
            ("shop.toml", "[apps.shop]\nappid = \"wx1\"\n"),
            "leave the heading [apps.shop] out",
        ),
        (
            WITHOUT_APPS,
            ("my shop.toml", SHOP),
            "use small letters, digits, - and _",
        ),
        (
            WITHOUT_APPS,
            ("below/shop.toml", SHOP),
            "an app's file lies in apps/ itself",
        ),
        (
            WITHOUT_APPS,
            ("shop.toml", "appid = \"wx1\"\nsecret = \"s\"\nrates = 7\n"),
            "shop.toml:3",
        ),
    ] {
        let loaded = load_with(settings, &[(name, text)], &[]);
        let told = loaded.problems.to_string();
        assert!(
            loaded.problems.has_errors() && told.contains(expected),
            "{expected}: {told}"
        );
    }
}
