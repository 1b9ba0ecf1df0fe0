//! Which settings say something else than they did, by their keys alone: a value may be a secret.

use std::collections::{BTreeMap, BTreeSet};

use super::{Effective, Secret, TakesEffect};

/// The keys whose settings differ between what was read at the start and what is on disk now, but for those that come into force with the
/// rules.
pub(crate) fn waiting_for_restart(in_force: &[Effective], on_disk: &[Effective]) -> Vec<String> {
    let (in_force, on_disk) = (by_key(in_force), by_key(on_disk));
    let keys: BTreeSet<&str> = in_force.keys().chain(on_disk.keys()).copied().collect();
    let changed = keys.into_iter().filter(|key| {
        let (before, now) = (in_force.get(key), on_disk.get(key));
        before != now && takes_effect(key) == TakesEffect::WithARestart
    });
    changed.map(str::to_owned).collect()
}

/// What is shown of a value, and the whole of it where that is hidden.
type Value<'a> = (&'a str, Option<&'a str>);

fn by_key(settings: &[Effective]) -> BTreeMap<&str, Value<'_>> {
    let mut by_key = BTreeMap::new();
    for setting in settings {
        let hidden = setting.hidden.as_ref().map(Secret::expose);
        by_key.insert(setting.key.as_str(), (setting.value.as_str(), hidden));
    }
    by_key
}

const APPS: &str = "apps.";

const CONSOLE: &str = "console.";

/// What rules are made with, and messages are sent by, is swapped with the rules. Callbacks are served from the start on.
pub(super) fn takes_effect(key: &str) -> TakesEffect {
    let of_app = key.strip_prefix(APPS).and_then(|rest| rest.split_once('.'));
    let is_of_apps = of_app.is_some_and(|(_name, key)| !key.starts_with("callbacks."));
    if key == "rules.time_zone" || is_of_apps {
        TakesEffect::WithTheRules
    } else if key.starts_with(CONSOLE) {
        TakesEffect::WithARestartOfTheConsole
    } else {
        TakesEffect::WithARestart
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wx_courier_core::document::Origin;

    fn setting(key: &str, value: &str, hidden: Option<&str>) -> Effective {
        Effective {
            key: key.to_owned(),
            value: value.to_owned(),
            origin: String::new(),
            takes_effect: takes_effect(key),
            place: Origin::Default,
            hidden: hidden.map(Secret::new),
            file: None,
        }
    }

    #[test]
    fn what_differs_is_named_and_no_value_is() {
        let before = [
            setting("kafka.group", "a", None),
            setting("apps.shop.appid", "wx1", None),
            setting("apps.shop.secret_file", "/run/s", Some("one")),
            setting("apps.shop.callbacks.token", "(hidden)", Some("t")),
            setting("rules.time_zone", "UTC", None),
            setting("http.token", "(hidden)", Some("t")),
            setting("console.listen", "127.0.0.1:1", None),
        ];
        assert_eq!(waiting_for_restart(&before, &before), [""; 0]);
        let after = [
            setting("kafka.group", "b", None),
            setting("apps.shop.appid", "wx1", None),
            setting("apps.shop.secret_file", "/run/s", Some("two")),
            setting("apps.shop.callbacks.token", "(hidden)", Some("u")),
            setting("apps.callbacks.appid", "wx4", None),
            setting("console.listen", "127.0.0.1:2", None),
            setting("apps.shoppe.appid", "wx3", None),
            setting("rules.time_zone", "Asia/Shanghai", None),
        ];
        let told = waiting_for_restart(&before, &after);
        assert_eq!(
            told,
            ["apps.shop.callbacks.token", "http.token", "kafka.group"]
        );
    }
}
