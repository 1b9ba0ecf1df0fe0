//! XML or JSON → one tree. XML is read as far as `WeChat` writes it: elements and text, no attributes, no entities of its own.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};
use quick_xml::name::QName;
use serde_json::{Map, Value};

/// Why a body is not one of `WeChat`'s. It never repeats the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Neither form begins like this.
    #[error("the body is neither XML nor JSON")]
    NoForm,
    /// It begins like JSON.
    #[error("the body is not sound JSON")]
    Json,
    /// It begins like XML.
    #[error("the body is not sound XML")]
    Xml,
    /// A document type or an entity, by which a small document could become a large one.
    #[error("the XML declares or uses entities, which WeChat never does")]
    Entities,
    /// Deeper than anything that `WeChat` sends.
    #[error("the XML is nested deeper than {DEEPEST}")]
    TooDeep,
    /// A field that must be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A field that must be a whole number is none.
    #[error("`{0}` is not a whole number")]
    NotANumber(&'static str),
    /// A field that must be an id of `WeChat`'s is none.
    #[error("`{0}` is not an id: expected letters, digits, `-` and `_`")]
    NotAName(&'static str),
}

impl Unreadable {
    /// The field that it is about; the whole body has none.
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Missing(field) | Self::NotANumber(field) | Self::NotAName(field) => field,
            Self::NoForm | Self::Json | Self::Xml | Self::Entities | Self::TooDeep => "",
        }
    }
}

/// `WeChat` nests four deep: the root, the wrapper, `List`, a field.
const DEEPEST: usize = 8;

/// Reads a body in whichever form it has. Some of `WeChat`'s tools begin it with a byte order mark.
pub(super) fn read(body: &[u8]) -> Result<Value, Unreadable> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    match body.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(body).map_err(|_| Unreadable::Json),
        Some(b'<') => xml(std::str::from_utf8(body).map_err(|_| Unreadable::Xml)?),
        Some(_) | None => Err(Unreadable::NoForm),
    }
}

/// An element that is open.
struct Open {
    name: String,
    text: String,
    children: Map<String, Value>,
}

impl Open {
    fn new(name: QName<'_>) -> Self {
        Self {
            name: name.as_ref().to_owned(),
            text: String::new(),
            children: Map::new(),
        }
    }

    /// The second element of a name makes an array of the first.
    fn take(&mut self, child: Self) {
        let value = if child.children.is_empty() {
            Value::String(child.text)
        } else {
            Value::Object(child.children)
        };
        match self.children.get_mut(&child.name) {
            None => {
                self.children.insert(child.name, value);
            }
            Some(Value::Array(several)) => several.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
}

fn xml(text: &str) -> Result<Value, Unreadable> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut document = Open::new(QName("document"));
    loop {
        match reader.read_event().map_err(|_| Unreadable::Xml)? {
            Event::Start(start) if open.len() < DEEPEST => open.push(Open::new(start.name())),
            Event::Start(_) => return Err(Unreadable::TooDeep),
            Event::Empty(empty) => {
                let parent = open.last_mut().unwrap_or(&mut document);
                parent.take(Open::new(empty.name()));
            }
            Event::End(_) => {
                let closed = open.pop().ok_or(Unreadable::Xml)?;
                open.last_mut().unwrap_or(&mut document).take(closed);
            }
            Event::Text(text) => add(&mut open, &text.xml10_content()),
            Event::CData(text) => add(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => add(&mut open, &resolve(&reference)?),
            Event::DocType(_) => return Err(Unreadable::Entities),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if !open.is_empty() {
        return Err(Unreadable::Xml);
    }
    let mut roots = document.children.into_iter().map(|(_, root)| root);
    match (roots.next(), roots.next()) {
        (Some(root @ Value::Object(_)), None) => Ok(root),
        (Some(_) | None, _) => Err(Unreadable::Xml),
    }
}

/// Text between elements is white space and does no harm there: an element with children has no text.
fn add(open: &mut [Open], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, Unreadable> {
    let character = reference
        .resolve_char_ref()
        .map_err(|_| Unreadable::Xml)?
        .or_else(|| match reference.xml10_content().as_ref() {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "apos" => Some('\''),
            "quot" => Some('"'),
            _ => None,
        });
    character.map(String::from).ok_or(Unreadable::Entities)
}
