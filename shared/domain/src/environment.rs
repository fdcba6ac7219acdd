//! Which of the two worlds an enquiry belongs to.

use std::str::FromStr;

/// The environment that every response names in `meta.environment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// For trying things out; nobody's real enquiry.
    Sandbox,
    /// Real people's enquiries.
    Live,
}

/// The text is neither `sandbox` nor `live`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected sandbox or live")]
pub struct UnknownEnvironment;

impl Environment {
    /// The environment as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }
}

impl FromStr for Environment {
    type Err = UnknownEnvironment;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sandbox" => Ok(Self::Sandbox),
            "live" => Ok(Self::Live),
            _ => Err(UnknownEnvironment),
        }
    }
}
