//! What programs leave in a text and no customer is meant to see: a placeholder that was never filled, a word for nothing, marks of a
//! format, a label with nothing behind it.
//!
//! All of it can be sent. So it is told to who writes a rule and to who looks at a message, and stops nothing.

use std::fmt;

use crate::wechat::params::ParamKind;

/// What was found, with the part of the text that shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Leftover {
    /// A placeholder: `{ data.shop }`, `${shop}`, `%s`, `｛｛ data.shop ｝｝`.
    Placeholder(String),
    /// A path into the event without any braces.
    Path(String),
    /// A word or sign for a value that is not there: `null`, `[object Object]`, `（）`.
    Nothing(String),
    /// A mark of a format that the card does not know: `\n`, `&nbsp;`, `<br>`, `%E6%8B`.
    Mark(String),
    /// A list or an object as programs write it.
    Json,
    /// A moment as programs write it.
    Timestamp(String),
    /// Characters that were read in the wrong encoding.
    Damage(String),
    /// A label at the end, with nothing behind it.
    Label,
    /// Punctuation at the beginning, with nothing before it.
    Gap(char),
}

/// Where a text stands, which says what of it is well there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// A customer reads it.
    Text,
    /// It is a part of such a text: what comes before and behind it is not known.
    Part,
    /// It opens something: percent signs belong there.
    Address,
}

impl Sight {
    /// How a customer sees the values of a type; `None` where anything left over is refused anyway.
    pub fn of_param(kind: ParamKind) -> Option<Self> {
        match kind {
            ParamKind::Thing
            | ParamKind::Letter
            | ParamKind::CharacterString
            | ParamKind::Name
            | ParamKind::Phrase
            | ParamKind::Enum
            | ParamKind::Const
            | ParamKind::ShortThing
            | ParamKind::Unlisted => Some(Self::Text),
            ParamKind::Number
            | ParamKind::Symbol
            | ParamKind::Time
            | ParamKind::Date
            | ParamKind::Amount
            | ParamKind::PhoneNumber
            | ParamKind::CarNumber => None,
        }
    }
}

impl fmt::Display for Leftover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Placeholder(found) | Self::Path(found) => {
                write!(
                    f,
                    "`{found}` is sent as it stands here: no value takes its place"
                )
            }
            Self::Nothing(found) => write!(f, "the customer would see `{found}`"),
            Self::Mark(found) => write!(
                f,
                "the customer would see `{found}`, a mark that a card does not know"
            ),
            Self::Json => {
                f.write_str("the customer would see a list or an object as programs write it")
            }
            Self::Timestamp(found) => write!(
                f,
                "the customer would see `{found}…`, a time as programs write it"
            ),
            Self::Damage(found) => write!(
                f,
                "`{found}` comes of text that was read in the wrong encoding"
            ),
            Self::Label => f.write_str("it ends in a label with nothing behind it"),
            Self::Gap(mark) => write!(f, "it begins with `{mark}`: something is missing before it"),
        }
    }
}

impl Leftover {
    /// What to do about it in a rule.
    pub fn help(&self) -> String {
        match self {
            Self::Placeholder(found) => match inside(found) {
                Some(path) => format!("write {{{{ {path} }}}}"),
                None => "a value of the event stands between two braces on either side: {{ data.shop }}"
                    .to_owned(),
            },
            Self::Path(path) => format!("write {{{{ {path} }}}}"),
            Self::Nothing(_) => "leave it out, or say what the customer shall read there".to_owned(),
            Self::Mark(_) => "write the character itself; a value of a card has one line".to_owned(),
            Self::Json => "name the field that is meant: {{ data.items[0].name }}".to_owned(),
            Self::Timestamp(_) => "use the filter `datetime` or `date`".to_owned(),
            Self::Damage(_) => "save the file as UTF-8, or let upstream send UTF-8".to_owned(),
            Self::Label | Self::Gap(_) => "leave it out where there is no value: {% if data.shop %}门店：{{ data.shop }}{% endif %}".to_owned(),
        }
    }
}

/// All that is found in a text, each kind once.
pub fn leftovers(sight: Sight, text: &str) -> Vec<Leftover> {
    let text = text.trim();
    let mut found = Vec::new();
    found.extend(placeholder(sight, text).map(Leftover::Placeholder));
    found.extend(nothing(text).map(Leftover::Nothing));
    found.extend(damage(text).map(Leftover::Damage));
    if sight == Sight::Address {
        return found;
    }
    found.extend(mark(text).map(Leftover::Mark));
    if ["{\"", "[{", "[\""].iter().any(|sign| text.contains(sign)) {
        found.push(Leftover::Json);
    }
    found.extend(timestamp(text).map(Leftover::Timestamp));
    if sight == Sight::Part {
        return found;
    }
    if is_path(text) {
        found.push(Leftover::Path(text.to_owned()));
    }
    if WHOLE.iter().any(|word| text.eq_ignore_ascii_case(word)) && found.is_empty() {
        found.push(Leftover::Nothing(text.to_owned()));
    }
    if text.ends_with(['：', ':']) {
        found.push(Leftover::Label);
    }
    let first = text.chars().next();
    let gap = first.filter(|c| matches!(c, '，' | '。' | '、' | '；' | ',' | ';'));
    found.extend(gap.map(Leftover::Gap));
    found
}

/// Words for nothing that are words of a language, too: only alone.
const WHOLE: [&str; 6] = ["none", "nil", "{}", "[]", "true", "false"];

/// Words for nothing, as a word of a text.
const WORDS: [&str; 4] = ["null", "NULL", "undefined", "NaN"];

/// Signs of nothing, anywhere.
const SIGNS: [&str; 8] = [
    "[object Object]",
    "Invalid Date",
    "Invalid date",
    "（）",
    "()",
    "【】",
    "《》",
    "“”",
];

fn nothing(text: &str) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut words = text.split(|c| !is_part(c));
    let word = words.find(|word| WORDS.contains(word));
    let sign = || SIGNS.into_iter().find(|sign| text.contains(sign));
    word.or_else(sign).map(str::to_owned)
}

/// The longest placeholder that is looked for: a name, perhaps with a filter.
const LONGEST_PLACEHOLDER: usize = 60;

fn placeholder(sight: Sight, text: &str) -> Option<String> {
    if text.contains("<%") {
        return Some("<%".to_owned());
    }
    let mut before = None;
    for (at, c) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        let found = match c {
            '{' | '｛' => in_braces(rest),
            '%' if !before.is_some_and(|c: char| c.is_ascii_digit()) => {
                of_printf(rest).filter(|found| sight != Sight::Address || !may_be_code(found))
            }
            _ => None,
        };
        if let Some(found) = found {
            let sign = before.filter(|c| matches!(c, '$' | '#' | '@'));
            return Some(sign.map_or_else(String::new, String::from) + found);
        }
        before = Some(c);
    }
    None
}

/// A name between braces at the beginning: `{ data.shop }`, `{0}`, `｛｛shop｝｝`.
fn in_braces(text: &str) -> Option<&str> {
    let is_open = |c: char| matches!(c, '{' | '｛');
    let is_closed = |c: char| matches!(c, '}' | '｝');
    let inside = text.trim_start_matches(is_open);
    let end = inside.find(is_closed)?;
    let name = inside.get(..end)?.trim();
    let fits = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(
                c,
                '_' | '.' | '[' | ']' | '\'' | ' ' | '|' | '(' | ')' | '-' | '=' | ','
            )
    };
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        || (!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()));
    if !begins || name.len() > LONGEST_PLACEHOLDER || !name.chars().all(fits) {
        return None;
    }
    let closed = inside.get(end..)?;
    let n_after = closed.len() - closed.trim_start_matches(is_closed).len();
    text.get(..text.len() - closed.len() + n_after)
}

/// The path between the braces of a placeholder, if it is one into the event.
fn inside(placeholder: &str) -> Option<&str> {
    let is_outside = |c: char| matches!(c, '$' | '#' | '@' | '{' | '}' | '｛' | '｝' | ' ');
    let path = placeholder.trim_matches(is_outside);
    is_path(path).then_some(path)
}

/// `%s`, `%1$s`, `%.2f`, `%(name)s` at the beginning.
fn of_printf(text: &str) -> Option<&str> {
    let mut rest = text.strip_prefix('%')?;
    if let Some((_, after)) = rest
        .strip_prefix('(')
        .and_then(|named| named.split_once(')'))
    {
        rest = after;
    } else {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '$'));
    }
    let after = rest.strip_prefix(['s', 'd', 'f', '@'])?;
    let ends = !after.starts_with(|c: char| c.is_ascii_alphanumeric());
    let length = text.len() - after.len();
    text.get(..length)
        .filter(|_| ends && length <= LONGEST_PLACEHOLDER)
}

/// Whether a placeholder looks like a character of an address: `%2f`, `%20d`.
fn may_be_code(placeholder: &str) -> bool {
    placeholder.contains(|c: char| c.is_ascii_digit()) && !placeholder.contains(['$', '.', '('])
}

/// `data.shop`, `ext.tenant`, `headers['x-user']` and nothing else.
fn is_path(text: &str) -> bool {
    let rest = ["data", "ext", "headers"]
        .into_iter()
        .find_map(|name| text.strip_prefix(name));
    rest.is_some_and(|rest| {
        rest.starts_with(['.', '['])
            && rest.len() > 1
            && rest.chars().all(|c| {
                c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '[' | ']' | '\'' | '-')
            })
    })
}

fn mark(text: &str) -> Option<String> {
    const MARKS: [&str; 16] = [
        "\\n", "\\r", "\\t", "&nbsp;", "&amp;", "&lt;", "&gt;", "&quot;", "&#", "<br", "</", "<b>",
        "<p>", "<span", "<font", "<div",
    ];
    let known = MARKS.into_iter().find(|mark| text.contains(mark));
    known.map(str::to_owned).or_else(|| coded(text))
}

/// A character that is written in hexadecimal digits: `%E6%8B%BF`, `\u62ff`.
fn coded(text: &str) -> Option<String> {
    let is_code = |window: &[u8]| match window {
        // UTF-8 has the high bit set in both.
        [b'%', first, a, b'%', second, b] => {
            [first, second]
                .iter()
                .all(|byte| matches!(byte, b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F'))
                && [a, b].iter().all(|byte| byte.is_ascii_hexdigit())
        }
        [b'\\', b'u', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    };
    let found = text.as_bytes().windows(6).find(|window| is_code(window))?;
    Some(String::from_utf8_lossy(found).into_owned())
}

/// `2026-11-22T08:30`
fn timestamp(text: &str) -> Option<String> {
    const SHAPE: &[u8] = b"0000-00-00T00:00";
    let fits = |window: &&[u8]| {
        let mut pairs = window.iter().zip(SHAPE);
        pairs.all(|(byte, shape)| {
            if *shape == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == shape
            }
        })
    };
    let found = text.as_bytes().windows(SHAPE.len()).find(fits)?;
    Some(String::from_utf8_lossy(found).into_owned())
}

/// What is left of UTF-8 that was read as GBK or Latin-1, or the other way round.
fn damage(text: &str) -> Option<String> {
    const SIGNS: [&str; 4] = ["\u{FFFD}", "锟斤拷", "ï¿½", "烫烫"];
    let sign = SIGNS.into_iter().find(|sign| text.contains(sign))?;
    Some(sign.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<Leftover> {
        leftovers(Sight::Text, text)
    }

    #[test]
    fn placeholders_of_every_kind_are_found() {
        for (text, shown) in [
            ("{ data.shop }门店", "{ data.shop }"),
            ("欢迎光临{data.shop}", "{data.shop}"),
            ("{ data.shop }}", "{ data.shop }}"),
            ("｛｛ data.shop ｝｝", "｛｛ data.shop ｝｝"),
            ("您好{{ data.name | fit(10) }}", "{{ data.name | fit(10) }}"),
            ("您好${name}", "${name}"),
            ("您好#{name}", "#{name}"),
            ("第{0}件", "{0}"),
            ("您好%s！", "%s"),
            ("共%1$d件", "%1$d"),
            ("%(name)s您好", "%(name)s"),
            ("<%= name %>", "<%"),
        ] {
            assert_eq!(
                found(text),
                [Leftover::Placeholder(shown.to_owned())],
                "{text}"
            );
        }
        assert_eq!(
            found("data.shop.name"),
            [Leftover::Path("data.shop.name".to_owned())]
        );
    }

    #[test]
    fn words_and_marks_that_no_customer_should_see_are_found() {
        let nothing = |text: &str| Leftover::Nothing(text.to_owned());
        let mark = |text: &str| Leftover::Mark(text.to_owned());
        for (text, expected) in [
            ("null", nothing("null")),
            ("门店null店", nothing("null")),
            ("undefined", nothing("undefined")),
            ("None", nothing("None")),
            ("[object Object]", nothing("[object Object]")),
            ("{}", nothing("{}")),
            ("拿铁（）", nothing("（）")),
            ("Invalid Date", nothing("Invalid Date")),
            ("第一行\\n第二行", mark("\\n")),
            ("A&nbsp;B", mark("&nbsp;")),
            ("好<br/>", mark("<br")),
            ("%E6%8B%BF铁", mark("%E6%8B")),
            ("\\u62ff铁", mark("\\u62ff")),
            ("[{\"name\":\"拿铁\"}]", Leftover::Json),
            (
                "2026-11-22T08:30:00Z",
                Leftover::Timestamp("2026-11-22T08:30".to_owned()),
            ),
            (
                "门店\u{FFFD}\u{FFFD}",
                Leftover::Damage("\u{FFFD}".to_owned()),
            ),
            ("订单号：", Leftover::Label),
            ("，您好", Leftover::Gap('，')),
        ] {
            assert_eq!(found(text), [expected], "{text}");
        }
    }

    #[test]
    fn what_people_write_is_well() {
        for text in [
            "拿铁 等2件",
            "满100%返",
            "八折 50%off",
            "(^_^)",
            "{^_^}",
            "A1（二楼）",
            "nullable",
            "None of them",
            "2026年11月22日 16:30",
            "2026-11-22",
            "https://example.com/a",
            "AT&T",
            "1 < 2",
            "data",
            "database.com",
            "取件码：8-2-1",
            "",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn a_part_may_end_in_a_label_and_an_address_may_have_codes() {
        assert_eq!(leftovers(Sight::Part, "，门店："), []);
        assert_eq!(leftovers(Sight::Address, "pages/a?name=%E6%8B%BF"), []);
        for codes in [
            "pages/a?to=b%2fc",
            "pages/a?x=%5f",
            "pages/a?name=%20d",
            "pages/a?%2f%2f",
        ] {
            assert_eq!(leftovers(Sight::Address, codes), [], "{codes}");
        }
        for (address, shown) in [
            ("pages/a?id=%d", "%d"),
            ("pages/a?id=%1$s", "%1$s"),
            ("pages/a?price=%.2f", "%.2f"),
            ("pages/a?id=%(id1)s", "%(id1)s"),
        ] {
            let expected = [Leftover::Placeholder(shown.to_owned())];
            assert_eq!(leftovers(Sight::Address, address), expected, "{address}");
        }
        assert_eq!(leftovers(Sight::Address, "pages/a?id=undefined").len(), 1);
        assert_eq!(leftovers(Sight::Address, "pages/a?id={data.id}").len(), 1);
    }
}
