//! What an event brings: JSON, or what has to be unpacked before it is JSON. That is done where a rule wants the event, and not before.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::Data;
use super::attributes::unquoted;
use super::data::Part;
use super::decode::{Unreadable, unreadable};
use super::found::BYTE_ORDER_MARK;
use super::hints::unsound;
use super::json::{Fault, Json};
use crate::model::Record;
use crate::model::outcome::Reason;

/// What an event brings. A copy costs nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// JSON; `null` where there is no data.
    Json(Data),
    /// What has to be unpacked.
    Packed(Packed),
}

/// Data in another form than JSON.
#[derive(Clone)]
pub struct Packed {
    part: Part,
    packing: Packing,
}

/// How data is packed.
#[derive(Clone)]
pub(super) enum Packing {
    /// A text that holds JSON. The settings say where the text is.
    InText(Box<str>),
    /// `data_base64` of a structured event, as JSON text.
    Base64(MediaType),
    /// The value of a binary event that does not say it is JSON, and is none.
    Plain(MediaType),
}

/// `content-type` or `datacontenttype`, without its parameters and in small letters; empty where none is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MediaType(Box<str>);

impl MediaType {
    /// So much of one is shown.
    const SHOWN: usize = 64;

    pub(super) fn of(said: &str) -> Self {
        let media_type = said.split(';').next().unwrap_or_default();
        Self(media_type.trim().to_ascii_lowercase().into())
    }

    pub(super) fn of_header(record: &Record, name: &str) -> Self {
        Self::of(&unquoted(record.header(name).unwrap_or_default()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// As much of it as an error shows.
    pub(super) fn shown(&self) -> String {
        self.0.chars().take(Self::SHOWN).collect()
    }

    /// Whether JSON is promised. It is where nothing is said, too.
    pub(super) fn is_json(&self) -> bool {
        let media_type = self.as_str();
        media_type.is_empty()
            || matches!(media_type, "application/json" | "text/json")
            || media_type.ends_with("+json")
    }
}

/// Data that rules can read, and what a person should know where they find nothing in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// The data.
    pub data: Data,
    /// A sentence for the person who looks for a value that is missing.
    pub hint: Option<Cow<'static, str>>,
}

/// The usual alphabet, with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const TEXT_HOLDS_JSON: &str = "the event's data is a text that holds JSON: publish the JSON itself, or read it with `data | fromjson`";

impl Payload {
    pub(super) fn packed(part: Part, packing: Packing) -> Self {
        Self::Packed(Packed { part, packing })
    }

    /// What rules read. Whatever is neither JSON nor text is `null` to them.
    pub fn open(&self) -> Result<Opened, Unreadable> {
        match self {
            Self::Json(data) => Ok(Opened {
                data: data.clone(),
                hint: holds_json(data).then_some(Cow::Borrowed(TEXT_HOLDS_JSON)),
            }),
            Self::Packed(Packed { part, packing }) => match packing {
                Packing::InText(place) => json_in_text(part, place),
                Packing::Base64(media_type) => of_base64(part, media_type),
                Packing::Plain(media_type) => Ok(of_bytes(part.bytes(), media_type)),
            },
        }
    }

    /// What it takes in memory beside the record.
    pub(super) fn own_bytes(&self) -> usize {
        match self {
            Self::Json(data) => data.own_bytes(),
            Self::Packed(Packed { part, .. }) => part.own_bytes(),
        }
    }
}

impl Default for Payload {
    /// No data.
    fn default() -> Self {
        Self::Json(Data::default())
    }
}

impl From<serde_json::Value> for Payload {
    fn from(value: serde_json::Value) -> Self {
        Self::Json(Data::from(value))
    }
}

impl PartialEq for Packed {
    /// Written in the same way.
    fn eq(&self, other: &Self) -> bool {
        self.part.bytes() == other.part.bytes()
    }
}

impl fmt::Debug for Packed {
    /// Without what is in it: payloads belong into no log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packed({} bytes)", self.part.bytes().len())
    }
}

/// Whether it is a text with an object or a list in it, by its beginning.
fn holds_json(data: &Data) -> bool {
    let inside = data.bytes().strip_prefix(b"\"").unwrap_or_default();
    inside.starts_with(b"{") || inside.starts_with(b"[")
}

/// What the JSON text says that the part is.
fn text_of(part: &Part) -> Cow<'_, str> {
    let json = Json::of(std::str::from_utf8(part.bytes()).unwrap_or_default());
    json.as_text().unwrap_or_default()
}

fn json_in_text(part: &Part, place: &str) -> Result<Opened, Unreadable> {
    let text = text_of(part);
    match Data::of_json(Arc::from(text.as_ref())) {
        Ok(data) => Ok(Opened { data, hint: None }),
        Err(fault) => {
            let what = format!("the text at {place} ([events] data)");
            Err(unsound(
                (&what, Reason::EventMalformed),
                text.as_bytes(),
                fault,
            ))
        }
    }
}

fn of_base64(part: &Part, media_type: &MediaType) -> Result<Opened, Unreadable> {
    let text = text_of(part);
    let Ok(bytes) = BASE64.decode(text.as_bytes()) else {
        return Err(unreadable(
            Reason::EventMalformed,
            "`data_base64` is not base64",
        ));
    };
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&bytes);
    if !media_type.is_json() {
        return Ok(of_bytes(bytes, media_type));
    }
    let what = ("what `data_base64` holds", Reason::EventMalformed);
    let data = match std::str::from_utf8(bytes) {
        Ok(text) => Data::of_json(Arc::from(text)),
        Err(error) => Err(Fault::Syntax(error.valid_up_to())),
    };
    match data {
        Ok(data) => Ok(Opened { data, hint: None }),
        Err(fault) => Err(unsound(what, bytes, fault)),
    }
}

/// Bytes of a media type that is not JSON: JSON is read all the same, other text is text.
fn of_bytes(bytes: &[u8], media_type: &MediaType) -> Opened {
    let is_text = |text: &&str| {
        let mut unseen = text.chars().filter(|c| c.is_control());
        unseen.all(|c| matches!(c, '\n' | '\r' | '\t'))
    };
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).ok();
    if let Some(Ok(data)) = text.map(|text| Data::of_json(Arc::from(text))) {
        return Opened { data, hint: None };
    }
    let Some(text) = text.filter(is_text) else {
        let shown = media_type.shown();
        let hint = format!(
            "the event's data is {shown}, which is neither JSON nor text in UTF-8: rules read null"
        );
        return Opened {
            data: Data::default(),
            hint: Some(Cow::Owned(hint)),
        };
    };
    Opened {
        data: Data::of_text(text),
        hint: None,
    }
}
