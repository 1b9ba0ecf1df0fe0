//! The six calls below `/wxaapi/newtmpl/`.

use axum::extract::Query;
use axum::http::Uri;
use serde_json::{Map, Value, json};

use crate::answer::{Refusal, Reply};
use crate::call::{Incoming, read_json};
use crate::settings::Kind;
use crate::state::{State, lock};
use crate::templates::library::{CATEGORIES, Keyword, TITLES, Title, title};
use crate::templates::{Listed, number_of};

/// WeChat: `getpubtemplatetitles`, `limit`.
const MOST_TITLES: usize = 30;
/// WeChat: `addtemplate`, `kidList`.
const KEYWORDS: std::ops::RangeInclusive<usize> = 2..=5;
/// WeChat: `addtemplate`, `sceneDesc` in characters.
const MOST_SCENE: usize = 15;

fn data(data: &[Value]) -> Reply {
    Reply::success(json!({ "errcode": 0, "errmsg": "ok", "data": data }).to_string())
}

fn counted(count: usize, data: &[Value]) -> Reply {
    let body = json!({ "errcode": 0, "errmsg": "ok", "count": count, "data": data });
    Reply::success(body.to_string())
}

/// `GET gettemplate`.
pub(crate) fn list(state: &State, appid: &str) -> Reply {
    let catalogs = lock(&state.catalogs);
    let listed = catalogs.listed(appid);
    let listed: Vec<Value> = listed.map(|(id, listed)| described(id, listed)).collect();
    data(&listed)
}

/// One entry of the list; a param that has no label gets its key.
fn described(id: &str, listed: &Listed) -> Value {
    let template = &listed.template;
    let label = |param: &String| template.labels.get(param).unwrap_or(param).clone();
    let lines = |value: &dyn Fn(&String) -> String| -> String {
        let params = template.params.iter();
        let lines: Vec<String> = params
            .map(|param| format!("{}:{}\n", label(param), value(param)))
            .collect();
        lines.concat()
    };
    let content = lines(&|param| format!("{{{{{param}.DATA}}}}"));
    let example = lines(&|param| {
        let known = listed.examples.get(param.as_str()).copied();
        let first = template.enums.get(param).and_then(|values| values.first());
        match (known, first) {
            (Some(known), _) => known.to_owned(),
            (None, Some(first)) => first.clone(),
            (None, None) => example_of(param).to_owned(),
        }
    });
    let enums = template.enums.iter();
    let enums: Vec<Value> = enums
        .map(|(param, values)| json!({ "keywordCode": format!("{param}.DATA"), "enumValueList": values }))
        .collect();
    json!({
        "priTmplId": id,
        "title": template.title,
        "content": content,
        "example": example,
        "type": number_of(template.kind),
        "keywordEnumValueList": enums,
    })
}

/// A value of the type that a param's prefix names.
fn example_of(param: &str) -> &'static str {
    match param.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "number" => "12",
        "letter" => "A",
        "symbol" => "#",
        "character_string" => "A-1024",
        "time" => "15:01",
        "date" => "2019年10月1日",
        "amount" => "￥100",
        "phone_number" => "+86-0766-66888866",
        "car_number" => "粤A8Z888挂",
        "name" => "张三",
        "phrase" => "配送中",
        _ => "示例",
    }
}

/// The members of a body. SDKs send JSON; WeChat's older pages speak of a form, whose lists are `kidList=1,2`, `kidList[0]=1` or
/// `kidList=1&kidList=2`.
fn members(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if matches!(body.trim_ascii_start().first(), None | Some(b'{' | b'[')) {
        return read_json(body);
    }
    let form = str::from_utf8(body).map_err(|_| Refusal::of(47001))?;
    let uri: Uri = format!("/?{form}")
        .parse()
        .map_err(|_| Refusal::of(47001))?;
    let Query(pairs) =
        Query::<Vec<(String, String)>>::try_from_uri(&uri).map_err(|_| Refusal::of(47001))?;
    let mut members = Map::new();
    let mut kids = Vec::new();
    for (name, value) in pairs {
        if name.split('[').next() == Some("kidList") {
            kids.extend(value.split(',').map(|kid| Value::from(kid.trim())));
        } else {
            members.insert(name, value.into());
        }
    }
    members.insert("kidList".to_owned(), kids.into());
    Ok(members)
}

/// A string, or a number in place of one.
fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    match members.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `POST addtemplate`.
pub(crate) fn add(state: &State, appid: &str, asked: &Incoming<'_>) -> Result<Reply, Refusal> {
    let members = members(asked.body)?;
    let tid = text(&members, "tid").unwrap_or_default();
    let title = title(&tid).ok_or_else(|| Refusal::of(200_014))?;
    let keywords = chosen(title, members.get("kidList")).ok_or_else(|| Refusal::of(200_020))?;
    let scene = text(&members, "sceneDesc").unwrap_or_default();
    if scene.is_empty() || scene.chars().count() > MOST_SCENE {
        return Err(Refusal::of(200_021));
    }
    let listed = Listed::of_library(title, &keywords);
    let mut ids = lock(&state.ids);
    let id = lock(&state.catalogs).add(appid, listed, &mut ids)?;
    Ok(Reply::success(
        json!({ "errcode": 0, "errmsg": "ok", "priTmplId": id }).to_string(),
    ))
}

/// The keywords of a list of kids, in its order: two to five different ones; none for a service card.
fn chosen(title: &Title, kids: Option<&Value>) -> Option<Vec<&'static Keyword>> {
    let kids = kids?.as_array()?;
    if title.kind == Kind::ServiceCard {
        return kids.is_empty().then(Vec::new);
    }
    let mut chosen: Vec<&'static Keyword> = Vec::new();
    for kid in kids {
        let kid = kid.as_u64().or_else(|| kid.as_str()?.parse().ok())?;
        let keyword = title.keywords.iter().find(|it| u64::from(it.kid) == kid)?;
        if chosen.iter().any(|it| it.kid == keyword.kid) {
            return None;
        }
        chosen.push(keyword);
    }
    KEYWORDS.contains(&chosen.len()).then_some(chosen)
}

/// `POST deltemplate`.
pub(crate) fn delete(state: &State, appid: &str, asked: &Incoming<'_>) -> Result<Reply, Refusal> {
    let members = members(asked.body)?;
    let id = text(&members, "priTmplId").ok_or_else(|| Refusal::of(20002))?;
    if lock(&state.catalogs).remove(appid, &id) {
        Ok(Reply::ok())
    } else {
        Err(Refusal::of(20001))
    }
}

/// `GET getcategory`.
pub(crate) fn categories() -> Reply {
    let categories = CATEGORIES.iter();
    let categories: Vec<Value> = categories
        .map(|category| json!({ "id": category.id, "name": category.name }))
        .collect();
    data(&categories)
}

/// `GET getpubtemplatetitles`.
pub(crate) fn titles(asked: &Incoming<'_>) -> Result<Reply, Refusal> {
    let number = |name, code| -> Result<usize, Refusal> {
        let value = asked.parameter(name).unwrap_or_default();
        value.parse().map_err(|_| Refusal::of(code))
    };
    let ids = asked.parameter("ids").unwrap_or_default();
    if ids.is_empty() {
        return Err(Refusal::of(200_018));
    }
    let mut wanted = Vec::new();
    for id in ids.split(',') {
        let category = CATEGORIES.iter().find(|it| it.id.to_string() == id.trim());
        wanted.push(category.ok_or_else(|| Refusal::of(200_019))?.id);
    }
    let start = number("start", 200_016)?;
    let limit = number("limit", 200_017)?;
    if !(1..=MOST_TITLES).contains(&limit) {
        return Err(Refusal::of(200_017));
    }
    let found: Vec<Value> = TITLES
        .iter()
        .filter(|title| wanted.contains(&title.category))
        .map(|title| {
            json!({
                "tid": title.tid,
                "title": title.name,
                "type": number_of(title.kind),
                "categoryId": title.category.to_string(),
            })
        })
        .collect();
    let page: Vec<Value> = found.iter().skip(start).take(limit).cloned().collect();
    Ok(counted(found.len(), &page))
}

/// `GET getpubtemplatekeywords`.
pub(crate) fn keywords(asked: &Incoming<'_>) -> Result<Reply, Refusal> {
    let tid = asked.parameter("tid").unwrap_or_default();
    let title = title(&tid).ok_or_else(|| Refusal::of(200_014))?;
    let keywords: Vec<Value> = title
        .keywords
        .iter()
        .map(|keyword| {
            json!({
                "kid": keyword.kid,
                "name": keyword.name,
                "example": keyword.example,
                "rule": keyword.rule,
            })
        })
        .collect();
    Ok(counted(keywords.len(), &keywords))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_like_json() {
        let from_form = |body: &str| members(body.as_bytes()).unwrap();
        for body in [
            "tid=1001&kidList=1,2&sceneDesc=%E6%B5%8B",
            "tid=1001&kidList[0]=1&kidList[1]=2&sceneDesc=%E6%B5%8B",
            "tid=1001&kidList=1&kidList=2&sceneDesc=%E6%B5%8B",
            "tid=1001&kidList%5B%5D=1&kidList%5B%5D=2&sceneDesc=%E6%B5%8B",
        ] {
            let members = from_form(body);
            assert_eq!(text(&members, "sceneDesc").as_deref(), Some("测"), "{body}");
            let title = title(&text(&members, "tid").unwrap()).unwrap();
            let kids: Vec<u32> = chosen(title, members.get("kidList"))
                .unwrap()
                .iter()
                .map(|keyword| keyword.kid)
                .collect();
            assert_eq!(kids, [1, 2], "{body}");
        }
        assert_eq!(members(b"[]"), Err(Refusal::of(47001)));
        assert_eq!(members(b""), Err(Refusal::of(44002)));
    }

    #[test]
    fn two_to_five_different_keywords_can_be_chosen() {
        let title = title("1001").unwrap();
        let ok = |kids: Value| chosen(title, Some(&kids)).is_some();
        assert!(ok(json!([5, 1])) && ok(json!([1, 2, 3, 4, 5])) && ok(json!(["1", "2"])));
        for odd in [
            json!([1]),
            json!([1, 1]),
            json!([1, 9]),
            json!([1, 2, 3, 4, 5, 6]),
            json!(["a", 1]),
            json!("1,2"),
        ] {
            assert!(!ok(odd.clone()), "{odd}");
        }
        let card = super::title("10000001").unwrap();
        assert_eq!(
            chosen(card, Some(&json!([]))).map(|chosen| chosen.len()),
            Some(0)
        );
        assert!(chosen(card, Some(&json!([1, 2]))).is_none());
    }
}
