//! The data of an event as templates read it: one index over the bytes of the record, and values that are made when a template asks.
//!
//! A value takes four bytes of the index, a name four more, a list or an object eight. What a template does not touch is never made; long
//! texts are made once, everything else each time it is asked for.

use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, OnceLock};

use minijinja::Value;
use minijinja::value::{DynObject, Enumerator, Object, ObjectExt, ObjectRepr};

use super::number;
use crate::event::Data;
use crate::event::json::{Container, Fault, Token, Tokens, compare, letters, quoted, text_of};

/// Texts and numbers from this length on are made once, so that a template that reads one again and again copies nothing.
const LONG_BYTES: usize = 256;

/// Where something lies. The two highest bits say in what.
#[derive(Clone, Copy)]
struct Place(u32);

enum In {
    /// At this byte of the data.
    Bytes(usize),
    /// Among the long texts.
    Long(usize),
    /// A list or an object, whose head is at this place of the index.
    Index(usize),
}

impl Place {
    const KIND: u32 = 0b11 << 30;
    const LONG: u32 = 0b01 << 30;
    const INDEX: u32 = 0b10 << 30;

    /// The most that fits beside the two bits.
    const MOST: usize = 1 << 30;

    #[expect(
        clippy::cast_possible_truncation,
        reason = "data that is longer than MOST gets no index"
    )]
    fn new(kind: u32, at: usize) -> Self {
        Self(kind | at as u32)
    }

    fn is_in(self) -> In {
        let at = (self.0 & !Self::KIND) as usize;
        match self.0 & Self::KIND {
            Self::LONG => In::Long(at),
            Self::INDEX => In::Index(at),
            _ => In::Bytes(at),
        }
    }
}

/// What stands before the parts of a list or an object: how many there are, and what it is.
#[derive(Clone, Copy)]
struct Head {
    container: Container,
    n_parts: usize,
}

impl Head {
    /// Counts are below a quarter of [`Place::MOST`].
    fn packed(self) -> Place {
        let is_object = usize::from(self.container == Container::Object);
        Place::new(0, self.n_parts << 1 | is_object)
    }

    fn unpacked(place: Place) -> Self {
        let container = if place.0 & 1 == 1 {
            Container::Object
        } else {
            Container::List
        };
        Self {
            container,
            n_parts: (place.0 >> 1) as usize,
        }
    }
}

struct Long {
    at: usize,
    value: OnceLock<Value>,
}

/// The index over the data of one event, shared by all values that are made of it.
pub(super) struct Tree {
    data: Data,
    /// For each list and object a head, and behind it the places of its parts: names and values in turn in an object, sorted by name.
    index: Vec<Place>,
    long: Vec<Long>,
}

impl Tree {
    /// The whole data as a value.
    pub(super) fn value_of(data: &Data) -> Value {
        if data.bytes().len() >= Place::MOST {
            return Value::UNDEFINED;
        }
        let mut builder = Builder::new(data);
        match builder.build() {
            Ok(Some(root)) => Arc::new(builder.tree).value(root),
            Ok(None) | Err(_) => Value::UNDEFINED,
        }
    }

    fn value(self: &Arc<Self>, place: Place) -> Value {
        match place.is_in() {
            In::Bytes(at) => plain_value(self.bytes_from(at)),
            In::Long(index) => match self.long.get(index) {
                Some(Long { at, value }) => value
                    .get_or_init(|| plain_value(self.bytes_from(*at)))
                    .clone(),
                None => Value::UNDEFINED,
            },
            In::Index(at) => match self.index.get(at) {
                Some(head) => Value::from_object(Branch {
                    tree: Arc::clone(self),
                    head: Head::unpacked(*head),
                    parts: at + 1,
                }),
                None => Value::UNDEFINED,
            },
        }
    }

    fn bytes_from(&self, at: usize) -> &[u8] {
        self.data.bytes().get(at..).unwrap_or_default()
    }

    /// The data from this name on.
    fn name(&self, place: Place) -> &[u8] {
        let at = match place.is_in() {
            In::Bytes(at) => at,
            In::Long(index) => self.long.get(index).map_or(0, |long| long.at),
            // No name is one.
            In::Index(_) => 0,
        };
        self.bytes_from(at)
    }
}

/// `null` is the same as a field that is not there: the engine would print it as a word, and an undefined value is refused wherever it
/// is used.
pub(super) fn plain_value(bytes: &[u8]) -> Value {
    match bytes.first() {
        Some(b'"') => Value::from(text_of(quoted(bytes))),
        Some(b't') => Value::from(true),
        Some(b'f') => Value::from(false),
        Some(b'-' | b'0'..=b'9') => number::to_value(number::at_start(bytes)),
        _ => Value::UNDEFINED,
    }
}

/// A list or an object of the event.
struct Branch {
    tree: Arc<Tree>,
    head: Head,
    /// Where its parts begin in the index.
    parts: usize,
}

impl fmt::Debug for Branch {
    /// Without what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Branch").finish_non_exhaustive()
    }
}

impl Branch {
    fn len(&self) -> usize {
        match self.head.container {
            Container::List => self.head.n_parts,
            Container::Object => self.head.n_parts / 2,
        }
    }

    fn part(&self, number: usize) -> Option<Place> {
        if number >= self.head.n_parts {
            return None;
        }
        self.tree.index.get(self.parts + number).copied()
    }

    fn value(&self, number: usize) -> Option<Value> {
        self.part(number).map(|place| self.tree.value(place))
    }

    fn field(&self, name: &str) -> Option<Value> {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            let known = letters(self.tree.name(self.part(2 * middle)?));
            match known.cmp(name.bytes()) {
                Ordering::Less => from = middle + 1,
                Ordering::Equal => return self.value(2 * middle + 1),
                Ordering::Greater => to = middle,
            }
        }
        None
    }
}

impl Object for Branch {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match self.head.container {
            Container::List => ObjectRepr::Seq,
            Container::Object => ObjectRepr::Map,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match self.head.container {
            Container::List => self.value(key.as_usize()?),
            Container::Object => self.field(key.as_str()?),
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match self.head.container {
            Container::List => None,
            Container::Object => self.field(key),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.head.container {
            Container::List => Enumerator::Seq(self.len()),
            Container::Object => self.mapped_key_value_enumerator(|this| {
                let value = |number| this.value(number).unwrap_or_default();
                let fields = 0..this.len();
                Box::new(fields.map(move |field| (value(2 * field), value(2 * field + 1))))
            }),
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.len())
    }

    /// Two values that were made of one place are equal without a look at their parts.
    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        let other = other.downcast_ref::<Self>()?;
        let is_same = Arc::ptr_eq(&self.tree, &other.tree) && self.parts == other.parts;
        is_same.then_some(Ordering::Equal)
    }
}

/// Makes a tree in one pass. The parts of what has begun wait on one pile until it ends, and are then moved to the index together.
struct Builder {
    tree: Tree,
    pile: Vec<Place>,
    /// What has begun, and where its parts begin on the pile.
    begun: Vec<(Container, usize)>,
    /// The fields of the object that has just ended.
    fields: Vec<Field>,
}

#[derive(Clone, Copy)]
struct Field {
    start: u64,
    name: Place,
    value: Place,
}

impl Builder {
    fn new(data: &Data) -> Self {
        // Both to their final size at once: growing would take twice as much for a moment.
        let counts = data.counts();
        let index = Vec::with_capacity(counts.values + counts.containers);
        Self {
            tree: Tree {
                data: data.clone(),
                index,
                long: Vec::new(),
            },
            pile: Vec::with_capacity(counts.values),
            begun: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Where the outermost value lies.
    fn build(&mut self) -> Result<Option<Place>, Fault> {
        let data = self.tree.data.clone();
        let mut tokens = Tokens::of(data.as_str());
        while let Some(token) = tokens.next()? {
            let place = match token {
                Token::Begin(container, _) => {
                    self.begun.push((container, self.pile.len()));
                    continue;
                }
                Token::End => match self.begun.pop() {
                    Some((container, from)) => self.end(container, from),
                    None => continue,
                },
                Token::Plain(at) | Token::Text(at) | Token::Name(at) => {
                    if at.len() < LONG_BYTES {
                        Place::new(0, at.start)
                    } else {
                        self.tree.long.push(Long {
                            at: at.start,
                            value: OnceLock::new(),
                        });
                        Place::new(Place::LONG, self.tree.long.len() - 1)
                    }
                }
            };
            self.pile.push(place);
        }
        Ok(self.pile.pop())
    }

    /// Moves the parts of what has ended to the index.
    fn end(&mut self, container: Container, from: usize) -> Place {
        if container == Container::Object {
            self.sort_fields(from);
        }
        let at = self.tree.index.len();
        let n_parts = self.pile.len() - from;
        self.tree.index.push(Head { container, n_parts }.packed());
        self.tree.index.extend(self.pile.drain(from..));
        Place::new(Place::INDEX, at)
    }

    /// Sorts the fields that lie on the pile from here on by their names. Of several with one name the last one counts.
    fn sort_fields(&mut self, from: usize) {
        let tree = &self.tree;
        let waiting = self.pile.get(from..).unwrap_or_default();
        let (pairs, _) = waiting.as_chunks::<2>();
        self.fields.clear();
        self.fields.extend(pairs.iter().map(|[name, value]| Field {
            start: start_of(tree.name(*name)),
            name: *name,
            value: *value,
        }));
        let order = |one: &Field, other: &Field| {
            let by_start = one.start.cmp(&other.start);
            by_start.then_with(|| compare(tree.name(one.name), tree.name(other.name)))
        };
        // What is written behind it is shorter.
        let by_place = |one: &Field, other: &Field| {
            let n_behind = |field: &Field| tree.name(field.name).len();
            n_behind(other).cmp(&n_behind(one))
        };
        self.fields
            .sort_unstable_by(|one, other| order(one, other).then_with(|| by_place(one, other)));
        self.pile.truncate(from);
        let mut sorted = self.fields.iter().peekable();
        while let Some(field) = sorted.next() {
            let is_last = sorted
                .peek()
                .is_none_or(|next| order(field, next) != Ordering::Equal);
            if is_last {
                self.pile.extend([field.name, field.value]);
            }
        }
    }
}

/// The first eight bytes of a name as a number of the same order: most names differ there, and need no second look.
fn start_of(name: &[u8]) -> u64 {
    let mut start = [0; 8];
    for (place, letter) in start.iter_mut().zip(letters(name)) {
        *place = letter;
    }
    u64::from_be_bytes(start)
}

#[cfg(test)]
mod tests;
