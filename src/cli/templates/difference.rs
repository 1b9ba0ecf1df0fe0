//! Two texts, line by line: what goes and what comes, with a little of what stays.

/// Lines around a change that say where it is.
const CONTEXT: usize = 2;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Same,
    Gone,
    New,
}

/// Lines with `-`, `+` or a space before them, and `…` where unchanged ones are left out; empty if nothing differs.
pub(super) fn difference(before: &str, after: &str) -> String {
    let lines = marked(before, after);
    let is_near = |at: usize| {
        let around = at.saturating_sub(CONTEXT)..=at + CONTEXT;
        let mut near = around.filter_map(|at| lines.get(at));
        near.any(|(mark, _)| *mark != Mark::Same)
    };
    let mut shown = Vec::new();
    let mut is_left_out = false;
    for (at, (mark, line)) in lines.iter().enumerate() {
        if !is_near(at) {
            is_left_out = true;
            continue;
        }
        if std::mem::take(&mut is_left_out) {
            shown.push("…".to_owned());
        }
        let sign = match mark {
            Mark::Same => ' ',
            Mark::Gone => '-',
            Mark::New => '+',
        };
        shown.push(format!("{sign} {line}").trim_end().to_owned());
    }
    if is_left_out && !shown.is_empty() {
        shown.push("…".to_owned());
    }
    shown.join("\n")
}

/// Every line of both, by their longest common sequence.
fn marked<'a>(before: &'a str, after: &'a str) -> Vec<(Mark, &'a str)> {
    let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let lengths = common(&old, &new);
    let length = |i: usize, j: usize| {
        lengths
            .get(i)
            .and_then(|row| row.get(j))
            .copied()
            .unwrap_or(0)
    };
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::with_capacity(old.len().max(new.len()));
    loop {
        match (old.get(i), new.get(j)) {
            (Some(left), Some(right)) if left == right => {
                lines.push((Mark::Same, *left));
                (i, j) = (i + 1, j + 1);
            }
            (Some(left), right) if right.is_none() || length(i + 1, j) >= length(i, j + 1) => {
                lines.push((Mark::Gone, *left));
                i += 1;
            }
            (_, Some(right)) => {
                lines.push((Mark::New, *right));
                j += 1;
            }
            (_, None) => return lines,
        }
    }
}

/// How many lines the rests from each pair of places on have in common.
fn common(old: &[&str], new: &[&str]) -> Vec<Vec<u32>> {
    let mut rows = vec![vec![0; new.len() + 1]];
    for left in old.iter().rev() {
        let mut row = vec![0; new.len() + 1];
        let below = rows.last().map_or(&[][..], Vec::as_slice);
        for (j, right) in new.iter().enumerate().rev() {
            let at = |row: &[u32], j: usize| row.get(j).copied().unwrap_or(0);
            let longest = if left == right {
                at(below, j + 1) + 1
            } else {
                at(below, j).max(at(&row, j + 1))
            };
            if let Some(cell) = row.get_mut(j) {
                *cell = longest;
            }
        }
        rows.push(row);
    }
    rows.reverse();
    rows
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
            &["  a", "- b", "  c", "+ b", "  d", "  e"],
        );
    }
}
