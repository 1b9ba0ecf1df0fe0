//! JSON as it lies in a record: read in one pass, without building anything of it.
//!
//! The grammar is RFC 8259's, as strict as `serde_json` takes it. [`Tokens`] is its only reader: [`survey`] goes through it to say whether
//! a text is sound and how much would be made of it, [`Json`] to find a place in a sound text, and the rules to make what templates read.

mod text;
mod view;

use std::ops::Range;

pub(crate) use text::{compare, letters, quoted, text_of};
pub use view::{Json, Seen};

/// How many lists and objects may lie in one another.
pub const MOST_LEVELS: usize = 127;

/// How many values and names of fields one event may have. A message is made of a few dozen of them, and real data takes five bytes or
/// more for each: only what is all brackets comes to so many in a MiB.
pub const MOST_VALUES: usize = 250_000;

/// What has parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    List,
    Object,
}

/// What comes next in a text, and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A number, `true`, `false` or `null`.
    Plain(Range<usize>),
    /// Text, with its quotes.
    Text(Range<usize>),
    /// The name of a field, with its quotes.
    Name(Range<usize>),
    /// A list or an object begins, at this place.
    Begin(Container, usize),
    /// The innermost list or object has ended.
    End,
}

/// Why a text is not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not JSON, from this byte on.
    Syntax(usize),
    /// It has more than [`MOST_LEVELS`] levels.
    TooDeep,
    /// It has more than [`MOST_VALUES`] values and names.
    TooMany,
}

/// A field of the outermost object that is looked for, and where its value lies. Of several with one name the last one counts.
#[derive(Debug)]
pub(super) struct Wanted<'n> {
    pub(super) name: &'n str,
    pub(super) at: Option<Range<usize>>,
}

/// What a whole text is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// Where its value lies, without the spaces around it.
    pub(super) whole: Range<usize>,
    pub(super) counts: Counts,
}

/// How much is in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Values and names of fields.
    pub(crate) values: usize,
    /// How many of them are lists and objects.
    pub(crate) containers: usize,
}

/// Reads a text to its end, and notes where the wanted fields lie.
pub(super) fn survey(text: &str, wanted: &mut [Wanted<'_>]) -> Result<Survey, Fault> {
    let mut tokens = Tokens::of(text);
    let mut counts = Counts {
        values: 0,
        containers: 0,
    };
    // Where the outermost value and the one inside it begin.
    let mut begun = [0; 2];
    let mut whole = 0..0;
    let mut field = None;
    while let Some(token) = tokens.next()? {
        if token != Token::End {
            counts.values += 1;
            if counts.values > MOST_VALUES {
                return Err(Fault::TooMany);
            }
        }
        let level = tokens.level();
        let ended = match token {
            Token::Plain(at) | Token::Text(at) => at,
            Token::End => begun.get(level).copied().unwrap_or_default()..tokens.at,
            Token::Begin(_, at) => {
                counts.containers += 1;
                if let Some(begun) = begun.get_mut(level - 1) {
                    *begun = at;
                }
                continue;
            }
            Token::Name(at) => {
                if level == 1 {
                    field = find(text, at, wanted);
                }
                continue;
            }
        };
        if level == 0 {
            whole = ended;
        } else if level == 1
            && let Some(index) = field.take()
            && let Some(wanted) = wanted.get_mut(index)
        {
            wanted.at = Some(ended);
        }
    }
    Ok(Survey { whole, counts })
}

fn find(text: &str, at: Range<usize>, wanted: &[Wanted<'_>]) -> Option<usize> {
    let name = text_of(text.get(at)?);
    wanted.iter().position(|wanted| wanted.name == name)
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    Value,
    ValueOrEnd,
    Name,
    NameOrEnd,
    CommaOrEnd,
    Nothing,
}

/// Goes through a text, token by token.
#[derive(Debug)]
pub(crate) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
    level: usize,
    /// One bit for each level, the innermost the lowest: set where it is an object.
    objects: u128,
    expects: Expects,
}

impl<'a> Tokens<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
            level: 0,
            objects: 0,
            expects: Expects::Value,
        }
    }

    /// How many lists and objects have begun and not ended.
    fn level(&self) -> usize {
        self.level
    }

    /// The next token; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Token>, Fault> {
        loop {
            let is_in_object = self.objects & 1 == 1;
            match (self.expects, self.peek_behind_spaces()) {
                (Expects::CommaOrEnd, Some(b',')) => {
                    self.at += 1;
                    self.expects = if is_in_object {
                        Expects::Name
                    } else {
                        Expects::Value
                    };
                }
                (Expects::CommaOrEnd | Expects::NameOrEnd, Some(b'}')) if is_in_object => {
                    return Ok(Some(self.end()));
                }
                (Expects::CommaOrEnd | Expects::ValueOrEnd, Some(b']')) if !is_in_object => {
                    return Ok(Some(self.end()));
                }
                (Expects::Name | Expects::NameOrEnd, Some(b'"')) => return self.name().map(Some),
                (Expects::Value | Expects::ValueOrEnd, Some(byte)) => {
                    return self.value(byte).map(Some);
                }
                (Expects::Nothing, None) => return Ok(None),
                _ => return Err(Fault::Syntax(self.at)),
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn peek_behind_spaces(&mut self) -> Option<u8> {
        loop {
            match self.peek() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other,
            }
        }
    }

    fn value(&mut self, first: u8) -> Result<Token, Fault> {
        let token = match first {
            b'"' => Token::Text(self.quoted()?),
            b'{' => return self.begin(Container::Object),
            b'[' => return self.begin(Container::List),
            b't' => Token::Plain(self.word(b"true")?),
            b'f' => Token::Plain(self.word(b"false")?),
            b'n' => Token::Plain(self.word(b"null")?),
            _ => Token::Plain(self.number()?),
        };
        self.value_ended();
        Ok(token)
    }

    fn value_ended(&mut self) {
        self.expects = if self.level == 0 {
            Expects::Nothing
        } else {
            Expects::CommaOrEnd
        };
    }

    fn begin(&mut self, container: Container) -> Result<Token, Fault> {
        if self.level == MOST_LEVELS {
            return Err(Fault::TooDeep);
        }
        let at = self.at;
        self.at += 1;
        self.level += 1;
        self.objects <<= 1;
        self.expects = match container {
            Container::List => Expects::ValueOrEnd,
            Container::Object => {
                self.objects |= 1;
                Expects::NameOrEnd
            }
        };
        Ok(Token::Begin(container, at))
    }

    fn end(&mut self) -> Token {
        self.at += 1;
        self.level -= 1;
        self.objects >>= 1;
        self.value_ended();
        Token::End
    }

    /// A name and the colon behind it.
    fn name(&mut self) -> Result<Token, Fault> {
        let name = self.quoted()?;
        if self.peek_behind_spaces() != Some(b':') {
            return Err(Fault::Syntax(self.at));
        }
        self.at += 1;
        self.expects = Expects::Value;
        Ok(Token::Name(name))
    }

    fn word(&mut self, word: &[u8]) -> Result<Range<usize>, Fault> {
        let start = self.at;
        let rest = self.bytes.get(start..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(Fault::Syntax(start));
        }
        self.at += word.len();
        Ok(start..self.at)
    }

    fn number(&mut self) -> Result<Range<usize>, Fault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(start..self.at)
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let n_digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if n_digits == 0 {
            return Err(Fault::Syntax(self.at));
        }
        self.at += n_digits;
        Ok(())
    }

    fn quoted(&mut self) -> Result<Range<usize>, Fault> {
        let start = self.at;
        self.at += 1;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | ..=0x1f);
            let n_plain = rest.iter().position(is_special).unwrap_or(rest.len());
            self.at += n_plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(start..self.at);
                }
                Some(b'\\') => {
                    let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
                    let (_, n_bytes) = text::escape(rest).ok_or(Fault::Syntax(self.at))?;
                    self.at += 1 + n_bytes;
                }
                _ => return Err(Fault::Syntax(self.at)),
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
