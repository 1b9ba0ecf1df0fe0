//! What rules need of the settings, in a process that has read those on disk and in one that was started before.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{RULE, SETTINGS, load_with};
use crate::config::{Loaded, Swap, unmet_until_restart};

fn loaded(settings: &str, rule: &str) -> Loaded {
    let loaded = load_with(settings, rule, &[], Vec::new());
    assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
    loaded
}

/// What is told where the one was read at the start, and the other lies on disk now.
fn told(before: &Loaded, now: &Loaded) -> String {
    let problems = unmet_until_restart(Swap {
        fresh: now.rules.as_ref().unwrap(),
        on_disk: now.settings.as_ref().unwrap(),
        in_force: before.rules.as_ref().unwrap(),
        running: before.settings.as_ref().unwrap(),
        in_use: &BTreeMap::new(),
    });
    for problem in &problems {
        let told = problem.to_string();
        assert!(told.contains("restart the service"), "{told}");
    }
    assert_eq!(problems.has_errors(), !problems.is_empty());
    problems.to_string()
}

#[test]
fn grants_are_not_enforced_before_anything_tells_of_them() {
    let enforce = format!("{SETTINGS}grants = \"enforce\"\n");
    let events = "[grants]\nevent = \"answered\"\n";
    let callbacks = "[apps.shop.callbacks]\nmode = \"plain\"\ntoken = \"t0k3nt0k3n\"\n";
    let plain = loaded(SETTINGS, RULE);
    for ears in [events, callbacks] {
        let heard = loaded(&format!("{enforce}{ears}"), RULE);
        let found = told(&plain, &heard);
        assert!(
            found.contains("nothing told of them at the start"),
            "{found}"
        );
        // A process that hears of grants begins to enforce them at once.
        let advised = enforce.replace("enforce", "advise");
        let hearing = loaded(&format!("{advised}{ears}"), RULE);
        assert_eq!(told(&hearing, &heard), "");
        // It is enforced already, with counts that were imported.
        assert_eq!(told(&loaded(&enforce, RULE), &heard), "");
    }
    // A restart would not change it: `check` warns.
    let unheard = loaded(&enforce, RULE);
    assert_eq!(told(&plain, &unheard), "");
    assert!(
        unheard
            .problems
            .to_string()
            .contains("nothing tells of them")
    );
}

#[test]
fn each_app_is_warned_of_that_hears_nothing_of_the_grants_it_enforces() {
    let settings = format!(
        "{SETTINGS}grants = \"enforce\"\n[apps.club]\nappid = \"wx2\"\nsecret = \"s3cret\"\n[grants]\nevent = \"answered\"\napp = \"club\"\n"
    );
    let found = loaded(&settings, RULE).problems.to_string();
    assert!(
        found.contains("the template note of the app shop, and nothing tells of them"),
        "{found}"
    );
}

#[test]
fn a_new_app_comes_into_force_and_another_appid_behind_callbacks_does_not() {
    let club = "[apps.club]\nappid = \"wx2\"\nsecret = \"s3cret\"\n";
    let before = loaded(SETTINGS, RULE);
    assert_eq!(
        told(&before, &loaded(&format!("{SETTINGS}{club}"), RULE)),
        ""
    );
    let other = SETTINGS.replace("appid = \"wx", "appid = \"wxf");
    assert_ne!(other, SETTINGS);
    assert_eq!(told(&before, &loaded(&other, RULE)), "");
    let callbacks = "[apps.shop.callbacks]\nmode = \"plain\"\ntoken = \"t0k3nt0k3n\"\n";
    let served = loaded(&format!("{SETTINGS}{callbacks}"), RULE);
    let found = told(&served, &loaded(&format!("{other}{callbacks}"), RULE));
    assert!(found.contains("apps.shop.appid is another one"), "{found}");
    // Without callbacks as well, once messages may have been sent.
    let (now, rules) = (loaded(&other, RULE), before.rules.as_ref().unwrap());
    let in_use = BTreeMap::from([(Arc::from("shop"), "wx0123456789abcdef".to_owned())]);
    let problems = unmet_until_restart(Swap {
        fresh: rules,
        on_disk: now.settings.as_ref().unwrap(),
        in_force: rules,
        running: before.settings.as_ref().unwrap(),
        in_use: &in_use,
    });
    assert!(problems.has_errors(), "{problems}");
}

#[test]
fn no_login_code_is_a_business_key() {
    let rule = RULE.replace("{{ data.to }}", "oABCD1234567890xyz");
    let by_code = RULE.replace(
        "to = \"{{ data.to }}\"",
        "to = { js_code = \"{{ data.code }}\" }",
    );
    let settings = format!("{SETTINGS}[explain]\nkeys = [\"/data/order_no\", \"/data/code\"]\n");
    loaded(&settings, &rule);
    let refused = load_with(&settings, &by_code, &[], Vec::new()).problems;
    let text = refused.to_string();
    assert!(refused.has_errors(), "{text}");
    assert!(
        text.contains("sub/note") && text.contains("/data/code"),
        "{text}"
    );
    let elsewhere = settings.replace("/data/code", "/data/number");
    loaded(&elsewhere, &by_code);
    let told = told(&loaded(&settings, &rule), &loaded(&elsewhere, &by_code));
    assert!(told.contains("/data/code"), "{told}");
}

#[test]
fn a_business_key_lies_in_the_event_as_rules_see_it() {
    for (place, hint) in [
        ("order_no", "/data/order_no"),
        ("/order_no", "may begin with /data, /ext, /key, /subject"),
        ("/data", "/data/order_no"),
        ("/key/1", "/key"),
        ("", "/data/order_no"),
    ] {
        let settings = format!("{SETTINGS}[explain]\nkeys = [\"{place}\"]\n");
        let told = load_with(&settings, RULE, &[], Vec::new()).problems;
        assert!(told.has_errors(), "{place}");
        assert!(told.to_string().contains(hint), "{place}: {told}");
    }
    let many = ["\"/data/a\""; 9].join(",");
    let settings = format!("{SETTINGS}[explain]\nkeys = [{many}]\n");
    let told = load_with(&settings, RULE, &[], Vec::new()).problems;
    assert!(told.to_string().contains("name 8 at most"), "{told}");
}
