//! Credentials that people paste into forms, and their removal (contract, Pasted credentials).
//!
//! A department must never be mailed a live key, so this runs over every text before it is stored, hashed, mailed or logged.
//! What it takes for a credential is decided by shape alone, in one pass and in linear time: no pattern can be made to
//! backtrack by what somebody sends. Where in doubt it removes: a lost word costs a question, a key that leaks costs more.

mod scanner;

use std::borrow::Cow;

use crate::credential::CredentialKind;
use scanner::{Scanner, could_be_torn};

/// Which credentials one field held.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
// A param may hold what people wrote: it is never shown by accident.
#[debug("Redaction({count} × {kind})")]
pub struct Redaction {
    /// The path of the field, such as `fields.message`, itself without credentials. Holds text of the sender's: never log it.
    pub param: String,
    /// What was found there.
    pub kind: CredentialKind,
    /// How many of them.
    pub count: u32,
}

impl Redaction {
    /// What one field held, each kind once.
    pub(crate) fn of_field(name: &str, kinds: &[CredentialKind]) -> Vec<Self> {
        let mut redactions: Vec<Self> = Vec::new();
        for &kind in kinds {
            match redactions.iter_mut().find(|redaction| redaction.kind == kind) {
                Some(redaction) => redaction.count += 1,
                None => redactions.push(Self { param: format!("fields.{name}"), kind, count: 1 }),
            }
        }
        redactions
    }
}

/// A text without its credentials, each replaced by `[REDACTED:<kind>]`.
pub(crate) struct Redacted {
    pub(crate) text: String,
    /// The kind of each, in the order of the text.
    pub(crate) kinds: Vec<CredentialKind>,
}

/// Removes the credentials from a text; nothing if it holds none.
pub(crate) fn redact(text: &str) -> Option<Redacted> {
    replaced(text, Scanner::of(text))
}

/// Removes the credentials from the value of the field `name`, which may be what makes it one: `client_secret` is.
pub(crate) fn redact_value(name: &str, value: &str) -> Option<Redacted> {
    replaced(value, Scanner::of_value(name, value))
}

/// The beginning of a text that may be of any length, at most `max_bytes` of it before credentials are removed. What the cut may
/// have torn goes as well, for nobody would recognise half a token.
pub(crate) fn redact_beginning(text: &str, max_bytes: usize) -> Cow<'_, str> {
    let mut beginning = &text[..text.floor_char_boundary(max_bytes)];
    if beginning.len() < text.len() {
        let before_last_run = beginning.trim_end_matches(|character: char| character.is_ascii_graphic());
        if could_be_torn(&beginning[before_last_run.len()..]) {
            beginning = before_last_run;
        }
    }
    redact(beginning).map_or(Cow::Borrowed(beginning), |redacted| Cow::Owned(redacted.text))
}

fn replaced(text: &str, scanner: Scanner<'_>) -> Option<Redacted> {
    let (mut kept, mut kinds, mut from) = (String::new(), Vec::new(), 0);
    for found in scanner {
        kept.push_str(&text[from..found.start]);
        kept.push_str("[REDACTED:");
        kept.push_str(found.kind.as_str());
        kept.push(']');
        kinds.push(found.kind);
        from = found.end;
    }
    kept.push_str(&text[from..]);
    (!kinds.is_empty()).then_some(Redacted { text: kept, kinds })
}

#[cfg(test)]
mod tests;
