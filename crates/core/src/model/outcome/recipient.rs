//! How users appear in outcomes.

use super::sha256;

/// How the recipient appears in outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientStyle {
    /// The first and last three characters.
    Masked,
    /// The whole openid.
    Plain,
    /// SHA-256, so that outcomes of one user can be joined without naming the user.
    Hashed,
}

impl RecipientStyle {
    /// An openid in this style.
    pub fn show(self, openid: &str) -> String {
        match self {
            Self::Plain => openid.to_owned(),
            Self::Hashed => sha256(openid),
            Self::Masked => {
                const SHOWN: usize = 3;
                let length = openid.chars().count();
                if length < 4 * SHOWN {
                    return "***".to_owned();
                }
                let behind = |n_chars| {
                    let next = openid.char_indices().nth(n_chars);
                    next.map_or(openid.len(), |(at, _)| at)
                };
                let (first, _) = openid.split_at(behind(SHOWN));
                let (_, last) = openid.split_at(behind(length - SHOWN));
                [first, "***", last].concat()
            }
        }
    }
}
