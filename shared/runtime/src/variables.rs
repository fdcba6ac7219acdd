//! Environment variables, read once at start-up.

use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

/// The environment variables of the process or a test.
#[derive(Clone)]
pub struct Variables(HashMap<String, String>);

/// A variable is missing or invalid. The text names it, but never shows its value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// The variable is not set, or is empty.
    #[error("the environment variable {name} is missing")]
    Missing {
        /// The variable's name.
        name: &'static str,
    },
    /// The variable's value is invalid.
    #[error("the environment variable {name} is bad: {reason}")]
    Bad {
        /// The variable's name.
        name: &'static str,
        /// The error of the value's type.
        reason: String,
    },
}

impl Variables {
    /// The variables of this process. One that is not UTF-8 counts as missing.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the environment is read")]
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// The variable's value.
    ///
    /// # Errors
    /// When it is missing or invalid.
    pub fn required<T: FromStr<Err: Display>>(&self, name: &'static str) -> Result<T, VariableError> {
        self.optional(name)?.ok_or(VariableError::Missing { name })
    }

    /// The variable's value, if it is set.
    ///
    /// # Errors
    /// When it is invalid.
    pub fn optional<T: FromStr<Err: Display>>(&self, name: &'static str) -> Result<Option<T>, VariableError> {
        let Some(text) = self.0.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        text.parse().map(Some).map_err(|error: T::Err| VariableError::Bad { name, reason: error.to_string() })
    }

    /// The variables that are set and whose names start with `prefix`.
    pub(crate) fn beginning_with(&self, prefix: &str) -> HashMap<String, String> {
        let set = self.0.iter().filter(|(name, value)| name.starts_with(prefix) && !value.is_empty());
        set.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// The variable as a number of milliseconds, at least 1, or `default`.
    ///
    /// # Errors
    /// When it is invalid.
    pub fn milliseconds_or(&self, name: &'static str, default: Duration) -> Result<Duration, VariableError> {
        let milliseconds: Option<std::num::NonZeroU32> = self.optional(name)?;
        Ok(milliseconds.map_or(default, |milliseconds| Duration::from_millis(milliseconds.get().into())))
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Variables {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_empty_variable_is_named() {
        let variables = Variables::from_iter([("EMPTY", "")]);
        for name in ["EMPTY", "ABSENT"] {
            let error = variables.required::<u32>(name).unwrap_err();
            assert_eq!(error.to_string(), format!("the environment variable {name} is missing"));
        }
    }

    #[test]
    fn a_bad_variable_is_named_and_its_value_is_not_shown() {
        let error = Variables::from_iter([("RATE_LIMIT", "s3cret")]).required::<u32>("RATE_LIMIT").unwrap_err();
        assert_eq!(error.to_string(), "the environment variable RATE_LIMIT is bad: invalid digit found in string");
    }

    #[test]
    fn a_budget_is_a_whole_number_of_milliseconds() {
        let variables = Variables::from_iter([("SET", "1500"), ("ZERO", "0")]);
        let default = Duration::from_millis(800);
        assert_eq!(variables.milliseconds_or("SET", default), Ok(Duration::from_millis(1500)));
        assert_eq!(variables.milliseconds_or("UNSET", default), Ok(default));
        assert!(variables.milliseconds_or("ZERO", default).is_err());
    }
}
