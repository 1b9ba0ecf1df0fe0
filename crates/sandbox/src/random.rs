//! Chance from a seed: with the same seed and the same calls in the same order, the same ids, tokens and latencies come out.

use fastrand::Rng;

/// What a stream of chance is for. Each has its own, so that one more token does not change the latencies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stream {
    Tokens,
    Ids,
    Latency,
    Callbacks,
}

/// The generator of one stream. Without a seed every start differs.
pub(super) fn stream(seed: Option<u64>, of: Stream) -> Rng {
    let salt = match of {
        Stream::Tokens => 1,
        Stream::Ids => 2,
        Stream::Latency => 3,
        Stream::Callbacks => 4,
    };
    seed.map_or_else(Rng::new, |seed| {
        // Neighbouring seeds must not share streams: seed 1's second stream is not seed 2's first.
        Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(salt))
    })
}

/// Letters and digits.
pub(super) fn text(random: &mut Rng, length: usize) -> String {
    std::iter::repeat_with(|| random.alphanumeric())
        .take(length)
        .collect()
}

/// Bytes, for keys and frames.
pub(super) fn bytes<const N: usize>(random: &mut Rng) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_each_stream_its_own_chance() {
        let draw = |seed, of| text(&mut stream(Some(seed), of), 20);
        assert_eq!(draw(7, Stream::Tokens), draw(7, Stream::Tokens));
        assert_ne!(draw(7, Stream::Tokens), draw(7, Stream::Ids));
        assert_ne!(draw(7, Stream::Ids), draw(8, Stream::Tokens));
        assert_ne!(
            text(&mut stream(None, Stream::Ids), 20),
            text(&mut stream(None, Stream::Ids), 20)
        );
    }
}
