//! The answers of a form, kept as they were sent.

use std::borrow::Cow;
use std::fmt;

use crate::email_address::EmailAddress;
use crate::forms::FormRules;
use crate::json::Json;
use crate::limits::{MAX_FIELD_NAME_BYTES, MAX_FIELDS_BYTES};
use crate::redaction::{CredentialKind, Redacted, Redaction, redact, redact_value};
use crate::violation::{Violation, ViolationCode};

/// The most keys that `fields` may have (contract, `too_many_fields`).
pub(crate) const MAX_FIELDS: usize = 60;

/// The answers of a form: names and values in the order sent, each character and each digit kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Fields(Vec<(String, FieldValue)>);

/// The text is not what [`Fields::to_json`] writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no stored fields")]
pub struct UnreadableFields;

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
    /// something is absent is for the submission to say.
    pub(crate) fn parse(sent: &Json<'_>, form: Option<&FormRules>) -> Result<Self, Vec<Violation>> {
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
            let mut refuse = |code| violations.push(Violation::of_field(code, name, ""));
            if !is_valid_name(name) {
                refuse(ViolationCode::InvalidFieldName);
            }
            if name == "email" && !is_email_address(value) {
                refuse(ViolationCode::InvalidEmail);
            }
            if name == "consent" && !is_consent(value) {
                refuse(ViolationCode::ConsentRequired);
            }
            let value = FieldValue::parse(value);
            if value.is_none() {
                refuse(ViolationCode::InvalidFieldValue);
            }
            if let Some(form) = form {
                violations.extend(form.violations(name, value.as_ref().map(FieldValue::as_text)));
            }
            fields.extend(value.map(|value| (name.clone().into_owned(), value)));
        }
        if violations.is_empty() { Ok(Self(fields)) } else { Err(violations) }
    }

    /// The fields as one compact JSON object, in the order sent: what is stored.
    #[must_use]
    pub fn to_json(&self) -> String {
        compact_object(&self.0.iter().collect::<Vec<_>>())
    }

    /// Takes the fields of a record. The contract's rules have been applied already, as they were when it was written, and are
    /// not applied again: whatever was accepted is mailed.
    ///
    /// # Errors
    /// When the text is no JSON object of strings, numbers and booleans.
    pub fn from_json(stored: &str) -> Result<Self, UnreadableFields> {
        let Ok(Json::Object(members)) = Json::parse(stored.as_bytes()) else { return Err(UnreadableFields) };
        let fields = members.into_iter().map(|(name, value)| {
            FieldValue::parse(&value).map(|value| (name.into_owned(), value)).ok_or(UnreadableFields)
        });
        fields.collect::<Result<_, _>>().map(Self)
    }

    /// The name of each field and its value as text, in the order sent: numbers digit for digit, booleans as in JSON.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_text()))
    }

    /// The value of one field as text.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.entries().find_map(|(candidate, text)| (candidate == name).then_some(text))
    }

    /// Removes the credentials that somebody pasted into the fields, names included, and says what was removed.
    pub(crate) fn redact(&mut self) -> Vec<Redaction> {
        // The values first: the name that was sent can be what makes one of them a secret.
        let in_values = self.redact_values();
        let in_names = self.redact_names();
        let kinds = in_names.into_iter().zip(in_values).map(|(in_name, in_value)| [in_name, in_value].concat());
        self.0.iter().zip(kinds).flat_map(|((name, _), kinds)| Redaction::of_field(name, &kinds)).collect()
    }

    /// Removes the credentials from the values, and gives what each held.
    fn redact_values(&mut self) -> Vec<Vec<CredentialKind>> {
        let redact_one = |(name, value): &mut (String, FieldValue)| {
            let Some(Redacted { text, kinds }) = redact_value(name, value.as_text()) else { return Vec::new() };
            *value = FieldValue::Text(text);
            kinds
        };
        self.0.iter_mut().map(redact_one).collect()
    }

    /// Removes the credentials from the names, and gives what each held.
    fn redact_names(&mut self) -> Vec<Vec<CredentialKind>> {
        let mut kinds = vec![Vec::new(); self.0.len()];
        let redacted = self.0.iter().enumerate().filter_map(|(index, (name, _))| Some((index, redact(name)?)));
        let mut redacted: Vec<_> = redacted.collect();
        // Numbered in the order of what was sent, whatever the order of the fields: the fingerprint must not depend on that.
        redacted.sort_by(|(one, _), (other, _)| self.0[*one].0.cmp(&self.0[*other].0));
        for (index, found) in redacted {
            self.0[index].0 = self.unlike_any_name(found.text);
            kinds[index] = found.kinds;
        }
        kinds
    }

    /// The name, numbered if a field has it: two names may differ in nothing but what was removed.
    fn unlike_any_name(&self, name: String) -> String {
        let is_free = |candidate: &String| self.0.iter().all(|(taken, _)| taken != candidate);
        let mut numbered = (2..).map(|number| format!("{name} ({number})"));
        if is_free(&name) { name } else { numbered.find(is_free).unwrap_or_default() }
    }

    /// Where the enquirer wants to be answered, if the fields hold an address that mail can be sent to.
    #[must_use]
    pub fn email(&self) -> Option<EmailAddress> {
        let (_, value) = self.0.iter().find(|(name, _)| name == "email")?;
        if let FieldValue::Text(text) = value { EmailAddress::parse(text).ok() } else { None }
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

    fn as_text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_fields_are_read_back_as_they_were_written() {
        let stored =
            r#"{"z":"a\n\"b\"","n":1.10,"long":123456789012345678901234567890,"yes":true,"no":false,"e":1e999}"#;
        let fields = Fields::from_json(stored).unwrap();
        assert_eq!(fields.to_json(), stored);
        let entries: Vec<_> = fields.entries().collect();
        assert_eq!(
            entries,
            [
                ("z", "a\n\"b\""),
                ("n", "1.10"),
                ("long", "123456789012345678901234567890"),
                ("yes", "true"),
                ("no", "false"),
                ("e", "1e999"),
            ]
        );
    }

    #[test]
    fn what_we_never_wrote_is_not_read() {
        for stored in ["", "[]", "null", r#"{"a":null}"#, r#"{"a":{}}"#, r#"{"a":1"#] {
            assert_eq!(Fields::from_json(stored), Err(UnreadableFields), "{stored}");
        }
    }

    #[test]
    fn an_address_to_answer_is_one_that_mail_can_be_sent_to() {
        let email = |json: &str| Fields::from_json(json).unwrap().email().map(|email| email.as_ascii().to_owned());
        assert_eq!(email(r#"{"a":"b","email":"jordan@example.com"}"#).as_deref(), Some("jordan@example.com"));
        for none in [
            r#"{"a":"b"}"#,
            r#"{"email":1}"#,
            r#"{"email":""}"#,
            r#"{"email":"Jordan <jordan@example.com>"}"#,
            r#"{"email":"jordan@example.com\r\nBcc: all@example.com"}"#,
        ] {
            assert_eq!(email(none), None, "{none}");
        }
    }
}
