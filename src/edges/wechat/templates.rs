//! The private templates of an app. `WeChat`: `gettemplate`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::api::whole_number;
use super::client::{Endpoint, WeChat};
use super::inquiry::Unanswered;
use wx_courier_core::catalog::TemplateKind;
use wx_courier_core::catalog::listing::{Listed, ListedParam, Listing, Unreadable};

/// Fifty templates with long lists of values weigh some hundred kilobytes.
const GET: Endpoint = Endpoint {
    path: "/wxaapi/newtmpl/gettemplate",
    largest_bytes: 4 * 1024 * 1024,
};

/// The `tid`s of service cards. `WeChat`: subscribe-message overview, one-time subscription without a popup.
const SERVICE_CARDS: std::ops::RangeInclusive<i64> = 10_000_001..=19_999_999;

impl WeChat {
    /// Asks for every private template of an app. Its quota is not documented, and small ones were reported: not to be asked often.
    pub async fn templates(&self, app: &str) -> Result<Listing, Unanswered> {
        let listing = |answer: &Value| listing_in(answer).ok_or("JSON without a list");
        self.app(app)?.ask(GET, None, listing).await
    }
}

/// An account without templates may have no list.
fn listing_in(answer: &Value) -> Option<Listing> {
    let entries = match answer.get("data") {
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(Value::Null) | None if answer.get("errcode").is_some() => &[],
        _ => return None,
    };
    let mut listing = Listing::default();
    for entry in entries {
        match listed_in(entry) {
            Ok(listed) => listing.templates.push(listed),
            Err(why) => listing.unreadable.push(Unreadable {
                id: text_in(entry, "priTmplId").to_owned(),
                title: text_in(entry, "title").to_owned(),
                why,
            }),
        }
    }
    Some(listing)
}

fn listed_in(entry: &Value) -> Result<Listed, String> {
    let id = text_in(entry, "priTmplId");
    if id.is_empty() {
        return Err("it has no priTmplId".to_owned());
    }
    let content = entry.get("content").and_then(Value::as_str);
    let content = content.ok_or("it has no content")?;
    let is_card = is_service_card(entry, content);
    let mut params = if is_card && content.trim().is_empty() {
        Vec::new()
    } else {
        params_in(content)?
    };
    add_examples(&mut params, text_in(entry, "example"));
    let kind = match whole_number(entry, "type") {
        _ if is_card => Some(TemplateKind::ServiceCard),
        Some(2) => Some(TemplateKind::OneTime),
        Some(3) => Some(TemplateKind::LongTerm),
        Some(_) | None => None,
    };
    let other_type = entry
        .get("type")
        .filter(|said| kind.is_none() && !said.is_null())
        .map(ToString::to_string);
    Ok(Listed {
        id: id.to_owned(),
        title: text_in(entry, "title").trim().to_owned(),
        kind,
        other_type,
        params,
        enums: enums_in(entry)?,
    })
}

/// Of a template without a value nothing can be sent, and only service cards have none: `addtemplate` wants two to five keywords for any
/// other template. The documented answer has no `tid`; if one is there, it tells as well.
fn is_service_card(entry: &Value, content: &str) -> bool {
    let tid = whole_number(entry, "tid");
    content.trim().is_empty() || tid.is_some_and(|tid| SERVICE_CARDS.contains(&tid))
}

fn text_in<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// `content` has a line for each param: `label:{{thing1.DATA}}`.
fn params_in(content: &str) -> Result<Vec<ListedParam>, String> {
    let mut params: Vec<ListedParam> = Vec::new();
    let mut rest = content;
    while let Some((label, after)) = rest.split_once("{{") {
        let (place, behind) = after
            .split_once("}}")
            .ok_or("its content has an open {{ without its }}")?;
        let name = key_in(place).ok_or_else(|| {
            format!("its content has {{{{{place}}}}}, which is no {{{{thing1.DATA}}}}")
        })?;
        if params.iter().any(|known| known.name == name) {
            return Err(format!("its content has {name} twice"));
        }
        params.push(ListedParam {
            name: name.to_owned(),
            label: label
                .trim()
                .trim_end_matches([':', '：'])
                .trim_end()
                .to_owned(),
            example: None,
        });
        rest = behind;
    }
    if params.is_empty() {
        return Err("its content names no param".to_owned());
    }
    Ok(params)
}

/// `thing1.DATA` → `thing1`
fn key_in(place: &str) -> Option<&str> {
    let name = place.trim().strip_suffix(".DATA")?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!name.is_empty() && name.bytes().all(is_name)).then_some(name)
}

/// `example` has a line for each param: its label, a colon, a value, which may have colons too.
fn add_examples(params: &mut [ListedParam], example: &str) {
    let mut lines: Vec<&str> = example.lines().collect();
    for param in params {
        // Two params may have the same label: the lines are in the order of the params.
        let mut values = lines.iter().map(|line| value_of(&param.label, line));
        let Some(at) = values.position(|value| value.is_some()) else {
            continue;
        };
        let value = value_of(&param.label, lines.remove(at));
        param.example = value.filter(|value| !value.is_empty()).map(str::to_owned);
    }
}

fn value_of<'a>(label: &str, line: &'a str) -> Option<&'a str> {
    let value = line.trim().strip_prefix(label)?.trim_start();
    value.strip_prefix([':', '：']).map(str::trim)
}

/// `keywordEnumValueList`: `keywordCode` is `enum_string2.DATA`.
fn enums_in(entry: &Value) -> Result<BTreeMap<String, Vec<String>>, String> {
    let lists = match entry.get("keywordEnumValueList") {
        Some(Value::Array(lists)) => lists.as_slice(),
        Some(Value::Null) | None => &[],
        Some(_) => return Err("its keywordEnumValueList is no list".to_owned()),
    };
    let mut enums = BTreeMap::new();
    for list in lists {
        let code = text_in(list, "keywordCode");
        let values = list.get("enumValueList").and_then(Value::as_array);
        let values = values.and_then(|values| {
            let texts = values.iter().map(|value| value.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>()
        });
        match (
            key_in(code).or_else(|| key_in(&format!("{code}.DATA")).map(|_| code)),
            values,
        ) {
            (Some(name), Some(values)) => drop(enums.insert(name.to_owned(), values)),
            (_, _) => return Err("an entry of its keywordEnumValueList cannot be read".to_owned()),
        }
    }
    Ok(enums)
}

#[cfg(test)]
mod tests;
