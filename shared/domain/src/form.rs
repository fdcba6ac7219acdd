//! The form that was sent, and its department.

use std::str::FromStr;

use crate::forms::FormRules;
use crate::json::Json;
use crate::limits::{MAX_FORM_BYTES, UNREGISTERED};
use crate::violation::{Violation, ViolationCode, Violations};
use ::redaction::redact;

/// A form's key: 1 to 64 of `[a-z0-9_-]`.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
// Anybody can choose the key, so `Debug` shows it only if it is registered.
#[debug("Form({})", self.registered_key())]
pub struct Form(String);

/// The text is not a valid form key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no form key")]
pub struct InvalidForm;

/// The department that an enquiry is for. Without one, it goes to the general inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "lowercase")]
#[expect(missing_docs, reason = "the departments' names say it")]
pub enum Dept {
    Support,
    Payments,
    Hardship,
    Complaints,
}

impl Form {
    /// A key must not look like a credential, because it is stored and emailed (contract, Pasted credentials).
    pub(crate) fn parse(sent: &Json<'_>, violations: &mut Violations) -> Option<Self> {
        let form = sent.parse_string().filter(|form: &Self| redact(form.as_str()).is_none());
        if form.is_none() {
            violations.add(|| Violation::new(ViolationCode::InvalidForm, "form"));
        }
        form
    }

    /// The key as sent. Use it only for the record and the email's body, because anybody can choose it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The registry's rules for this form, or `None` if it is not registered.
    #[must_use]
    pub fn rules(&self) -> Option<&'static FormRules> {
        FormRules::of(self.as_str())
    }

    /// The key for log lines, metrics, subjects and tags, or `unregistered` if the form is not registered.
    #[must_use]
    pub fn registered_key(&self) -> &'static str {
        self.rules().map_or(UNREGISTERED, |rules| rules.key)
    }
}

impl Dept {
    pub(crate) fn parse(sent: &Json<'_>, violations: &mut Violations) -> Option<Self> {
        let dept = sent.parse_string();
        if dept.is_none() {
            violations.add(|| Violation::new(ViolationCode::InvalidDept, "dept"));
        }
        dept
    }

    /// The department as sent in requests and responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl FromStr for Form {
    type Err = InvalidForm;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_slug = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let valid = (1..=MAX_FORM_BYTES).contains(&text.len()) && text.bytes().all(is_slug);
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidForm) }
    }
}
