//! What was sent, once it is known to be valid.

use std::fmt;
use std::str::FromStr;

use crate::fields::Fields;
use crate::first_response::Severity;
use crate::forms::FormRules;
use crate::json::Json;
use crate::limits::MAX_FORM_BYTES;
use crate::redaction::{Redaction, redact};
use crate::violation::{Violation, ViolationCode};

/// The key of a form: 1 to 64 of `[a-z0-9_-]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form(String);

/// The text is no form's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no form key")]
pub struct InvalidForm;

/// The text is no department's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no department")]
pub struct UnknownDept;

/// The department that an enquiry asks for; without one it goes to the general inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the departments' names say it")]
pub enum Dept {
    Support,
    Payments,
    Hardship,
    Complaints,
}

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

/// Why a JSON document is no submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// It is not an object.
    NotAnObject,
    /// Everything that is wrong with it: what is present in the order sent, then what is absent. Never empty.
    Violations(Vec<Violation>),
}

impl Submission {
    /// Takes a document as a submission; top-level keys that it does not know are ignored.
    ///
    /// # Errors
    /// Everything that is wrong with the document, at once.
    pub fn parse(document: &Json<'_>) -> Result<Self, Invalid> {
        let Json::Object(members) = document else {
            return Err(Invalid::NotAnObject);
        };
        // The form may stand behind the fields that it has rules for.
        let rules = document.get("form").and_then(parse_text).and_then(|form| FormRules::of(&form));
        let (mut form, mut dept, mut fields) = (None, None, None);
        let mut violations = Vec::new();
        for (key, value) in members {
            match key.as_ref() {
                "form" => form = valid_or_noted(Form::parse(value), &mut violations),
                "dept" => dept = valid_or_noted(Dept::parse(value), &mut violations),
                "fields" => fields = valid_or_noted(Fields::parse(value, rules), &mut violations),
                _ => {}
            }
        }
        violations.extend(absences(document, rules));
        match (form, fields) {
            (Some(form), Some(mut fields)) if violations.is_empty() => {
                let redactions = fields.redact();
                Ok(Self { form, dept, fields, redactions })
            }
            _ => Err(Invalid::Violations(violations)),
        }
    }

    /// How severe it is, if its form is one whose sender waits for a first response.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        FormRules::of(&self.form)?.severity(|field| self.fields.text_of(field))
    }
}

/// What is valid; what is not is noted among the violations.
fn valid_or_noted<T>(parsed: Result<T, Vec<Violation>>, violations: &mut Vec<Violation>) -> Option<T> {
    parsed.map_err(|wrong| violations.extend(wrong)).ok()
}

/// What is absent, in the order form, fields, consent, the form's own fields (contract, Every response).
fn absences(document: &Json<'_>, rules: Option<&FormRules>) -> Vec<Violation> {
    let form = document.get("form");
    let fields = document.get("fields");
    let consent = fields.and_then(|fields| fields.get("consent"));
    [
        (form, ViolationCode::FormRequired, "form"),
        (fields, ViolationCode::FieldsRequired, "fields"),
        (consent, ViolationCode::ConsentRequired, "fields.consent"),
    ]
    .into_iter()
    .filter(|(present, ..)| present.is_none())
    .map(|(_, code, param)| Violation::new(code, param))
    .chain(
        rules.into_iter().flat_map(|rules| rules.absences(|name| fields.is_some_and(|sent| sent.get(name).is_some()))),
    )
    .collect()
}

impl Form {
    /// What looks like a credential is none, or it would be stored, mailed and logged (contract, Pasted credentials).
    fn parse(sent: &Json<'_>) -> Result<Self, Vec<Violation>> {
        parse_text(sent)
            .filter(|form: &Self| redact(form.as_str()).is_none())
            .ok_or_else(|| vec![Violation::new(ViolationCode::InvalidForm, "form")])
    }

    /// The key as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Dept {
    const ALL: [Self; 4] = [Self::Support, Self::Payments, Self::Hardship, Self::Complaints];

    fn parse(sent: &Json<'_>) -> Result<Self, Vec<Violation>> {
        parse_text(sent).ok_or_else(|| vec![Violation::new(ViolationCode::InvalidDept, "dept")])
    }

    /// The department as it stands on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Support => "support",
            Self::Payments => "payments",
            Self::Hardship => "hardship",
            Self::Complaints => "complaints",
        }
    }
}

impl FromStr for Form {
    type Err = InvalidForm;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_slug = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
        let valid = (1..=MAX_FORM_BYTES).contains(&text.len()) && text.bytes().all(is_slug);
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidForm) }
    }
}

impl FromStr for Dept {
    type Err = UnknownDept;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|dept| dept.as_str() == text).ok_or(UnknownDept)
    }
}

/// A string that is what it should be.
fn parse_text<T: FromStr>(sent: &Json<'_>) -> Option<T> {
    match sent {
        Json::String(text) => text.parse().ok(),
        _ => None,
    }
}

impl fmt::Display for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Fingerprint;

    fn parse(sent: &str) -> Result<Submission, Invalid> {
        Submission::parse(&Json::parse(sent.as_bytes()).unwrap())
    }

    /// Expects these violations, each as `code param`, in this order.
    #[track_caller]
    fn check_violations(sent: &str, expected: &[&str]) {
        let Err(Invalid::Violations(violations)) = parse(sent) else { panic!("{sent} is a submission") };
        let found: Vec<_> = violations.iter().map(|wrong| format!("{} {}", wrong.code, wrong.param)).collect();
        assert_eq!(found, expected, "{sent}");
    }

    /// Expects the one violation in a submission that has one more field than a valid one.
    #[track_caller]
    fn check_field(field: &str, expected: &[&str]) {
        check_violations(&format!(r#"{{"form":"f","fields":{{{field},"consent":"yes"}}}}"#), expected);
    }

    fn fields_of(bytes: usize) -> String {
        let frame = r#"{"consent":"yes","m":""}"#.len();
        format!(r#"{{"form":"f","fields":{{"consent":"yes","m":"{}"}}}}"#, "x".repeat(bytes - frame))
    }

    fn keys(count: usize) -> String {
        let others: Vec<_> = (1..count).map(|index| format!(r#""k{index}":{index}"#)).collect();
        format!(r#"{{"form":"f","fields":{{{},"consent":"yes"}}}}"#, others.join(","))
    }

    #[test]
    fn a_document_that_is_no_object_is_no_submission() {
        for sent in ["[]", "null", "1", "\"x\"", "true"] {
            assert_eq!(parse(sent), Err(Invalid::NotAnObject), "{sent}");
        }
    }

    #[test]
    fn everything_absent_is_said_in_the_contracts_order() {
        check_violations("{}", &["form_required form", "fields_required fields", "consent_required fields.consent"]);
        check_violations(r#"{"form":"f","fields":[]}"#, &["invalid_fields fields", "consent_required fields.consent"]);
    }

    #[test]
    fn what_is_present_comes_first_in_the_order_sent_and_what_is_absent_last() {
        check_violations(
            r#"{"fields":{"":null,"email":"x"},"dept":null,"form":"No"}"#,
            &[
                "invalid_field_name fields.",
                "invalid_field_value fields.",
                "invalid_email fields.email",
                "invalid_dept dept",
                "invalid_form form",
                "consent_required fields.consent",
            ],
        );
        check_violations(
            r#"{"dept":"sales","fields":{"consent":"no"}}"#,
            &["invalid_dept dept", "consent_required fields.consent", "form_required form"],
        );
    }

    #[test]
    fn a_form_is_1_to_64_of_the_slug_characters() {
        for form in ["a", "contact-us", "a_0-9", &"x".repeat(64)] {
            let sent = format!(r#"{{"form":"{form}","fields":{{"consent":"yes"}}}}"#);
            assert_eq!(parse(&sent).unwrap().form.as_str(), form);
        }
        for form in ["\"\"", "\"A\"", "\"a b\"", "\"é\"", "1", "null", "{}", &format!("\"{}\"", "x".repeat(65))] {
            check_violations(&format!(r#"{{"form":{form},"fields":{{"consent":"yes"}}}}"#), &["invalid_form form"]);
        }
    }

    #[test]
    fn a_dept_is_one_of_four_or_absent() {
        for dept in Dept::ALL {
            let sent = format!(r#"{{"form":"f","dept":"{}","fields":{{"consent":"yes"}}}}"#, dept.as_str());
            assert_eq!(parse(&sent).unwrap().dept, Some(dept));
        }
        assert_eq!(parse(r#"{"form":"f","fields":{"consent":"yes"}}"#).unwrap().dept, None);
        for dept in ["null", "\"\"", "\"Support\"", "\"general\"", "1", "[\"support\"]"] {
            let sent = format!(r#"{{"form":"f","dept":{dept},"fields":{{"consent":"yes"}}}}"#);
            check_violations(&sent, &["invalid_dept dept"]);
        }
    }

    #[test]
    fn a_fields_value_is_a_string_a_number_or_a_boolean() {
        for value in ["null", "[]", "{}", "[\"x\"]"] {
            check_field(&format!(r#""x":{value}"#), &["invalid_field_value fields.x"]);
        }
    }

    #[test]
    fn a_fields_name_is_1_to_128_bytes_without_control_characters() {
        let bytes_128 = "é".repeat(64);
        assert!(parse(&format!(r#"{{"form":"f","fields":{{"{bytes_128}":1,"consent":"yes"}}}}"#)).is_ok());
        check_field(&format!(r#""{bytes_128}x":1"#), &[&format!("invalid_field_name fields.{bytes_128}x")]);
        for (escaped, control) in [(r"\u0000", "\0"), (r"a\n", "a\n"), (r"\u007f", "\u{7f}"), (r"\u0085", "\u{85}")] {
            check_field(&format!(r#""{escaped}":1"#), &[&format!("invalid_field_name fields.{control}")]);
        }
    }

    #[test]
    fn an_email_that_is_present_must_be_an_address() {
        for value in ["\"\"", "\"x\"", "1", "true"] {
            check_field(&format!(r#""email":{value}"#), &["invalid_email fields.email"]);
        }
        check_field(r#""email":null"#, &["invalid_email fields.email", "invalid_field_value fields.email"]);
    }

    #[test]
    fn consent_is_exactly_the_string_yes() {
        for value in ["\"Yes\"", "\"yes \"", "\"\"", "true", "1"] {
            let sent = format!(r#"{{"form":"f","fields":{{"consent":{value}}}}}"#);
            check_violations(&sent, &["consent_required fields.consent"]);
        }
    }

    #[test]
    fn fields_of_16384_compact_bytes_pass_and_one_more_does_not() {
        assert!(parse(&fields_of(16_384)).is_ok());
        check_violations(&fields_of(16_385), &["fields_too_large fields"]);
    }

    #[test]
    fn fields_are_measured_unescaped_and_without_white_space() {
        let sent = fields_of(16_384).replace(':', " \n: ").replace('x', r"\u0078");
        assert!(parse(&sent).is_ok());
    }

    #[test]
    fn fields_are_measured_in_bytes_and_not_in_characters() {
        let frame = r#"{"consent":"yes","m":""}"#.len();
        let of_two_byte_characters =
            |count, rest| format!(r#"{{"form":"f","fields":{{"consent":"yes","m":"{}{rest}"}}}}"#, "é".repeat(count));
        let count = (16_384 - frame) / 2;
        assert_eq!(frame + 2 * count, 16_384);
        assert!(parse(&of_two_byte_characters(count, "")).is_ok());
        check_violations(&of_two_byte_characters(count, "x"), &["fields_too_large fields"]);
    }

    #[test]
    fn sixty_keys_pass_and_one_more_does_not() {
        assert!(parse(&keys(60)).is_ok());
        check_violations(&keys(61), &["too_many_fields fields"]);
    }

    #[test]
    fn what_is_over_a_limit_is_said_beside_all_else() {
        let fields: Vec<_> = (0..61).map(|index| format!(r#""k{index}":"{}""#, "x".repeat(300))).collect();
        check_violations(
            &format!(r#"{{"form":"f","fields":{{{},"x":null}}}}"#, fields.join(",")),
            &[
                "too_many_fields fields",
                "fields_too_large fields",
                "invalid_field_value fields.x",
                "consent_required fields.consent",
            ],
        );
    }

    #[test]
    fn nothing_of_the_senders_is_shown_for_debugging() {
        let text = "jordan@example.com";
        let sent = format!(r#"{{"form":"f","fields":{{"consent":"yes","email":"{text}","{text}":"{text}"}}}}"#);
        let wrong = format!(r#"{{"form":"f","fields":{{"{text}":null}}}}"#);
        let shown = [
            format!("{:?}", Json::parse(sent.as_bytes())),
            format!("{:?}", parse(&sent)),
            format!("{:?}", parse(&wrong)),
            format!("{:?}", crate::EmailAddress::parse(text)),
            format!("{:?}", crate::IdempotencyKey::parse(text)),
        ];
        for shown in shown {
            assert!(!shown.contains("jordan") && shown.contains("Ok(") != shown.contains("Err("), "{shown}");
        }
    }

    /// The fields as they are kept, and what was removed from them, each as `param kind count`.
    fn redacted(fields: &str) -> (String, Vec<String>) {
        let Submission { fields, redactions, .. } = parse(&format!(r#"{{"form":"f","fields":{{{fields}}}}}"#)).unwrap();
        let redactions = redactions.iter().map(|found| format!("{} {} {}", found.param, found.kind, found.count));
        (fields.to_json(), redactions.collect())
    }

    #[test]
    fn a_pasted_credential_is_kept_neither_in_a_value_nor_in_a_name() {
        let (kept, removed) = redacted(
            r#""message":"sk_live_abc, sk_test_def and Bearer mF_9.B5f-4.1JqM","sk_live_ghi":1,"n":1.10,"consent":"yes""#,
        );
        assert_eq!(
            kept,
            r#"{"message":"[REDACTED:secret_key], [REDACTED:secret_key] and Bearer [REDACTED:bearer_token]","[REDACTED:secret_key]":1,"n":1.10,"consent":"yes"}"#
        );
        assert_eq!(
            removed,
            [
                "fields.message secret_key 2",
                "fields.message bearer_token 1",
                "fields.[REDACTED:secret_key] secret_key 1",
            ]
        );
    }

    #[test]
    fn names_that_differ_in_a_credential_alone_are_kept_apart() {
        let (kept, _) = redacted(
            r#""sk_live_abc":1,"[REDACTED:secret_key]":2,"sk_live_def":3,"[REDACTED:secret_key] (2)":4,"consent":"yes""#,
        );
        assert_eq!(
            kept,
            r#"{"[REDACTED:secret_key] (3)":1,"[REDACTED:secret_key]":2,"[REDACTED:secret_key] (4)":3,"[REDACTED:secret_key] (2)":4,"consent":"yes"}"#
        );
        assert!(Fields::from_json(&kept).is_ok());
    }

    #[test]
    fn a_number_that_its_name_makes_a_secret_is_removed_too() {
        let (kept, removed) = redacted(r#""client_secret":12345678,"consent":"yes""#);
        assert_eq!(kept, r#"{"client_secret":"[REDACTED:client_secret]","consent":"yes"}"#);
        assert_eq!(removed, ["fields.client_secret client_secret 1"]);
    }

    #[test]
    fn a_submission_is_never_refused_for_a_credential() {
        let longest = format!(r#"{{"form":"f","fields":{{"m":"{}","consent":"yes"}}}}"#, "sk_live_abc ".repeat(1_361));
        let submission = parse(&longest).unwrap();
        assert_eq!(submission.redactions[0].count, 1_361);
        // Without it the local part is no longer one, and mail could be sent to the address that came in.
        assert!(parse(r#"{"form":"f","fields":{"email":"sk_live_abc@example.com","consent":"yes"}}"#).is_ok());
    }

    #[test]
    fn the_fingerprint_knows_no_credential() {
        let of = |secret: &str| {
            let sent = format!(r#"{{"form":"f","fields":{{"m":"my key is {secret}","consent":"yes"}}}}"#);
            Fingerprint::of(&parse(&sent).unwrap())
        };
        assert_eq!(of("sk_live_abc"), of("sk_live_def"));
        let of_fields = |fields: &str| {
            Fingerprint::of(&parse(&format!(r#"{{"form":"f","fields":{{{fields},"consent":"yes"}}}}"#)).unwrap())
        };
        assert_eq!(of_fields(r#""sk_live_abc":1,"sk_live_def":2"#), of_fields(r#""sk_live_def":2,"sk_live_abc":1"#));
        assert_ne!(of("sk_live_abc"), of("rk_live_abc"));
    }

    #[test]
    fn a_form_shaped_like_a_credential_is_invalid() {
        for form in ["sk_live_abc", "my-sk_test_abc", "rk_live_0123456789", "whsec_abc"] {
            check_violations(&format!(r#"{{"form":"{form}","fields":{{"consent":"yes"}}}}"#), &["invalid_form form"]);
        }
        for form in ["pk_live_abc", "req_8hn2lp0wd4xc", "desk_live_chat", "sk_live_"] {
            assert!(parse(&format!(r#"{{"form":"{form}","fields":{{"consent":"yes"}}}}"#)).is_ok(), "{form}");
        }
    }

    #[test]
    fn unknown_top_level_keys_are_ignored() {
        let sent = r#"{"id":"enq_000000","status":"done","x":{"y":null},"form":"f","fields":{"consent":"yes"}}"#;
        assert_eq!(parse(sent), parse(r#"{"form":"f","fields":{"consent":"yes"}}"#));
    }

    fn quoted(text: &str) -> String {
        serde_json::Value::from(text).to_string()
    }

    /// JSON texts of values that a field may have.
    fn any_value() -> impl Strategy<Value = String> {
        prop_oneof![
            prop::collection::vec(any::<char>(), 0..20).prop_map(|text| quoted(&text.into_iter().collect::<String>())),
            "-?(0|[1-9][0-9]{0,39})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
            any::<bool>().prop_map(|value| value.to_string()),
        ]
    }

    fn any_fields() -> impl Strategy<Value = Vec<(String, String)>> {
        let name = "[^\\p{Cc}]{1,20}";
        prop::collection::btree_map(name, any_value(), 0..12).prop_map(|mut fields| {
            fields.remove("email");
            fields.insert("consent".into(), "\"yes\"".into());
            fields.into_iter().collect::<Vec<_>>()
        })
    }

    /// Text with letters of both cases, white space and digits, so that a change of any of them is tried.
    fn any_text() -> impl Strategy<Value = String> {
        "[a-cA-C0-2 é]{1,8}"
    }

    /// The fields with one thing changed in the last of them, which has this name, after an `n`, and this text.
    fn any_change(
        mut fields: Vec<(String, String)>,
        name: &str,
        text: &str,
    ) -> impl Strategy<Value = Vec<(String, String)>> + use<> {
        fields.pop();
        let with = |name: String, value: String| {
            let mut changed = fields.clone();
            changed.retain(|(other, _)| *other != name);
            changed.push((name, value));
            Just(changed)
        };
        let named = format!("n{name}");
        let first = text.chars().next().unwrap_or_default();
        let other_case = if first.is_lowercase() { first.to_uppercase().next() } else { first.to_lowercase().next() };
        let other_case = other_case.filter(|other| *other != first).unwrap_or('!');
        prop_oneof![
            Just(fields.clone()),
            with(format!("N{name}"), quoted(text)),
            with(format!("{named} "), quoted(text)),
            with(named.clone(), quoted(&format!("{text} "))),
            with(named.clone(), quoted(&format!(" {text}"))),
            with(named.clone(), quoted(&format!("{other_case}{}", &text[first.len_utf8()..]))),
            with(named.clone(), quoted(&text[first.len_utf8()..])),
            with(named, "true".into()),
        ]
    }

    fn object(fields: &[(String, String)], space: &str) -> String {
        let members: Vec<_> =
            fields.iter().map(|(name, value)| format!("{}{space}:{space}{value}", quoted(name))).collect();
        format!("{{{space}{}{space}}}", members.join(&format!("{space},{space}")))
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_identical(fields in any_fields().prop_shuffle(), space in "[ \\t\\r\\n]{0,3}") {
            let sent = format!(r#"{{"form":"f","fields":{}}}"#, object(&fields, &space));
            prop_assert_eq!(parse(&sent).unwrap().fields.to_json(), object(&fields, ""));
        }

        #[test]
        fn the_fingerprint_ignores_white_space_and_key_order(
            (fields, shuffled) in any_fields().prop_flat_map(|fields| (Just(fields.clone()), Just(fields).prop_shuffle())),
            space in "[ \\t\\r\\n]{0,3}",
        ) {
            let sent = format!(r#"{{"form":"f","dept":"support","fields":{}}}"#, object(&fields, ""));
            let again = format!(r#"{{{space}"fields":{},"dept":"support","form":"f"}}"#, object(&shuffled, &space));
            prop_assert_eq!(Fingerprint::of(&parse(&sent).unwrap()), Fingerprint::of(&parse(&again).unwrap()));
        }

        #[test]
        fn the_fingerprint_ignores_nothing_else(
            (fields, changed) in any_fields().prop_flat_map(|fields| (Just(fields), any_text(), any_text())).prop_flat_map(
                |(fields, name, value)| {
                    let mut with_text = fields.clone();
                    with_text.retain(|(other, _)| *other != format!("n{name}"));
                    with_text.push((format!("n{name}"), quoted(&value)));
                    (Just(with_text.clone()), any_change(with_text, &name, &value))
                },
            ),
        ) {
            let print = |fields: &[_]| {
                Fingerprint::of(&parse(&format!(r#"{{"form":"f","fields":{}}}"#, object(fields, ""))).unwrap())
            };
            prop_assert_ne!(print(&fields), print(&changed));
        }
    }

    #[test]
    fn the_fingerprint_sees_every_part_of_a_submission() {
        let submissions = [
            r#"{"form":"f","fields":{"consent":"yes","n":1.1}}"#,
            r#"{"form":"f","fields":{"consent":"yes","n":1.10}}"#,
            r#"{"form":"f","fields":{"consent":"yes","n":"1.1"}}"#,
            r#"{"form":"f","fields":{"consent":"yes","n":true}}"#,
            r#"{"form":"f","fields":{"consent":"yes","n":"true"}}"#,
            r#"{"form":"f","fields":{"consent":"yes"}}"#,
            r#"{"form":"g","fields":{"consent":"yes"}}"#,
            r#"{"form":"fsupport","fields":{"consent":"yes"}}"#,
            r#"{"form":"f","dept":"support","fields":{"consent":"yes"}}"#,
            r#"{"form":"f","dept":"payments","fields":{"consent":"yes"}}"#,
        ];
        let mut prints: Vec<_> =
            submissions.iter().map(|sent| Fingerprint::of(&parse(sent).unwrap()).to_hex()).collect();
        prints.sort();
        prints.dedup();
        assert_eq!(prints.len(), submissions.len());
    }
}
