//! User and password in a URL (RFC 3986 section 3.2.1).

use crate::engine::normal::is_line_break;
use crate::engine::scan::Scan;
use crate::engine::token::{is_masked, is_random};
use crate::engine::value::is_placeholder;

/// The longest user and password, in bytes.
const USER_INFO_BYTES: usize = 512;
/// A user alone that is this long and random is a token.
const TOKEN_CHARACTERS: usize = 20;

impl Scan<'_> {
    /// `user:password` after `://`, which ends at `start`.
    pub(in crate::engine) fn user_info(&mut self, start: usize) -> Option<(usize, usize)> {
        let limit = self.bytes.len().min(start + USER_INFO_BYTES);
        let ends = |byte: u8| matches!(byte, b'/' | b'?' | b' ' | b'"' | b'\'' | b'`' | b'<' | b'>');
        let length = self.bytes[start..limit]
            .iter()
            .enumerate()
            .position(|(at, &byte)| ends(byte) && !(byte == b' ' && self.normal.is_escaped(start + at)))
            .unwrap_or(limit - start);
        let length = self.within_a_line(start, length);
        let authority = &self.bytes[start..start + length];
        let at = authority.iter().rposition(|byte| *byte == b'@')?;
        let user_info = &authority[..at];
        let is_secret = match user_info.iter().position(|byte| *byte == b':') {
            Some(colon) => is_password(&user_info[colon + 1..]),
            None => is_random(user_info, TOKEN_CHARACTERS, TOKEN_CHARACTERS * 2) && !user_info.contains(&b'.'),
        };
        (is_secret && !is_placeholder(user_info)).then_some((start, start + at))
    }

    /// The length up to the end of the line, or of the next line if a password was torn.
    fn within_a_line(&self, start: usize, length: usize) -> usize {
        let text = &self.bytes[start..start + length];
        let mut breaks = (0..length).filter(|&at| is_line_break(text[at]));
        let Some(first) = breaks.next() else { return length };
        let colon = text[..first].iter().position(|byte| *byte == b':');
        // A port is no password.
        let is_torn = colon.is_some_and(|colon| text[colon..first].iter().any(u8::is_ascii_alphabetic));
        if is_torn { breaks.next().unwrap_or(length) } else { first }
    }
}

pub(super) fn is_password(text: &[u8]) -> bool {
    let is_mask = text.iter().all(|byte| matches!(byte, b'*' | b'x' | b'X' | b'.' | 0x80..));
    !text.is_empty() && !is_mask && !is_placeholder(text) && !is_masked(text)
}
