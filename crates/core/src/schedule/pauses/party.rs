//! Whose a message is, where trouble is counted: what one stranger can cause must not stop the others.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Events of a mini program have a source of this form, and the rest of it names their user: so it is written where they are published.
pub const SOURCE_OF_MINI_PROGRAMS: &str = "/miniapp/";

/// Who stands behind a message, as a number: no user can be told from it, and it needs no room.
///
/// Two parties may have the same number. Then they count as one, which at most notices trouble a little later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Party(u64);

impl Party {
    /// The recipient; or, if a user of a mini program wrote the event, that user, no matter to which user the message goes.
    pub fn of(recipient: &str, source: Option<&str>) -> Self {
        let writer = source.filter(|source| source.starts_with(SOURCE_OF_MINI_PROGRAMS));
        let mut hasher = DefaultHasher::new();
        writer.is_some().hash(&mut hasher);
        writer.unwrap_or(recipient).hash(&mut hasher);
        Self(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_who_writes_to_many_is_one_party() {
        let written = |to| Party::of(to, Some("/miniapp/shop/0123456789abcdef"));
        assert_eq!(written("o1"), written("o2"));
        assert_ne!(
            written("o1"),
            Party::of("o1", Some("/miniapp/shop/fedcba9876543210"))
        );
        assert_ne!(written("o1"), Party::of("o1", Some("/orders")));
    }

    #[test]
    fn of_other_events_the_recipient_is_the_party() {
        assert_ne!(
            Party::of("o1", Some("/orders")),
            Party::of("o2", Some("/orders"))
        );
        assert_eq!(
            Party::of("o1", Some("/orders")),
            Party::of("o1", Some("/parcels"))
        );
        assert_eq!(Party::of("o1", None), Party::of("o1", Some("/orders")));
    }
}
