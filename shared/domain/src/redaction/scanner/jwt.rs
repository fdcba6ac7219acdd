//! JSON web tokens.

use super::{Found, Scanner, has_letter_and_digit, is_base64_url};
use crate::credential::CredentialKind;

/// The shortest header of a JSON web token: `{"alg":"A"}` is 15 characters in base64url.
const JWT_HEADER_CHARACTERS: usize = 15;
/// An email program or a terminal may have broken a line that is at least this long.
const WRAPPED_LINE_CHARACTERS: usize = 60;
/// The shortest continuation of a broken line, so that it is not a word.
const WRAPPED_REST_CHARACTERS: usize = 8;

/// The start of a JSON web token's header in base64url: `{`, then a quotation mark or white space.
const JWT_HEADERS: [&[u8]; 5] = [b"eyJ", b"eyA", b"ewo", b"ew0", b"ewk"];

impl Scanner<'_> {
    /// Three base64url parts between dots: the first two are JSON objects, and the last may be empty (RFC 7515 section
    /// 7.1). Or five parts, of which the second may be empty (RFC 7516 section 7.1).
    pub(super) fn jwt(&mut self, at: usize) -> Option<Found> {
        const PARTS: usize = 5;
        let is_object = self.after_any(at, &JWT_HEADERS).is_some();
        if at < self.no_jwt_before || !is_object || !self.begins(at, |byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let mut parts = Vec::with_capacity(PARTS);
        let mut from = at;
        while parts.len() < PARTS {
            let end = self.end_of_part(from, parts.len() < 2);
            parts.push((from, end));
            if self.bytes.get(end) != Some(&b'.') {
                break;
            }
            from = end + 1;
        }
        let (_, header_end) = parts[0];
        let end = match parts[..] {
            _ if header_end - at < JWT_HEADER_CHARACTERS => None,
            [_, _, (a, a_end), (b, b_end), (c, c_end)] if a < a_end && b < b_end && c < c_end => Some(c_end),
            [_, (payload, payload_end), (_, end), ..] => {
                self.bytes[payload..payload_end].starts_with(b"e").then_some(end)
            }
            _ => None,
        };
        if end.is_none() {
            self.no_jwt_before = header_end;
        }
        end.map(|end| Found { start: at, end, kind: CredentialKind::Jwt })
    }

    /// The end of a part, which continues on the next line if its line was long enough to be broken. The last part may
    /// already be complete, so its continuation must not look like a word.
    fn end_of_part(&self, from: usize, must_go_on: bool) -> usize {
        let mut end = self.end_of(from, is_base64_url);
        while let Some(next_line) = self.after_any(end, &[b"\n", b"\r\n", b"=\n", b"=\r\n"]) {
            let window = &self.bytes[end.saturating_sub(WRAPPED_LINE_CHARACTERS)..end];
            let next_end = self.end_of(next_line, is_base64_url);
            let next = &self.bytes[next_line..next_end];
            let goes_on = must_go_on && self.bytes.get(next_end) == Some(&b'.')
                || next.len() >= WRAPPED_REST_CHARACTERS && has_letter_and_digit(next);
            if window.len() < WRAPPED_LINE_CHARACTERS || window.contains(&b'\n') || !goes_on {
                break;
            }
            end = next_end;
        }
        end
    }
}
