//! `[rules]` and `[templates]`: what holds for all of them.

use jiff::tz::TimeZone;

use super::Reader;
use crate::config::RuleReload;
use crate::config::keys::{Key, Table};
use crate::config::kinds::{Mistake, Parsed, Words};
use wx_courier_core::catalog::drift::Comparison;
use wx_courier_core::document::Section;

pub(super) static RULES: Table = Table {
    path: "rules",
    keys: &[&TIME_ZONE, &RELOAD],
};

static TIME_ZONE: Key<Parsed<TimeZone>> = Key {
    name: "time_zone",
    kind: Parsed {
        what: "a name of the IANA database",
        read: time_zone,
        show: |zone| zone.iana_name().unwrap_or("UTC").to_owned(),
    },
    default: || TimeZone::get("Asia/Shanghai").unwrap_or(TimeZone::UTC),
    about: "in which `datetime` and `date` write, and read times without a zone",
};

static RELOAD: Key<Words<RuleReload>> = Key {
    name: "reload",
    kind: Words(&[
        ("on_save", RuleReload::OnSave),
        ("on_request", RuleReload::OnRequest),
    ]),
    default: || RuleReload::OnSave,
    about: "when a running service takes up what was changed on disk: `on_save`, as soon as nothing has changed for a second; `on_request`, at SIGHUP or \
        `wx-courier reload` only ([rules that change](rules.md#rules-that-change))",
};

pub(super) static TEMPLATES: Table = Table {
    path: "templates",
    keys: &[&COMPARE],
};

static COMPARE: Key<Words<Comparison>> = Key {
    name: "compare",
    kind: Words(&[("daily", Comparison::Daily), ("off", Comparison::Off)]),
    default: || Comparison::Daily,
    about: "`daily`: the service compares `templates.toml` with what WeChat lists, at its start, once a day and when a refusal may mean a change, and tells what differs \
        ([templates.md](templates.md#drift)); `off`",
};

impl Reader<'_> {
    pub(super) fn rules(&mut self, top: &mut Section) -> (TimeZone, RuleReload) {
        let mut section = self.section(top, &RULES);
        let zone = self.read(&mut section, &TIME_ZONE);
        let reload = self.read(&mut section, &RELOAD);
        section.finish(self.problems);
        (zone, reload)
    }

    pub(super) fn templates(&mut self, top: &mut Section) -> Comparison {
        let mut section = self.section(top, &TEMPLATES);
        let compare = self.read(&mut section, &COMPARE);
        section.finish(self.problems);
        compare
    }
}

fn time_zone(name: &str) -> Result<TimeZone, Mistake> {
    TimeZone::get(name).map_err(|_| Mistake {
        message: format!("\"{name}\" is not a time zone"),
        help: "use a name of the IANA database, like Asia/Shanghai or UTC".to_owned(),
    })
}
