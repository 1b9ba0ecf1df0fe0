//! How a field may be written for a param of a type.

use super::choice::Wanted;
use super::fields::{Field, Held};
use super::words::Unit;
use crate::wechat::params::ParamKind;

/// A value to be tried.
pub(super) struct Way {
    pub(super) source: String,
    pub(super) note: Note,
}

/// What is to be said of a way.
pub(super) enum Note {
    Nothing,
    /// What it does.
    Told(&'static str),
    /// What a person has to look at.
    Ask(&'static str),
}

impl Way {
    fn plain(path: &str) -> Self {
        Self {
            source: format!("{{{{ {path} }}}}"),
            note: Note::Nothing,
        }
    }

    fn filtered(path: &str, filter: &str, note: Note) -> Self {
        Self {
            source: format!("{{{{ {path} | {filter} }}}}"),
            note,
        }
    }
}

/// How a field may be written for a param of a type, the likeliest way first.
pub(super) fn ways(wanted: &Wanted<'_>, field: &Field) -> Vec<Way> {
    let path = field.path.as_str();
    match wanted.kind {
        ParamKind::Thing | ParamKind::ShortThing | ParamKind::Name => {
            let fit = Way::filtered(path, "fit", Note::Told("cut to what fits"));
            let counted = field
                .list
                .as_deref()
                .filter(|_| wanted.kind != ParamKind::Name);
            let counted = counted.map(|list| {
                let filter = format!("fit(suffix=' 等' ~ ({list} | length) ~ '件')");
                Way::filtered(
                    path,
                    &filter,
                    Note::Told("the first of the list, and how many there are"),
                )
            });
            counted.into_iter().chain([fit]).collect()
        }
        ParamKind::Amount => amounts(field),
        ParamKind::Time => vec![
            Way::filtered(path, "datetime", Note::Nothing),
            Way::plain(path),
            Way::filtered(path, "date", Note::Nothing),
        ],
        ParamKind::Date => {
            let is_day =
                wanted.label.contains("日期") || wanted.label.to_ascii_lowercase().contains("date");
            let mut ways = vec![
                Way::filtered(path, "datetime", Note::Nothing),
                Way::filtered(path, "date", Note::Nothing),
                Way::plain(path),
            ];
            if is_day {
                ways.swap(0, 1);
            }
            ways
        }
        ParamKind::PhoneNumber => vec![
            Way::filtered(path, "phone", Note::Nothing),
            Way::plain(path),
        ],
        ParamKind::Const => Vec::new(),
        ParamKind::Number if field.held == Held::Length => vec![Way {
            note: Note::Ask("how many the list has"),
            ..Way::plain(path)
        }],
        ParamKind::Number
        | ParamKind::Letter
        | ParamKind::Symbol
        | ParamKind::CharacterString
        | ParamKind::CarNumber
        | ParamKind::Phrase
        | ParamKind::Enum
        | ParamKind::Unlisted => vec![Way::plain(path)],
    }
}

/// `yuan` takes whole fen. What its name does not say, a whole number or a fraction makes likely.
fn amounts(field: &Field) -> Vec<Way> {
    let path = field.path.as_str();
    let fen = |note| Way::filtered(path, "yuan", note);
    let yuan = |note| match &field.held {
        Held::Number(_) => Way {
            source: format!("￥{{{{ '%.2f' | format({path}) }}}}"),
            note,
        },
        Held::Text(_) | Held::Length => Way {
            source: format!("￥{{{{ {path} }}}}"),
            note,
        },
    };
    let digits = match &field.held {
        Held::Number(digits) | Held::Text(digits) => digits.as_str(),
        Held::Length => return Vec::new(),
    };
    match field.own.unit.or(field.above.unit) {
        Some(Unit::Fen) => vec![fen(Note::Told("fen, as its name says"))],
        Some(Unit::Yuan) => vec![yuan(Note::Told("yuan, as its name says"))],
        None if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            vec![fen(Note::Ask(
                "its name does not say in what: taken for fen, because it is a whole number",
            ))]
        }
        None => vec![
            Way::plain(path),
            yuan(Note::Ask(
                "its name does not say in what: taken for yuan, because it has a fraction",
            )),
        ],
    }
}
