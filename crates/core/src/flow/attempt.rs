//! What an attempt came to, and what follows from it.

mod treatment;

use std::time::Duration;

pub use treatment::{Blame, MaxAttempts, Treatment};

use crate::model::outcome::Reason;
use crate::rules::InDoubt;
use crate::schedule::pauses::Cause;
use crate::wechat::Class;
use treatment::SHORT_ATTEMPTS;

/// What an attempt came to, as the edge saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendAnswer {
    /// `WeChat` took the message.
    Accepted {
        /// `WeChat`'s number for it, in digits: it exceeds 2^53. Some answers lack it.
        msgid: Option<String>,
    },
    /// `WeChat` answered with an errcode other than 0.
    Refused(Refusal),
    /// There was an answer, but not one of `WeChat`'s, and the request was turned away: an HTTP error.
    Garbled {
        /// What came instead, without any of its text.
        detail: String,
    },
    /// The request did not reach `WeChat`.
    Unreachable {
        /// Why, without the URL.
        detail: String,
    },
    /// The request was written, and what came back, if anything, does not say what became of it: `WeChat` may have delivered it.
    InDoubt {
        /// What happened, without the URL.
        detail: String,
    },
    /// There is no token to send with.
    NoToken(TokenTrouble),
}

/// An errcode and what came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `WeChat`'s code.
    pub errcode: i64,
    /// Its text, without the rid.
    pub errmsg: String,
    /// `WeChat`'s request id; it can be looked up for seven days.
    pub rid: Option<String>,
    /// The param that the text names.
    pub param: Option<String>,
    /// What the code means for us.
    pub class: Class,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenTrouble {
    /// `WeChat`'s code, if it answered with one.
    pub errcode: Option<i64>,
    /// What happened, without secrets.
    pub detail: String,
    /// Whether asking again can help.
    pub class: Class,
}

/// How often and how long to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPlan {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// The longest wait before the second attempt; it doubles from one attempt to the next.
    pub base: Duration,
    /// The longest wait of all.
    pub cap: Duration,
}

impl Default for RetryPlan {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(30),
        }
    }
}

impl RetryPlan {
    /// The wait before another try of something after so many; `None` if they were all that there are.
    pub fn next_delay(&self, tries: u32, jitter: f64) -> Option<Duration> {
        (tries < self.attempts).then(|| self.wait(tries, jitter))
    }

    /// The wait after the `attempts`-th attempt: anything from nothing to the bound, evenly ("full jitter"), so that messages
    /// that failed together do not come back together.
    fn wait(&self, attempts: u32, jitter: f64) -> Duration {
        let doubled = self
            .base
            .saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)));
        doubled.min(self.cap).mul_f64(jitter.clamp(0.0, 1.0))
    }
}

/// What a message has been through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tries {
    /// Turns so far, the one just answered included; one without a token made no call.
    pub attempts: u32,
    /// How many of them were refused for their token.
    pub token_refusals: u32,
    /// How many of them `WeChat` may have taken without our knowing.
    pub in_doubt: u32,
}

impl Tries {
    /// How a message ends that has been through this. A permission for one message that is gone, a window that has closed or is used up,
    /// attempts that are used up, or its age: after an attempt in doubt none of them says that the user has nothing.
    pub fn end(self, reason: Reason) -> Reason {
        if reason.denies_delivery() && self.in_doubt > 0 {
            return Reason::InDoubt;
        }
        reason
    }
}

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The message has ended.
    Settle(Reason),
    /// Another attempt, after a wait.
    Retry(Duration),
    /// More than this message is in trouble: it goes back into its lane and waits there for the end of a pause.
    Pause(Cause),
}

/// Decides. `jitter` is from 0 to 1.
pub fn decide(
    plan: &RetryPlan,
    in_doubt: InDoubt,
    tries: Tries,
    answer: &SendAnswer,
    jitter: f64,
) -> Verdict {
    let verdict = match answer {
        SendAnswer::Accepted { .. } => Verdict::Settle(Reason::Ok),
        SendAnswer::Refused(refusal) => treat(plan, tries, refusal.class.treatment(), jitter),
        SendAnswer::NoToken(trouble) => {
            treat(plan, tries, trouble.class.treatment_without_token(), jitter)
        }
        SendAnswer::Garbled { .. } | SendAnswer::Unreachable { .. } => {
            treat(plan, tries, Treatment::Retry(MaxAttempts::Plan), jitter)
        }
        SendAnswer::InDoubt { .. } => match in_doubt {
            InDoubt::Resend => treat(plan, tries, Treatment::Retry(MaxAttempts::Plan), jitter),
            InDoubt::Leave => Verdict::Settle(Reason::InDoubt),
        },
    };
    match verdict {
        Verdict::Settle(reason) => Verdict::Settle(tries.end(reason)),
        Verdict::Retry(_) | Verdict::Pause(_) => verdict,
    }
}

fn treat(plan: &RetryPlan, tries: Tries, treatment: Treatment, jitter: f64) -> Verdict {
    match treatment {
        Treatment::End(reason) => Verdict::Settle(reason),
        Treatment::Pause(cause) => Verdict::Pause(cause),
        // The token that was used is dropped by then: the first message back fetches a new one. A second refusal in a row means
        // that another process is renewing, and only time helps.
        Treatment::RenewToken if tries.token_refusals <= 1 && tries.attempts <= plan.attempts => {
            Verdict::Retry(Duration::ZERO)
        }
        Treatment::RenewToken | Treatment::Retry(MaxAttempts::Plan) => {
            again(plan, plan.attempts, tries, jitter)
        }
        Treatment::Retry(MaxAttempts::Short) => {
            again(plan, SHORT_ATTEMPTS.min(plan.attempts), tries, jitter)
        }
    }
}

fn again(plan: &RetryPlan, attempts: u32, tries: Tries, jitter: f64) -> Verdict {
    // The one free attempt after a refused token does not count against the plan.
    let counted = tries.attempts.saturating_sub(tries.token_refusals.min(1));
    if counted >= attempts {
        return Verdict::Settle(Reason::AttemptsUsed);
    }
    Verdict::Retry(plan.wait(counted, jitter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(class: Class) -> SendAnswer {
        SendAnswer::Refused(Refusal {
            errcode: 1,
            errmsg: String::new(),
            rid: None,
            param: None,
            class,
        })
    }

    fn check(answer: &SendAnswer, attempts: u32, token_refusals: u32, expected: &Verdict) {
        let tries = Tries {
            attempts,
            token_refusals,
            in_doubt: 0,
        };
        assert_eq!(
            decide(&RetryPlan::default(), InDoubt::Resend, tries, answer, 1.0),
            *expected
        );
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        let unreachable = SendAnswer::Unreachable {
            detail: String::new(),
        };
        let plan = RetryPlan {
            attempts: 20,
            ..RetryPlan::default()
        };
        let waits: Vec<_> = (1..10)
            .map(|attempts| {
                decide(
                    &plan,
                    InDoubt::Resend,
                    Tries {
                        attempts,
                        token_refusals: 0,
                        in_doubt: 0,
                    },
                    &unreachable,
                    1.0,
                )
            })
            .collect();
        let seconds = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0];
        assert_eq!(
            waits,
            seconds.map(|s| Verdict::Retry(Duration::from_secs_f64(s)))
        );
    }

    #[test]
    fn attempts_end() {
        let unreachable = SendAnswer::Unreachable {
            detail: String::new(),
        };
        check(&unreachable, 5, 0, &Verdict::Settle(Reason::AttemptsUsed));
        check(
            &refused(Class::Busy),
            3,
            0,
            &Verdict::Settle(Reason::AttemptsUsed),
        );
    }

    #[test]
    fn a_refused_token_is_retried_at_once_and_then_with_patience() {
        check(
            &refused(Class::Token),
            1,
            1,
            &Verdict::Retry(Duration::ZERO),
        );
        check(
            &refused(Class::Token),
            2,
            2,
            &Verdict::Retry(Duration::from_millis(500)),
        );
        check(
            &refused(Class::Token),
            6,
            6,
            &Verdict::Settle(Reason::AttemptsUsed),
        );
        // The free attempt leaves the plan's own five.
        check(
            &SendAnswer::Unreachable {
                detail: String::new(),
            },
            5,
            1,
            &Verdict::Retry(Duration::from_secs(4)),
        );
    }

    #[test]
    fn the_rule_says_what_becomes_of_a_message_in_doubt() {
        let answer = SendAnswer::InDoubt {
            detail: String::new(),
        };
        let tries = Tries {
            attempts: 1,
            token_refusals: 0,
            in_doubt: 0,
        };
        let left = decide(&RetryPlan::default(), InDoubt::Leave, tries, &answer, 0.0);
        assert_eq!(left, Verdict::Settle(Reason::InDoubt));
        check(&answer, 1, 0, &Verdict::Retry(Duration::from_millis(500)));
    }

    #[test]
    fn what_follows_an_attempt_in_doubt_does_not_deny_it() {
        let tries = Tries {
            attempts: 2,
            token_refusals: 0,
            in_doubt: 1,
        };
        for class in [
            Class::NotSubscribed,
            Class::WindowClosed,
            Class::WindowUsedUp,
        ] {
            let refused = refused(class);
            let verdict = decide(&RetryPlan::default(), InDoubt::Resend, tries, &refused, 0.0);
            assert_eq!(verdict, Verdict::Settle(Reason::InDoubt));
        }
    }

    #[test]
    fn a_token_that_is_not_to_be_had_is_the_apps_matter_or_soon_over() {
        let without = |class| {
            SendAnswer::NoToken(TokenTrouble {
                errcode: Some(1),
                detail: String::new(),
                class,
            })
        };
        for class in [
            Class::Token,
            Class::MinuteQuota,
            Class::DailyQuota,
            Class::Api,
            Class::Account,
        ] {
            check(&without(class), 1, 0, &Verdict::Pause(Cause::Account));
        }
        // After as many attempts a send that is refused as busy is given up.
        for class in [Class::Busy, Class::Unlisted] {
            let again = Verdict::Retry(Duration::from_secs(2));
            check(&without(class), 3, 0, &again);
        }
    }

    #[test]
    fn what_is_not_the_messages_fault_holds_more_than_the_message() {
        for (class, cause) in [
            (Class::MinuteQuota, Cause::MinuteQuota),
            (Class::DailyQuota, Cause::DailyQuota),
            (Class::Api, Cause::Api),
            (Class::Account, Cause::Account),
            (Class::Banned, Cause::Template),
            (Class::UnknownTemplate, Cause::Template),
        ] {
            check(&refused(class), 1, 0, &Verdict::Pause(cause));
        }
    }
}
