//! Which settings say something else than they did, by their keys alone: a value may be a secret.

use std::collections::{BTreeMap, BTreeSet};

use super::{Effective, Secret};

/// The keys whose settings differ between what was read at the start and what is on disk now, but for those that come into force with the
/// rules. An app that has come or gone is named as a whole.
pub(crate) fn waiting_for_restart(in_force: &[Effective], on_disk: &[Effective]) -> Vec<String> {
    let (in_force, on_disk) = (by_key(in_force), by_key(on_disk));
    let keys: BTreeSet<&str> = in_force.keys().chain(on_disk.keys()).copied().collect();
    let (before, now) = (apps(&in_force), apps(&on_disk));
    let one_sided: BTreeSet<&str> = before.symmetric_difference(&now).copied().collect();
    let of_one_sided = |key: &str| {
        let mut apps = one_sided.iter().copied();
        apps.find(|app| {
            key.strip_prefix(app)
                .is_some_and(|rest| rest.starts_with('.'))
        })
    };
    let changed = keys.into_iter().filter(|key| {
        let (before, now) = (in_force.get(key), on_disk.get(key));
        before != now && !comes_with_the_rules(key)
    });
    let named: BTreeSet<&str> = changed
        .map(|key| of_one_sided(key).unwrap_or(key))
        .collect();
    named.into_iter().map(str::to_owned).collect()
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

/// `apps.NAME` of every app: each has an appid.
fn apps<'a>(settings: &BTreeMap<&'a str, Value<'_>>) -> BTreeSet<&'a str> {
    let keys = settings.keys().filter(|key| key.starts_with(APPS));
    keys.filter_map(|key| key.strip_suffix(".appid")).collect()
}

/// What rules are made with, and messages wish for, is swapped with the rules.
fn comes_with_the_rules(key: &str) -> bool {
    key == "rules.time_zone" || key.starts_with(APPS) && key.ends_with(".grants")
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
            place: Origin::Default,
            hidden: hidden.map(Secret::new),
        }
    }

    #[test]
    fn what_differs_is_named_and_no_value_is() {
        let before = [
            setting("kafka.group", "a", None),
            setting("apps.shop.appid", "wx1", None),
            setting("apps.shop.secret_file", "/run/s", Some("one")),
            setting("apps.shop.grants", "off", None),
            setting("apps.old.appid", "wx2", None),
            setting("apps.old.rate", "1", None),
            setting("rules.time_zone", "UTC", None),
            setting("http.token", "(hidden)", Some("t")),
        ];
        assert_eq!(waiting_for_restart(&before, &before), [""; 0]);
        let after = [
            setting("kafka.group", "b", None),
            setting("apps.shop.appid", "wx1", None),
            setting("apps.shop.secret_file", "/run/s", Some("two")),
            setting("apps.shop.grants", "enforce", None),
            setting("apps.shop.rate", "2", None),
            setting("apps.shoppe.appid", "wx3", None),
            setting("rules.time_zone", "Asia/Shanghai", None),
        ];
        let told = waiting_for_restart(&before, &after);
        assert_eq!(
            told,
            [
                "apps.old",
                "apps.shop.rate",
                "apps.shop.secret_file",
                "apps.shoppe",
                "http.token",
                "kafka.group",
            ]
        );
    }
}
