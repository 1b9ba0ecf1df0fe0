//! What is searched for among outcomes, and its address: the query of a page.

use std::fmt::Write as _;

use form_urlencoded::byte_serialize;

use super::history::is_name_of;
use super::history::told::Kept;

/// Which outcomes are meant. Several values of one field mean any of them; all fields must hold; an empty one holds for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// By the word of the status.
    pub statuses: Vec<String>,
    /// By the word of the reason.
    pub reasons: Vec<String>,
    /// By `WeChat`'s code.
    pub errcodes: Vec<i64>,
    /// By the rule.
    pub rules: Vec<String>,
    /// By the app.
    pub apps: Vec<String>,
    /// By the template's name.
    pub templates: Vec<String>,
    /// By the version of the rules.
    pub versions: Vec<String>,
    /// By a business key, an event's id, an outcome's or a message's, `msgid`, `rid`, or the recipient as it is published.
    pub id: Option<String>,
    /// Settled at this time or later, in Unix milliseconds.
    pub from_ms: Option<i64>,
    /// Settled before this time, in Unix milliseconds.
    pub to_ms: Option<i64>,
}

/// More values are no question of a person.
const MOST_VALUES: usize = 50;

/// Longer ids are nowhere.
const LONGEST_VALUE: usize = 1024;

impl Filter {
    /// Reads a query. What is not understood is passed over: the page shows what holds.
    pub fn of_query(query: &str) -> Self {
        let mut filter = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            if value.is_empty() || value.len() > LONGEST_VALUE {
                continue;
            }
            match name.as_ref() {
                "status" => add(&mut filter.statuses, value),
                "reason" => add(&mut filter.reasons, value),
                "rule" => add(&mut filter.rules, value),
                "app" => add(&mut filter.apps, value),
                "template" => add(&mut filter.templates, value),
                "version" => add(&mut filter.versions, value),
                "id" => filter.id = Some(value.to_owned()),
                "errcode" => {
                    let code = value.parse().ok();
                    let code = code.filter(|code| !filter.errcodes.contains(code));
                    let room = MOST_VALUES.saturating_sub(filter.errcodes.len());
                    filter.errcodes.extend(code.into_iter().take(room));
                }
                "from" => filter.from_ms = moment(value),
                "to" => filter.to_ms = moment(value),
                _ => {}
            }
        }
        filter
    }

    /// The query of its address, without a question mark. Reading it gives the same filter.
    pub fn to_query(&self) -> String {
        let mut query = String::new();
        let texts = [
            ("status", &self.statuses),
            ("reason", &self.reasons),
            ("rule", &self.rules),
            ("app", &self.apps),
            ("template", &self.templates),
            ("version", &self.versions),
        ];
        for (name, values) in texts {
            for value in values {
                say(&mut query, name, value);
            }
        }
        for code in &self.errcodes {
            say(&mut query, "errcode", &code.to_string());
        }
        if let Some(id) = &self.id {
            say(&mut query, "id", id);
        }
        for (name, ms) in [("from", self.from_ms), ("to", self.to_ms)] {
            if let Some(ms) = ms {
                say(&mut query, name, &ms.to_string());
            }
        }
        query
    }

    /// Whether it takes an outcome that has just come. The history answers for those that it keeps.
    pub fn takes(&self, kept: &Kept) -> bool {
        let outcome = &kept.outcome;
        let any = |wanted: &[String], said: Option<&str>| {
            wanted.is_empty() || said.is_some_and(|said| wanted.iter().any(|one| one == said))
        };
        let is_code = self.errcodes.is_empty()
            || outcome
                .errcode
                .is_some_and(|code| self.errcodes.contains(&code));
        any(&self.statuses, Some(outcome.status.as_str()))
            && any(&self.reasons, Some(outcome.reason.as_str()))
            && any(&self.rules, outcome.rule.as_deref())
            && any(&self.apps, outcome.app.as_deref())
            && any(&self.templates, outcome.template.as_deref())
            && any(&self.versions, Some(&outcome.rules_version))
            && is_code
            && self.id.as_deref().is_none_or(|id| is_name_of(id, outcome))
            && self.from_ms.is_none_or(|from| kept.settled_ms >= from)
            && self.to_ms.is_none_or(|to| kept.settled_ms < to)
    }

    /// Whether it holds for everything.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }
}

fn add(values: &mut Vec<String>, value: &str) {
    if values.len() < MOST_VALUES && !values.iter().any(|known| known == value) {
        values.push(value.to_owned());
    }
}

fn say(query: &mut String, name: &str, value: &str) {
    let separator = if query.is_empty() { "" } else { "&" };
    let value: String = byte_serialize(value.as_bytes()).collect();
    let _written = write!(query, "{separator}{name}={value}").is_ok();
}

/// Unix milliseconds, or RFC 3339.
fn moment(text: &str) -> Option<i64> {
    let ms = text.parse().ok();
    ms.or_else(|| {
        let time = text.parse::<jiff::Timestamp>().ok()?;
        Some(time.as_millisecond())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_is_searched_for_and_nothing_else() {
        let query = "status=failed&status=invalid&status=failed&errcode=47003&errcode=x&rule=order%20done&id=%E8%AE%A2%261&from=2026-11-30T08:00:00Z&to=1796000000000&what=else&app=";
        let filter = Filter::of_query(query);
        assert_eq!(filter.statuses, ["failed", "invalid"]);
        assert_eq!(filter.errcodes, [47003]);
        assert_eq!(filter.id.as_deref(), Some("订&1"));
        assert_eq!(filter.from_ms, Some(1_796_025_600_000));
        assert!(filter.apps.is_empty());
        assert_eq!(Filter::of_query(&filter.to_query()), filter);
        assert!(Filter::of_query("").is_open());
        assert!(!filter.is_open());
    }

    #[test]
    fn a_question_of_no_person_is_cut() {
        let many: Vec<String> = (0..1000)
            .map(|number| format!("rule=r{number}&errcode={number}"))
            .collect();
        let filter = Filter::of_query(&many.join("&"));
        assert_eq!(
            (filter.rules.len(), filter.errcodes.len()),
            (MOST_VALUES, MOST_VALUES)
        );
        let long = format!("id={}", "x".repeat(LONGEST_VALUE + 1));
        assert!(Filter::of_query(&long).is_open());
    }
}
