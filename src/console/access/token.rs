//! Tokens that cannot be guessed.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::config::Secret;

/// Draws 256 bits from the operating system, as 43 letters that any header, form or file takes.
pub fn draw() -> Result<Secret, getrandom::Error> {
    let mut drawn = [0; 32];
    getrandom::fill(&mut drawn)?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(drawn)))
}

/// The token of one session against forgery: a page of another site cannot read it, and so cannot send it.
#[derive(Clone, Default)]
pub struct ForgeryToken(Option<Arc<str>>);

impl ForgeryToken {
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let drawn = draw()?;
        Ok(Self(Some(Arc::from(drawn.expose()))))
    }

    /// The text for a page of this session.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether this is it. Nothing is the one of a request without a session.
    pub(super) fn is(&self, said: &[u8]) -> bool {
        let own = self.0.as_deref();
        own.is_some_and(|own| own.as_bytes().ct_eq(said).into())
    }
}

impl fmt::Debug for ForgeryToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForgeryToken(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_token_comes_twice_and_none_is_shown() {
        let drawn: BTreeSet<String> = (0..100)
            .map(|_| draw().unwrap().expose().to_owned())
            .collect();
        assert_eq!(drawn.len(), 100);
        assert!(drawn.iter().all(|token| token.len() == 43));
        let token = ForgeryToken::new().unwrap();
        assert!(!format!("{token:?}").contains(token.as_str()));
        assert!(token.is(token.as_str().as_bytes()));
    }

    #[test]
    fn nothing_matches_the_token_of_no_session() {
        let none = ForgeryToken::default();
        for said in ["", "x"] {
            assert!(!none.is(said.as_bytes()), "{said}");
        }
    }
}
