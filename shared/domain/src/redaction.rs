//! Removes credentials that people paste into forms (contract, Pasted credentials).
//!
//! We must never email a live key to a department. So this checks every text before we store, hash, email or log it. It
//! recognises a credential by its shape, in one pass and in linear time, without backtracking. If in doubt, it removes
//! the text: a lost word costs a question, but a leaked key costs more.

mod scanner;

use std::borrow::Cow;

use crate::credential::CredentialKind;
use scanner::{Scanner, could_be_torn};

/// The credentials of one kind that were removed from a field.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
// A param may hold personal data, so `Debug` never shows it.
#[debug("Redaction({count} × {kind})")]
pub struct Redaction {
    /// The path of the field, such as `fields.message`, without credentials. It may contain the sender's text: never
    /// log it.
    pub param: String,
    /// The kind of credential.
    pub kind: CredentialKind,
    /// How many were removed.
    pub count: u32,
}

impl Redaction {
    /// One redaction for each kind that a field contained.
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

/// A text with each credential replaced by `[REDACTED:<kind>]`.
pub(crate) struct Redacted {
    pub(crate) text: String,
    /// The kind of each credential, in the order of the text.
    pub(crate) kinds: Vec<CredentialKind>,
}

/// Removes the credentials from a text. Returns `None` if there are none.
pub(crate) fn redact(text: &str) -> Option<Redacted> {
    replaced(text, Scanner::of(text))
}

/// Removes the credentials from the value of the field `name`. A name such as `client_secret` can mark the value as a
/// credential.
pub(crate) fn redact_value(name: &str, value: &str) -> Option<Redacted> {
    replaced(value, Scanner::of_value(name, value))
}

/// The first `max_bytes` of a text at most, without credentials. A token that may be cut in two is also removed,
/// because half a token is not recognised.
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
        kept.push_str(found.kind.into());
        kept.push(']');
        kinds.push(found.kind);
        from = found.end;
    }
    kept.push_str(&text[from..]);
    (!kinds.is_empty()).then_some(Redacted { text: kept, kinds })
}

#[cfg(test)]
mod tests;
