//! Keys that their prefix identifies.

use super::{Found, Scanner, has_both_cases, has_letter_and_digit, is_any_base64, is_base64, is_base64_url};
use crate::credential::CredentialKind;

/// The fewest characters after a prefix. People write `sk_live_abc` as an example of a key.
const KEY_CHARACTERS: usize = 3;
/// The fewest after the less certain prefix `rk_`, or after a prefix that could be the end of a word.
const DOUBTFUL_KEY_CHARACTERS: usize = 16;
/// How many bytes of a doubtful key to check.
const DOUBTFUL_KEY_BYTES: usize = 64;
/// The characters after `AKIA` (IAM user guide, unique identifiers).
const ACCESS_KEY_ID_CHARACTERS: usize = 16;
/// The length of an AWS secret access key, and the furthest that it may be from its id or name, in characters.
const SECRET_ACCESS_KEY_CHARACTERS: usize = 40;
const SECRET_ACCESS_KEY_WITHIN: usize = 120;

/// The words of each prefix. An underscore follows each word.
const KEY_PREFIXES: [(&[&[u8]], CredentialKind); 5] = [
    (&[b"sk", b"live"], CredentialKind::SecretKey),
    (&[b"sk", b"test"], CredentialKind::SecretKey),
    (&[b"rk", b"live"], CredentialKind::RestrictedKey),
    (&[b"rk", b"test"], CredentialKind::RestrictedKey),
    (&[b"whsec"], CredentialKind::WebhookSecret),
];

impl Scanner<'_> {
    pub(super) fn key(&self, at: usize) -> Option<Found> {
        let Some((from, kind)) =
            KEY_PREFIXES.iter().find_map(|(words, kind)| Some((self.after_prefix(at, words)?, *kind)))
        else {
            return self.bare_restricted_key(at);
        };
        // In `the sk_live_-prefixed keys`, no key follows.
        if self.bytes.get(from) == Some(&b'-') {
            return None;
        }
        // The prefix may be the end of a word (`task_live_report`), or start a sentence: phones capitalise a message's
        // first letter. Then it is a key only if what follows does not look like a word.
        if self.bytes[at].is_ascii_uppercase() || !self.begins(at, |byte| byte.is_ascii_lowercase()) {
            let window = &self.bytes[from..self.bytes.len().min(from + DOUBTFUL_KEY_BYTES)];
            let length = window.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(window.len());
            if length < DOUBTFUL_KEY_CHARACTERS || !has_letter_and_digit(&window[..length]) {
                return None;
            }
        }
        let end = match kind {
            CredentialKind::WebhookSecret => self.end_of_encoded(from, is_any_base64),
            _ => self.end_of_key(from),
        };
        let key = &self.bytes[from..end];
        let matches = key.len() >= KEY_CHARACTERS && key.iter().any(u8::is_ascii_alphanumeric);
        matches.then_some(Found { start: at, end, kind })
    }

    /// The first letter may be a capital. Some editors escape underscores for Markdown.
    fn after_prefix(&self, at: usize, words: &[&[u8]]) -> Option<usize> {
        let (first, others) = words.split_first()?;
        let lower = self.bytes[at].to_ascii_lowercase();
        let first_end = self.after_any(at + 1, &[&first[1..]]).filter(|_| lower == first[0])?;
        let underscore = |end| self.after_any(end, &[b"_", b"\\_"]);
        others.iter().try_fold(underscore(first_end)?, |end, word| underscore(self.after_any(end, &[word])?))
    }

    /// A key never has two dashes in a row: they may start `-----BEGIN`.
    fn end_of_key(&self, from: usize) -> usize {
        let mut end = from;
        while let Some(&byte) = self.bytes.get(end).filter(|_| self.after_any(end, &[b"--"]).is_none()) {
            let is_escaped = self.after_any(end, &[b"\\_"]).is_some();
            if !is_base64_url(byte) && !is_escaped {
                break;
            }
            end += if is_escaped { 2 } else { 1 };
        }
        end
    }

    fn bare_restricted_key(&self, at: usize) -> Option<Found> {
        let from = self.after_any(at, &[b"rk_"])?;
        if !self.begins(at, |byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return None;
        }
        let end = self.end_of(from, |byte| byte.is_ascii_alphanumeric());
        let matches = end - from >= DOUBTFUL_KEY_CHARACTERS && has_letter_and_digit(&self.bytes[from..end]);
        matches.then_some(Found { start: at, end, kind: CredentialKind::RestrictedKey })
    }

    pub(super) fn access_key_id(&mut self, at: usize) -> Option<Found> {
        let from = self.after_any(at, &[b"AKIA", b"ASIA"])?;
        if !self.begins(at, |byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let end = self.end_of(from, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        let is_part_of_a_word = self.bytes.get(end).is_some_and(u8::is_ascii_lowercase);
        if end - from != ACCESS_KEY_ID_CHARACTERS || is_part_of_a_word {
            return None;
        }
        self.access_key_named_at = Some(end);
        Some(Found { start: at, end, kind: CredentialKind::AwsAccessKey })
    }

    /// A secret that follows its id or name. Anywhere else it looks like a digest, and is kept.
    pub(super) fn secret_access_key(&self, at: usize) -> Option<Found> {
        let named_at = self.access_key_named_at.filter(|end| at.saturating_sub(*end) <= SECRET_ACCESS_KEY_WITHIN)?;
        if at != named_at + 1 && !self.begins(at, is_base64) {
            return None;
        }
        let end = at + SECRET_ACCESS_KEY_CHARACTERS;
        let secret = self.bytes.get(at..end)?;
        let matches = secret.iter().all(|byte| is_base64(*byte))
            && !self.bytes.get(end).is_some_and(|byte| is_base64(*byte))
            && has_both_cases(secret)
            && secret.iter().any(|byte| !byte.is_ascii_alphabetic());
        matches.then_some(Found { start: at, end, kind: CredentialKind::AwsAccessKey })
    }
}
