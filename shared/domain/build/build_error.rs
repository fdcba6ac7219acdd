//! An error in a file, and where it is.

use std::fmt;
use std::ops::Range;

/// One error, shown as `line: reason`.
#[derive(Debug)]
pub(crate) struct BuildError {
    line: usize,
    reason: String,
}

impl BuildError {
    /// An error in this range of `text`.
    pub(crate) fn at(text: &str, span: &Range<usize>, reason: impl Into<String>) -> Self {
        let line = text[..span.start].matches('\n').count() + 1;
        Self { line, reason: reason.into() }
    }

    /// An error of the TOML parser for `text`.
    pub(crate) fn from_toml(text: &str, error: &toml::de::Error) -> Self {
        Self::at(text, &error.span().unwrap_or_default(), error.message())
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.line, self.reason)
    }
}
