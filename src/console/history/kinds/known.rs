//! A kind as it is kept, and which filters mean it.

use std::sync::Arc;

use super::{Fold, KindId, Texts, UNLISTED, Usual};
use crate::console::filter::Filter;
use crate::console::history::bytes::{Reader, Writer};
use crate::console::history::told::Kind;

/// Whether the outcomes of a kind are meant by a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::console::history) enum Match {
    /// None of them.
    No,
    /// All of them, as far as kinds tell it.
    Surely,
    /// The kind leaves out what was asked for: each has to be looked at.
    Perhaps,
}

/// A kind, and what its outcomes usually say beside it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::console::history) struct Known {
    pub(in crate::console::history) id: KindId,
    pub(in crate::console::history) kind: Kind,
    pub(in crate::console::history) fold: Fold,
    pub(in crate::console::history) usual: Usual,
}

impl Known {
    /// As the file has it.
    pub(in crate::console::history) fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        let Kind {
            status,
            reason,
            errcode,
            rule,
            app,
            template,
            rules_version,
        } = &self.kind;
        writer.number(self.fold.number());
        writer.text(status);
        writer.text(reason);
        writer.number(u64::from(errcode.is_some()));
        writer.signed(errcode.unwrap_or_default());
        for text in [rule, app, template, rules_version] {
            writer.optional(text.as_deref());
        }
        self.usual.write(&mut writer);
        writer.0
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub(super) fn of_bytes(id: KindId, bytes: &[u8], texts: &mut Texts) -> Option<Self> {
        let mut reader = Reader(bytes);
        let number = reader.number()?;
        let fold = Fold::ALL.into_iter().find(|fold| fold.number() == number)?;
        let (status, reason) = (texts.one(reader.text()?), texts.one(reader.text()?));
        let has_code = reader.number()? == 1;
        let code = reader.signed()?;
        let mut next = || {
            let text = reader.optional()?;
            Some(text.map(|text| texts.one(text)))
        };
        let kind = Kind {
            status,
            reason,
            errcode: has_code.then_some(code),
            rule: next()?,
            app: next()?,
            template: next()?,
            rules_version: next()?,
        };
        let usual = Usual::read(&mut reader, |text| texts.one(text))?;
        Some(Self {
            id,
            kind,
            fold,
            usual,
        })
    }

    /// Whether its outcomes are meant, their times and ids aside.
    pub(in crate::console::history) fn matches(&self, filter: &Filter) -> Match {
        let Kind {
            status,
            reason,
            errcode,
            rule,
            app,
            template,
            rules_version,
        } = &self.kind;
        let is_alone = self.fold == Fold::StatusAlone;
        let word = |wanted: &[String], word: &str| {
            let is_open = is_alone && word == UNLISTED;
            judge(wanted.is_empty(), is_open, || {
                wanted.iter().any(|one| one == word)
            })
        };
        let name = |wanted: &[String], name: &Option<Arc<str>>| {
            judge(wanted.is_empty(), is_alone, || {
                let name = name.as_deref();
                wanted.iter().any(|wanted| Some(wanted.as_str()) == name)
            })
        };
        let version = judge(filter.versions.is_empty(), self.fold != Fold::Whole, || {
            let version = rules_version.as_deref();
            let mut wanted = filter.versions.iter();
            wanted.any(|wanted| Some(wanted.as_str()) == version)
        });
        let code = judge(filter.errcodes.is_empty(), is_alone, || {
            errcode.is_some_and(|code| filter.errcodes.contains(&code))
        });
        let all = [
            word(&filter.statuses, status),
            word(&filter.reasons, reason),
            code,
            name(&filter.rules, rule),
            name(&filter.apps, app),
            name(&filter.templates, template),
            version,
        ];
        if all.contains(&Match::No) {
            Match::No
        } else if all.contains(&Match::Perhaps) {
            Match::Perhaps
        } else {
            Match::Surely
        }
    }
}

fn judge(is_open: bool, is_left_out: bool, holds: impl FnOnce() -> bool) -> Match {
    match (is_open, is_left_out) {
        (true, _) => Match::Surely,
        (false, true) => Match::Perhaps,
        (false, false) if holds() => Match::Surely,
        (false, false) => Match::No,
    }
}
