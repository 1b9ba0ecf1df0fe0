//! One value in a sound text, and the way to what lies in it.

use std::borrow::Cow;
use std::ops::Range;

use super::{Token, Tokens, text_of};
use crate::event::Pointer;

/// A value in a sound text. Nothing is made of it before a reader looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

/// What a value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number, as it is written.
    Number(&'a str),
    /// What a text says.
    Text(Cow<'a, str>),
    /// A list.
    List,
    /// An object.
    Object,
}

impl<'a> Json<'a> {
    /// The value that this text is, without spaces around it. The text is known to be sound.
    pub(in crate::event) fn of(text: &'a str) -> Self {
        Self(text)
    }

    /// What it is.
    pub fn seen(self) -> Seen<'a> {
        match self.0.bytes().next() {
            Some(b'"') => Seen::Text(text_of(self.0)),
            Some(b'[') => Seen::List,
            Some(b'{') => Seen::Object,
            Some(b't' | b'f') => Seen::Bool,
            Some(b'-' | b'0'..=b'9') => Seen::Number(self.0),
            _ => Seen::Null,
        }
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    /// Whether it is `null`.
    pub(in crate::event) fn is_null(self) -> bool {
        self.0.starts_with('n')
    }

    /// Whether it is text.
    pub(in crate::event) fn is_text(self) -> bool {
        self.0.starts_with('"')
    }

    /// Whether it is neither a list nor an object.
    pub fn is_single(self) -> bool {
        !self.0.starts_with(['{', '['])
    }

    /// The value as it is written.
    pub(crate) fn as_written(self) -> &'a str {
        self.0
    }

    /// Where it lies in a text that it is a part of.
    pub(in crate::event) fn place_in(self, text: &str) -> Range<usize> {
        let begin = self.0.as_ptr().addr().wrapping_sub(text.as_ptr().addr());
        begin..begin.saturating_add(self.0.len())
    }

    /// What it says, if it is text.
    pub fn as_text(self) -> Option<Cow<'a, str>> {
        match self.seen() {
            Seen::Text(text) => Some(text),
            Seen::Null | Seen::Bool | Seen::Number(_) | Seen::List | Seen::Object => None,
        }
    }

    /// What the pointer leads to; `null` is nothing.
    pub fn find(self, pointer: &Pointer) -> Option<Self> {
        self.follow(pointer.steps())
    }

    /// The same, for the rest of a pointer.
    pub(in crate::event) fn follow<'s>(
        self,
        steps: impl Iterator<Item = Cow<'s, str>>,
    ) -> Option<Self> {
        let mut value = self;
        for step in steps {
            value = value.step(&step)?;
        }
        (value.0 != "null").then_some(value)
    }

    fn step(self, step: &str) -> Option<Self> {
        match self.0.bytes().next()? {
            b'{' => {
                let fields = self.parts().filter(|(name, _)| text_of(name) == step);
                fields.last().map(|(_, value)| value)
            }
            b'[' => {
                let is_index = !step.starts_with('+') && (step == "0" || !step.starts_with('0'));
                let index = is_index.then(|| step.parse().ok()).flatten()?;
                self.parts().nth(index).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The fields of an object, in the order in which they are written; a name may come again.
    pub fn fields(self) -> impl Iterator<Item = (Cow<'a, str>, Self)> {
        let fields = self.parts().filter(|(name, _)| !name.is_empty());
        fields.map(|(name, value)| (text_of(name), value))
    }

    /// What lies in it, and under which name, with its quotes; there is none in a list.
    fn parts(self) -> impl Iterator<Item = (&'a str, Self)> {
        let text = self.0;
        let mut tokens = Tokens::of(text);
        let mut has_begun = matches!(tokens.next(), Ok(Some(Token::Begin(..))));
        let mut name = "";
        std::iter::from_fn(move || {
            while has_begun {
                let at = match tokens.next() {
                    Ok(Some(Token::Name(at))) => {
                        name = text.get(at)?;
                        continue;
                    }
                    Ok(Some(Token::Plain(at) | Token::Text(at))) => at,
                    Ok(Some(Token::Begin(_, start))) => start..behind_end(&mut tokens)?,
                    Ok(Some(Token::End) | None) | Err(_) => {
                        has_begun = false;
                        break;
                    }
                };
                return Some((name, Self(text.get(at)?)));
            }
            None
        })
    }
}

/// Reads on until what has just begun has ended, and says where that is.
fn behind_end(tokens: &mut Tokens<'_>) -> Option<usize> {
    let outside = tokens.level() - 1;
    while tokens.level() > outside {
        tokens.next().ok()??;
    }
    Some(tokens.at)
}
