//! The search through a text. It tries each kind of credential at each position.

use super::{Found, Scanner};

impl Scanner<'_> {
    fn found_at(&mut self, at: usize) -> Option<Found> {
        match self.bytes[at] {
            b's' | b'S' | b'r' | b'R' | b'w' | b'W' => self.key(at).or_else(|| self.named_value(at)),
            b'e' => self.jwt(at),
            b'A' => self.access_key_id(at).or_else(|| self.named_value(at)),
            b'a' | b'c' | b'C' => self.named_value(at),
            b'b' => self.bearer_token(at).or_else(|| self.named_value(at)),
            b'B' => self.bearer_token(at).or_else(|| self.named_value(at)).or_else(|| self.private_key(at)),
            _ => None,
        }
        .or_else(|| self.secret_access_key(at))
        .or_else(|| self.value_of_field(at))
        .map(|found| self.with_keys_that_begin_in(found))
    }

    /// An unquoted value ends with its line. If a private key starts on that line, remove the whole key.
    fn with_keys_that_begin_in(&self, found: Found) -> Found {
        let markers = (found.start..found.end).filter(|at| self.bytes[*at] == b'B');
        let ends = markers.filter_map(|at| self.private_key(at)).map(|key| key.end);
        Found { end: ends.fold(found.end, usize::max), ..found }
    }
}

impl Iterator for Scanner<'_> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        while self.at < self.bytes.len() {
            if let Some(found) = self.found_at(self.at) {
                (self.at, self.last_end) = (found.end, found.end);
                return Some(found);
            }
            self.at = self.after_mark(self.at).unwrap_or(self.at + 1);
        }
        None
    }
}
