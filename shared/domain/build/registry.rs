//! Checks `forms.toml`, and writes it as Rust tables.

use std::collections::HashSet;
use std::fmt::Write;
use std::hash::Hash;

use regex_lite::Regex;
use serde::Deserialize;
use toml::Spanned;

use crate::build_error::BuildError;
use crate::limits::{MAX_FIELD_NAME_BYTES, MAX_FIELDS_BYTES, MAX_FORM_BYTES, UNREGISTERED};

const SEVERITIES: [&str; 3] = ["sev1", "sev2", "sev3"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registry {
    form: Vec<Form>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    key: Spanned<String>,
    title: Spanned<String>,
    #[serde(default)]
    closed: bool,
    first_response: Option<FirstResponse>,
    #[serde(default)]
    field: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstResponse {
    field: Spanned<String>,
    default: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    name: Spanned<String>,
    label: Spanned<String>,
    #[serde(default)]
    required: bool,
    choices: Option<Spanned<Vec<String>>>,
    pattern: Option<Spanned<String>>,
    max_length: Option<Spanned<usize>>,
    help: Option<Spanned<String>>,
}

/// The registry as Rust, or all its errors.
pub(crate) fn compile(text: &str) -> Result<String, Vec<BuildError>> {
    let registry: Registry = toml::from_str(text).map_err(|error| vec![BuildError::from_toml(text, &error)])?;
    let mut check = Check { text, errors: Vec::new() };
    check.registry(&registry);
    if check.errors.is_empty() { Ok(rust_of(&registry)) } else { Err(check.errors) }
}

struct Check<'a> {
    text: &'a str,
    errors: Vec<BuildError>,
}

impl Check<'_> {
    fn registry(&mut self, registry: &Registry) {
        self.each_once(registry.form.iter().map(|form| &form.key), "form");
        for form in &registry.form {
            self.form(form);
        }
    }

    fn form(&mut self, form: &Form) {
        let key = form.key.get_ref();
        let is_slug = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        if !(1..=MAX_FORM_BYTES).contains(&key.len()) || !key.bytes().all(is_slug) {
            self.refuse(&form.key, format!("the key {key:?} must be 1 to {MAX_FORM_BYTES} of a-z, 0-9, _ and -"));
        }
        if key == UNREGISTERED {
            self.refuse(&form.key, format!("the key {key:?} is what logs and subjects say of a form that is not here"));
        }
        self.shown_text(&form.title, "the title");
        self.each_once(form.field.iter().map(|field| &field.name), "field");
        for field in &form.field {
            self.field(field);
        }
        if let Some(first_response) = &form.first_response {
            self.first_response(first_response, form);
        }
    }

    fn field(&mut self, field: &Field) {
        let name = field.name.get_ref();
        if !(1..=MAX_FIELD_NAME_BYTES).contains(&name.len()) || name.chars().any(char::is_control) {
            let reason =
                format!("the name {name:?} must be 1 to {MAX_FIELD_NAME_BYTES} bytes without control characters");
            self.refuse(&field.name, reason);
        }
        self.shown_text(&field.label, "the label");
        if let Some(help) = &field.help {
            self.shown_text(help, "the help");
        }
        if field.required && field.help.is_none() {
            self.refuse(&field.name, "a required field needs help: say what it is for");
        }
        let has_rule =
            field.required || field.choices.is_some() || field.pattern.is_some() || field.max_length.is_some();
        if name == "consent" && has_rule {
            self.refuse(&field.name, "the contract itself has the rule for \"consent\": give it a label alone");
        }
        if let Some(max_length) = &field.max_length
            && !(1..=MAX_FIELDS_BYTES).contains(max_length.get_ref())
        {
            self.refuse(max_length, format!("max_length must be from 1 to {MAX_FIELDS_BYTES}"));
        }
        if let Some(choices) = &field.choices {
            self.choices(choices, field);
        }
        if let Some(pattern) = &field.pattern {
            self.pattern(pattern, field);
        }
    }

    fn choices(&mut self, choices: &Spanned<Vec<String>>, field: &Field) {
        let texts = choices.get_ref();
        if texts.is_empty() || texts.iter().any(|choice| choice.trim() != choice || choice.is_empty()) {
            self.refuse(choices, "choices must be one or more texts without white space around them");
        }
        if texts.iter().collect::<HashSet<_>>().len() < texts.len() {
            self.refuse(choices, "a choice stands there twice");
        }
        if field.pattern.is_some() || field.max_length.is_some() {
            self.refuse(choices, "a field with choices needs neither pattern nor max_length");
        }
    }

    fn pattern(&mut self, pattern: &Spanned<String>, field: &Field) {
        // Check the pattern alone too: its parentheses might only match those that we put around it.
        let (part, whole) = (pattern.get_ref().clone(), whole_value(pattern.get_ref()));
        if let Some(error) = [part, whole].iter().find_map(|text| Regex::new(text).err()) {
            self.refuse(pattern, format!("the pattern does not compile: {error}"));
        }
        if field.max_length.is_none() {
            self.refuse(pattern, "a field with a pattern needs a max_length: matching takes time for each character");
        }
        if field.help.is_none() {
            self.refuse(pattern, "a field with a pattern needs help: nobody reads what is asked out of a pattern");
        }
    }

    fn first_response(&mut self, first_response: &FirstResponse, form: &Form) {
        let FirstResponse { field, default } = first_response;
        match form.field.iter().find(|candidate| candidate.name.get_ref() == field.get_ref()) {
            None => self.refuse(field, format!("the form has no field {:?}", field.get_ref())),
            Some(found) => {
                let choices = found.choices.iter().flat_map(Spanned::get_ref);
                if !choices.map(String::as_str).eq(SEVERITIES) {
                    self.refuse(field, format!("the choices of {:?} must be {SEVERITIES:?}", field.get_ref()));
                }
            }
        }
        if !SEVERITIES.contains(&default.get_ref().as_str()) {
            self.refuse(default, format!("the default must be one of {SEVERITIES:?}"));
        }
    }

    /// Checks a text that people read in emails and errors.
    fn shown_text(&mut self, text: &Spanned<String>, what: &str) {
        let shown = text.get_ref();
        if shown.is_empty() || shown.trim() != shown || shown.chars().any(char::is_control) {
            self.refuse(text, format!("{what} must be text, without white space around it or control characters"));
        }
    }

    fn each_once<'a, T: Hash + Eq + std::fmt::Debug + 'a>(
        &mut self,
        names: impl Iterator<Item = &'a Spanned<T>>,
        what: &str,
    ) {
        let mut seen = HashSet::new();
        for name in names {
            if !seen.insert(name.get_ref()) {
                self.refuse(name, format!("the {what} {:?} is there already", name.get_ref()));
            }
        }
    }

    fn refuse<T>(&mut self, part: &Spanned<T>, reason: impl Into<String>) {
        self.errors.push(BuildError::at(self.text, &part.span(), reason));
    }
}

fn rust_of(registry: &Registry) -> String {
    let mut rust = String::new();
    let forms: Vec<_> =
        registry.form.iter().enumerate().map(|(index, form)| rust_of_form(index, form, &mut rust)).collect();
    let _ = writeln!(rust, "static FORMS: [FormRules; {}] = [\n{}];", forms.len(), forms.concat());
    rust
}

/// The form's entry in the table of forms. The table of its fields is appended to `rust`.
fn rust_of_form(index: usize, form: &Form, rust: &mut String) -> String {
    let fields: String = form.field.iter().map(rust_of_field).collect();
    let _ = writeln!(rust, "static FIELDS_{index}: [FieldRules; {}] = [\n{fields}];", form.field.len());
    let first_response = form.first_response.as_ref().map(|FirstResponse { field, default }| {
        let severity = default.get_ref().replace("sev", "Severity::Sev");
        format!("FirstResponseRule {{ field: {:?}, default: {severity} }}", field.get_ref())
    });
    format!(
        "    FormRules {{ key: {:?}, title: {:?}, closed: {}, first_response: {}, fields: &FIELDS_{index} }},\n",
        form.key.get_ref(),
        form.title.get_ref(),
        form.closed,
        rust_of_option(first_response),
    )
}

fn rust_of_field(field: &Field) -> String {
    let pattern = field.pattern.as_ref().map(|pattern| format!("Pattern::new({:?})", whole_value(pattern.get_ref())));
    format!(
        "    FieldRules {{ name: {:?}, label: {:?}, required: {}, choices: &{:?}, pattern: {}, max_length: {}, help: {:?} }},\n",
        field.name.get_ref(),
        field.label.get_ref(),
        field.required,
        field.choices.as_ref().map_or(&[][..], |choices| choices.get_ref()),
        rust_of_option(pattern),
        rust_of_option(field.max_length.as_ref().map(|max_length| max_length.get_ref().to_string())),
        field.help.as_ref().map_or("", |help| help.get_ref()),
    )
}

/// A pattern that must match the whole value.
fn whole_value(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

fn rust_of_option(value: Option<String>) -> String {
    value.map_or_else(|| "None".to_owned(), |value| format!("Some({value})"))
}
