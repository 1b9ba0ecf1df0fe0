//! `[apps.NAME.callbacks]`: how an app's pushes are signed and encrypted.

use super::Reader;
use super::secrets::{Found, variable_of};
use crate::config::keys::{Key, SecretKeys, Table};
use crate::config::kinds::Words;
use crate::config::{CallbackMode, Callbacks, Secret};
use wx_courier_core::document::Section;

pub(super) static CALLBACKS: Table = Table {
    path: "apps.NAME.callbacks",
    keys: &[&TOKEN, &MODE, &AES_KEY],
};

static TOKEN: SecretKeys = SecretKeys {
    key: "token",
    file_key: "token_file",
    what: "the token of the page for message push",
    file_holds: "the token of the console's page for message push",
    short: "the token",
    about: "One of the two is required",
};

static MODE: Key<Words<Mode>> = Key {
    name: "mode",
    kind: Words(&[
        ("secure", Mode::Secure),
        ("compatible", Mode::Compatible),
        ("plain", Mode::Plain),
    ]),
    default: || Mode::Secure,
    about: "as the console says. XML or JSON is recognised",
};

static AES_KEY: SecretKeys = SecretKeys {
    key: "aes_key",
    file_key: "aes_key_file",
    what: "the EncodingAESKey of the page for message push",
    file_holds: "the EncodingAESKey, 43 letters and digits",
    short: "the key",
    about: "One of the two is required, but for `plain`",
};

/// `WeChat`: message push. Drawn from letters and digits.
const KEY_LETTERS: usize = 43;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Plain,
    Compatible,
    Secure,
}

impl Reader<'_> {
    /// The callbacks of an app, if it has any. What is wrong is told.
    pub(super) fn callbacks(&mut self, app: &mut Section) -> Option<Callbacks> {
        let mut section = app.take_section(self.problems, CALLBACKS.key())?;
        let mode = self.read(&mut section, &MODE);
        let token = self.needed(&mut section, &TOKEN);
        if let Found::Secret(token) = &token
            && !(3..=32).contains(&token.expose().len())
        {
            let problem = section.error("the token is not one of the console's");
            self.problems
                .push(problem.help("there it has 3 to 32 letters and digits"));
        }
        let aes_key = match mode {
            Mode::Compatible | Mode::Secure => self.needed(&mut section, &AES_KEY),
            Mode::Plain => self.secret(&mut section, &AES_KEY),
        };
        if let Found::Secret(key) = &aes_key
            && !is_aes_key(key)
        {
            let n_letters = key.expose().chars().count();
            let problem = section.error(format!(
                "the aes_key is not an EncodingAESKey: expected {KEY_LETTERS} letters and digits, found {n_letters} characters"
            ));
            self.problems
                .push(problem.help("copy it from the console's page for message push"));
        }
        section.finish(self.problems);
        let aes_key = aes_key.into_secret();
        let mode = match mode {
            Mode::Plain => CallbackMode::Plain,
            Mode::Compatible => CallbackMode::Compatible(aes_key?),
            Mode::Secure => CallbackMode::Secure(aes_key?),
        };
        Some(Callbacks {
            token: token.into_secret()?,
            mode,
        })
    }

    /// A secret that must be there; never [`Found::Nothing`].
    pub(super) fn needed(&mut self, section: &mut Section, keys: &SecretKeys) -> Found {
        match self.secret(section, keys) {
            Found::Nothing => {
                let problem = section.error(format!("{} is missing", keys.what));
                let variable = variable_of(section, keys.key);
                let help = format!("say `{} = \"…\"`, or set {variable}", keys.file_key);
                self.lacking(section, problem.help(help))
            }
            found @ (Found::Wrong | Found::Absent | Found::Secret(_)) => found,
        }
    }
}

fn is_aes_key(key: &Secret) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.expose().len() == KEY_LETTERS && key.expose().bytes().all(is_letter)
}
