//! Ids that nobody can guess.

/// `prefix` and `count` characters of `alphabet`, each equally likely, from the system's random source.
///
/// # Panics
/// When the system has no randomness to give, which on Linux cannot happen once it has booted.
pub(crate) fn random_text(prefix: &str, count: usize, alphabet: &[u8]) -> String {
    let mut text = String::with_capacity(prefix.len() + count);
    text.push_str(prefix);
    // Bytes from the last, incomplete run of the alphabet are drawn again, or its first characters would be likelier.
    let unbiased = 256 - 256 % alphabet.len();
    while text.len() < prefix.len() + count {
        let mut bytes = [0; 16];
        #[expect(clippy::expect_used, reason = "an id that can be guessed is worse than no answer")]
        getrandom::fill(&mut bytes).expect("the system's random source answers");
        let missing = prefix.len() + count - text.len();
        let drawn = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < unbiased);
        text.extend(drawn.take(missing).map(|byte| char::from(alphabet[byte % alphabet.len()])));
    }
    text
}
