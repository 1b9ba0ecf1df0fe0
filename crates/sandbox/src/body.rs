//! The body of a send, read without copying and without losing what is wrong with it: a value that is a number must
//! still be known as a value that is not a string.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The body of `message/subscribe/send`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct SendBody<'a> {
    #[serde(borrow)]
    pub(super) touser: Field<'a>,
    #[serde(borrow)]
    pub(super) template_id: Field<'a>,
    #[serde(borrow)]
    pub(super) page: Field<'a>,
    #[serde(borrow)]
    pub(super) miniprogram_state: Field<'a>,
    #[serde(borrow)]
    pub(super) lang: Field<'a>,
    #[serde(borrow)]
    pub(super) data: Data<'a>,
}

/// A place where a string belongs.
#[derive(Debug, Default)]
pub(super) enum Field<'a> {
    /// Not there, or null.
    #[default]
    Absent,
    /// Something else than a string.
    NotText,
    Text(Cow<'a, str>),
}

impl Field<'_> {
    /// The text; whatever is none counts as empty.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Absent | Self::NotText => "",
        }
    }

    /// The text unless it is empty.
    pub(super) fn non_empty(&self) -> Option<&str> {
        Some(self.text()).filter(|text| !text.is_empty())
    }
}

/// The values in the order of the body: `{"thing1": {"value": "…"}}`.
#[derive(Debug, Default)]
pub(super) struct Data<'a>(pub(super) Vec<(Cow<'a, str>, Field<'a>)>);

impl Data<'_> {
    /// The value of one param; of a key that comes twice the last counts.
    pub(super) fn value(&self, param: &str) -> &Field<'_> {
        self.0
            .iter()
            .rev()
            .find(|(key, _)| key == param)
            .map_or(&Field::Absent, |(_, value)| value)
    }
}

/// Whether the raw JSON writes a character as `\uXXXX`, which WeChat refuses. An escaped backslash before a `u` is not
/// such a case.
pub(super) fn has_unicode_escape(body: &str) -> bool {
    let mut bytes = body.bytes();
    while bytes.any(|byte| byte == b'\\') {
        if bytes.next() == Some(b'u') {
            return true;
        }
    }
    false
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor::Bare)
    }
}

/// Where the text is looked for.
enum FieldVisitor {
    /// The string itself.
    Bare,
    /// The member `value` of an object.
    Wrapped,
}

impl FieldVisitor {
    fn of_text(self, text: Cow<'_, str>) -> Field<'_> {
        match self {
            Self::Bare => Field::Text(text),
            Self::Wrapped => Field::NotText,
        }
    }
}

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(self.of_text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.of_text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Field::Absent)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Field::NotText)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Field::NotText)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Field::NotText)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Field::NotText)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::NotText)
    }

    // Numbers of arbitrary precision come this way too.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = match self {
            Self::Bare => Field::NotText,
            Self::Wrapped => Field::Absent,
        };
        while let Some(key) = map.next_key::<Field<'de>>()? {
            let value = map.next_value::<Field<'de>>()?;
            if matches!(self, Self::Wrapped) && key.text() == "value" {
                found = value;
            }
        }
        Ok(found)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        // WeChat's templates have two to five params.
        let mut entries = Vec::with_capacity(5);
        while let Some((key, entry)) = map.next_entry::<Field<'de>, Entry<'de>>()? {
            if let Field::Text(key) = key {
                entries.push((key, entry.0));
            }
        }
        Ok(Data(entries))
    }
}

/// A value in its object; what is no object is no text either.
struct Entry<'a>(Field<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for Entry<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer
            .deserialize_any(FieldVisitor::Wrapped)
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_in_place() {
        let body: SendBody<'_> = serde_json::from_str(
            r#"{"touser":"o1","template_id":"T","page":null,"data":{"thing1":{"value":"拿铁"},"amount2":{"value":12.5},"x":{}}}"#,
        )
        .unwrap();
        assert_eq!(
            (
                body.touser.text(),
                body.template_id.text(),
                body.page.non_empty()
            ),
            ("o1", "T", None)
        );
        assert!(matches!(
            body.data.value("thing1"),
            Field::Text(Cow::Borrowed("拿铁"))
        ));
        assert!(matches!(body.data.value("amount2"), Field::NotText));
        assert!(matches!(body.data.value("x"), Field::Absent));
        assert!(matches!(body.data.value("y"), Field::Absent));
    }

    #[test]
    fn other_types_are_kept_apart_from_text() {
        for raw in ["1", "1e99", "true", "[1]", r#"{"a":1}"#] {
            let json = format!(r#"{{"touser":{raw}}}"#);
            let body: SendBody<'_> = serde_json::from_str(&json).unwrap();
            assert!(matches!(body.touser, Field::NotText), "{raw}");
        }
    }

    #[test]
    fn unicode_escapes_are_found() {
        assert!(has_unicode_escape(r#"{"a":"\u62ff"}"#));
        assert!(has_unicode_escape(r#"{"a":"\\\u62ff"}"#));
        assert!(!has_unicode_escape(r#"{"a":"\\u62ff \n"}"#));
    }
}
