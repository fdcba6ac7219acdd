//! Idempotency keys, so that a retry does not record an enquiry twice.

use sha2::{Digest, Sha256};

use crate::json::{Json, object_of, push_string};
use crate::limits::MAX_IDEMPOTENCY_KEY_CHARACTERS;

/// Texts that JavaScript sends when a variable holds no key. Keys are global, so all visitors to such a page would
/// share one.
const PLACEHOLDERS: [&str; 6] = ["undefined", "null", "NaN", "true", "false", "[object Object]"];

/// Marks two requests as the same one: 1 to 255 visible ASCII characters.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
// A caller may put anything into a key, so `Debug` never shows it.
#[debug("IdempotencyKey(…)")]
pub struct IdempotencyKey(String);

/// Why a text is not a valid idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdempotencyKey {
    /// It is empty, too long, or not visible ASCII.
    #[error("malformed")]
    Malformed,
    /// It is this placeholder, sent by a page that has no key.
    #[error("the placeholder {0}")]
    Placeholder(&'static str),
}

/// A hash of a submission. It is equal for two submissions that differ only in white space and key order. A short
/// submission could be guessed from it, so only its HMAC is stored.
#[derive(Clone, Copy, derive_more::Debug, PartialEq, Eq)]
// A short submission could be guessed from the hash, so `Debug` never shows it.
#[debug("Fingerprint(…)")]
pub struct Fingerprint([u8; 32]);

/// A key and the fingerprint of its submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyClaim {
    /// The key that the caller sent.
    pub key: IdempotencyKey,
    /// The submission that was sent with it.
    pub fingerprint: Fingerprint,
}

impl IdempotencyKey {
    /// Parses the value of an `Idempotency-Key` header: bare, or a structured field string (RFC 9651 section 3.3.3).
    ///
    /// # Errors
    /// When the key is empty, too long, not visible ASCII, or a placeholder.
    pub fn parse(sent: &str) -> Result<Self, InvalidIdempotencyKey> {
        let key = unquoted(sent).unwrap_or_else(|| sent.to_owned());
        if let Some(placeholder) = PLACEHOLDERS.into_iter().find(|placeholder| *placeholder == key) {
            return Err(InvalidIdempotencyKey::Placeholder(placeholder));
        }
        let valid = (1..=MAX_IDEMPOTENCY_KEY_CHARACTERS).contains(&key.len())
            && key.bytes().all(|byte| byte.is_ascii_graphic());
        if valid { Ok(Self(key)) } else { Err(InvalidIdempotencyKey::Malformed) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text of a structured field string, if `sent` is exactly one.
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
    /// The SHA-256 of a valid submission's form, department and fields, sorted by name. It hashes them as sent, before
    /// redaction. A release with other redaction rules still recognises a retry.
    #[must_use]
    pub fn of(sent: &Json<'_>) -> Self {
        let text_of = |key| if let Some(Json::String(text)) = sent.get(key) { text.as_ref() } else { "" };
        let mut fields: Vec<_> = match sent.get("fields") {
            Some(Json::Object(members)) => members.iter().map(|(name, value)| (name.as_ref(), value)).collect(),
            _ => Vec::new(),
        };
        fields.sort_unstable_by_key(|(name, _)| *name);
        let fields = object_of(fields, |text, value| match value {
            Json::String(value) => push_string(text, value),
            Json::Number(digits) => text.push_str(digits),
            Json::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
            // A valid submission has none of these.
            Json::Null | Json::Object(_) | Json::Nested { .. } => {}
        });
        let mut hash = Sha256::new();
        // A form or department cannot contain a NUL, so the parts of two submissions cannot run together.
        for part in [text_of("form"), "\0", text_of("dept"), "\0", &fields] {
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    pub(crate) fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

impl IdempotencyClaim {
    /// Claims `key` for the submission in `sent`.
    #[must_use]
    pub fn new(key: IdempotencyKey, sent: &Json<'_>) -> Self {
        Self { key, fingerprint: Fingerprint::of(sent) }
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
            assert_eq!(IdempotencyKey::parse(sent), Err(InvalidIdempotencyKey::Malformed), "{sent}");
        }
    }

    #[test]
    fn what_a_broken_page_sends_is_no_key_bare_or_quoted() {
        for placeholder in PLACEHOLDERS {
            for sent in [placeholder.to_owned(), format!("\"{placeholder}\"")] {
                assert_eq!(
                    IdempotencyKey::parse(&sent),
                    Err(InvalidIdempotencyKey::Placeholder(placeholder)),
                    "{sent}"
                );
            }
        }
        for key in ["undefined-1", "nullable", "NaN0", "trueish", "false.", "undefined,undefined", "[object"] {
            check(key, Some(key));
        }
    }
}
