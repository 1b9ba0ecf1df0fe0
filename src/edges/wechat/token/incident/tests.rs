//! Refusals, waits, forced refreshes and culprits, at times of our choosing.

mod world;

use super::*;

const S: Duration = Duration::from_secs(1);
const MIN: Duration = Duration::from_mins(1);

/// An app's incidents with a clock of their own.
struct Story {
    incidents: Incidents,
    now: Instant,
}

impl Story {
    fn of(mode: Mode) -> Self {
        Self {
            incidents: Incidents::new(mode),
            now: Instant::now(),
        }
    }

    fn after(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self
    }

    fn refused(&mut self, token: u64) -> Aftermath {
        self.incidents.refused(self.now, token, Death::Other)
    }

    fn accepted(&mut self, token: u64) -> &mut Self {
        self.incidents.accepted(self.now, token);
        self
    }

    fn handed_out(&mut self, token: u64) -> &mut Self {
        self.incidents.handed_out(self.now, token);
        self
    }

    /// The token is refused, comes again, and is refused again. What is asked then?
    fn wedged(&mut self, token: u64) -> (Ask, Duration) {
        self.refused(token);
        assert_eq!(self.ask().0, Ask::Normal);
        self.handed_out(token).refused(token);
        self.ask()
    }

    /// Waits as long as it is told to, asks, and says how and after which wait.
    fn ask(&mut self) -> (Ask, Duration) {
        let mut waited = Duration::ZERO;
        loop {
            match self.incidents.plan(self.now) {
                Plan::Ask(ask) => {
                    self.incidents.asked(self.now, ask);
                    return (ask, waited);
                }
                Plan::Wait(until) => {
                    assert!(until > self.now);
                    waited += until - self.now;
                    self.now = until;
                }
            }
        }
    }
}

#[test]
fn a_refused_token_is_asked_for_again_at_once() {
    for mode in [Mode::Stable, Mode::Classic, Mode::External] {
        let mut story = Story::of(mode);
        story.ask();
        let aftermath = story.after(MIN).refused(1);
        assert_eq!(aftermath, Aftermath::Ask(Ask::Normal));
        assert_eq!(story.ask(), (Ask::Normal, Duration::ZERO));
    }
}

#[test]
fn a_forced_refresh_that_did_not_cure_is_not_repeated_at_once() {
    let mut story = Story::of(Mode::Stable);
    assert_eq!(story.wedged(1), (Ask::Forced, Duration::ZERO));
    assert_eq!(story.handed_out(2).refused(2), Aftermath::Alarm);
    assert!(story.incidents.is_stuck());
    let forced_at = story.now;
    let mut waits = vec![story.ask()];
    while waits.last().unwrap().0 == Ask::Normal {
        assert_eq!(story.handed_out(2).refused(2), Aftermath::Wait);
        waits.push(story.ask());
    }
    assert_eq!(story.now, forced_at + 5 * MIN);
    let waits_s: Vec<u64> = waits.iter().map(|(_, wait)| wait.as_secs()).collect();
    assert_eq!(waits_s, [1, 2, 4, 8, 16, 32, 60, 60, 60, 57]);
}

#[test]
fn a_token_that_is_wedged_again_is_cured_again() {
    for apart_s in [1, 29, 30, 65, 299] {
        let mut story = Story::of(Mode::Stable);
        assert_eq!(story.wedged(1), (Ask::Forced, Duration::ZERO));
        for token in 2..15 {
            story.handed_out(token).accepted(token);
            let forced_at = story.now;
            story.after(apart_s * S).wedged(token);
            let mut n_asked = 0;
            while story.now < forced_at + 30 * S {
                n_asked += 1;
                assert_eq!(story.handed_out(token).refused(token), Aftermath::Wait);
                story.ask();
            }
            assert!(n_asked <= 6, "{apart_s} s apart: {n_asked} questions");
            assert_eq!(story.now, forced_at + 30.max(apart_s) * S, "{apart_s}");
        }
        assert_eq!(story.incidents.n_died(), 0, "{apart_s} s apart");
    }
}

#[test]
fn another_token_that_is_refused_too_is_no_reason_to_force() {
    let mut story = Story::of(Mode::Stable);
    for token in 1..10 {
        story.refused(token);
        assert_eq!(story.ask().0, Ask::Normal);
    }
}

#[test]
fn an_incident_ends_when_sends_are_accepted_for_a_while() {
    let mut story = Story::of(Mode::Stable);
    story.wedged(1);
    // It did not help, and the next forced refresh would have to wait for five minutes.
    story.handed_out(1).refused(1);
    story.after(S).accepted(1);
    assert!(!story.incidents.is_stuck());
    // One accepted send and five quiet minutes later it is another incident.
    story.after(5 * MIN);
    assert_eq!(story.wedged(1), (Ask::Forced, Duration::ZERO));
}

#[test]
fn without_an_accepted_send_an_incident_ends_two_hours_after_its_last_refusal() {
    for (quiet, expected) in [
        (119 * MIN, Aftermath::Wait),
        (120 * MIN, Aftermath::Ask(Ask::Normal)),
    ] {
        let mut story = Story::of(Mode::Stable);
        story.refused(1);
        for token in 2..20 {
            story.after(30 * MIN).refused(token);
        }
        assert!(story.incidents.is_stuck());
        assert_eq!(story.after(quiet).refused(20), expected, "{quiet:?}");
    }
}

#[test]
fn a_token_that_works_again_is_not_forced_when_its_time_is_up() {
    let mut story = Story::of(Mode::Stable);
    story.wedged(1);
    // Too early for another forced refresh: it would be asked for as soon as it may be.
    story.handed_out(2).accepted(2).after(S).wedged(2);
    story.handed_out(2).accepted(2);
    assert_eq!(story.after(30 * MIN).ask(), (Ask::Normal, Duration::ZERO));
    // The same where another token came, and none was accepted.
    let mut story = Story::of(Mode::Stable);
    story.wedged(1);
    story.handed_out(2).accepted(2).after(S).wedged(2);
    story.handed_out(3);
    assert_eq!(story.after(30 * MIN).ask(), (Ask::Normal, Duration::ZERO));
}

#[test]
fn only_the_stable_token_is_ever_forced() {
    for mode in [Mode::Classic, Mode::External] {
        let mut story = Story::of(mode);
        for _ in 0..20 {
            story.refused(1);
            assert_eq!(story.ask().0, Ask::Normal);
        }
    }
}

#[test]
fn a_centre_is_asked_once_a_second_at_most() {
    let mut story = Story::of(Mode::External);
    story.ask();
    for token in 0..20 {
        story.refused(token);
        let before = story.now;
        let (_, wait) = story.ask();
        assert!(wait >= S && story.now - before == wait, "{wait:?}");
        story.accepted(token);
    }
}

#[test]
fn a_classic_token_is_not_asked_for_two_thousand_times_a_day() {
    let mut story = Story::of(Mode::Classic);
    let began = story.now;
    let mut n_asked = 0;
    let mut token = 0;
    while story.now < began + Duration::from_hours(24) {
        token += 1;
        story.refused(token);
        story.ask();
        n_asked += 1;
        story.accepted(token);
    }
    assert!(n_asked < 1500, "{n_asked}");
}
