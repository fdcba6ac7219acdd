//! A form's answers, kept exactly as sent.

use ::redaction::{Redacted, Removed, redact, redact_named};

use crate::blank::is_blank;
use crate::email_address::EmailAddress;
use crate::forms::FormRules;
use crate::json::{Json, object_of, push_string};
use crate::limits::{MAX_FIELD_NAME_BYTES, MAX_FIELDS, MAX_FIELDS_BYTES};
use crate::redaction::Redaction;
use crate::violation::{Violation, ViolationCode, Violations, grouped};

/// A form's answers: names and values in the order sent, with every character and digit kept.
#[derive(Clone, derive_more::Debug, PartialEq, Eq)]
// People's answers are personal data, so `Debug` never shows them.
#[debug("Fields({} of them)", self.0.len())]
pub struct Fields(Vec<(String, FieldValue)>);

/// The text was not written by [`Fields::to_json`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no stored fields")]
pub struct UnreadableFields;

/// The last words of the names of two neighbouring fields that are a name and its value.
const NAMES_OF_KEYS: [&str; 6] = ["key", "name", "label", "field", "header", "parameter"];
const NAMES_OF_VALUES: [&str; 5] = ["value", "val", "content", "text", "answer"];

#[derive(Clone, PartialEq, Eq)]
enum FieldValue {
    Text(String),
    /// A number, as its JSON text.
    Number(String),
    Bool(bool),
}

impl Fields {
    /// Parses the submission's `fields`, or adds a violation for each error, in the order sent. The submission adds the
    /// violations for absent fields.
    pub(crate) fn parse(sent: &Json<'_>, form: Option<&FormRules>, violations: &mut Violations) -> Option<Self> {
        let Json::Object(members) = sent else {
            violations.add(|| Violation::new(ViolationCode::InvalidFields, "fields"));
            return None;
        };
        // Do not check thousands of fields one by one. Report only that there are too many.
        if Self::are_too_many(sent) {
            let detail = format!("{} of at most {MAX_FIELDS}. Remove some.", grouped(members.len()));
            violations.add(|| Violation::new(ViolationCode::TooManyFields, "fields").with_detail(&detail));
            return None;
        }
        let bytes = sent.compact_bytes();
        if bytes > MAX_FIELDS_BYTES {
            let detail =
                format!("{} of at most {} bytes. Shorten the longest.", grouped(bytes), grouped(MAX_FIELDS_BYTES));
            violations.add(|| Violation::new(ViolationCode::FieldsTooLarge, "fields").with_detail(&detail));
        }
        let mut fields = Vec::with_capacity(members.len());
        for (name, sent_value) in members {
            let value = FieldValue::parse(sent_value);
            let mut refuse = |code| violations.add(|| Violation::of_field(code, name));
            if !is_valid_name(name) {
                refuse(ViolationCode::InvalidFieldName);
            }
            if name == "email" && value.as_ref().is_some_and(|value| !value.is_email_address_or_blank()) {
                refuse(ViolationCode::InvalidEmail);
            }
            if name == "consent" && !is_consent(sent_value) {
                refuse(ViolationCode::ConsentRequired);
            }
            if value.is_none() {
                refuse(ViolationCode::InvalidFieldValue);
            }
            // No form has a field with a name over the limit.
            if let Some(form) = form.filter(|_| name.len() <= MAX_FIELD_NAME_BYTES) {
                form.check(name, value.as_ref().map(FieldValue::as_text), violations);
            }
            fields.extend(value.map(|value| (name.clone().into_owned(), value)));
        }
        Some(Self(fields))
    }

    /// Whether `fields` has more keys than the contract allows.
    pub(crate) fn are_too_many(sent: &Json<'_>) -> bool {
        matches!(sent, Json::Object(members) if members.len() > MAX_FIELDS)
    }

    /// The fields as one compact JSON object, in the order sent. This is what we store.
    #[must_use]
    pub fn to_json(&self) -> String {
        object_of(self.0.iter().map(|(name, value)| (name.as_str(), value)), |text, value| match value {
            FieldValue::Text(value) => push_string(text, value),
            other => text.push_str(other.as_text()),
        })
    }

    /// Parses stored fields. This does not apply the contract's rules again: an accepted enquiry must be emailed even
    /// if the rules have changed since.
    ///
    /// # Errors
    /// When the text is not a JSON object of strings, numbers and booleans.
    pub fn from_json(stored: &str) -> Result<Self, UnreadableFields> {
        let Ok(Json::Object(members)) = Json::parse(stored.as_bytes()) else { return Err(UnreadableFields) };
        let fields = members.into_iter().map(|(name, value)| {
            FieldValue::parse(&value).map(|value| (name.into_owned(), value)).ok_or(UnreadableFields)
        });
        fields.collect::<Result<_, _>>().map(Self)
    }

    /// The name of each field and its value as text, in the order sent. Numbers keep their digits, and booleans are as
    /// in JSON.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_text()))
    }

    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.entries().find_map(|(candidate, text)| (candidate == name).then_some(text))
    }

    /// Removes secrets from the fields' names and values, and returns what was removed.
    pub(crate) fn redact(&mut self) -> Vec<Redaction> {
        // Redact the values first, because a field's original name can mark its value as a secret.
        let in_values = self.redact_values();
        let in_names = self.redact_names();
        let removed =
            in_names.into_iter().zip(in_values).map(|(in_name, in_value)| in_name.into_iter().chain(in_value));
        self.0.iter().zip(removed).flat_map(|((name, _), removed)| Redaction::of_field(name, removed)).collect()
    }

    /// Removes secrets from the values, and returns what was removed from each.
    fn redact_values(&mut self) -> Vec<Vec<Removed>> {
        let redacted: Vec<_> =
            (0..self.0.len()).map(|index| redact_named(self.name_of_value(index), self.0[index].1.as_text())).collect();
        let replace = |((_, value), redacted): (&mut (String, FieldValue), Option<Redacted>)| {
            let Some(Redacted { text, removed }) = redacted else { return Vec::new() };
            *value = FieldValue::Text(text);
            removed
        };
        self.0.iter_mut().zip(redacted).map(replace).collect()
    }

    /// What a value is called: the field's name, or the value of the field before it. Forms send `key` and `value` as
    /// two fields.
    fn name_of_value(&self, index: usize) -> &str {
        let (name, _) = &self.0[index];
        let before = index.checked_sub(1).map(|before| &self.0[before]);
        let is_pair = |before: &str| ends_with_any(before, &NAMES_OF_KEYS) && ends_with_any(name, &NAMES_OF_VALUES);
        before.filter(|(before, _)| is_pair(before)).map_or(name, |(_, key)| key.as_text())
    }

    /// Removes secrets from the names, and returns what was removed from each.
    fn redact_names(&mut self) -> Vec<Vec<Removed>> {
        let mut removed = vec![Vec::new(); self.0.len()];
        for (index, removed) in removed.iter_mut().enumerate() {
            if let Some(found) = redact(&self.0[index].0) {
                self.0[index].0 = self.unique_name(found.text);
                *removed = found.removed;
            }
        }
        removed
    }

    /// Adds a number to a name that another field already has. Names that differed only in their secrets become
    /// equal.
    fn unique_name(&self, name: String) -> String {
        let is_free = |candidate: &String| self.0.iter().all(|(taken, _)| taken != candidate);
        let mut numbered = (2..).map(|number| format!("{name} ({number})"));
        if is_free(&name) { name } else { numbered.find(is_free).unwrap_or_default() }
    }

    /// The sender's email address, if the field `email` has one that SES can send to.
    #[must_use]
    pub fn email(&self) -> Option<EmailAddress> {
        let (_, value) = self.0.iter().find(|(name, _)| name == "email")?;
        if let FieldValue::Text(text) = value { EmailAddress::parse(text).ok() } else { None }
    }
}

/// Whether a field's name ends with one of these words, apart from a number: `key`, `Header name 2`.
fn ends_with_any(name: &str, words: &[&str]) -> bool {
    let name = name.trim_end_matches(|last: char| !last.is_alphabetic()).to_lowercase();
    words.iter().any(|word| name.ends_with(word))
}

impl FieldValue {
    fn parse(sent: &Json<'_>) -> Option<Self> {
        match sent {
            Json::String(text) => Some(Self::Text(text.clone().into_owned())),
            Json::Number(digits) => Some(Self::Number((*digits).to_owned())),
            Json::Bool(value) => Some(Self::Bool(*value)),
            Json::Null | Json::Object(_) | Json::Nested { .. } => None,
        }
    }

    fn is_email_address_or_blank(&self) -> bool {
        matches!(self, Self::Text(text) if is_blank(text) || EmailAddress::parse(text).is_ok())
    }

    fn as_text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) => text,
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
        }
    }
}

fn is_valid_name(name: &str) -> bool {
    (1..=MAX_FIELD_NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control)
}

fn is_consent(value: &Json<'_>) -> bool {
    matches!(value, Json::String(text) if text == "yes")
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
