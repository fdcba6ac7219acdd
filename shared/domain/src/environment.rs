//! The environment that an enquiry belongs to.

/// The environment, as each response gives it in `meta.environment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase", parse_err_ty = UnknownEnvironment, parse_err_fn = unknown)]
pub enum Environment {
    /// For tests, without real enquiries.
    Sandbox,
    /// For real people's enquiries.
    Live,
}

/// The text is neither `sandbox` nor `live`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected sandbox or live")]
pub struct UnknownEnvironment;

fn unknown(_text: &str) -> UnknownEnvironment {
    UnknownEnvironment
}

impl Environment {
    /// The environment as sent in responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
