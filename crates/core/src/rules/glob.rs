//! Patterns for event types: `*` stands for any run of characters, dots too.

/// A pattern with at least one `*` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    head: String,
    middle: Vec<String>,
    tail: String,
}

impl Glob {
    /// Reads a pattern; `None` if there is no `*` in it, so that it can only mean itself.
    pub(super) fn read(pattern: &str) -> Option<Self> {
        let (head, rest) = pattern.split_once('*')?;
        let mut middle: Vec<String> = rest.split('*').map(str::to_owned).collect();
        let tail = middle.pop().unwrap_or_default();
        Some(Self {
            head: head.to_owned(),
            middle,
            tail,
        })
    }

    /// Whether the pattern stands for this text as a whole.
    pub(super) fn matches(&self, text: &str) -> bool {
        let Some(mut rest) = text.strip_prefix(self.head.as_str()) else {
            return false;
        };
        // The leftmost place for each part leaves the most room for those that follow.
        for part in &self.middle {
            let Some((_, after)) = rest.split_once(part.as_str()) else {
                return false;
            };
            rest = after;
        }
        rest.ends_with(self.tail.as_str())
    }

    /// Whether some text is meant by both patterns.
    pub(super) fn meets(&self, other: &Self) -> bool {
        // What stands before the first star and behind the last is fixed; all between can be put into one text, one after the other.
        let agree = |left: &str, right: &str| left.starts_with(right) || right.starts_with(left);
        let agree_at_end = |left: &str, right: &str| left.ends_with(right) || right.ends_with(left);
        agree(&self.head, &other.head) && agree_at_end(&self.tail, &other.tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::read(pattern).unwrap().matches(text)
    }

    #[test]
    fn two_patterns_meet_where_their_fixed_ends_agree() {
        let meet = |left: &str, right: &str| {
            let (left, right) = (Glob::read(left).unwrap(), Glob::read(right).unwrap());
            assert_eq!(left.meets(&right), right.meets(&left));
            left.meets(&right)
        };
        for (left, right) in [
            ("*", "order.*"),
            ("order.*", "order.*.done"),
            ("order.*", "*.done"),
            ("a*b*c", "a*d*c"),
        ] {
            assert!(meet(left, right), "{left} {right}");
        }
        for (left, right) in [("order.*", "class.*"), ("*.done", "*.begun")] {
            assert!(!meet(left, right), "{left} {right}");
        }
    }

    #[test]
    fn a_star_stands_for_any_run() {
        assert!(Glob::read("order.completed").is_none());
        for (pattern, text) in [
            ("*", ""),
            ("*", "a.b"),
            ("order.*", "order.a.b"),
            ("*.done", "a.done"),
            ("a*b*c", "abbc"),
            ("a**b", "ab"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [
            ("order.*", "orders"),
            ("*.done", "done"),
            ("a*a", "a"),
            ("a*b*c", "acb"),
            ("ab*bc", "abc"),
        ] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
