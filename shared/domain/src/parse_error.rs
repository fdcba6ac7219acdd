//! The error of every enumeration that `strum` parses.

/// Takes the text and keeps nothing of it: a stranger may have sent it.
pub(crate) fn unknown<Error: Default>(_text: &str) -> Error {
    Error::default()
}
