//! An app, other programs and a `WeChat` in which tokens are wedged and answers are lost, by chance from a seed.

use super::*;

/// What may go wrong beside the wear of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Tokens are wedged, and answers to forced refreshes are lost.
    WeChats,
    /// Another program forces refreshes.
    Others,
}

struct World {
    story: Story,
    trouble: Trouble,
    random: fastrand::Rng,
    /// The stable token of `WeChat`.
    present: u64,
    is_wedged: bool,
    came_at: Instant,
    /// What we use.
    held: Option<u64>,
    /// The token that worked last.
    worked: Option<u64>,
    forced_at: Vec<Instant>,
    /// Tokens of ours that the other program ended.
    n_ended: u64,
}

impl World {
    fn new(seed: u64, trouble: Trouble) -> Self {
        let story = Story::of(Mode::Stable);
        Self {
            came_at: story.now,
            story,
            trouble,
            random: fastrand::Rng::with_seed(seed),
            present: 1,
            is_wedged: false,
            held: None,
            worked: None,
            forced_at: Vec::new(),
            n_ended: 0,
        }
    }

    fn renew(&mut self) {
        self.present += 1;
        self.is_wedged = false;
        self.came_at = self.story.now;
    }

    /// A while in which things go wrong.
    fn pass(&mut self) {
        let most_s = [1, 10, 100, 1000][self.random.usize(0..4)];
        self.story.after(S * self.random.u32(0..most_s));
        if self.story.now > self.came_at + 110 * MIN {
            self.renew();
            self.held = None;
        }
        if self.random.u8(0..4) != 0 {
            return;
        }
        match self.trouble {
            Trouble::WeChats => self.is_wedged = true,
            Trouble::Others => {
                if self.held == Some(self.present) && self.worked == self.held {
                    self.n_ended += 1;
                }
                self.renew();
            }
        }
    }

    fn ask(&mut self) {
        let (ask, _) = self.story.ask();
        if ask == Ask::Forced {
            self.forced_at.push(self.story.now);
            let may_be_lost = self.trouble == Trouble::WeChats;
            let lost = may_be_lost.then(|| self.random.u8(0..4));
            if lost != Some(0) {
                self.renew();
            }
            if matches!(lost, Some(0 | 1)) {
                return;
            }
        }
        if self.story.now > self.came_at + 115 * MIN {
            self.renew();
        }
        let present = self.present;
        self.story.handed_out(present);
        self.held = Some(present);
    }

    /// One send, with as many tokens as it takes; or none, if it takes too long.
    fn send(&mut self) -> Option<Duration> {
        let began = self.story.now;
        while self.story.now < began + 3 * Duration::from_hours(1) {
            let Some(token) = self.held else {
                self.ask();
                continue;
            };
            if token == self.present && !self.is_wedged {
                self.story.accepted(token);
                self.worked = Some(token);
                return Some(self.story.now - began);
            }
            let death = if self.worked == Some(token) {
                Death::Early
            } else {
                Death::Other
            };
            let now = self.story.now;
            self.story.incidents.refused(now, token, death);
            self.story.incidents.look(now);
            self.held = None;
        }
        None
    }
}

fn play(seed: u64, trouble: Trouble) -> World {
    let mut world = World::new(seed, trouble);
    for nth in 0..1000 {
        world.pass();
        let waited = world.send();
        assert!(waited.is_some(), "seed {seed}, {trouble:?}: send {nth}");
    }
    for pair in world.forced_at.windows(2) {
        assert!(pair[1] - pair[0] >= 30 * S, "seed {seed}, {trouble:?}");
    }
    for day in world.forced_at.windows(21) {
        let day = day[20] - day[0];
        assert!(day >= Duration::from_hours(24), "seed {seed}, {trouble:?}");
    }
    world
}

#[test]
fn wechats_own_trouble_accuses_no_program_and_never_stops_us_for_good() {
    for seed in 0..100 {
        let world = play(seed, Trouble::WeChats);
        assert!(world.forced_at.len() > 20, "seed {seed}");
        assert_eq!(world.story.incidents.n_died(), 0, "seed {seed}");
    }
}

#[test]
fn another_programs_work_is_counted_and_never_answered_by_force() {
    for seed in 0..100 {
        let world = play(seed, Trouble::Others);
        assert_eq!(world.forced_at, Vec::<Instant>::new(), "seed {seed}");
        assert!(world.n_ended > 20, "seed {seed}");
        assert_eq!(world.story.incidents.n_died(), world.n_ended, "seed {seed}");
    }
}
