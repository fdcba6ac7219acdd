//! The error of every enumeration that `strum` parses.

/// Ignores the text: a stranger may have sent it, so no error repeats it.
pub(crate) fn unknown<Error: Default>(_text: &str) -> Error {
    Error::default()
}
