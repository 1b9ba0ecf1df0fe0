//! Refusals, waits, forced refreshes and culprits, at times of our choosing.

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

    fn accepted(&mut self) -> &mut Self {
        self.incidents.accepted(self.now);
        self
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

    fn die_young(&mut self, token: u64) -> Change {
        self.accepted();
        self.incidents.refused(self.now, token, Death::Early);
        self.incidents.look(self.now)
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
fn the_same_token_refused_again_is_forced_once() {
    let mut story = Story::of(Mode::Stable);
    story.refused(1);
    story.ask();
    assert_eq!(story.refused(1), Aftermath::Ask(Ask::Forced));
    assert_eq!(story.ask(), (Ask::Forced, Duration::ZERO));
    assert_eq!(story.refused(2), Aftermath::Alarm);
    assert!(story.incidents.is_stuck());
    let mut waits = vec![story.ask()];
    for _ in 0..8 {
        assert_eq!(story.refused(2), Aftermath::Wait);
        waits.push(story.ask());
    }
    let waits_s: Vec<u64> = waits.iter().map(|(_, wait)| wait.as_secs()).collect();
    assert_eq!(waits_s, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert!(waits.iter().all(|(ask, _)| *ask == Ask::Normal));
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
    let force = |story: &mut Story, token: u64| {
        story.refused(token);
        let first = story.ask().0;
        story.refused(token);
        (first, story.ask().0)
    };
    assert_eq!(force(&mut story, 1), (Ask::Normal, Ask::Forced));
    story.after(S).accepted();
    // Still the same incident: asked at once, for it had worked, and never forced.
    assert_eq!(story.after(MIN).refused(2), Aftermath::Ask(Ask::Normal));
    assert_eq!(story.ask(), (Ask::Normal, Duration::ZERO));
    assert_eq!(story.refused(2), Aftermath::Alarm);
    assert_eq!(story.ask().0, Ask::Normal);
    story.accepted();
    assert!(!story.incidents.is_stuck());
    // One accepted send and five quiet minutes later it is another one.
    story.after(5 * MIN);
    assert_eq!(force(&mut story, 2), (Ask::Normal, Ask::Forced));
}

#[test]
fn without_an_accepted_send_an_incident_never_ends() {
    let mut story = Story::of(Mode::Stable);
    story.refused(1);
    story.ask();
    story.refused(1);
    assert_eq!(story.ask().0, Ask::Forced);
    for _ in 0..100 {
        story.after(30 * MIN).refused(2);
        assert_eq!(story.ask().0, Ask::Normal);
    }
}

#[test]
fn forced_refreshes_are_thirty_seconds_apart_and_twenty_in_any_day() {
    let mut story = Story::of(Mode::Stable);
    let mut forced = Vec::new();
    for token in 0..300 {
        story.refused(token);
        story.ask();
        story.refused(token);
        let (ask, _) = story.ask();
        if ask == Ask::Forced {
            forced.push(story.now);
        }
        story.accepted().after(10 * MIN);
    }
    assert!(forced.len() >= 40, "{}", forced.len());
    for pair in forced.windows(2) {
        assert!(pair[1] - pair[0] >= FORCED_APART);
    }
    for days in forced.windows(FORCED_A_DAY + 1) {
        assert!(days[FORCED_A_DAY] - days[0] >= DAY);
    }
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
        story.accepted();
    }
}

#[test]
fn a_classic_token_is_not_asked_for_two_thousand_times_a_day() {
    let mut story = Story::of(Mode::Classic);
    let began = story.now;
    let mut n_asked = 0;
    let mut token = 0;
    while story.now < began + DAY {
        token += 1;
        story.refused(token);
        story.ask();
        n_asked += 1;
        story.accepted();
    }
    assert!(n_asked < 1500, "{n_asked}");
}

#[test]
fn tokens_that_die_young_name_a_culprit() {
    let mut story = Story::of(Mode::Stable);
    assert_eq!(story.die_young(1), Change::None);
    assert_eq!(story.after(MIN).die_young(2), Change::None);
    assert_eq!(story.after(MIN).die_young(3), Change::Appeared);
    assert_eq!(story.after(MIN).die_young(4), Change::None);
    assert_eq!(story.incidents.others(), Others::Seen);
    assert_eq!(story.incidents.n_died(), 4);
    story.after(59 * MIN);
    assert_eq!(story.incidents.look(story.now), Change::None);
    story.after(MIN);
    assert_eq!(story.incidents.look(story.now), Change::Left);
    assert_eq!(story.incidents.others(), Others::Unseen);
    assert_eq!(story.die_young(5), Change::None);
}

#[test]
fn two_programs_that_take_the_classic_token_from_each_other_are_noticed() {
    let mut story = Story::of(Mode::Classic);
    let changes: Vec<Change> = (0..4)
        .map(|token| story.after(10 * MIN).die_young(token))
        .collect();
    let expected = [Change::None, Change::None, Change::Appeared, Change::None];
    assert_eq!(changes, expected);
}

#[test]
fn now_and_then_a_dead_token_names_nobody() {
    let mut story = Story::of(Mode::Stable);
    for token in 0..20 {
        assert_eq!(story.after(61 * MIN).die_young(token), Change::None);
    }
    let mut story = Story::of(Mode::Stable);
    for _ in 0..20 {
        // It had worked once, and WeChat hands it out and refuses it again and again: that is no other program's doing.
        assert_eq!(story.die_young(100), Change::None);
        story.refused(101);
        assert_eq!(story.incidents.look(story.now), Change::None);
    }
}
