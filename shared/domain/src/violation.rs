//! What can be wrong with a submission.

use serde::Serialize;

use crate::limits::{
    MAX_FIELD_NAME_BYTES, MAX_FIELDS, MAX_FIELDS_BYTES, MAX_FORM_BYTES, MAX_LISTED_VIOLATIONS, MAX_PARAM_BYTES,
};
use crate::redaction::redact_beginning;

/// The contract's code for one thing that is wrong with a submission; all of them are a 422.
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
    /// All of them, in the order of the contract.
    pub const ALL: &[Self] = <Self as strum::VariantArray>::VARIANTS;

    fn message(self) -> String {
        match self {
            Self::UnknownKey => "The body has no such key.".into(),
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
#[derive(Clone, derive_more::Debug, PartialEq, Eq, Serialize)]
// Param and message may hold what people wrote: they are never shown by accident.
#[debug("Violation({code})")]
pub struct Violation {
    /// What is wrong.
    pub code: ViolationCode,
    /// The path of the key it is about, such as `fields.email`. It may contain the sender's text: never log it.
    pub param: String,
    /// What to do about it, in words for a web developer.
    pub message: String,
}

/// Everything that is wrong with a submission, in the contract's order. Only the first 100 are listed: a body of 64 KiB can have
/// twenty thousand.
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

    /// A violation about a key that the sender chose, below `parent`, such as `fields.`. Its param has no credential in it, and
    /// is cut to the length that the contract allows.
    pub(crate) fn of_key(code: ViolationCode, parent: &str, key: &str) -> Self {
        let mut param = format!("{parent}{}", redact_beginning(key, MAX_FIELD_NAME_BYTES));
        param.truncate(param.floor_char_boundary(MAX_PARAM_BYTES));
        Self { code, param, message: code.message() }
    }

    /// A violation about a field.
    pub(crate) fn of_field(code: ViolationCode, name: &str) -> Self {
        Self::of_key(code, "fields.", name)
    }

    /// Appends `detail` to the message, unless it is empty.
    pub(crate) fn with_detail(mut self, detail: &str) -> Self {
        if !detail.is_empty() {
            self.message.push(' ');
            self.message.push_str(detail);
        }
        self
    }
}

impl Violations {
    /// Adds a violation. It is built only if it is listed.
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

    /// The first of them, at most 100.
    #[must_use]
    pub fn listed(&self) -> &[Violation] {
        &self.listed
    }

    /// How many violations there are beyond the listed ones.
    #[must_use]
    pub fn unlisted(&self) -> usize {
        self.unlisted
    }
}
