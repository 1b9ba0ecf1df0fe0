//! Secrets: said by a key, by a variable, or by the name of a file that holds them.

use std::path::Path;

use super::{Reader, is_file};
use crate::config::Secret;
use crate::config::file::read_secret;
use crate::config::keys::SecretKeys;
use crate::config::layers::variable;
use wx_courier_core::document::{Said, Section};

/// What was said about a secret.
pub(super) enum Found {
    /// Neither key is there.
    Nothing,
    /// Something is wrong with it, and that was told.
    Wrong,
    /// The secret.
    Secret(Secret),
}

impl Reader<'_> {
    /// Takes a secret. A variable covers the file, whichever of the two keys it says.
    pub(super) fn secret(&mut self, section: &mut Section, keys: &SecretKeys) -> Found {
        let secret = section.take_string(self.problems, keys.key);
        let file = section.take_string(self.problems, keys.file_key);
        match (secret, file) {
            (Some(secret), Some(file)) if is_file(&secret.origin) && is_file(&file.origin) => {
                let SecretKeys { key, file_key, .. } = keys;
                self.problems.push(
                    file.error(format!("both `{key}` and `{file_key}` are said"))
                        .help(format!("keep `{file_key}`")),
                );
                Found::Wrong
            }
            (Some(secret), Some(file)) if is_file(&secret.origin) => self.secret_in(&file, keys),
            (Some(secret), _) if secret.value.trim().is_empty() => {
                self.problems
                    .push(secret.error(format!("the {} is empty", keys.key)));
                Found::Wrong
            }
            (Some(secret), _) => {
                let shown = "(hidden)".to_owned();
                self.note_hidden(&secret.key, shown, &secret.origin, &secret.value);
                Found::Secret(Secret::new(secret.value))
            }
            (None, Some(file)) => self.secret_in(&file, keys),
            (None, None) => Found::Nothing,
        }
    }

    fn secret_in(&mut self, file: &Said<String>, keys: &SecretKeys) -> Found {
        match read_secret(Path::new(&file.value)) {
            Ok(text) if text.is_empty() => {
                self.problems.push(
                    file.error(format!("{} is empty", file.value))
                        .help(format!("it must hold {}", keys.what)),
                );
                Found::Wrong
            }
            Ok(text) => {
                self.note_hidden(&file.key, file.value.clone(), &file.origin, &text);
                Found::Secret(Secret::new(text))
            }
            Err(error) => {
                self.problems
                    .push(file.error(format!("{} cannot be read: {error}", file.value)));
                Found::Wrong
            }
        }
    }
}

/// The variable that says a key of this table.
pub(super) fn variable_of(section: &Section, key: &str) -> String {
    variable(&section.key_path(key))
}
