//! Keys of the server as they were at one moment, and what a batch makes of them.

use std::collections::{BTreeMap, BTreeSet};

use wx_courier_core::state::encoding::is_of_user;
use wx_courier_core::state::rows::{Age, Key, RowError, Rows, Value, short_name};
use wx_courier_core::state::{FOR_EVER_MS, Row};

/// What was read, by the server's key, and what is to be written. Later requests of a batch see what earlier ones write.
pub(super) struct Snapshot {
    /// What all keys begin with.
    prefix: String,
    /// For how long claims, outcomes, marks and numbers live, in milliseconds.
    remember_ms: i64,
    names: Names,
    cells: BTreeMap<String, Cell>,
}

/// Under which names rows may lie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Under short ones.
    Short,
    /// Also under the long ones that an earlier version gave to claims, outcomes and users.
    ShortAndLong,
}

/// A key of the server.
struct Cell {
    found: Found,
    change: Option<Change>,
}

/// What lay there.
enum Found {
    Nothing,
    Text(Vec<u8>),
    /// What is no text.
    OtherType,
}

/// What is to lie there.
enum Change {
    Deleted,
    Text { text: String, life: Life },
}

/// For how long.
#[derive(Clone, Copy)]
enum Life {
    Ms(i64),
    /// As long as what is there; for ever, where there is nothing.
    Unchanged,
}

/// Why the batch cannot be decided.
#[derive(Debug)]
pub(super) enum Undecided {
    /// This key was not read.
    NotRead(String),
    /// A row cannot be written as text.
    NotText(serde_json::Error),
}

/// Clocks differ: the time in a user's text decides, and the key may live on for so long.
const LEAST_LIFE_MS: i64 = 60_000;

/// The parts of a call of the script that belong to one key.
pub(super) struct Written<'a> {
    pub(super) key: &'a str,
    pub(super) was: Vec<u8>,
    pub(super) what: String,
    pub(super) text: &'a str,
}

impl Snapshot {
    pub(super) fn new(prefix: &str, remember_ms: i64, names: Names) -> Self {
        Self {
            prefix: prefix.to_owned(),
            remember_ms,
            names,
            cells: BTreeMap::new(),
        }
    }

    /// The server's keys of a row: where it lies, and where an earlier version may have put it.
    pub(super) fn names(&self, key: &Key) -> impl Iterator<Item = String> + use<> {
        let long = match self.names {
            Names::Short => None,
            Names::ShortAndLong => self.long_name(key),
        };
        std::iter::once(self.name(key)).chain(long)
    }

    /// The server's key of a row. A user who is kept with a message lies where its outcome will lie: the outcome takes that place, and with
    /// that the user is forgotten, at no cost for messages that keep none.
    fn name(&self, key: &Key) -> String {
        let prefix = &self.prefix;
        match key {
            Key::Claim(message_id) => format!("{prefix}:c:{}", short_name(message_id)),
            Key::Outcome(name) | Key::User(name) => format!("{prefix}:o:{}", short_name(name)),
            Key::Ledger(key) => format!("{prefix}:grant:{key}"),
            Key::Mark(mark) => format!("{prefix}:mark:{mark}"),
            Key::Number(key) => format!("{prefix}:number:{key}"),
            Key::Holds => format!("{prefix}:holds"),
            Key::RecipientKey => format!("{prefix}:recipient-key"),
            Key::Instances => format!("{prefix}:instances"),
        }
    }

    /// The same as an earlier version named it.
    fn long_name(&self, key: &Key) -> Option<String> {
        let prefix = &self.prefix;
        match key {
            Key::Claim(message_id) => Some(format!("{prefix}:claim:{message_id}")),
            Key::Outcome(name) | Key::User(name) => Some(format!("{prefix}:outcome:{name}")),
            Key::Ledger(_)
            | Key::Mark(_)
            | Key::Number(_)
            | Key::Holds
            | Key::RecipientKey
            | Key::Instances => None,
        }
    }

    /// Notes what the script has read under a key.
    pub(super) fn note(&mut self, name: String, read: &[u8]) {
        let found = match read {
            [] => Found::Nothing,
            [b'=', text @ ..] => Found::Text(text.to_vec()),
            [_, ..] => Found::OtherType,
        };
        let cell = Cell {
            found,
            change: None,
        };
        self.cells.insert(name, cell);
    }

    /// All keys that were read.
    pub(super) fn names_read(&self) -> BTreeSet<String> {
        self.cells.keys().cloned().collect()
    }

    /// Lets go of what was to be written.
    pub(super) fn undo(&mut self) {
        for cell in self.cells.values_mut() {
            cell.change = None;
        }
    }

    /// Whether anything is to be written.
    pub(super) fn is_changed(&self) -> bool {
        self.cells.values().any(|cell| cell.change.is_some())
    }

    /// All that was read, and what is to be written of it.
    pub(super) fn written(&self) -> impl Iterator<Item = Written<'_>> {
        self.cells.iter().map(|(key, cell)| {
            let was = match &cell.found {
                Found::Nothing => Vec::new(),
                Found::Text(text) => [b"=", text.as_slice()].concat(),
                Found::OtherType => b"!".to_vec(),
            };
            let (what, text) = match &cell.change {
                None => (String::new(), ""),
                Some(Change::Deleted) => ("delete".to_owned(), ""),
                Some(Change::Text { text, life }) => match life {
                    Life::Ms(life_ms) => (life_ms.to_string(), text.as_str()),
                    Life::Unchanged => ("keep".to_owned(), text.as_str()),
                },
            };
            Written {
                key,
                was,
                what,
                text,
            }
        })
    }

    fn cell(&mut self, name: String) -> Result<&mut Cell, RowError<Undecided>> {
        let cell = self.cells.get_mut(&name);
        cell.ok_or(RowError::Failed(Undecided::NotRead(name)))
    }

    fn life(&self, row: Row, value: &Value, age: Age) -> Life {
        match (value, age) {
            (_, Age::Unchanged) => Life::Unchanged,
            (Value::User(user), Age::Since(now_ms)) => {
                let life_ms = user.until_ms.saturating_sub(now_ms);
                Life::Ms(life_ms.clamp(LEAST_LIFE_MS, FOR_EVER_MS))
            }
            (
                Value::Claim(_)
                | Value::Outcome(_)
                | Value::Ledger(_)
                | Value::Mark
                | Value::Number(_)
                | Value::Holds(_)
                | Value::RecipientKey(_)
                | Value::Instances(_),
                Age::Since(_),
            ) => Life::Ms(
                row.kept_for_ms(self.remember_ms)
                    .unwrap_or(self.remember_ms),
            ),
        }
    }
}

impl Cell {
    /// The bytes that lie there now; `None` if there is nothing.
    fn text(&self) -> Result<Option<&[u8]>, RowError<Undecided>> {
        match (&self.change, &self.found) {
            (Some(Change::Text { text, .. }), _) => Ok(Some(text.as_bytes())),
            (Some(Change::Deleted), _) | (None, Found::Nothing) => Ok(None),
            (None, Found::Text(text)) => Ok(Some(text)),
            (None, Found::OtherType) => Err(RowError::Unreadable),
        }
    }

    /// How long a text lives that is put here: one that lives on has the life that was given to the one before it in the same batch.
    fn life(&self, life: Life) -> Life {
        match (&self.change, life) {
            (Some(Change::Text { life: earlier, .. }), Life::Unchanged) => *earlier,
            (Some(Change::Text { .. } | Change::Deleted) | None, life) => life,
        }
    }
}

/// Whether a text lies where a row of this kind is looked for: users and outcomes share their places.
fn is_of(row: Row, text: &[u8]) -> bool {
    match row {
        Row::User => is_of_user(text),
        Row::Outcome => !is_of_user(text),
        Row::Claim
        | Row::Ledger
        | Row::Mark
        | Row::Number
        | Row::Holds
        | Row::RecipientKey
        | Row::Instances => true,
    }
}

impl Rows for Snapshot {
    type Error = Undecided;

    fn get(&mut self, key: &Key) -> Result<Option<Value>, RowError<Undecided>> {
        for name in self.names(key) {
            let text = self.cell(name)?.text()?;
            let Some(text) = text.filter(|text| is_of(key.row(), text)) else {
                continue;
            };
            let text = std::str::from_utf8(text).map_err(|_no_text| RowError::Unreadable)?;
            let value = Value::of_text(key, text);
            return value.map(Some).ok_or(RowError::Unreadable);
        }
        Ok(None)
    }

    fn put(&mut self, key: Key, value: Value, age: Age) -> Result<(), RowError<Undecided>> {
        let life = self.life(key.row(), &value, age);
        let text = value.to_text(&key);
        let text = text.map_err(|error| RowError::Failed(Undecided::NotText(error)))?;
        let mut names = self.names(&key);
        if let Some(name) = names.next() {
            let cell = self.cell(name)?;
            let life = cell.life(life);
            cell.change = Some(Change::Text { text, life });
        }
        for long in names {
            let cell = self.cell(long)?;
            if !matches!(cell.text(), Ok(None)) {
                cell.change = Some(Change::Deleted);
            }
        }
        Ok(())
    }

    fn take(&mut self, key: &Key) -> Result<(), RowError<Undecided>> {
        let row = key.row();
        for name in self.names(key) {
            let cell = self.cell(name)?;
            let is_there = match cell.text() {
                Ok(text) => text.is_some_and(|text| is_of(row, text)),
                // What cannot be read is taken, but for a user: an outcome is about to be put there.
                Err(_) => row != Row::User,
            };
            if is_there {
                cell.change = Some(Change::Deleted);
            }
        }
        Ok(())
    }
}
