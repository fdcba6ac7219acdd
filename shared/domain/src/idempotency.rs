//! Retrying without doing it twice.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::submission::Submission;

/// The longest key, in characters (contract, `invalid_idempotency_key`).
const MAX_KEY_CHARACTERS: usize = 255;

/// What a caller sends to say that two requests are one: 1 to 255 visible ASCII characters.
#[derive(Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// The text is no idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no idempotency key")]
pub struct InvalidIdempotencyKey;

/// What a submission says, in 32 bytes: equal for two submissions that differ in white space and key order alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl IdempotencyKey {
    /// Takes the value of an `Idempotency-Key` header: bare, or a structured field string (RFC 9651 section 3.3.3).
    ///
    /// # Errors
    /// When the key is empty, too long, or not visible ASCII.
    pub fn parse(sent: &str) -> Result<Self, InvalidIdempotencyKey> {
        let key = unquoted(sent).unwrap_or_else(|| sent.to_owned());
        let valid = (1..=MAX_KEY_CHARACTERS).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        if valid { Ok(Self(key)) } else { Err(InvalidIdempotencyKey) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text of a structured field string, if the whole of `sent` is one.
fn unquoted(sent: &str) -> Option<String> {
    let inner = sent.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            '"' => return None,
            other => text.push(other),
        }
    }
    Some(text)
}

impl Fingerprint {
    /// The SHA-256 of the form, the department and the fields sorted by name.
    #[must_use]
    pub fn of(submission: &Submission) -> Self {
        let dept = submission.dept.map_or("", crate::Dept::as_str);
        let mut hash = Sha256::new();
        // Neither a form nor a department can hold a NUL, so no two submissions run together.
        for part in [submission.form.as_str(), "\0", dept, "\0", &submission.fields.to_sorted_json()] {
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    pub(crate) fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

/// A caller may have put anything into a key: it is never shown.
impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IdempotencyKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: &str, expected: Option<&str>) {
        assert_eq!(IdempotencyKey::parse(sent).ok().map(|key| key.0), expected.map(str::to_owned), "{sent}");
    }

    #[test]
    fn a_key_is_the_same_bare_and_quoted() {
        check("pay-2026-06-29-inv-5512", Some("pay-2026-06-29-inv-5512"));
        check("\"pay-2026-06-29-inv-5512\"", Some("pay-2026-06-29-inv-5512"));
        check(r#""a\"b\\c""#, Some(r#"a"b\c"#));
    }

    #[test]
    fn quotes_that_are_no_quoted_string_belong_to_the_key() {
        for sent in ["\"", "\"a", "a\"", "a\"b", "\"a\"b\"", r#""a\""#, r#""a\b""#] {
            check(sent, Some(sent));
        }
    }

    #[test]
    fn a_key_is_1_to_255_visible_ascii_characters() {
        let key_of = |length| "k".repeat(length);
        check(&key_of(255), Some(&key_of(255)));
        check(&format!("\"{}\"", key_of(255)), Some(&key_of(255)));
        check(&key_of(256), None);
        for sent in ["", "\"\"", "a b", "\"a b\"", "é", "a\tb", "a\u{7f}", "\0"] {
            check(sent, None);
        }
    }
}
