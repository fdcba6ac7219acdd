//! A compiled set of patterns: a table of states, walked one byte at a time.

/// A deterministic automaton. The build determinises the patterns, and nothing is left to compile at run time.
#[derive(Debug)]
pub(crate) struct Automaton {
    /// The class of each byte. The bytes of one class are the same to every pattern.
    pub(crate) classes: &'static [u8; 256],
    /// The next state for each state and class. The last class of a state is the end of the text.
    pub(crate) next: &'static [u16],
    /// The number of classes, with the end of the text.
    pub(crate) stride: usize,
    pub(crate) start: u16,
    /// States from this one on are reached one byte after a match.
    pub(crate) first_match: u16,
    /// The patterns of each of these states, as a range of `patterns`.
    pub(crate) matches: &'static [(u16, u16)],
    pub(crate) patterns: &'static [u16],
}

/// The state that no match follows.
pub(crate) const DEAD: u16 = 0;

impl Automaton {
    pub(crate) fn after(&self, state: u16, byte: u8) -> u16 {
        self.next[usize::from(state) * self.stride + usize::from(self.classes[usize::from(byte)])]
    }

    pub(crate) fn at_end(&self, state: u16) -> u16 {
        self.next[usize::from(state) * self.stride + self.stride - 1]
    }

    /// The patterns that matched before the byte that led to this state.
    pub(crate) fn matched(&self, state: u16) -> &'static [u16] {
        let Some(index) = state.checked_sub(self.first_match) else { return &[] };
        let (from, to) = self.matches[usize::from(index)];
        &self.patterns[usize::from(from)..usize::from(to)]
    }

    /// The longest match that starts at `from`: its end, and its first pattern.
    pub(crate) fn longest(&self, bytes: &[u8], from: usize) -> Option<(usize, u16)> {
        let (mut state, mut longest) = (self.start, None);
        for (at, &byte) in bytes.iter().enumerate().skip(from) {
            state = self.after(state, byte);
            if let Some(&pattern) = self.matched(state).first() {
                longest = Some((at, pattern));
            }
            if state == DEAD {
                return longest;
            }
        }
        let at_end = self.matched(self.at_end(state)).first();
        at_end.map(|&pattern| (bytes.len(), pattern)).or(longest)
    }
}
