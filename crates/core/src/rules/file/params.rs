//! `[params]` and `overflow` of a rule file.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Reader, with_nearest};
use crate::catalog::{Template, param_order, warn_of_unlisted};
use crate::document::{Item, Node, Problem, Said, Section, Severity, nearest};
use crate::message::{Overflow, Sight, leftovers};
use crate::rules::constants::{Place, constants};
use crate::rules::inspect::Tables;
use crate::rules::recipe::Param;
use crate::rules::template::Text;
use crate::wechat::params::{ParamKind, normalise};

const OVERFLOW_WORDS: [(&str, Overflow); 2] =
    [("reject", Overflow::Reject), ("trim", Overflow::Trim)];

impl Reader<'_> {
    pub(super) fn overflow(&mut self, file: &mut Section) -> Overflows {
        let mut overflows = Overflows::default();
        let Some(said) = file.take("overflow") else {
            return overflows;
        };
        if matches!(said.value.item, Item::Table(_)) {
            for (param, said) in Section::new(self.problems, said.key, said.value).take_rest() {
                if let Some(word) = self.overflow_word(&said) {
                    overflows.each.insert(param, said.map(|_| word));
                }
            }
        } else {
            overflows.all = self.overflow_word(&said).unwrap_or_default();
        }
        overflows
    }

    fn overflow_word(&mut self, said: &Said<Node>) -> Option<Overflow> {
        if let Item::String(text) = &said.value.item
            && let Some((_, overflow)) = OVERFLOW_WORDS.iter().find(|(word, _)| word == text)
        {
            return Some(*overflow);
        }
        self.problems.push(
            said.error(
                "expected \"trim\" or \"reject\", or a table with one of them for each param",
            ),
        );
        None
    }

    /// The params that compile, and the names of all that are there or should be.
    pub(super) fn params(
        &mut self,
        file: &mut Section,
        template: Option<&Template>,
        overflows: &Overflows,
        tables: &Tables,
    ) -> (Vec<Param>, Vec<String>) {
        let Some(mut section) = file.take_section(self.problems, "params") else {
            self.problems.push(file.error("[params] is missing").help(
                "write a value for every param of the template: thing2 = \"{{ data.name }}\"",
            ));
            return (Vec::new(), Vec::new());
        };
        let rest = section.take_rest();
        let said_names: Vec<_> = rest.iter().map(|(name, _)| name.clone()).collect();
        let mut names = said_names.clone();
        names.extend(
            template
                .iter()
                .flat_map(|template| &template.params)
                .map(|(name, _)| name.to_string()),
        );
        let known = template.map_or(&[] as &[_], |template| template.params.as_slice());
        let missing: Vec<_> = known
            .iter()
            .filter(|(name, _)| !said_names.iter().any(|said| said.as_str() == name.as_ref()))
            .collect();
        let free: Vec<_> = missing.iter().map(|(name, _)| name.as_ref()).collect();
        let mut params = Vec::new();
        for (name, said) in rest {
            if !known.is_empty() && !known.iter().any(|(known, _)| known.as_ref() == name) {
                let problem = said.error(format!("the template has no param `{name}`"));
                self.problems.push(if free.is_empty() {
                    problem.help("leave it out")
                } else {
                    with_nearest(problem, &name, &free)
                });
                continue;
            }
            let Item::String(text) = &said.value.item else {
                let problem =
                    said.error(format!("expected text, found {}", said.value.item.kind()));
                self.problems.push(problem.help("put the value in quotes"));
                continue;
            };
            let text = Said {
                value: text.clone(),
                origin: said.origin.clone(),
                key: said.key.clone(),
            };
            params.extend(self.param(&name, &text, template, overflows, tables));
        }
        for (name, said) in overflows
            .each
            .iter()
            .filter(|(name, _)| !said_names.contains(name))
        {
            let known: Vec<_> = said_names.iter().map(String::as_str).collect();
            self.problems.push(with_nearest(
                said.error(format!("there is no param `{name}` in [params]")),
                name,
                &known,
            ));
        }
        for (name, label) in missing {
            let problem = section.error(format!(
                "the template's param `{name}` ({label}) is missing"
            ));
            self.problems
                .push(problem.help("WeChat takes a message only with every param"));
        }
        if let Some(template) = template.filter(|_| known.is_empty()) {
            self.check_key(&section, template, &said_names);
        }
        if said_names.is_empty() && known.is_empty() {
            self.problems.push(
                section
                    .error("there are no params")
                    .help("WeChat takes a message only with every param of its template"),
            );
        }
        let on_card = |name: &str| known.iter().position(|(known, _)| known.as_ref() == name);
        params.sort_by_cached_key(|param| (on_card(&param.name), param_order(&param.name)));
        (params, names)
    }

    /// The param by which `WeChat` counts is mandatory, also where the others are not known.
    fn check_key(&mut self, section: &Section, template: &Template, said: &[String]) {
        let Some(frequency) = &template.frequency else {
            return;
        };
        let key = &frequency.key;
        if !said.iter().any(|name| name.as_str() == key.as_ref()) {
            let problem = section.error(format!(
                "the template's param `{key}` is missing, by which WeChat counts how often it is sent"
            ));
            self.problems.push(
                problem.help("give it a value, or mend `key` of the template in templates.toml"),
            );
        }
    }

    fn param(
        &mut self,
        name: &str,
        said: &Said<String>,
        template: Option<&Template>,
        overflows: &Overflows,
        tables: &Tables,
    ) -> Option<Param> {
        let kind = self.kind_of_param(name, said, template)?;
        let overflow = self.overflow_of_param(name, kind, overflows);
        let text = self.text(name, said, tables)?;
        let listed = template.and_then(|template| template.enums.get(name));
        let never_fits = |text: &str| never_fits(kind, overflow, listed, text);
        if let Text::Literal(literal) = &text {
            for found in never_fits(literal) {
                self.push_found(name, &found, said.error(found.message.clone()));
            }
        } else {
            self.check_constants(name, said, tables, never_fits);
            if let Some(sight) = Sight::of_param(kind) {
                self.look_at_text(name, said, &text, sight, tables);
            }
            if kind == ParamKind::Amount {
                self.look_at_amount(name, said);
            }
        }
        Some(Param {
            name: Arc::from(name),
            text,
            overflow,
        })
    }

    /// The type of a param. A name that the template has is right, whatever its type is.
    fn kind_of_param(
        &mut self,
        name: &str,
        said: &Said<String>,
        template: Option<&Template>,
    ) -> Option<ParamKind> {
        let params = template.map_or(&[] as &[_], |template| template.params.as_slice());
        if params.iter().any(|(known, _)| known.as_ref() == name) {
            return Some(ParamKind::of(name).unwrap_or(ParamKind::Unlisted));
        }
        let Some(kind) = ParamKind::of(name) else {
            let problem = said.error(format!(
                "`{name}` is no param: expected a type and a number, such as `thing1`"
            ));
            let help = ParamKind::nearest_name(name).map_or_else(
                || {
                    let prefixes: Vec<_> = ParamKind::prefixes().collect();
                    format!("types: {}", prefixes.join(", "))
                },
                |near| format!("did you mean `{near}`?"),
            );
            self.problems.push(problem.help(help));
            return None;
        };
        warn_of_unlisted(self.problems, name, said);
        Some(kind)
    }

    fn overflow_of_param(
        &mut self,
        name: &str,
        kind: ParamKind,
        overflows: &Overflows,
    ) -> Overflow {
        let Some(own) = overflows.each.get(name) else {
            return if kind.can_trim() {
                overflows.all
            } else {
                Overflow::Reject
            };
        };
        if own.value == Overflow::Trim && !kind.can_trim() {
            let help = "leave it out: a value that is too long makes the message `invalid`";
            self.problems.push(
                own.error("a value of this type means something else when it is cut")
                    .help(help),
            );
        }
        own.value
    }

    /// What a template gives without a look at the event is checked now, as fixed text is.
    fn check_constants(
        &mut self,
        name: &str,
        said: &Said<String>,
        tables: &Tables,
        never_fits: impl Fn(&str) -> Vec<Found>,
    ) {
        for constant in constants(&said.value, tables) {
            for found in never_fits(&constant.text) {
                let problem = match &constant.place {
                    Place::Line(line) => {
                        let mut problem = said.error(found.message.clone());
                        problem.line = self.line_of(said, *line);
                        problem
                    }
                    Place::Entry { table, key } => {
                        let place = (table.clone(), key.clone());
                        let origin = self.entries.get(&place).unwrap_or(&said.origin);
                        let message = format!("{}: {}", said.key, found.message);
                        Problem::error(origin, message).key(format!("tables.{table}.{key}"))
                    }
                };
                self.push_found(name, &found, problem);
            }
        }
    }

    fn push_found(&mut self, name: &str, found: &Found, at: Problem) {
        if found.severity == Severity::Warning {
            self.note_told(name, found.message.clone());
        }
        self.problems.push(Problem {
            severity: found.severity,
            help: found.help.clone(),
            ..at
        });
    }
}

/// What is found of a text that is fixed.
struct Found {
    /// An error if it would fail with every event that brings it.
    severity: Severity,
    message: String,
    help: Option<String>,
}

/// Why a text that is fixed can never be sent, or perhaps not.
fn never_fits(
    kind: ParamKind,
    overflow: Overflow,
    listed: Option<&Vec<String>>,
    text: &str,
) -> Vec<Found> {
    let mut value = normalise(text);
    if overflow == Overflow::Trim && kind.can_trim() {
        value = kind.trim(&value, "");
    }
    let found = |severity, message: String, help: Option<String>| Found {
        severity,
        message,
        help,
    };
    let mut all = Vec::new();
    if let Err(violation) = kind.check(&value) {
        let message = format!("WeChat would refuse this value: {}", violation.detail);
        all.push(found(Severity::Error, message, None));
    } else if let Some(doubt) = kind.doubt(&value) {
        all.push(found(Severity::Warning, doubt, None));
    }
    let sight = Sight::of_param(kind).into_iter();
    for leftover in sight.flat_map(|sight| leftovers(sight, &value)) {
        let (message, help) = (leftover.to_string(), Some(leftover.help()));
        all.push(found(Severity::Warning, message, help));
    }
    if let Some(listed) = listed.filter(|listed| !listed.contains(&value)) {
        let known: Vec<_> = listed.iter().map(String::as_str).collect();
        let help = match nearest(&value, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", known.join(", ")),
        };
        let message = format!("\"{value}\" is not one of the template's values");
        all.push(found(Severity::Error, message, Some(help)));
    }
    all
}

/// What the file says of values that are too long.
#[derive(Default)]
pub(super) struct Overflows {
    all: Overflow,
    each: BTreeMap<String, Said<Overflow>>,
}
