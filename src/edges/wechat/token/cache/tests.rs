//! What `/status` says after stories of refused tokens, at times of our choosing.

use super::super::incident::Plan;
use super::*;

const S: Duration = Duration::from_secs(1);

/// An app whose token source answers what the story says.
struct Story {
    cache: TokenCache,
    now: Instant,
    held: Option<Token>,
}

impl Story {
    fn of(settings: TokenMode) -> Self {
        Self {
            cache: TokenCache::new("wx1".to_owned(), settings),
            now: Instant::now(),
            held: None,
        }
    }

    fn after(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self
    }

    /// Says how it asks, when it may. No wait is longer than one of the incident.
    fn ask(&mut self) -> Ask {
        loop {
            match self.cache.incidents.plan(self.now) {
                Plan::Ask(ask) => {
                    self.cache.asked(self.now, ask);
                    return ask;
                }
                Plan::Wait(until) => {
                    assert!(self.now < until && until <= self.now + 60 * S);
                    self.now = until;
                }
            }
        }
    }

    /// The question brings this token.
    fn comes(&mut self, ask: Ask, text: &str) -> &mut Self {
        let handed_out = HandedOut {
            text: Secret::new(text),
            expires_in: Some(7200 * S),
        };
        self.held = Some(self.cache.handed_out(self.now, ask, handed_out));
        self
    }

    fn accepted(&mut self) -> &mut Self {
        let token = self.held.as_ref().unwrap();
        token.has_worked.store(true, Ordering::Relaxed);
        self.cache.accepted(self.now, token);
        self
    }

    fn refused(&mut self, errcode: i64) -> &mut Self {
        let token = self.held.take().unwrap();
        self.cache.refused(self.now, &token, errcode);
        self
    }

    /// The token that is held is wedged: it comes again and is refused again, until it is forced, and then the next one works.
    fn wedged(&mut self, text: &str, next: &str) {
        self.refused(40001);
        assert_eq!(self.ask(), Ask::Normal);
        self.comes(Ask::Normal, text).refused(40001);
        while self.ask() == Ask::Normal {
            self.comes(Ask::Normal, text).refused(40001);
        }
        self.comes(Ask::Forced, next).accepted();
    }

    fn status(&mut self) -> TokenStatus {
        let expires_at = self.held.as_ref().map(|token| token.expires_at);
        let left = expires_at.map(|at| at - self.now);
        self.cache.status(self.now, left)
    }
}

/// From the field: a token that worked a second ago, with two hours of life, was refused with 42001, and so were the next ones.
#[test]
fn no_code_is_believed_against_our_own_clock() {
    for errcode in [40001, 40014, 42001] {
        let mut story = Story::of(TokenMode::Stable);
        for n_died in 0..4 {
            let ask = story.ask();
            story.comes(ask, &format!("token-{n_died}")).accepted();
            let expected = if n_died < 3 {
                TokenState::Holding
            } else {
                TokenState::InvalidatedByOthers
            };
            let status = story.status();
            assert_eq!(status.state, expected, "{errcode}: {status:?}");
            assert_eq!(status.invalidated, n_died, "{errcode}: {status:?}");
            story.after(S).refused(errcode);
        }
        assert_eq!(story.status().forced, 0);
    }
}

#[test]
fn a_token_is_old_by_our_own_clock_whatever_the_code_says() {
    for errcode in [40001, 40014, 42001] {
        let mut story = Story::of(TokenMode::Stable);
        for nth in 0..4 {
            let ask = story.ask();
            story.comes(ask, &format!("token-{nth}")).accepted();
            story.after(6900 * S).refused(errcode);
        }
        assert_eq!(story.status().invalidated, 0, "{errcode}");
    }
}

#[test]
fn a_token_that_is_wedged_again_is_cured_and_no_program_is_accused() {
    let mut story = Story::of(TokenMode::Stable);
    let ask = story.ask();
    story.comes(ask, "token-0").accepted();
    for nth in 0..6 {
        story.after(65 * S);
        let began = story.now;
        story.wedged(&format!("token-{nth}"), &format!("token-{}", nth + 1));
        assert_eq!(story.now, began, "the cure was at hand");
        let status = story.status();
        assert_eq!(status.state, TokenState::Holding, "{status:?}");
        assert_eq!((status.forced, status.invalidated), (nth + 1, 0));
        assert_eq!(status.last_error, None);
    }
}

#[test]
fn a_day_without_forced_refreshes_left_says_nothing_of_questions_in_normal_mode() {
    let trouble = || TokenTrouble {
        errcode: Some(45009),
        detail: "stable_token answers errcode 45009".to_owned(),
        class: Class::DailyQuota,
    };
    for (asked, class, waits_s) in [
        (Ask::Forced, Class::Token, 1),
        (Ask::Normal, Class::DailyQuota, 60),
    ] {
        let mut story = Story::of(TokenMode::Stable);
        let now = story.now;
        let told = story.cache.failed(now, asked, trouble());
        assert_eq!(told.class, class, "{asked:?}");
        let counts = |after_s| story.cache.recent_failure(now + after_s * S).is_some();
        assert!(counts(waits_s - 1) && !counts(waits_s), "{asked:?}");
    }
}
