//! Ledgers as the script of an earlier version kept them in Redis. They are read for as long as ledgers are kept, and written as all others.
//!
//! `{ granted, used, reserved = { message id -> since }, void = { message id -> '1' }, recent = { { at, source, source, at, … }, … }, known }`.
//! Numbers are texts. An accept has its time, the source that told of it first, and then each other source with the time that it told; still
//! earlier, the others' times were not kept. An empty list looks like an empty object.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Accept, Ledger, Teller, Turns};

impl Ledger {
    /// Reads one; `None` if this is none.
    pub fn of_script(text: &str) -> Option<Self> {
        let kept: Map<String, Value> = serde_json::from_str(text).ok()?;
        let known_ms = kept.get("known").map_or(Some(0), number)?;
        let void = kept.get("void").map_or(Some(BTreeSet::new()), |void| {
            let names = object(void)?;
            Some(names.into_keys().collect())
        })?;
        let reserved = object(kept.get("reserved")?)?;
        let reserved: Option<BTreeMap<Arc<str>, i64>> = reserved
            .into_iter()
            .map(|(message_id, since)| Some((message_id, number(since)?)))
            .collect();
        Some(Self {
            granted: u64::try_from(number(kept.get("granted")?)?).ok()?,
            used: u64::try_from(number(kept.get("used")?)?).ok()?,
            reserved: reserved?,
            void,
            turns: Turns::default(),
            known_ms,
            recent: list(kept.get("recent")?)?
                .iter()
                .map(accept)
                .collect::<Option<Vec<Accept>>>()?,
            more: BTreeMap::new(),
        })
    }
}

fn accept(parts: &Value) -> Option<Accept> {
    let mut parts = list(parts)?.iter().peekable();
    let at_ms = number(parts.next()?)?;
    let mut accept = Accept::new(at_ms, teller(parts.next()?)?);
    while let Some(source) = parts.next() {
        let told_ms = parts.peek().and_then(|part| number(part));
        if told_ms.is_some() {
            parts.next();
        }
        accept.add(told_ms.unwrap_or(at_ms), teller(source)?);
    }
    Some(accept)
}

fn teller(word: &Value) -> Option<Teller> {
    Teller::of_word(word.as_str()?)
}

/// A number of the script: text, or from a still earlier version a number.
fn number(value: &Value) -> Option<i64> {
    match value {
        Value::String(digits) => digits.parse().ok(),
        Value::Number(number) => number.as_i64(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn object(value: &Value) -> Option<BTreeMap<Arc<str>, &Value>> {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            Some(
                fields
                    .map(|(name, value)| (Arc::from(name.as_str()), value))
                    .collect(),
            )
        }
        Value::Array(empty) if empty.is_empty() => Some(BTreeMap::new()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    }
}

fn list(value: &Value) -> Option<&[Value]> {
    match value {
        Value::Array(parts) => Some(parts),
        Value::Object(empty) if empty.is_empty() => Some(&[]),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_the_script_is_read() {
        let kept = r#"{"granted":"3","used":"1","reserved":{"m":"1800000000000"},"void":{"m":"1"},"known":"5",
            "recent":[["10","event","callback","12","mini_program"],["20","of_tomorrow"]]}"#;
        let same = r#"{"granted":3,"used":1,"reserved":{"m":1800000000000},"void":["m"],"known_ms":5,"recent":[
            {"at_ms":10,"told_by":["event","callback","mini_program"],"others_ms":[12,10]},
            {"at_ms":20,"told_by":["of_tomorrow"]}]}"#;
        let same: Ledger = serde_json::from_str(same).unwrap();
        assert_eq!(Ledger::of_script(kept), Some(same));
        // The first form had neither; the script's empty lists look like objects.
        let first = r#"{"granted":2,"used":0,"reserved":[],"recent":{}}"#;
        assert_eq!(Ledger::of_script(first).unwrap().balance().left, 2);
        for junk in [
            "[]",
            "{}",
            r#"{"granted":"-1","used":"0","reserved":{},"recent":{}}"#,
            r#"{"granted":"none","used":"0","reserved":{},"recent":{}}"#,
            r#"{"granted":"1","used":"0","reserved":{},"recent":[["10"]]}"#,
        ] {
            assert_eq!(Ledger::of_script(junk), None, "{junk}");
        }
    }

    #[test]
    fn what_a_later_version_adds_to_a_ledger_stays() {
        let text = r#"{"granted":1,"used":0,"recent":[{"at_ms":10,"told_by":["event"],"by":"x"}],"lasts":{"ms":1}}"#;
        let mut ledger: Ledger = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&ledger).unwrap(), text);
        ledger.use_up("m", 0);
        let again = serde_json::to_string(&ledger).unwrap();
        assert!(
            again.contains(r#""by":"x""#) && again.contains(r#""lasts":{"ms":1}"#),
            "{again}"
        );
    }
}
