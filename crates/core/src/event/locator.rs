//! Where a plain event keeps its attributes and its data.

use std::fmt;

use super::Pointer;

const HEADER: &str = "header:";
const CONSTANT: &str = "const:";
const JSON: &str = "json:";
const KEY: &str = "key";
const TOPIC: &str = "topic";
const VALUE: &str = "value";

/// Where an attribute of an event is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Locator {
    /// In the event's JSON.
    At(Pointer),
    /// In the record's first header of this name.
    Header(Box<str>),
    /// It is the record's key.
    Key,
    /// It is the record's topic.
    Topic,
    /// It is always this.
    Always(Box<str>),
}

impl Locator {
    /// Reads `/type`, `header:event-type`, `key`, `topic` and `const:order.completed`.
    pub fn new(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix(HEADER) {
            return (!name.is_empty()).then(|| Self::Header(name.into()));
        }
        if let Some(constant) = text.strip_prefix(CONSTANT) {
            return (!constant.is_empty()).then(|| Self::Always(constant.into()));
        }
        match text {
            KEY => Some(Self::Key),
            TOPIC => Some(Self::Topic),
            path => Pointer::new(path).map(Self::At),
        }
    }

    /// The pointer, if it is one.
    pub(super) fn pointer(&self) -> Option<&Pointer> {
        match self {
            Self::At(pointer) => Some(pointer),
            Self::Header(_) | Self::Key | Self::Topic | Self::Always(_) => None,
        }
    }

    /// The place in words, for a sentence.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::At(pointer) => pointer.to_string(),
            Self::Header(name) => format!("the header {name}"),
            Self::Key => "the record's key".to_owned(),
            Self::Topic => "the topic".to_owned(),
            Self::Always(constant) => format!("`{constant}`"),
        }
    }
}

impl fmt::Display for Locator {
    /// As [`Locator::new`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(pointer) => pointer.fmt(f),
            Self::Header(name) => write!(f, "{HEADER}{name}"),
            Self::Key => f.write_str(KEY),
            Self::Topic => f.write_str(TOPIC),
            Self::Always(constant) => write!(f, "{CONSTANT}{constant}"),
        }
    }
}

/// Where the data of a plain event is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataLocator {
    /// What the pointer leads to; the empty one to the whole event.
    At(Pointer),
    /// It is JSON inside the text that the pointer leads to.
    InText(Pointer),
}

impl DataLocator {
    /// Reads `value` (the whole event), `/payload` and `json:/payload`.
    pub fn new(text: &str) -> Option<Self> {
        if text == VALUE {
            return Some(Self::default());
        }
        match text.strip_prefix(JSON) {
            Some(path) if path.starts_with('/') => Pointer::new(path).map(Self::InText),
            Some(_) => None,
            None => Pointer::new(text).map(Self::At),
        }
    }

    /// The pointer.
    pub(super) fn pointer(&self) -> &Pointer {
        match self {
            Self::At(pointer) | Self::InText(pointer) => pointer,
        }
    }
}

impl Default for DataLocator {
    /// The whole event.
    fn default() -> Self {
        Self::At(Pointer::default())
    }
}

impl fmt::Display for DataLocator {
    /// As [`DataLocator::new`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(pointer) if *pointer == Pointer::default() => f.write_str(VALUE),
            Self::At(pointer) => pointer.fmt(f),
            Self::InText(pointer) => write!(f, "{JSON}{pointer}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_in_the_same_way() {
        for text in [
            "",
            "/type",
            "/meta/ids/0",
            "header:event-type",
            "header:a:b",
            "key",
            "topic",
            "const:order.completed",
        ] {
            assert_eq!(Locator::new(text).unwrap().to_string(), text);
        }
        for text in ["type", "header:", "const:", "headers:x", "Topic"] {
            assert_eq!(Locator::new(text), None, "{text}");
        }
        for text in ["value", "/payload", "json:/after/payload"] {
            assert_eq!(DataLocator::new(text).unwrap().to_string(), text);
        }
        assert_eq!(DataLocator::new(""), Some(DataLocator::default()));
        for text in ["payload", "json:", "json:payload", "header:x"] {
            assert_eq!(DataLocator::new(text), None, "{text}");
        }
    }
}
