//! `Authorization: Bearer …` (RFC 6750) and `Authorization: Basic …` (RFC 7617).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::engine::scan::Scan;
use crate::engine::token::{BASE64_ANY, BEARER, is_masked, is_random};
use crate::engine::value::is_placeholder;

/// The shortest token after `Bearer`. Names of standards are shorter (`Bearer OAuth2.0`).
const TOKEN_CHARACTERS: usize = 10;
/// The shortest token without digits, which could be prose.
const TOKEN_LETTERS: usize = 24;
/// The shortest token in a header, where little else is possible.
const HEADER_TOKEN_CHARACTERS: usize = 6;
/// The shortest credentials: `a:b`.
const CREDENTIALS_CHARACTERS: usize = 4;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

impl Scan<'_> {
    /// The token after `Bearer`, which ends at `scheme_end`.
    pub(in crate::engine) fn bearer(&mut self, scheme_end: usize) -> Option<(usize, usize)> {
        let (start, is_header) = self.start_of_credentials(scheme_end, "bearer")?;
        if start < self.schemes_end || self.is_public(start) {
            return None;
        }
        let end = self.without_trailing(start, self.extent(start, BEARER, 0, u32::MAX).end, b".");
        let token = self.plain(start, end);
        let is_of_a_header = token.len() >= HEADER_TOKEN_CHARACTERS && token.iter().any(u8::is_ascii_digit);
        let is_token = is_random(&token, TOKEN_CHARACTERS, TOKEN_LETTERS) || is_header && is_of_a_header;
        let is_shortened = token.windows(2).any(|window| window == b"..");
        self.schemes_end = self.schemes_end.max(end);
        (is_token && !is_shortened && !is_masked(&self.bytes[start..end])).then_some((start, end))
    }

    /// The credentials after `Basic`, which ends at `scheme_end`.
    pub(in crate::engine) fn basic(&mut self, scheme_end: usize) -> Option<(usize, usize)> {
        let (start, is_header) = self.start_of_credentials(scheme_end, "basic")?;
        if start < self.schemes_end {
            return None;
        }
        let end = self.extent(start, BASE64_ANY, 0, u32::MAX).end;
        let encoded = self.plain(start, end);
        self.schemes_end = self.schemes_end.max(end);
        let is_of_header = || is_header && is_random(&encoded, HEADER_TOKEN_CHARACTERS, HEADER_TOKEN_CHARACTERS);
        let is_pair = encoded.len() >= CREDENTIALS_CHARACTERS && is_user_and_password(&encoded);
        (!is_placeholder(&encoded) && (is_pair || is_of_header())).then_some((start, end))
    }

    /// Where credentials start after a scheme, and whether the scheme stands in the header `Authorization`.
    fn start_of_credentials(&self, scheme_end: usize, scheme: &str) -> Option<(usize, bool)> {
        const NAME: &[u8] = b"authorization";
        const BETWEEN_BYTES: usize = 8;
        let scheme_start = self.start_of_pattern(scheme_end, scheme.len());
        // `standard-bearer`
        let is_joined = matches!(self.bytes[..scheme_start], [.., before, b'-'] if before.is_ascii_alphabetic());
        if is_joined || self.is_in_word(scheme_start) {
            return None;
        }
        let name_end = self.start_of(scheme_start, BETWEEN_BYTES, |byte| !byte.is_ascii_alphanumeric());
        let name_start = name_end.saturating_sub(NAME.len());
        let is_header = self.bytes[name_start..name_end].eq_ignore_ascii_case(NAME);
        let marks = |byte: u8| byte >= 0x80 || b" :+=,\"'`([*!@\\".contains(&byte) || is_header && byte == b'\n';
        let start = self.end_of(scheme_end, marks);
        (start > scheme_end).then_some((start, is_header))
    }
}

/// Whether this is base64 of `user:password`.
pub(super) fn is_user_and_password(encoded: &[u8]) -> bool {
    let standard: Vec<u8> = encoded
        .iter()
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    let Ok(decoded) = LENIENT.decode(standard) else { return false };
    let Ok(text) = std::str::from_utf8(&decoded) else { return false };
    text.contains(':') && !text.chars().any(char::is_control)
}
