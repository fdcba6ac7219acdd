//! The violations of a submission.

use serde::Serialize;

use crate::limits::{MAX_FIELD_NAME_BYTES, MAX_FORM_BYTES, MAX_LISTED_VIOLATIONS, MAX_PARAM_BYTES};
use ::redaction::redact_beginning;

/// The contract's code for one error in a submission. The status is always 422.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display, strum::IntoStaticStr, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[expect(missing_docs, reason = "each is the contract's code of the same name, explained by its message")]
pub enum ViolationCode {
    UnknownKey,
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
    /// All codes, in the contract's order.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    fn message(self) -> String {
        match self {
            Self::UnknownKey => "Unknown key.".into(),
            Self::FormRequired => "\"form\" is required. Send the key of the form, such as \"contact-us\".".into(),
            Self::InvalidForm => format!(
                "\"form\" must be a string of 1 to {MAX_FORM_BYTES} characters: a-z, 0-9, _ and -. It must not look like an \
                 API key."
            ),
            Self::InvalidDept => {
                "\"dept\" must be \"support\", \"payments\", \"hardship\" or \"complaints\". Omit it to reach \
                                  the general inbox."
                    .into()
            }
            Self::FieldsRequired => "\"fields\" is required. Send the form's answers as an object.".into(),
            Self::InvalidFields => "\"fields\" must be an object with the form's answers.".into(),
            Self::TooManyFields => "Too many fields:".into(),
            Self::FieldsTooLarge => "The answers are too long:".into(),
            Self::InvalidFieldName => {
                format!("A field name must have 1 to {MAX_FIELD_NAME_BYTES} bytes in UTF-8 and no control characters.")
            }
            Self::InvalidFieldValue => {
                "A field must be a string, a number or a boolean. Omit the field if it has no value.".into()
            }
            Self::InvalidEmail => "Enter an email address in the format name@example.com, or omit the field.".into(),
            Self::ConsentRequired => {
                "Consent is required. Send \"fields.consent\": \"yes\" once the person has agreed to be \
                                      contacted."
                    .into()
            }
            Self::FieldRequired => "This field is required.".into(),
            Self::InvalidFieldChoice => String::new(),
            Self::InvalidFieldFormat => "The format is invalid.".into(),
            Self::FieldTooLong => "This answer is too long:".into(),
            Self::UnknownField => "Unknown field.".into(),
        }
    }
}

/// One error in a submission, and where it is.
#[derive(Clone, derive_more::Debug, PartialEq, Eq, Serialize)]
// Param and message may hold personal data, so `Debug` never shows them.
#[debug("Violation({code})")]
pub struct Violation {
    /// The code of the error.
    pub code: ViolationCode,
    /// The path of the key, such as `fields.email`. It may contain the sender's text: never log it.
    pub param: String,
    /// How to fix it, for a web developer.
    pub message: String,
}

/// All violations of a submission, in the contract's order. Only the first 100 are listed, because a body of 64 KiB can
/// have twenty thousand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations {
    listed: Vec<Violation>,
    unlisted: usize,
}

impl Violation {
    /// A violation about a key of the contract.
    pub(crate) fn new(code: ViolationCode, param: &str) -> Self {
        Self { code, param: param.to_owned(), message: code.message() }
    }

    /// A violation about a key that the sender chose, below `parent`, such as `fields.`. Its param has no credentials,
    /// and is cut to the contract's maximum length.
    pub(crate) fn of_key(code: ViolationCode, parent: &str, key: &str) -> Self {
        let mut param = format!("{parent}{}", redact_beginning(key, MAX_FIELD_NAME_BYTES));
        param.truncate(param.floor_char_boundary(MAX_PARAM_BYTES));
        Self { code, param, message: code.message() }
    }

    pub(crate) fn of_field(code: ViolationCode, name: &str) -> Self {
        Self::of_key(code, "fields.", name)
    }

    /// Appends `detail` to the message, unless it is empty.
    pub(crate) fn with_detail(mut self, detail: &str) -> Self {
        if !self.message.is_empty() && !detail.is_empty() {
            self.message.push(' ');
        }
        self.message.push_str(detail);
        self
    }
}

/// A count with separators: `16,384`.
pub(crate) fn grouped(count: usize) -> String {
    if count < 1_000 { count.to_string() } else { format!("{},{:03}", grouped(count / 1_000), count % 1_000) }
}

impl Violations {
    /// Adds a violation, which is built only if it is listed.
    pub(crate) fn add(&mut self, violation: impl FnOnce() -> Violation) {
        if self.listed.len() < MAX_LISTED_VIOLATIONS {
            self.listed.push(violation());
        } else {
            self.unlisted += 1;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// The first violations, up to 100.
    #[must_use]
    pub fn listed(&self) -> &[Violation] {
        &self.listed
    }

    /// How many further violations are not listed.
    #[must_use]
    pub fn unlisted(&self) -> usize {
        self.unlisted
    }
}
