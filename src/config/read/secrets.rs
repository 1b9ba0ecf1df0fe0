//! Secrets: said by a key, by a variable, or by the name of a file that holds them.

use super::{Reader, is_file};
use crate::config::file::read_secret;
use crate::config::keys::SecretKeys;
use crate::config::layers::variable;
use crate::config::{LeftBehind, NeededSecrets, Secret};
use wx_courier_core::document::{Problem, Said, Section, Severity};

/// What was said about a secret.
pub(super) enum Found {
    /// Neither key is there.
    Nothing,
    /// Something is wrong with it, and that was told.
    Wrong,
    /// It is not there, and the command does without it. That was noted.
    Absent,
    /// The secret.
    Secret(Secret),
}

impl Found {
    /// The secret, or what stands in for one that the command does without; nothing ever sends that.
    pub(super) fn into_secret(self) -> Option<Secret> {
        match self {
            Self::Secret(secret) => Some(secret),
            Self::Absent => Some(Secret::new("(not set)")),
            Self::Nothing | Self::Wrong => None,
        }
    }
}

impl NeededSecrets {
    /// Whether the command cannot do without the secrets of this section.
    fn has(self, section: &Section) -> bool {
        match self {
            Self::All => true,
            Self::OfKafka => section.key_path("") == "kafka.",
            Self::None => false,
        }
    }
}

impl Reader<'_> {
    /// Tells that a secret is not there: as a mistake, or, where the command does without, as something that `run` will want.
    pub(super) fn lacking(&mut self, section: &Section, problem: Problem) -> Found {
        if self.needed_secrets.has(section) {
            self.problems.push(problem);
            return Found::Wrong;
        }
        let help = problem
            .help
            .as_deref()
            .map_or_else(String::new, |help| format!("{help}; "));
        self.absent_secrets.push(Problem {
            severity: Severity::Warning,
            help: Some(format!("{help}this command does without, `run` does not")),
            ..problem
        });
        Found::Absent
    }

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
            (Some(secret), Some(file)) if is_file(&secret.origin) => {
                self.secret_in(section, &file, keys)
            }
            (Some(secret), _) if secret.value.trim().is_empty() => {
                let problem = secret.error(format!("the {} is empty", keys.key));
                self.lacking(section, problem)
            }
            (Some(secret), _) => {
                let shown = "(hidden)".to_owned();
                self.note_hidden(&secret.key, shown, &secret.origin, &secret.value);
                Found::Secret(Secret::new(secret.value))
            }
            (None, Some(file)) => self.secret_in(section, &file, keys),
            (None, None) => Found::Nothing,
        }
    }

    fn secret_in(&mut self, section: &Section, file: &Said<String>, keys: &SecretKeys) -> Found {
        let place = self.paths.place_of(file);
        if let Some(LeftBehind { message, help }) = place.misplaced("the file") {
            return self.lacking(section, file.error(message).help(help));
        }
        let name = place.path.display();
        match read_secret(&place.path) {
            Ok(text) if text.is_empty() => {
                let problem = file.error(format!("{name} is empty"));
                self.lacking(section, problem.help(format!("it must hold {}", keys.what)))
            }
            Ok(text) => {
                self.note_file(file, place.path, &text);
                Found::Secret(Secret::new(text))
            }
            Err(error) => {
                let problem = file.error(format!("{name} cannot be read: {error}"));
                self.lacking(section, problem)
            }
        }
    }
}

/// The variable that says a key of this table.
pub(super) fn variable_of(section: &Section, key: &str) -> String {
    variable(&section.key_path(key))
}
