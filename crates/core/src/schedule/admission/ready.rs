//! Rules with something to send, and whose turn it is.
//!
//! Each priority has a line, in which rules take turns. Among the lines the turns are divided by weight (start-time fair queueing): a turn
//! moves a line's tag on by its stride, and the line with the smallest tag is next. A line that was empty joins at the present tag, so it
//! neither saves up turns nor has to wait for those that it missed.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::rules::Priority;

/// Rules with something to send, by their priority.
#[derive(Default)]
pub(super) struct Ready {
    high: Line,
    normal: Line,
    low: Line,
    /// The tag of the last turn.
    present: u64,
}

#[derive(Default)]
struct Line {
    rules: VecDeque<Arc<str>>,
    tag: u64,
}

/// Of 21 turns that all three want, a high one has 16, a normal one 4 and a low one 1.
fn stride(priority: Priority) -> u64 {
    match priority {
        Priority::High => 1,
        Priority::Normal => 4,
        Priority::Low => 16,
    }
}

impl Ready {
    /// The line of a priority.
    pub(super) fn line(&mut self, priority: Priority) -> &mut VecDeque<Arc<str>> {
        &mut self.line_of(priority).rules
    }

    /// Takes the rule out whose turn it is, of those that may go. The turn counts once it [is taken](Self::took_turn).
    pub(super) fn next(&mut self, may_go: impl Fn(&Arc<str>) -> bool) -> Option<Arc<str>> {
        let present = self.present;
        let lines = [&mut self.high, &mut self.normal, &mut self.low].into_iter();
        let candidates = lines.filter_map(|line| {
            let index = line.rules.iter().position(&may_go)?;
            Some((line, index))
        });
        let (line, index) = candidates.min_by_key(|(line, _)| line.tag.max(present))?;
        line.rules.remove(index)
    }

    /// A rule of this priority has had its turn.
    pub(super) fn took_turn(&mut self, priority: Priority) {
        let present = self.present;
        let line = self.line_of(priority);
        let began = line.tag.max(present);
        line.tag = began + stride(priority);
        self.present = began;
    }

    /// Every rule.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        let lines = [&self.high, &self.normal, &self.low];
        lines.into_iter().flat_map(|line| &line.rules)
    }

    fn line_of(&mut self, priority: Priority) -> &mut Line {
        match priority {
            Priority::High => &mut self.high,
            Priority::Normal => &mut self.normal,
            Priority::Low => &mut self.low,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Priority; 3] = [Priority::High, Priority::Normal, Priority::Low];

    /// Takes a turn of the rule that is next and wants another one.
    fn turn(ready: &mut Ready, may_go: impl Fn(&str) -> bool) -> Option<Priority> {
        let name = ready.next(|name| may_go(name))?;
        let of = |priority: &&Priority| name.starts_with(&format!("{priority:?}"));
        let priority = *ALL.iter().find(of).unwrap();
        ready.took_turn(priority);
        ready.line(priority).push_back(name);
        Some(priority)
    }

    fn ready(rules: [usize; 3]) -> Ready {
        let mut ready = Ready::default();
        for (priority, n_rules) in ALL.into_iter().zip(rules) {
            for index in 0..n_rules {
                let name = format!("{priority:?}{index}");
                ready.line(priority).push_back(Arc::from(name));
            }
        }
        ready
    }

    #[test]
    fn rules_of_one_priority_take_turns() {
        let mut ready = ready([0, 3, 0]);
        let mut names = Vec::new();
        for _ in 0..6 {
            let name = ready.next(|_| true).unwrap();
            ready.took_turn(Priority::Normal);
            names.push(name.to_string());
            ready.line(Priority::Normal).push_back(name);
        }
        let expected = ["Normal0", "Normal1", "Normal2"];
        assert_eq!(names, [expected, expected].concat());
    }

    #[test]
    fn who_could_not_go_saves_up_no_turns() {
        let mut ready = ready([1, 1, 0]);
        for _ in 0..100 {
            turn(&mut ready, |name| name != "High0");
        }
        let turns: Vec<_> = (0..50).filter_map(|_| turn(&mut ready, |_| true)).collect();
        let high = turns.iter().filter(|of| **of == Priority::High).count();
        assert!(matches!(high, 40 | 41), "four of five: {high}");
    }

    proptest! {
        /// However many rules there are: of any 21 turns in a row the lines have what their weights say, and no line is left out.
        #[test]
        fn every_priority_gets_its_part(rules in [1_usize..5, 1_usize..5, 1_usize..5], skipped in 0_usize..50) {
            let mut ready = ready(rules);
            for _ in 0..skipped {
                turn(&mut ready, |_| true);
            }
            let turns: Vec<_> = (0..210).filter_map(|_| turn(&mut ready, |_| true)).collect();
            let count = |priority| turns.iter().filter(|of| **of == priority).count();
            prop_assert_eq!((count(Priority::High), count(Priority::Normal), count(Priority::Low)), (160, 40, 10));
            let is_left_out = turns.windows(21).any(|turns| !turns.contains(&Priority::Low));
            prop_assert!(!is_left_out);
        }
    }
}
