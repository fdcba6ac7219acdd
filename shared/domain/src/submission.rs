//! A valid submission.

use crate::fields::Fields;
use crate::first_response::Severity;
use crate::form::{Dept, Form};
use crate::forms::FormRules;
use crate::json::Json;
use crate::redaction::Redaction;
use crate::unknown_key::unknown_key;
use crate::violation::{Violation, ViolationCode, Violations};

/// A valid submission that is not recorded yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// The form that was sent.
    pub form: Form,
    /// The department that it is for.
    pub dept: Option<Dept>,
    /// The form's answers, without credentials.
    pub fields: Fields,
    /// The credentials that were removed from the answers.
    pub redactions: Vec<Redaction>,
}

/// Why a JSON document is not a valid submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// The document is not an object.
    NotAnObject,
    /// All its violations: first those of what was sent, in the order sent, then those of what is absent. Never empty.
    Violations(Violations),
}

impl Submission {
    /// Parses a submission. `id` and `status` are ignored, because only the server sets them. Any other key that is not
    /// in the contract is a violation.
    ///
    /// # Errors
    /// All violations at once.
    pub fn parse(document: &Json<'_>) -> Result<Self, Invalid> {
        let Json::Object(members) = document else {
            return Err(Invalid::NotAnObject);
        };
        // The form may come after its fields, so look it up first.
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
        // Too many fields get no further violations (contract, Every response).
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

    /// The submission's severity, if the form has a first response.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        self.form.rules()?.severity(|field| self.fields.text_of(field))
    }
}

/// Adds a violation for each required field that is absent: first consent, then the form's fields (contract, Every
/// response).
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
