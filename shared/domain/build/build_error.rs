//! What is wrong with a file, and where.

use std::fmt;
use std::ops::Range;

/// One mistake: shown as `line: reason`.
#[derive(Debug)]
pub(crate) struct BuildError {
    line: usize,
    reason: String,
}

impl BuildError {
    /// A mistake in this part of `text`.
    pub(crate) fn at(text: &str, span: &Range<usize>, reason: impl Into<String>) -> Self {
        let line = text[..span.start].matches('\n').count() + 1;
        Self { line, reason: reason.into() }
    }

    /// That `text` is no TOML, or not of the expected shape.
    pub(crate) fn from_toml(text: &str, error: &toml::de::Error) -> Self {
        Self::at(text, &error.span().unwrap_or_default(), error.message())
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.line, self.reason)
    }
}
