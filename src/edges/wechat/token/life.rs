//! How long a token is used, and when the next one is asked for.

use std::time::Duration;

use crate::config::TokenMode;

/// `WeChat` renews a stable token when fewer than five minutes are left, asking before brings the same one; and both kinds of token
/// live on for five minutes beside their successor.
const MARGIN: Duration = Duration::from_mins(5);

/// The life of a token whose giver does not tell it. `WeChat`: `expires_in` is at most 7200.
const USUAL_LIFE: Duration = Duration::from_hours(2);

/// `WeChat`'s tokens live two hours; no answer may set the clock further than this.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// The life of a token, counted from the moment when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// When to ask for another. Always before the end.
    pub(super) renewal: Duration,
    /// When it is old: whatever ends it from then on is its age.
    pub(super) old_age: Duration,
    /// When it is not used any more.
    pub(super) end: Duration,
}

impl Life {
    /// The life of a token of this origin. `told` is what its giver said, if anything; it is above zero.
    pub(super) fn of(mode: &TokenMode, told: Option<Duration>) -> Self {
        let end = told.unwrap_or(USUAL_LIFE).min(LONGEST_LIFE);
        // A margin of a fifth keeps short lives usable: there is always a time before the renewal.
        let old_age = end.saturating_sub(MARGIN.min(end / 5));
        let renewal = match mode {
            TokenMode::Stable | TokenMode::Classic => old_age,
            TokenMode::External(centre) => old_age.min(centre.poll),
        };
        Self {
            renewal,
            old_age,
            end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Secret, TokenCentre};

    fn external() -> TokenMode {
        TokenMode::External(TokenCentre {
            url: Secret::new("http://centre"),
            header: None,
            poll: Duration::from_mins(1),
        })
    }

    fn check(mode: &TokenMode, told_s: Option<u64>, expected_s: [u64; 3]) {
        let life = Life::of(mode, told_s.map(Duration::from_secs));
        let found = [life.renewal, life.old_age, life.end];
        assert_eq!(
            found,
            expected_s.map(Duration::from_secs),
            "{mode:?} {told_s:?}"
        );
    }

    #[test]
    fn a_token_is_renewed_before_its_end_however_short_its_life() {
        for mode in [TokenMode::Stable, TokenMode::Classic] {
            check(&mode, Some(7200), [6900, 6900, 7200]);
            check(&mode, Some(300), [240, 240, 300]);
            check(&mode, Some(u64::MAX), [86_100, 86_100, 86_400]);
            for told_s in 1..2000 {
                let life = Life::of(&mode, Some(Duration::from_secs(told_s)));
                assert!(life.renewal > Duration::ZERO && life.renewal < life.end);
            }
        }
    }

    #[test]
    fn a_centre_is_asked_again_after_its_interval() {
        check(&external(), Some(7200), [60, 6900, 7200]);
        check(&external(), None, [60, 6900, 7200]);
        check(&external(), Some(30), [24, 24, 30]);
    }
}
