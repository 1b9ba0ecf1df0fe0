//! `rate = { per_second = 50, burst = 1 }`: the same table for rules and for apps.

use std::num::NonZeroU32;

use crate::document::{Problems, Section};
use crate::model::Rate;

impl Rate {
    /// More than any quota of `WeChat`'s lets through; a larger figure is a slip.
    pub const MOST_BURST: i64 = 100_000;

    /// Reads the table. Without `burst`, one message at a time.
    pub fn read(problems: &mut Problems, mut section: Section) -> Option<Self> {
        let per_second = section.take_positive(problems, "per_second");
        let burst = section.take_integer(problems, "burst", 1, Self::MOST_BURST);
        // A value that is there but wrong has had its say already.
        let missing = per_second.is_none()
            && !problems
                .iter()
                .any(|problem| problem.key == Some(section.key_path("per_second")));
        if missing {
            problems.push(
                section
                    .error("`per_second` is missing")
                    .help("write { per_second = 50 }: at most so many sends a second"),
            );
        }
        section.finish(problems);
        let burst = burst
            .and_then(|said| u32::try_from(said.value).ok())
            .and_then(NonZeroU32::new)
            .unwrap_or(NonZeroU32::MIN);
        Some(Self {
            per_second: per_second?.value,
            burst,
        })
    }
}
