//! How long answers take.

use serde::{Deserialize, Serialize};

use crate::random::{Stream, stream};
use crate::settings::Settings;

/// How long an answer takes, in milliseconds, drawn evenly from `min_ms..=max_ms`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// The shortest.
    pub min_ms: u64,
    /// The longest; a value below `min_ms` means `min_ms`.
    pub max_ms: u64,
}

impl Latency {
    /// The same for every call.
    pub fn fixed(ms: u64) -> Self {
        Self {
            min_ms: ms,
            max_ms: ms,
        }
    }

    fn draw(self, random: &mut fastrand::Rng) -> u64 {
        if self.max_ms <= self.min_ms {
            self.min_ms
        } else {
            random.u64(self.min_ms..=self.max_ms)
        }
    }
}

/// What comes on top of the latency: a few answers take much longer than most.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tail {
    /// Every answer takes this in addition.
    pub lognormal: Option<LogNormal>,
    /// The share of answers, 0.0 to 1.0, that take `slow_ms` in addition.
    pub slow_ratio: f64,
    /// How much longer those take, in milliseconds.
    pub slow_ms: u64,
}

/// A log-normal distribution, which measured latencies of remote services usually resemble.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogNormal {
    /// Half of the draws are below it, in milliseconds.
    pub median_ms: f64,
    /// The standard deviation of the logarithm: at 0.5 one draw in a hundred is above 3.2 times the median, at 1.0 above 10 times.
    pub sigma: f64,
}

/// Whether answers could take this long; the error is a sentence.
pub(super) fn check(latency: Latency, tail: Tail) -> Result<(), String> {
    for (name, ms) in [
        ("min_ms", latency.min_ms),
        ("max_ms", latency.max_ms),
        ("slow_ms", tail.slow_ms),
    ] {
        if ms > MOST_MS {
            return Err(format!(
                "{name} is {ms}; at most {MOST_MS} are taken, which is ten minutes"
            ));
        }
    }
    if !(0.0..=1.0).contains(&tail.slow_ratio) {
        return Err(format!(
            "slow_ratio is {}; a share is 0.0 to 1.0",
            tail.slow_ratio
        ));
    }
    let Some(LogNormal { median_ms, sigma }) = tail.lognormal else {
        return Ok(());
    };
    if !(0.0..=LONGEST_MS).contains(&median_ms) {
        return Err(format!("median_ms is {median_ms}: 0 to {LONGEST_MS}"));
    }
    if !(0.0..=5.0).contains(&sigma) {
        return Err(format!("sigma is {sigma}: 0 to 5"));
    }
    Ok(())
}

/// No draw is longer than this, in milliseconds: the tail of the distribution has no end, but callers' patience has.
const LONGEST_MS: f64 = 600_000.0;
const MOST_MS: u64 = crate::script::LONGEST_MS;

impl LogNormal {
    fn draw(self, random: &mut fastrand::Rng) -> u64 {
        // Box-Muller; 1 - f64() is never 0, whose logarithm has no value.
        let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * random.f64()).cos();
        let ms = self.median_ms * (self.sigma * normal).exp();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and LONGEST_MS"
        )]
        let ms = ms.clamp(0.0, LONGEST_MS).round() as u64;
        ms
    }
}

/// The latencies in force, and the chance that draws them.
#[derive(Debug)]
pub(super) struct Waits {
    latency: Latency,
    tail: Tail,
    random: fastrand::Rng,
}

impl Waits {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            latency: settings.latency,
            tail: settings.tail,
            random: stream(settings.seed, Stream::Latency),
        }
    }

    pub(super) fn set(&mut self, latency: Latency, tail: Tail) {
        (self.latency, self.tail) = (latency, tail);
    }

    /// The latency of the next call, in milliseconds.
    pub(super) fn draw(&mut self) -> u64 {
        let mut ms = self.latency.draw(&mut self.random);
        if let Some(lognormal) = self.tail.lognormal {
            ms = ms.saturating_add(lognormal.draw(&mut self.random));
        }
        if self.tail.slow_ratio > 0.0 && self.random.f64() < self.tail.slow_ratio {
            ms = ms.saturating_add(self.tail.slow_ms);
        }
        ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(latency: Latency, tail: Tail) -> Vec<u64> {
        let mut waits = Waits::new(&Settings {
            latency,
            tail,
            seed: Some(7),
            ..Settings::default()
        });
        let mut draws: Vec<u64> = (0..10_000).map(|_| waits.draw()).collect();
        draws.sort_unstable();
        draws
    }

    #[test]
    fn the_spread_is_what_was_asked_for() {
        let even = draws(
            Latency {
                min_ms: 20,
                max_ms: 80,
            },
            Tail::default(),
        );
        assert_eq!((even[0], even[9999]), (20, 80));
        assert!((48..52).contains(&even[5000]), "{}", even[5000]);

        let lognormal = LogNormal {
            median_ms: 50.0,
            sigma: 0.5,
        };
        let tail = Tail {
            lognormal: Some(lognormal),
            ..Tail::default()
        };
        let skewed = draws(Latency::fixed(10), tail);
        assert!((58..62).contains(&skewed[5000]), "{}", skewed[5000]);
        assert!((160..185).contains(&skewed[9900]), "{}", skewed[9900]);

        let tail = Tail {
            slow_ratio: 0.05,
            slow_ms: 3000,
            ..Tail::default()
        };
        let slow = draws(Latency::fixed(10), tail);
        let n_slow = slow.iter().filter(|ms| **ms == 3010).count();
        assert!((400..600).contains(&n_slow), "{n_slow}");
        assert!(slow.iter().all(|ms| *ms == 10 || *ms == 3010));
    }
}
