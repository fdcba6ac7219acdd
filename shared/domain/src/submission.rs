//! A valid submission.

use crate::fields::Fields;
use crate::first_response::Severity;
use crate::form::{Dept, Form};
use crate::forms::FormRules;
use crate::json::Json;
use crate::redaction::Redaction;
use crate::unknown_key::unknown_key;
use crate::violation::{Violation, ViolationCode, Violations};

/// A valid submission: what was sent, not yet what was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Which form it came from.
    pub form: Form,
    /// Which department it asks for.
    pub dept: Option<Dept>,
    /// The form's answers, without credentials.
    pub fields: Fields,
    /// Which credentials were removed from the answers.
    pub redactions: Vec<Redaction>,
}

/// Why a JSON document is not a valid submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// It is not an object.
    NotAnObject,
    /// Everything that is wrong with it: what is present in the order sent, then what is absent. Never empty.
    Violations(Violations),
}

impl Submission {
    /// Takes a document as a submission. `id` and `status` are ignored, because only the server sets them. Any other key that
    /// the contract does not have is a violation.
    ///
    /// # Errors
    /// Everything that is wrong with the document, at once.
    pub fn parse(document: &Json<'_>) -> Result<Self, Invalid> {
        let Json::Object(members) = document else {
            return Err(Invalid::NotAnObject);
        };
        // The form may stand behind the fields that it has rules for.
        let rules = document.get("form").and_then(Json::parse_string).and_then(|form: Form| form.rules());
        let sent_fields = document.get("fields");
        let (mut form, mut dept, mut fields) = (None, None, None);
        let mut violations = Violations::default();
        for (key, value) in members {
            match key.as_ref() {
                "form" => form = Form::parse(value, &mut violations),
                "dept" => dept = Dept::parse(value, &mut violations),
                "fields" => fields = Fields::parse(value, rules, &mut violations),
                "id" | "status" => {}
                other => violations.add(|| unknown_key(other, value, sent_fields.is_some())),
            }
        }
        if document.get("form").is_none() {
            violations.add(|| Violation::new(ViolationCode::FormRequired, "form"));
        }
        if sent_fields.is_none() {
            violations.add(|| Violation::new(ViolationCode::FieldsRequired, "fields"));
        }
        // Of too many fields nothing else is said (contract, Every response).
        if !sent_fields.is_some_and(Fields::are_too_many) {
            absent_fields(sent_fields, rules, &mut violations);
        }
        match (form, fields) {
            (Some(form), Some(mut fields)) if violations.is_empty() => {
                let redactions = fields.redact();
                Ok(Self { form, dept, fields, redactions })
            }
            _ => Err(Invalid::Violations(violations)),
        }
    }

    /// How severe it is, if the form has a first response.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        self.form.rules()?.severity(|field| self.fields.text_of(field))
    }
}

/// Adds a violation for each required field that is absent: consent, then the form's own (contract, Every response).
fn absent_fields(sent: Option<&Json<'_>>, rules: Option<&FormRules>, violations: &mut Violations) {
    let is_present = |name: &str| sent.is_some_and(|fields| fields.get(name).is_some());
    if !is_present("consent") {
        violations.add(|| Violation::of_field(ViolationCode::ConsentRequired, "consent"));
    }
    if let Some(rules) = rules {
        rules.check_absent(is_present, violations);
    }
}

#[cfg(test)]
mod tests;
