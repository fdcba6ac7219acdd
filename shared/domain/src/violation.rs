//! What can be wrong with a submission.

use std::borrow::Cow;
use std::fmt;

use crate::fields::MAX_FIELDS;
use crate::limits::{MAX_FIELD_NAME_BYTES, MAX_FIELDS_BYTES, MAX_FORM_BYTES};
use crate::redaction::redact;

/// The contract's code for one thing that is wrong with a submission; all of them are answered with 422.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the contract's code of the same name, explained by its message")]
pub enum ViolationCode {
    FormRequired,
    InvalidForm,
    InvalidDept,
    FieldsRequired,
    InvalidFields,
    TooManyFields,
    FieldsTooLarge,
    InvalidFieldName,
    InvalidFieldValue,
    InvalidEmail,
    ConsentRequired,
    FieldRequired,
    InvalidFieldChoice,
    InvalidFieldFormat,
    FieldTooLong,
    UnknownField,
}

impl ViolationCode {
    /// All of them, in the order of the contract.
    pub const ALL: [Self; 16] = [
        Self::FormRequired,
        Self::InvalidForm,
        Self::InvalidDept,
        Self::FieldsRequired,
        Self::InvalidFields,
        Self::TooManyFields,
        Self::FieldsTooLarge,
        Self::InvalidFieldName,
        Self::InvalidFieldValue,
        Self::InvalidEmail,
        Self::ConsentRequired,
        Self::FieldRequired,
        Self::InvalidFieldChoice,
        Self::InvalidFieldFormat,
        Self::FieldTooLong,
        Self::UnknownField,
    ];

    /// The code as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FormRequired => "form_required",
            Self::InvalidForm => "invalid_form",
            Self::InvalidDept => "invalid_dept",
            Self::FieldsRequired => "fields_required",
            Self::InvalidFields => "invalid_fields",
            Self::TooManyFields => "too_many_fields",
            Self::FieldsTooLarge => "fields_too_large",
            Self::InvalidFieldName => "invalid_field_name",
            Self::InvalidFieldValue => "invalid_field_value",
            Self::InvalidEmail => "invalid_email",
            Self::ConsentRequired => "consent_required",
            Self::FieldRequired => "field_required",
            Self::InvalidFieldChoice => "invalid_field_choice",
            Self::InvalidFieldFormat => "invalid_field_format",
            Self::FieldTooLong => "field_too_long",
            Self::UnknownField => "unknown_field",
        }
    }

    fn message(self) -> String {
        match self {
            Self::FormRequired => "Say which form this is: \"form\" is missing.".into(),
            Self::InvalidForm => {
                format!(
                    "\"form\" must be a string of 1 to {MAX_FORM_BYTES} of the characters a-z, 0-9, _ and -, \
                     and not a key or secret."
                )
            }
            Self::InvalidDept => "\"dept\" must be one of \"support\", \"payments\", \"hardship\", \"complaints\"; \
                                  leave it out to reach the general inbox."
                .into(),
            Self::FieldsRequired => "The form's answers are missing: send them as the object \"fields\".".into(),
            Self::InvalidFields => "\"fields\" must be an object of the form's answers.".into(),
            Self::TooManyFields => format!("\"fields\" may have at most {MAX_FIELDS} keys."),
            Self::FieldsTooLarge => {
                format!("\"fields\" may be at most {MAX_FIELDS_BYTES} bytes as compact UTF-8 JSON.")
            }
            Self::InvalidFieldName => {
                format!("A field's name must be 1 to {MAX_FIELD_NAME_BYTES} bytes of UTF-8 without control characters.")
            }
            Self::InvalidFieldValue => {
                "A field's value must be a string, a number or a boolean; leave the field out when it has none.".into()
            }
            Self::InvalidEmail => "This is no e-mail address that we can write to, such as name@example.com; \
                                   leave the field out when there is none."
                .into(),
            Self::ConsentRequired => {
                "\"fields.consent\" must be exactly the string \"yes\": the sender agrees to be contacted.".into()
            }
            Self::FieldRequired => "This form needs an answer in this field.".into(),
            Self::InvalidFieldChoice => "This is none of the answers that the form takes in this field.".into(),
            Self::InvalidFieldFormat => "This does not look like what the form takes in this field.".into(),
            Self::FieldTooLong => "This is longer than what the form takes in this field.".into(),
            Self::UnknownField => "This form has no such field.".into(),
        }
    }
}

/// One thing that is wrong with a submission, and where.
#[derive(Clone, PartialEq, Eq)]
pub struct Violation {
    /// What is wrong.
    pub code: ViolationCode,
    /// The path of the key it is about, such as `fields.email`. Holds text of the sender's: never log it.
    pub param: String,
    /// What to do about it, in words for a web developer.
    pub message: String,
}

impl Violation {
    pub(crate) fn new(code: ViolationCode, param: impl Into<String>) -> Self {
        Self { code, param: param.into(), message: code.message() }
    }

    /// One about a field; `detail` is what the message goes on with, if there is more to be said. A credential in the field's
    /// name is not repeated.
    pub(crate) fn of_field(code: ViolationCode, name: &str, detail: &str) -> Self {
        let name = redact(name).map_or(Cow::Borrowed(name), |redacted| Cow::Owned(redacted.text));
        let mut violation = Self::new(code, format!("fields.{name}"));
        if !detail.is_empty() {
            violation.message = format!("{} {detail}", violation.message);
        }
        violation
    }
}

impl fmt::Debug for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Violation({})", self.code)
    }
}

impl fmt::Display for ViolationCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
