//! Tokens after the word `Bearer`.

use super::{Found, Scanner, find, is_any_base64, is_random};
use crate::credential::CredentialKind;

/// The shortest token after `Bearer`. Names of standards are shorter (`Bearer OAuth2.0`).
const TOKEN_CHARACTERS: usize = 10;
/// The shortest token without digits, which could be prose.
const TOKEN_LETTERS: usize = 24;
/// The shortest token in a header, where little else is possible.
const HEADER_TOKEN_CHARACTERS: usize = 6;

impl Scanner<'_> {
    pub(super) fn bearer_token(&mut self, at: usize) -> Option<Found> {
        let scheme_end = self.after_ignoring_case(at, b"bearer")?;
        if !self.begins(at, |byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let is_header = self.ends_with_authorization(at);
        let mut spaced = self.after_spaces(self.after_any(scheme_end, &[b":", b"+"]).unwrap_or(scheme_end));
        if is_header {
            // Long headers used to be folded (RFC 9112 section 5.2).
            spaced = self.end_of(spaced, |byte| byte.is_ascii_whitespace());
        }
        let start = self.after_quote(spaced).map_or(spaced, |(start, _)| start);
        if start == scheme_end || start < self.no_token_before || self.is_public(start) {
            return None;
        }
        // Some issuers put a number before the token.
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

    /// Whether the header's name comes just before: `Authorization: `, `"authorization":"`, `authorization=`.
    fn ends_with_authorization(&self, at: usize) -> bool {
        const NAME: &[u8] = b"authorization";
        const BETWEEN_BYTES: usize = 8;
        let before = &self.bytes[at.saturating_sub(NAME.len() + BETWEEN_BYTES)..at];
        let name_end = before.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |last| last + 1);
        let name_start = name_end.saturating_sub(NAME.len());
        before[name_start..name_end].eq_ignore_ascii_case(NAME)
    }
}
