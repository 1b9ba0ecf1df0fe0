//! What must not be seen: said as text, best by a variable, or in a file of its own.

use super::{Reader, is_file};
use crate::config::Secret;
use crate::document::{Said, Section};

/// The two keys under which a secret may be said.
pub(super) struct SecretKeys {
    /// The key of the text itself.
    pub(super) text: &'static str,
    /// The key that names a file.
    pub(super) file: &'static str,
    /// What it is, for people.
    pub(super) what: &'static str,
}

/// What came of looking for a secret.
pub(super) enum Hidden {
    /// Neither key is there.
    Missing,
    /// What was said is no good; the problem has been told.
    Wrong,
    /// Here it is.
    Said(Secret),
}

impl Reader<'_> {
    pub(super) fn hidden(&mut self, section: &mut Section, keys: &SecretKeys) -> Hidden {
        let text = section.take_string(self.problems, keys.text);
        let file = section.take_string(self.problems, keys.file);
        match (text, file) {
            (Some(text), Some(file)) if is_file(&text.origin) && is_file(&file.origin) => {
                let problem = format!("both `{}` and `{}` are said", keys.text, keys.file);
                let help = format!("keep `{}`", keys.file);
                self.problems.push(file.error(problem).help(help));
                Hidden::Wrong
            }
            // A variable covers the file, whichever of the two keys it says.
            (Some(text), Some(file)) if is_file(&text.origin) => self.hidden_in(&file, keys),
            (Some(text), _) if text.value.trim().is_empty() => {
                let problem = format!("the {} is empty", keys.text);
                self.problems.push(text.error(problem));
                Hidden::Wrong
            }
            (Some(text), _) => {
                self.note(&text.key, "(hidden)".to_owned(), &text.origin);
                Hidden::Said(Secret::new(text.value))
            }
            (None, Some(file)) => self.hidden_in(&file, keys),
            (None, None) => Hidden::Missing,
        }
    }

    fn hidden_in(&mut self, file: &Said<String>, keys: &SecretKeys) -> Hidden {
        match std::fs::read_to_string(&file.value) {
            Ok(text) if text.trim().is_empty() => {
                let problem = file.error(format!("{} is empty", file.value));
                self.problems
                    .push(problem.help(format!("it must hold {}", keys.what)));
                Hidden::Wrong
            }
            Ok(text) => {
                self.note(&file.key, file.value.clone(), &file.origin);
                Hidden::Said(Secret::new(text.trim_end()))
            }
            Err(error) => {
                self.problems
                    .push(file.error(format!("{} cannot be read: {error}", file.value)));
                Hidden::Wrong
            }
        }
    }
}
