//! How records of the source topics are to be read.

use std::borrow::Cow;
use std::sync::Arc;

use super::decode::Form;
use super::{BusinessKeys, DataLocator, Envelope, Locator, Pointer};

/// What is looked for in the outermost object, wherever the settings say that something lies.
const FIELDS: [&str; 10] = [
    "specversion",
    "data",
    "data_base64",
    "datacontenttype",
    "id",
    "type",
    "source",
    "time",
    "subject",
    "traceparent",
];

/// How records of the source topics are to be read.
#[derive(Clone, Debug)]
pub struct Decoding {
    /// Where plain JSON keeps its id.
    pub id: Locator,
    /// Where plain JSON keeps its type.
    pub kind: Locator,
    /// Where plain JSON keeps its time: RFC 3339, or an epoch number.
    pub time: Locator,
    /// Where plain JSON keeps its source.
    pub source: Locator,
    /// Where plain JSON keeps its subject.
    pub subject: Locator,
    /// Where plain JSON keeps its data.
    pub data: DataLocator,
    /// What stands around plain JSON.
    pub envelope: Envelope,
    /// A record above this is not decoded, in bytes of its value, key and headers.
    pub max_bytes: usize,
    /// Where the business key of an event lies, in whichever form it comes; `None` where no place is named.
    pub keys: Option<Arc<BusinessKeys>>,
}

impl Decoding {
    fn attributes(&self) -> [&Locator; 5] {
        [
            &self.id,
            &self.kind,
            &self.time,
            &self.source,
            &self.subject,
        ]
    }

    /// The fields of the outermost object that are always looked for in an event of this form. In binary mode nothing is.
    pub(super) fn fields(&self, declared: Option<Form>) -> impl Iterator<Item = &str> {
        let (fields, of_envelope): (&[&str], &[&str]) = match declared {
            Some(Form::Binary) => (&[], &[]),
            Some(Form::Structured) => (&FIELDS, &[]),
            Some(Form::Plain) | None => (&FIELDS, self.envelope.fields()),
        };
        fields.iter().chain(of_envelope).copied()
    }

    /// Those where something begins besides.
    pub(super) fn more_fields(&self) -> Vec<Cow<'_, str>> {
        let pointers = self.attributes().map(Locator::pointer).into_iter();
        let pointers = pointers.flatten().chain([self.data.pointer()]);
        let first_steps = pointers.filter_map(|pointer| pointer.steps().next());
        first_steps
            .filter(|step| !FIELDS.contains(&step.as_ref()))
            .collect()
    }
}

impl Default for Decoding {
    fn default() -> Self {
        let at = |path: &str| Locator::At(Pointer::new(path).unwrap_or_default());
        Self {
            id: at("/id"),
            kind: at("/type"),
            time: at("/time"),
            source: at("/source"),
            subject: at("/subject"),
            data: DataLocator::default(),
            envelope: Envelope::None,
            max_bytes: 1024 * 1024,
            keys: None,
        }
    }
}
