//! Charts, drawn here as SVG. Colours come from the style sheet by class, so they follow the theme, and nothing is written into `style` attributes,
//! which the content security policy forbids.

use maud::{Markup, html};

use super::history::told::Bucket;

/// The statuses in the order in which bars are stacked, from below.
pub const STACKED: [&str; 8] = [
    "sent",
    "unmatched",
    "skipped",
    "expired",
    "unknown",
    "rejected",
    "invalid",
    "failed",
];

/// A bar that leads somewhere.
pub struct Bar<'a> {
    /// What it shows.
    pub bucket: &'a Bucket,
    /// What a screen reader and a pointer say of it.
    pub label: String,
    /// What stands below it; empty for most bars.
    pub tick: String,
    /// Where it leads.
    pub link: String,
}

const WIDTH: usize = 960;
const HEIGHT: usize = 180;
const LEFT: usize = 48;
const BELOW: usize = 22;
const ABOVE: usize = 8;

/// Stacked bars of outcomes over time.
pub fn stacked(title: &str, bars: &[Bar<'_>]) -> Markup {
    let largest = bars.iter().map(|bar| total(bar.bucket)).max().unwrap_or(0);
    let top = round_up(largest);
    let room = HEIGHT - ABOVE - BELOW;
    let slot = (WIDTH - LEFT) / bars.len().max(1);
    let gap = if slot > 6 { 2 } else { usize::from(slot > 3) };
    html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(title) preserveAspectRatio="none" {
            @for part in [0, 1, 2] {
                @let y = ABOVE + room - room * part / 2;
                line.grid x1=(LEFT) x2=(WIDTH) y1=(y) y2=(y) {}
                text.axis x=(LEFT - 6) y=(y + 4) text-anchor="end" { (short(top * part as u64 / 2)) }
            }
            @for (index, bar) in bars.iter().enumerate() {
                @let x = LEFT + index * slot;
                a href=(bar.link) aria-label=(bar.label) {
                    title { (bar.label) }
                    rect.hit x=(x) y=(ABOVE) width=(slot) height=(room) {}
                    @for (class, y, height) in stack(bar.bucket, top, room) {
                        rect class=(format!("s-{class}")) x=(x) y=(ABOVE + y) width=(slot - gap) height=(height) {}
                    }
                }
                @if !bar.tick.is_empty() {
                    text.axis x=(x) y=(HEIGHT - 6) { (bar.tick) }
                }
            }
        }
    }
}

fn total(bucket: &Bucket) -> u64 {
    bucket.counts.values().sum()
}

/// The parts of a bar: class, upper edge and height. What is there is seen, however little it is.
fn stack(bucket: &Bucket, top: u64, room: usize) -> Vec<(&'static str, usize, usize)> {
    let mut parts = Vec::new();
    let mut y = room;
    let mut others = total(bucket);
    let mut draw = |class, count: u64| {
        if count == 0 || top == 0 {
            return;
        }
        let share = u128::from(count) * room as u128 / u128::from(top);
        let height = usize::try_from(share).unwrap_or(room).clamp(2, room).min(y);
        y -= height;
        parts.push((class, y, height));
    };
    for status in STACKED {
        let count = bucket.counts.get(status).copied().unwrap_or(0);
        others = others.saturating_sub(count);
        draw(status, count);
    }
    draw("other", others);
    parts
}

/// The next number that an axis ends at: 1, 2 or 5 times a power of ten.
fn round_up(number: u64) -> u64 {
    let mut step: u64 = 1;
    loop {
        for factor in [2, 4, 10] {
            let end = step.saturating_mul(factor);
            if end >= number || end == u64::MAX {
                return end;
            }
        }
        step = step.saturating_mul(10);
    }
}

/// `950`, `1.2k`, `3M`.
fn short(number: u64) -> String {
    let (unit, sign) = match number {
        0..1_000 => return number.to_string(),
        1_000..1_000_000 => (1_000, "k"),
        1_000_000..1_000_000_000 => (1_000_000, "M"),
        _ => (1_000_000_000, "G"),
    };
    let tenths = number / (unit / 10) % 10;
    if number / unit < 100 && tenths > 0 {
        format!("{}.{tenths}{sign}", number / unit)
    } else {
        format!("{}{sign}", number / unit)
    }
}

/// A share as a bar, for tables: of `of`, at most the whole.
pub fn meter(part: u64, of: u64, label: &str) -> Markup {
    html! {
        meter min="0" max=(of.max(1)) value=(part.min(of.max(1))) aria-label=(label) { (label) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(counts: &[(&str, u64)]) -> Bucket {
        let counts = counts
            .iter()
            .map(|(status, count)| ((*status).into(), *count));
        Bucket {
            from_ms: 0,
            counts: counts.collect(),
        }
    }

    #[test]
    fn parts_of_a_bar_lie_upon_each_other_and_inside() {
        let bar = bucket(&[
            ("sent", 1_000_000),
            ("failed", 1),
            ("of_a_later_version", 5),
        ]);
        let parts = stack(&bar, round_up(1_000_006), 150);
        let classes: Vec<&str> = parts.iter().map(|(class, _, _)| *class).collect();
        assert_eq!(classes, ["sent", "failed", "other"]);
        let mut below = 150;
        for (_, y, height) in parts {
            assert_eq!(y + height, below);
            assert!(height >= 2);
            below = y;
        }
        assert!(stack(&bucket(&[]), 0, 150).is_empty());
    }

    #[test]
    fn a_bar_of_many_small_parts_does_not_grow_out_of_the_chart() {
        let counts: Vec<(&str, u64)> = STACKED.iter().map(|status| (*status, 1)).collect();
        let parts = stack(&bucket(&counts), 8, 10);
        assert!(parts.iter().map(|(_, _, height)| height).sum::<usize>() <= 10);
    }

    #[test]
    fn axes_end_at_round_numbers_and_numbers_are_short() {
        let ends = [0, 3, 11, 999, 12_345].map(round_up);
        assert_eq!(ends, [2, 4, 20, 1_000, 20_000]);
        let shorts = [950, 1_000, 1_250, 250_000, 3_000_000].map(short);
        assert_eq!(shorts, ["950", "1k", "1.2k", "250k", "3M"]);
    }

    #[test]
    fn what_a_bar_says_cannot_become_markup() {
        let bar = Bar {
            bucket: &bucket(&[("<b>", 1)]),
            label: "\"><script>".to_owned(),
            tick: "</svg>".to_owned(),
            link: "?rule=\"x".to_owned(),
        };
        let drawn = stacked("<t>", &[bar]).into_string();
        assert!(!drawn.contains("<script>") && !drawn.contains("<b>") && !drawn.contains("<t>"));
        assert_eq!(drawn.matches("</svg>").count(), 1);
    }
}
