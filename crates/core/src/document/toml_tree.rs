//! TOML text → a tree of [`Node`]s that know their lines.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Item, Node, Origin, Problem, Problems};

/// More errors of syntax in one text are counted, and not told: each is looked for from the beginning of the text, and a file of another
/// kind has one in every line.
const MOST_ERRORS: usize = 50;

/// Reads TOML. `file` is only for the places that errors name. The errors of syntax are reported, the first fifty of them.
///
/// A line end is a line end, also within a text of several lines: the same file says the same if an editor on Windows, or git, has saved it.
pub fn parse(problems: &mut Problems, file: &str, text: &str) -> Option<Node> {
    // With a carriage return before it, such a line end would turn into another one: that is a slip, and is told as it stands there.
    let is_sound = !text.contains("\r\r\n");
    let unified = (is_sound && text.contains("\r\n")).then(|| text.replace("\r\n", "\n"));
    let text = unified.as_deref().unwrap_or(text);
    let lines = Lines {
        file: Arc::from(file),
        text,
    };
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Some(lines.table(table.get_ref(), &table.span()));
    }
    let n_errors = errors.len();
    for error in errors.into_iter().take(MOST_ERRORS) {
        let span = error.span().unwrap_or_default();
        let message = error.message().trim_end().replace('\n', ", ");
        let at = text
            .get(span.clone())
            .filter(|at| !at.trim().is_empty() && at.len() <= 40);
        let found = at.map_or(String::new(), |at| format!(", at `{}`", at.trim()));
        let problem = Problem::error(
            &lines.origin(&span),
            format!("this is not TOML: {message}{found}"),
        );
        let line = text
            .get(..span.end)
            .and_then(|before| before.lines().last());
        let is_curly = line.is_some_and(|line| line.contains(['“', '”', '‘', '’']));
        problems.push(if is_curly {
            problem.help("TOML wants the straight quote \", not “ or ”")
        } else {
            problem
        });
    }
    if let Some(more @ 1..) = n_errors.checked_sub(MOST_ERRORS) {
        let message = format!("this is not TOML in {more} other places; the first ones are told");
        problems.push(Problem::in_file(file, message));
    }
    None
}

struct Lines<'a> {
    file: Arc<str>,
    text: &'a str,
}

impl Lines<'_> {
    fn origin(&self, span: &Range<usize>) -> Origin {
        let before = self.text.as_bytes().iter().take(span.start);
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        Origin::File {
            file: Arc::clone(&self.file),
            line: u32::try_from(line).unwrap_or(u32::MAX),
        }
    }

    fn table(&self, table: &DeTable<'_>, span: &Range<usize>) -> Node {
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let key: &Spanned<std::borrow::Cow<'_, str>> = key;
            // The key's line, not the value's: a long text or list may begin further down.
            let mut node = self.node(value);
            node.origin = self.origin(&key.span());
            (key.get_ref().to_string(), node)
        };
        Node {
            item: Item::Table(table.iter().map(entry).collect()),
            origin: self.origin(span),
        }
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let span = value.span();
        let item = match value.get_ref() {
            DeValue::String(text) => Item::String(text.to_string()),
            DeValue::Integer(digits) => {
                match i64::from_str_radix(digits.as_str(), digits.radix()) {
                    Ok(number) => Item::Integer(number),
                    Err(_) => Item::String(digits.as_str().to_owned()),
                }
            }
            DeValue::Float(digits) => match digits.as_str().parse() {
                Ok(number) => Item::Float(number),
                Err(_) => Item::String(digits.as_str().to_owned()),
            },
            DeValue::Boolean(answer) => Item::Boolean(*answer),
            DeValue::Datetime(moment) => Item::String(moment.to_string()),
            DeValue::Array(values) => {
                Item::Array(values.iter().map(|value| self.node(value)).collect())
            }
            DeValue::Table(table) => return self.table(table, &span),
        };
        Node {
            item,
            origin: self.origin(&span),
        }
    }
}
