//! What `WeChat` says that it bans, before any message has met it.

use std::time::Duration;

use super::trials::Trials;
use super::{Cause, Change, End, Pause, Pauses, Subject};
use crate::model::Moment;

impl Pauses {
    /// `WeChat` bans this until then, in Unix milliseconds; without a time, for ever or for a time that is not known. A ban that is over already
    /// pauses nothing, and of two the one that lasts longer counts.
    pub fn ban(
        &mut self,
        now: Moment,
        subject: Subject,
        until_ms: Option<i64>,
        detail: String,
    ) -> Option<Change> {
        let until = match until_ms.map(|until_ms| until_ms.saturating_sub(now.unix_ms)) {
            None => None,
            Some(left_ms @ 1..) => {
                Some(now.elapsed + Duration::from_millis(left_ms.unsigned_abs()))
            }
            Some(_) => return None,
        };
        let before = self.in_force.get(&subject);
        if before.is_some_and(|before| outlasts(before, until)) {
            return None;
        }
        let end = End::Ban {
            until,
            trials: Trials::of(now, Cause::Ban),
        };
        Some(self.put(now, (subject, Cause::Ban, end), (None, detail)))
    }
}

/// Whether a pause is more than a ban until then, or a ban that is not over before.
fn outlasts(pause: &Pause, until: Option<Duration>) -> bool {
    match (pause.end, until) {
        (End::Ban { until: None, .. }, _) => true,
        (
            End::Ban {
                until: Some(present),
                ..
            },
            Some(until),
        ) => present >= until,
        (End::Ban { until: Some(_), .. }, None) => false,
        (
            End::At(_)
            | End::Trial(_)
            | End::Quota { .. }
            | End::Wave { .. }
            | End::PersonOrChange
            | End::Person,
            _,
        ) => pause.cause > Cause::Ban,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Way;
    use super::super::trials::FIRST_TRIAL;
    use super::*;
    use crate::message::Api;
    use crate::model::Ticket;
    use crate::testing;

    const START_MS: i64 = 1_800_000_000_000;
    const DAY_MS: i64 = 86_400_000;
    const DAY: Duration = Duration::from_hours(24);
    const TRIAL: Ticket = Ticket(1);

    fn at(elapsed: Duration) -> Moment {
        Moment {
            elapsed,
            unix_ms: START_MS + i64::try_from(elapsed.as_millis()).unwrap(),
        }
    }

    fn subject() -> Subject {
        Subject::Api(Arc::from("shop"), Api::Subscribe)
    }

    fn ban(pauses: &mut Pauses, days: Option<i64>) -> Option<Change> {
        let until_ms = days.map(|days| START_MS + days * DAY_MS);
        pauses.ban(at(Duration::ZERO), subject(), until_ms, String::new())
    }

    #[test]
    fn a_ban_ends_by_itself_and_is_tried_meanwhile() {
        let rules = testing::rules(&[("a", "shop", "")]);
        let rule = rules.get("a").unwrap();
        let mut pauses = Pauses::default();
        assert!(matches!(ban(&mut pauses, Some(3)), Some(Change::Begun(_))));
        assert_eq!(pauses.wake_at(), Some(3 * DAY));
        let way = pauses.way(at(Duration::from_secs(1)), rule);
        assert_eq!(way, Way::Until(FIRST_TRIAL));
        assert_eq!(pauses.way(at(FIRST_TRIAL), rule), Way::Free);
        pauses.took_turn(at(FIRST_TRIAL), TRIAL, rule);
        // Refused: the account's own code for it is no news, and the ban's end stays.
        let refused = (subject(), Cause::Api);
        let news = pauses.begin(
            at(FIRST_TRIAL),
            TRIAL,
            refused,
            (Some(48004), String::new()),
        );
        assert_eq!(news, None);
        let way = pauses.way(at(FIRST_TRIAL), rule);
        assert_eq!(way, Way::Until(3 * FIRST_TRIAL), "the next trial is later");
        let just_before = at(Duration::from_millis(3 * 86_400_000 - 1));
        assert_eq!(pauses.end_due(just_before), []);
        assert_eq!(pauses.end_due(at(3 * DAY)).len(), 1);
        assert_eq!(pauses.way(at(3 * DAY), rule), Way::Free);
    }

    #[test]
    fn a_ban_that_was_lifted_ends_with_the_first_message_that_goes_well() {
        let rules = testing::rules(&[("a", "shop", "")]);
        let rule = rules.get("a").unwrap();
        for days in [Some(3), None] {
            let mut pauses = Pauses::default();
            ban(&mut pauses, days).unwrap();
            assert!(
                pauses
                    .iter()
                    .all(|pause| pause.ends_by().contains("on trial"))
            );
            pauses.took_turn(at(FIRST_TRIAL), TRIAL, rule);
            assert_eq!(pauses.went_well(at(FIRST_TRIAL), TRIAL).len(), 1);
            assert_eq!(pauses.way(at(FIRST_TRIAL), rule), Way::Free);
        }
    }

    #[test]
    fn of_two_bans_the_longer_one_counts() {
        let mut pauses = Pauses::default();
        assert_eq!(ban(&mut pauses, Some(0)), None, "it is over");
        ban(&mut pauses, Some(3)).unwrap();
        assert_eq!(ban(&mut pauses, Some(3)), None);
        assert_eq!(ban(&mut pauses, Some(1)), None);
        ban(&mut pauses, Some(7)).unwrap();
        assert_eq!(pauses.wake_at(), Some(7 * DAY));
        ban(&mut pauses, None).unwrap();
        assert_eq!(pauses.wake_at(), None);
        assert_eq!(ban(&mut pauses, Some(7)), None);
    }

    #[test]
    fn a_ban_takes_the_place_of_what_was_met_before() {
        let mut pauses = Pauses::default();
        let met = (subject(), Cause::DailyQuota);
        let now = at(Duration::ZERO);
        pauses
            .begin(now, TRIAL, met, (Some(45009), String::new()))
            .unwrap();
        ban(&mut pauses, Some(1)).unwrap();
        assert!(pauses.iter().all(|pause| pause.cause == Cause::Ban));
    }
}
