//! Removes secrets that people paste into texts (contract, Pasted credentials and cards).
//!
//! A text is first brought into a normal form, without whatever programs and people put between the characters of a
//! secret. Automata, compiled from `rules.toml` at build time, then find where a rule may apply. The crate knows nothing
//! of enquiries, forms or fields. If in doubt, it removes the text: a lost word costs a question, but a leaked key costs
//! more.

mod engine;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use compiled::TABLES;
use engine::{find, find_in_value, names_secret};

include!(concat!(env!("OUT_DIR"), "/kinds.rs"));

/// The compiled rules.
#[expect(clippy::unreadable_literal, reason = "nobody reads them")]
mod compiled {
    use crate::engine::{
        Alphabet, Automaton, Check, Connector, Find, Fold, Looks, Meaning, Name, Needle, Needles, Rule, Tables, Token,
    };

    include!(concat!(env!("OUT_DIR"), "/tables.rs"));
}

/// A text with each secret replaced by `[REDACTED:<kind>]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted {
    /// The text without the secrets. What is not a secret is unchanged.
    pub text: String,
    /// What was removed, in the order of the text.
    pub removed: Vec<Removed>,
}

/// A secret that was removed, without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The kind of secret.
    pub kind: Kind,
    /// The first byte in the original text.
    pub start: usize,
    /// The byte after the last one in the original text.
    pub end: usize,
}

/// Removes the secrets from a text. Returns `None` if there are none.
#[must_use]
pub fn redact(text: &str) -> Option<Redacted> {
    replaced(text, &find(text, &TABLES))
}

/// Removes the secrets from a text that belongs to a name, such as the value of a form's field. A name such as
/// `client_secret` makes the whole text a secret.
#[must_use]
pub fn redact_named(name: &str, text: &str) -> Option<Redacted> {
    let found = match names_secret(name, &TABLES) {
        Some(name) => find_in_value(text, name, &TABLES),
        None => find(text, &TABLES),
    };
    replaced(text, &found)
}

/// The first `max_bytes` of a text at most, without secrets. A token that may be cut in two is also removed, because
/// half a token is not recognised.
#[must_use]
pub fn redact_beginning(text: &str, max_bytes: usize) -> Cow<'_, str> {
    let mut beginning = &text[..text.floor_char_boundary(max_bytes)];
    if beginning.len() < text.len() {
        let before_last_run = beginning.trim_end_matches(|character: char| character.is_ascii_graphic());
        if could_be_torn(&beginning[before_last_run.len()..]) {
            beginning = before_last_run;
        }
    }
    redact(beginning).map_or(Cow::Borrowed(beginning), |redacted| Cow::Owned(redacted.text))
}

/// Whether a run of non-space characters could be the start of a token whose recognisable end was cut off.
fn could_be_torn(run: &str) -> bool {
    const TORN_CHARACTERS: usize = 8;
    let run = run.as_bytes();
    run.len() >= TORN_CHARACTERS && run.iter().any(u8::is_ascii_uppercase) && run.iter().any(u8::is_ascii_digit)
}

fn replaced(text: &str, found: &[engine::Found]) -> Option<Redacted> {
    let (mut kept, mut removed, mut from) = (String::new(), Vec::new(), 0);
    for secret in found {
        let kind = <Kind as strum::VariantArray>::VARIANTS[usize::from(secret.kind)];
        kept.push_str(&text[from..secret.start]);
        kept.push_str("[REDACTED:");
        kept.push_str(kind.into());
        if kind == Kind::CardNumber {
            kept.push_str(" …");
            kept.push_str(&last_digits(&text[secret.start..secret.end]));
        }
        kept.push(']');
        removed.push(Removed { kind, start: secret.start, end: secret.end });
        from = secret.end;
    }
    kept.push_str(&text[from..]);
    (!removed.is_empty()).then_some(Redacted { text: kept, removed })
}

/// The last four digits of a card number may be shown (PCI DSS 3.4.1).
fn last_digits(number: &str) -> String {
    const SHOWN: usize = 4;
    let digits: Vec<char> =
        number.chars().filter_map(|character| char::from_digit(character.to_digit(10)?, 10)).collect();
    digits[digits.len().saturating_sub(SHOWN)..].iter().collect()
}
