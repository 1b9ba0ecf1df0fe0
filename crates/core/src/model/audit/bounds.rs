//! How large an audit record can be: each of its texts has a bound, so that the whole fits the smallest topic that is allowed.

use serde_json::Value;

use super::{AuditRecord, Facts};
use crate::model::outcome::bounds::{LARGEST_OUTCOME_BYTES, name, sentence};

/// No audit record takes more on its topic: key, value and headers.
pub const LARGEST_AUDIT_BYTES: usize = LARGEST_OUTCOME_BYTES;

/// The name of a person or a machine, and the group.
const LONGEST_NAME_BYTES: usize = 256;

/// What it is done to. It stands in the record twice: it is the key, too.
const LONGEST_SUBJECT_BYTES: usize = 1024;

/// `before`, and `after`, as JSON.
const LONGEST_FACTS_BYTES: usize = 3 * 1024;

/// One text in them.
const LONGEST_FACT_BYTES: usize = 512;

/// A person's words.
const LONGEST_WHY_BYTES: usize = 2048;

/// A sentence of ours.
const LONGEST_DETAIL_BYTES: usize = 1024;

/// How many characters a person's words may have.
pub const LONGEST_WHY_CHARS: usize = 500;

/// How many characters a name may have that a request says.
const LONGEST_NAME_CHARS: usize = 128;

/// In place of facts for which there is no room: how many.
const LEFT_OUT: &str = "left_out";

/// Changes how a text is shown, and shows nothing itself: with such, one name can look like another.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// A name that somebody says is that of a person or a machine; `None` if it is none: empty, too long, or with characters that show nothing.
pub fn name_of(said: &str) -> Option<&str> {
    let name = said.trim();
    let is_one = !name.is_empty()
        && name.chars().count() <= LONGEST_NAME_CHARS
        && !name.chars().any(is_unseen);
    is_one.then_some(name)
}

/// A person's words, of one line; nothing where they say nothing. The error says what is wrong with them.
pub fn why_of(said: &str) -> Result<Option<&str>, String> {
    if said.chars().count() > LONGEST_WHY_CHARS || said.chars().any(char::is_control) {
        return Err(format!(
            "`why` is to be one line of {LONGEST_WHY_CHARS} characters at most, without control characters"
        ));
    }
    let why = said.trim();
    Ok((!why.is_empty()).then_some(why))
}

impl AuditRecord {
    /// Cuts whatever is longer than its bound. A record that was cut stays as it is; so does every ordinary one.
    pub(super) fn bound(&mut self) {
        // All fields by name: a new text has to have its bound.
        let Self {
            id: _,
            at: _,
            group,
            who,
            what: _,
            subject,
            before,
            after,
            why,
            of: _,
            result,
        } = self;
        for text in [group, &mut who.name, &mut who.host] {
            *text = name(text, LONGEST_NAME_BYTES).into_owned();
        }
        *subject = name(subject, LONGEST_SUBJECT_BYTES).into_owned();
        for facts in [before, after].into_iter().flatten() {
            bound_facts(facts);
        }
        if let Some(why) = why {
            *why = sentence(why, LONGEST_WHY_BYTES).into_owned();
        }
        if let Some(result) = result {
            result.detail = sentence(&result.detail, LONGEST_DETAIL_BYTES).into_owned();
        }
    }
}

fn size(value: &impl serde::Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |json| json.len())
}

/// Texts are cut; facts that find no room then are counted.
fn bound_facts(facts: &mut Facts) {
    if size(facts) <= LONGEST_FACTS_BYTES {
        return;
    }
    let before = std::mem::take(facts);
    let mut left_out = match before.get(LEFT_OUT) {
        Some(Value::Number(n)) => n.as_u64().unwrap_or_default(),
        Some(_) | None => 0,
    };
    // Room for the number of what is left out.
    let mut room = LONGEST_FACTS_BYTES - LEFT_OUT.len() - 32;
    for (key, value) in before {
        if key == LEFT_OUT {
            continue;
        }
        let value = match value {
            Value::String(text) => sentence(&text, LONGEST_FACT_BYTES).into_owned().into(),
            other @ (Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_)) => other,
        };
        let takes = size(&key).saturating_add(size(&value)).saturating_add(2);
        if let Some(left) = room.checked_sub(takes) {
            room = left;
            facts.insert(key, value);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        facts.insert(LEFT_OUT.to_owned(), left_out.into());
    }
}
