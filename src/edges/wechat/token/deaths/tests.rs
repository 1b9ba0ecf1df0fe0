//! What a token that died young is evidence of.

use super::*;

const MIN: Duration = Duration::from_mins(1);

/// One thing that happens to an app's tokens.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// This token comes.
    Came(u64),
    /// This token is refused, and had worked and was not old.
    Refused(u64),
    /// This one is refused, and is old or never worked.
    RefusedOld(u64),
    /// A send is accepted with this token.
    Accepted(u64),
    /// We ask for a forced refresh.
    Forced,
}

use Step::{Accepted, Came, Forced, Refused, RefusedOld};

/// Deaths by another program after these steps, a second apart.
fn n_died(mode: Mode, steps: &[Step]) -> u64 {
    let mut deaths = Deaths::new(mode);
    let mut now = Instant::now();
    let mut forced_at = None;
    for step in steps {
        now += Duration::from_secs(1);
        match *step {
            Came(token) => deaths.handed_out(now, token),
            Refused(token) => deaths.refused(now, token, Death::Early, forced_at),
            RefusedOld(token) => deaths.refused(now, token, Death::Other, forced_at),
            Accepted(token) => deaths.accepted(token),
            Forced => forced_at = Some(now),
        }
    }
    deaths.n_died()
}

const ALL: [Mode; 3] = [Mode::Stable, Mode::Classic, Mode::External];

fn check(modes: &[Mode], cases: &[(&str, &[Step], u64)]) {
    for (name, steps, expected) in cases {
        for mode in modes {
            assert_eq!(n_died(*mode, steps), *expected, "{name}, {mode:?}");
        }
    }
}

#[test]
fn a_token_that_was_replaced_before_it_was_old_was_ended_by_another_program() {
    let cases: [(&str, &[Step], u64); 4] = [
        ("another came", &[Came(1), Refused(1), Came(2)], 1),
        ("none came", &[Came(1), Refused(1), Refused(1)], 0),
        ("its age", &[Came(1), RefusedOld(1), Came(2)], 0),
        (
            "taken again, and then its age",
            &[Came(1), Refused(1), Accepted(1), RefusedOld(1), Came(2)],
            0,
        ),
    ];
    check(&ALL, &cases);
    let taken_again: &[Step] = &[
        Came(1),
        Refused(1),
        Came(1),
        Accepted(1),
        Refused(1),
        Came(2),
    ];
    check(&ALL, &[("taken again, and then ended", taken_again, 1)]);
}

#[test]
fn a_wedged_token_accuses_no_program_whatever_cures_it() {
    let by_us: &[Step] = &[
        Came(1),
        Refused(1),
        Came(1),
        Refused(1),
        Forced,
        Came(2),
        Refused(2),
        Came(2),
        Refused(2),
        Forced,
        Came(3),
    ];
    let again: &[Step] = &[Came(1), Refused(1), Came(1), Refused(1), Came(1), Came(2)];
    let cases = [("cured by us", by_us, 0), ("cured by its age", again, 0)];
    check(&[Mode::Stable], &cases);
    // A token centre may only not have heard yet.
    check(&[Mode::External], &[("a centre", again, 1)]);
}

#[test]
fn what_our_own_forced_refresh_ends_accuses_no_program() {
    let cases: [(&str, &[Step], u64); 3] = [
        (
            "its answer was lost",
            &[Came(1), Forced, Refused(1), Came(2)],
            0,
        ),
        (
            "it was carried out after the next question",
            &[Came(1), Forced, Came(1), Refused(1), Came(2)],
            0,
        ),
        (
            "it was over before",
            &[Came(1), Forced, Came(2), Refused(2), Came(3)],
            1,
        ),
    ];
    check(&[Mode::Stable], &cases);
}

/// A token that works, is ended by another program, and is replaced.
fn die(deaths: &mut Deaths, now: Instant, token: u64) -> Change {
    deaths.handed_out(now, token);
    deaths.accepted(token);
    deaths.refused(now, token, Death::Early, None);
    deaths.handed_out(now, token + 1);
    deaths.look(now)
}

#[test]
fn three_of_them_name_a_culprit() {
    let mut deaths = Deaths::new(Mode::Stable);
    let mut now = Instant::now();
    for (token, expected) in [
        (1, Change::None),
        (2, Change::None),
        (3, Change::Appeared),
        (4, Change::None),
    ] {
        now += MIN;
        assert_eq!(die(&mut deaths, now, token), expected, "{token}");
    }
    assert_eq!((deaths.others(), deaths.n_died()), (Others::Seen, 4));
    assert_eq!(deaths.look(now + 59 * MIN), Change::None);
    assert_eq!(deaths.look(now + 60 * MIN), Change::Left);
    assert_eq!(deaths.others(), Others::Unseen);
    assert_eq!(die(&mut deaths, now + 60 * MIN, 5), Change::None);
}

#[test]
fn two_programs_that_take_the_classic_token_from_each_other_are_noticed() {
    let mut deaths = Deaths::new(Mode::Classic);
    let began = Instant::now();
    let changes: Vec<Change> = (0..4_u32)
        .map(|turn| die(&mut deaths, began + 10 * MIN * turn, turn.into()))
        .collect();
    let expected = [Change::None, Change::None, Change::Appeared, Change::None];
    assert_eq!(changes, expected);
}

#[test]
fn now_and_then_a_dead_token_accuses_no_program() {
    let mut deaths = Deaths::new(Mode::Stable);
    let began = Instant::now();
    for hour in 0..20_u32 {
        let now = began + 61 * MIN * hour;
        assert_eq!(die(&mut deaths, now, hour.into()), Change::None);
    }
}
