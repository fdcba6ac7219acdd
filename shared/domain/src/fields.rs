//! The answers of a form, kept as they were sent.

use std::borrow::Cow;
use std::fmt;

use crate::email_address::EmailAddress;
use crate::json::Json;
use crate::violation::{Violation, ViolationCode};

/// The most keys that `fields` may have (contract, `too_many_fields`).
pub(crate) const MAX_FIELDS: usize = 60;
/// The largest `fields` as compact UTF-8 JSON, in bytes (contract, `fields_too_large`).
pub(crate) const MAX_FIELDS_BYTES: usize = 16_384;
/// The longest name of a field, in bytes of UTF-8 (contract, `invalid_field_name`).
pub(crate) const MAX_FIELD_NAME_BYTES: usize = 128;

/// The answers of a form: names and values in the order sent, each character and each digit kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Fields(Vec<(String, FieldValue)>);

/// The value of a field.
#[derive(Clone, PartialEq, Eq)]
enum FieldValue {
    /// A string.
    Text(String),
    /// A number, as the JSON text that was sent.
    Number(String),
    /// A boolean.
    Bool(bool),
}

impl Fields {
    /// Takes the members of the submission's `fields`, or says everything that is wrong with them, in the order sent. That
    /// consent is absent is for the submission to say.
    pub(crate) fn parse(sent: &Json<'_>) -> Result<Self, Vec<Violation>> {
        let Json::Object(members) = sent else {
            return Err(vec![Violation::new(ViolationCode::InvalidFields, "fields")]);
        };
        let mut violations = Vec::new();
        if members.len() > MAX_FIELDS {
            violations.push(Violation::new(ViolationCode::TooManyFields, "fields"));
        }
        if sent.to_compact().len() > MAX_FIELDS_BYTES {
            violations.push(Violation::new(ViolationCode::FieldsTooLarge, "fields"));
        }
        let mut fields = Vec::with_capacity(members.len());
        for (name, value) in members {
            let mut refuse = |code| violations.push(Violation::new(code, format!("fields.{name}")));
            if !is_valid_name(name) {
                refuse(ViolationCode::InvalidFieldName);
            }
            if name == "email" && !is_email_address(value) {
                refuse(ViolationCode::InvalidEmail);
            }
            if name == "consent" && !is_consent(value) {
                refuse(ViolationCode::ConsentRequired);
            }
            match FieldValue::parse(value) {
                Some(value) => fields.push((name.clone().into_owned(), value)),
                None => refuse(ViolationCode::InvalidFieldValue),
            }
        }
        if violations.is_empty() { Ok(Self(fields)) } else { Err(violations) }
    }

    /// The fields as one compact JSON object, in the order sent: what is stored.
    #[must_use]
    pub fn to_json(&self) -> String {
        compact_object(&self.0.iter().collect::<Vec<_>>())
    }

    /// The same with the names sorted by their bytes: what the fingerprint is taken of.
    pub(crate) fn to_sorted_json(&self) -> String {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_unstable_by_key(|(name, _)| name);
        compact_object(&sorted)
    }
}

impl FieldValue {
    fn parse(sent: &Json<'_>) -> Option<Self> {
        match sent {
            Json::String(text) => Some(Self::Text(text.clone().into_owned())),
            Json::Number(digits) => Some(Self::Number((*digits).to_owned())),
            Json::Bool(value) => Some(Self::Bool(*value)),
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        }
    }

    fn as_json(&self) -> Json<'_> {
        match self {
            Self::Text(text) => Json::String(Cow::Borrowed(text)),
            Self::Number(digits) => Json::Number(digits),
            Self::Bool(value) => Json::Bool(*value),
        }
    }
}

/// What people wrote is never shown by accident.
impl fmt::Debug for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fields({} of them)", self.0.len())
    }
}

fn is_valid_name(name: &str) -> bool {
    (1..=MAX_FIELD_NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control)
}

fn is_email_address(value: &Json<'_>) -> bool {
    matches!(value, Json::String(text) if EmailAddress::parse(text).is_ok())
}

fn is_consent(value: &Json<'_>) -> bool {
    matches!(value, Json::String(text) if text == "yes")
}

fn compact_object(fields: &[&(String, FieldValue)]) -> String {
    let members = fields.iter().map(|(name, value)| (Cow::Borrowed(name.as_str()), value.as_json()));
    Json::Object(members.collect()).to_compact()
}
