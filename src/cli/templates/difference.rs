//! Two texts, line by line: what goes and what comes, with a little of what stays.

use similar::{Algorithm, capture_diff_slices, group_diff_ops};

/// Lines around a change that say where it is.
const CONTEXT: usize = 2;

/// Lines with `-`, `+` or a space before them, and `…` where unchanged ones are left out; empty if nothing differs.
pub(super) fn difference(before: &str, after: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let changes = capture_diff_slices(Algorithm::Myers, &old, &new);
    let mut shown = Vec::new();
    let mut n_passed = 0;
    for group in group_diff_ops(changes, CONTEXT) {
        if group
            .first()
            .is_some_and(|first| first.old_range().start > n_passed)
        {
            shown.push("…".to_owned());
        }
        for change in group.iter().flat_map(|part| part.iter_changes(&old, &new)) {
            let line = format!("{} {}", change.tag(), change.value());
            shown.push(line.trim_end().to_owned());
        }
        n_passed = group.last().map_or(n_passed, |last| last.old_range().end);
    }
    if n_passed < old.len() && !shown.is_empty() {
        shown.push("…".to_owned());
    }
    shown.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, after: &str, expected: &[&str]) {
        assert_eq!(difference(before, after), expected.join("\n"));
    }

    #[test]
    fn changes_are_shown_with_what_is_around_them() {
        check("a\nb\n", "a\nb\n", &[]);
        check("", "a\n", &["+ a"]);
        check("a\n", "", &["- a"]);
        check(
            "1\n2\n3\nold\n4\n\n5\n6\n7\n8\n9\nx\n",
            "1\n2\n3\nnew\n4\n\n5\n6\n7\n8\n9\n",
            &[
                "…", "  2", "  3", "- old", "+ new", "  4", "", "…", "  8", "  9", "- x",
            ],
        );
        check(
            "a\nb\nc\nd\ne",
            "a\nc\nb\nd\ne",
            &["  a", "+ c", "  b", "- c", "  d", "  e"],
        );
    }
}
