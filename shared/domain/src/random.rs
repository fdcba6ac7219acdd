//! Random ids that nobody can guess, and jitter for retries.

/// `prefix` and `count` characters of `alphabet`, each equally likely, from the system's random source.
///
/// # Panics
/// When the system has no randomness. This cannot happen on Linux after it has booted.
pub(crate) fn random_text(prefix: &str, count: usize, alphabet: &[u8]) -> String {
    let mut text = String::with_capacity(prefix.len() + count);
    text.push_str(prefix);
    // Redraw bytes above the last whole multiple of the alphabet's length. They would make its first characters more
    // likely.
    let unbiased = 256 - 256 % alphabet.len();
    while text.len() < prefix.len() + count {
        let mut bytes = [0; 16];
        #[expect(clippy::expect_used, reason = "an id that can be guessed is worse than no response")]
        getrandom::fill(&mut bytes).expect("the system has a random source");
        let missing = prefix.len() + count - text.len();
        let drawn = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < unbiased);
        text.extend(drawn.take(missing).map(|byte| char::from(alphabet[byte % alphabet.len()])));
    }
    text
}

/// A random number from 0 to 1. It spreads out the retries of callers that failed at the same time. It is 0.5 if the
/// system has no randomness, which spreads the retries less.
#[must_use]
pub fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_differs_and_is_from_0_to_1() {
        let jitters: Vec<_> = (0..100).map(|_| jitter()).collect();
        assert!(jitters.iter().all(|jitter| (0.0..=1.0).contains(jitter)), "{jitters:?}");
        assert!(jitters.iter().any(|jitter| jitter.to_bits() != jitters[0].to_bits()), "{jitters:?}");
    }
}
