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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::read(pattern).unwrap().matches(text)
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
