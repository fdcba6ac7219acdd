//! The forms registry: the rules for each form's fields, in addition to the contract's rules for every form.
//!
//! The registry is `forms.toml`. The build script checks it and compiles it into the tables at the end of this file.

use std::sync::OnceLock;

use regex_lite::Regex;

use crate::blank::is_blank;
use crate::first_response::Severity;
use crate::violation::{Violation, ViolationCode, Violations, grouped};

/// A form's rules.
#[derive(Debug)]
pub struct FormRules {
    pub(crate) key: &'static str,
    /// The form's name for people, for example in emails.
    pub title: &'static str,
    /// Whether the form accepts only these fields and `consent`.
    closed: bool,
    first_response: Option<FirstResponseRule>,
    fields: &'static [FieldRules],
}

/// Which field sets the deadline for the first response.
#[derive(Debug)]
struct FirstResponseRule {
    field: &'static str,
    default: Severity,
}

/// A form's rules for one field.
#[derive(Debug)]
struct FieldRules {
    name: &'static str,
    /// The field's name for people.
    label: &'static str,
    required: bool,
    /// The allowed values. If empty, any value is allowed.
    choices: &'static [&'static str],
    /// The pattern that the whole value must match.
    pattern: Option<Pattern>,
    /// In characters (Unicode scalar values).
    max_length: Option<usize>,
    /// How to fix a violation, for a web developer.
    help: &'static str,
}

/// A regular expression, compiled when first needed. An environment that never sees the form pays nothing.
#[derive(Debug)]
struct Pattern {
    source: &'static str,
    compiled: OnceLock<Regex>,
}

impl FormRules {
    /// The rules for the form with this key, or `None` if it is not registered.
    pub(crate) fn of(key: &str) -> Option<&'static Self> {
        FORMS.iter().find(|rules| rules.key == key)
    }

    /// The label of the field `name`, or `None` if the form has no such field.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&'static str> {
        self.field(name).map(|field| field.label)
    }

    /// Adds the violations of a field that was sent. `value` is its text, or `None` if its type is not valid for a
    /// field.
    pub(crate) fn check(&self, name: &str, value: Option<&str>, violations: &mut Violations) {
        match (self.field(name), value) {
            (Some(field), Some(value)) => field.check(value, violations),
            (None, _) if self.closed && name != "consent" => violations.add(|| {
                let names: Vec<_> = self.fields.iter().map(|field| field.name).collect();
                let has = format!("The fields of this form are: {}.", names.join(", "));
                Violation::of_field(ViolationCode::UnknownField, name).with_detail(&has)
            }),
            _ => {}
        }
    }

    /// Adds a violation for each required field that is absent, in the registry's order.
    pub(crate) fn check_absent(&self, is_present: impl Fn(&str) -> bool, violations: &mut Violations) {
        for field in self.fields.iter().filter(|field| field.required && !is_present(field.name)) {
            violations.add(|| field.violation(ViolationCode::FieldRequired, ""));
        }
    }

    /// A submission's severity, or `None` if the form has no first response. `text_of` returns a field's answer.
    pub(crate) fn severity<'a>(&self, text_of: impl Fn(&str) -> Option<&'a str>) -> Option<Severity> {
        let rule = self.first_response.as_ref()?;
        Some(text_of(rule.field).and_then(|text| text.trim().parse().ok()).unwrap_or(rule.default))
    }

    fn field(&self, name: &str) -> Option<&'static FieldRules> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl FieldRules {
    /// A blank field has no answer: web pages send empty fields too. White space around an answer is ignored (contract,
    /// Blank is absent).
    fn check(&self, value: &str, violations: &mut Violations) {
        if is_blank(value) {
            if self.required {
                violations.add(|| self.violation(ViolationCode::FieldRequired, ""));
            }
            return;
        }
        let value = value.trim();
        if !self.choices.is_empty() && !self.choices.contains(&value) {
            violations.add(|| self.violation(ViolationCode::InvalidFieldChoice, ""));
        // Do not match a value that is too long: matching takes time for each character.
        } else if let Some(max_length) = self.max_length.filter(|max_length| value.chars().count() > *max_length) {
            let lengths = format!("{} of at most {} characters.", grouped(value.chars().count()), grouped(max_length));
            violations.add(|| self.violation(ViolationCode::FieldTooLong, &lengths));
        } else if self.pattern.as_ref().is_some_and(|pattern| !pattern.matches(value)) {
            violations.add(|| self.violation(ViolationCode::InvalidFieldFormat, ""));
        }
    }

    fn violation(&self, code: ViolationCode, detail: &str) -> Violation {
        let choices = self.choices.join(", ");
        let choices = if choices.is_empty() { choices } else { format!("Choose one of: {choices}.") };
        let said: Vec<_> = [detail, &choices, self.help].into_iter().filter(|part| !part.is_empty()).collect();
        Violation::of_field(code, self.name).with_detail(&said.join(" "))
    }
}

impl Pattern {
    const fn new(source: &'static str) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    #[expect(clippy::expect_used, reason = "the build script has compiled each pattern, with the same crate")]
    fn matches(&self, value: &str) -> bool {
        let compile = || Regex::new(self.source).expect("compiled by the build script");
        self.compiled.get_or_init(compile).is_match(value)
    }
}

include!(concat!(env!("OUT_DIR"), "/forms.rs"));

#[cfg(test)]
mod tests;
