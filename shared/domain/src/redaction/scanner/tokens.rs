//! JSON web tokens, and what follows the word `Bearer`.

use super::{Found, Scanner, find, has_letter_and_digit, is_any_base64, is_base64_url, is_random};
use crate::redaction::CredentialKind;

/// The fewest characters of a token after `Bearer`, so that no standard's name is one (`Bearer OAuth2.0`).
const TOKEN_CHARACTERS: usize = 10;
/// The same for one without digits, which could be prose.
const TOKEN_LETTERS: usize = 24;
/// The same in a header, where hardly anything else can stand.
const HEADER_TOKEN_CHARACTERS: usize = 6;
/// The shortest header of a JSON web token, `{"alg":"A"}`, is 15 characters.
const JWT_HEADER_CHARACTERS: usize = 15;
/// A line of so many characters may have been broken by a mail program or a terminal.
const WRAPPED_LINE_CHARACTERS: usize = 60;
/// What a broken line goes on with is no word.
const WRAPPED_REST_CHARACTERS: usize = 8;

/// How the header of a JSON web token begins: an object, and the first of its quotation marks, or the white space before it.
const JWT_HEADERS: [&[u8]; 5] = [b"eyJ", b"eyA", b"ewo", b"ew0", b"ewk"];

impl Scanner<'_> {
    /// Three parts of base64url between dots, the first two of them JSON objects and the last perhaps empty (RFC 7515
    /// section 7.1); or five, of which the second may be empty (RFC 7516 section 7.1).
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

    /// The end of a part, which goes on behind the end of a line that is so long that it was broken. Of the last part nobody
    /// knows whether it has ended, so what it goes on with must be no word.
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

    pub(super) fn bearer_token(&mut self, at: usize) -> Option<Found> {
        let scheme_end = self.after_ignoring_case(at, b"bearer")?;
        if !self.begins(at, |byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let is_header = self.ends_with_authorization(at);
        let mut spaced = self.after_spaces(self.after_any(scheme_end, &[b":", b"+"]).unwrap_or(scheme_end));
        if is_header {
            // Long headers were once folded (RFC 9112 section 5.2).
            spaced = self.end_of(spaced, |byte| byte.is_ascii_whitespace());
        }
        let start = self.after_quote(spaced).map_or(spaced, |(start, _)| start);
        if start == scheme_end || start < self.no_token_before || self.is_public(start) {
            return None;
        }
        // Some issuers put the token's number in front of it.
        let number_end = self.end_of(start, |byte| byte.is_ascii_digit());
        let from = self.after_any(number_end, &[b"|"]).unwrap_or(start);
        let end = self.end_of_encoded(from, |byte| is_any_base64(byte) || matches!(byte, b'.' | b'~'));
        let end = self.without_trailing(start, end, b".");
        let found = self.by_shape(start, end);
        let token = &self.bytes[start..end];
        let is_masked = find(token, b"..").is_some();
        let is_of_a_header = token.len() >= HEADER_TOKEN_CHARACTERS && token.iter().any(u8::is_ascii_digit);
        let is_token = is_random(token, TOKEN_CHARACTERS, TOKEN_LETTERS) || is_header && is_of_a_header;
        if found.is_none() && (is_masked || !is_token) {
            self.no_token_before = end;
            return None;
        }
        found.or(Some(Found { start, end, kind: CredentialKind::BearerToken }))
    }

    /// Whether the header's name stands before: `Authorization: `, `"authorization":"`, `authorization=`.
    fn ends_with_authorization(&self, at: usize) -> bool {
        const NAME: &[u8] = b"authorization";
        const BETWEEN_BYTES: usize = 8;
        let before = &self.bytes[at.saturating_sub(NAME.len() + BETWEEN_BYTES)..at];
        let name_end = before.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |last| last + 1);
        let name_start = name_end.saturating_sub(NAME.len());
        before[name_start..name_end].eq_ignore_ascii_case(NAME)
    }
}
