//! Credentials that are recognised by their shape alone.

use super::{Found, Scanner};

impl Scanner<'_> {
    /// A secret's kind by its own shape, which is more reliable than its context.
    pub(super) fn by_shape(&mut self, start: usize, end: usize) -> Option<Found> {
        let found = match self.bytes[start..end].first()? {
            b's' | b'S' | b'r' | b'R' | b'w' | b'W' => self.key(start),
            b'e' => self.jwt(start),
            b'A' => self.access_key_id(start),
            b'B' | b'-' => self.private_key(self.end_of(start, |byte| byte == b'-')),
            _ => None,
        }?;
        Some(Found { end: found.end.max(end), ..found })
    }
}
