use super::*;
use crate::json::Json;
use crate::{Invalid, Submission};

/// Expects these violations in this order, each written as `code param`.
#[track_caller]
fn check(form: &str, fields: &str, expected: &[&str]) {
    let found = violations(&format!(r#"{{"form":"{form}","fields":{{{fields}}}}}"#));
    let found: Vec<_> = found.iter().map(|found| format!("{} {}", found.code, found.param)).collect();
    assert_eq!(found, expected, "{form}: {fields}");
}

fn violations(sent: &str) -> Vec<Violation> {
    match Submission::parse(&Json::parse(sent.as_bytes()).unwrap()) {
        Ok(_) => Vec::new(),
        Err(Invalid::Violations(violations)) => violations.listed().to_vec(),
        Err(Invalid::NotAnObject) => panic!("{sent} is no object"),
    }
}

/// A valid ticket, with the field of this name replaced.
fn ticket_with(name: &str, value: &str) -> String {
    let good =
        [("request_id", "\"req_8Hn2Lp0Wd4Xc\""), ("environment", "\"live\""), ("endpoint", "\"GET /partner/v1/me\"")];
    let others = good.iter().filter(|(other, _)| *other != name).map(|(other, value)| format!("\"{other}\":{value},"));
    format!(r#"{}"{name}":{value},"consent":"yes""#, others.collect::<String>())
}

#[track_caller]
fn check_ticket(name: &str, value: &str, code: Option<&str>) {
    let expected = code.map(|code| format!("{code} fields.{name}"));
    check("developer-support", &ticket_with(name, value), &expected.as_deref().into_iter().collect::<Vec<_>>());
}

#[test]
fn a_form_that_the_registry_does_not_know_has_the_contracts_rules_alone() {
    check("newsletter", r#""consent":"yes""#, &[]);
    check("newsletter", r#""request_id":1,"severity":"x","consent":"yes""#, &[]);
}

#[test]
fn contact_us_hardship_and_payments_ask_for_nothing_that_the_contract_does_not() {
    let longest = "x".repeat(16_000);
    for form in ["contact-us", "hardship", "payments"] {
        check(form, r#""consent":"yes""#, &[]);
        check(form, &format!(r#""name":"","message":"{longest}","phone":1,"x":false,"consent":"yes""#), &[]);
    }
}

#[test]
fn a_complaint_says_what_happened() {
    check("complaint", r#""message":"Nobody called.","consent":"yes""#, &[]);
    check("complaint", r#""consent":"yes""#, &["field_required fields.message"]);
    check("complaint", r#""message":" \n","consent":"yes""#, &["field_required fields.message"]);
}

#[test]
fn a_ticket_needs_request_id_environment_and_endpoint() {
    check_ticket("message", "\"Help\"", None);
    check(
        "developer-support",
        r#""consent":"yes""#,
        &["field_required fields.request_id", "field_required fields.environment", "field_required fields.endpoint"],
    );
}

#[test]
fn a_request_id_is_one_of_ours_or_one_of_the_gateways() {
    for good in ["req_8Hn2Lp0Wd4Xc", "3f2a0c1e-5b7d-4e89-9a10-6c2d8e4f7b55", "3F2A0C1E-5B7D-4E89-9A10-6C2D8E4F7B55"] {
        check_ticket("request_id", &format!("\"{good}\""), None);
    }
    for bad in [
        "req_8Hn2Lp0Wd4X",
        "req_8Hn2Lp0Wd4Xcc",
        "req_8Hn2 Lp0Wd4Xc",
        "req_8Hn2Lp0Wd4Xc\u{200b}",
        "REQ_8Hn2Lp0Wd4Xc",
        "enq_9F3K2P",
        "3f2a0c1e5b7d4e899a106c2d8e4f7b55",
    ] {
        check_ticket("request_id", &format!("\"{bad}\""), Some("invalid_field_format"));
    }
    check_ticket("request_id", "12", Some("invalid_field_format"));
    check_ticket("request_id", &format!("\"{}\"", "a".repeat(37)), Some("field_too_long"));
    check_ticket("request_id", "null", Some("invalid_field_value"));
}

#[test]
fn an_environment_is_sandbox_or_live_and_the_keys_prefix_tells_which() {
    check_ticket("environment", "\"sandbox\"", None);
    for bad in ["\"Live\"", "\"li ve\"", "\"production\"", "true"] {
        check_ticket("environment", bad, Some("invalid_field_choice"));
    }
    check_ticket("environment", "\"\"", Some("field_required"));
    let found = violations(r#"{"form":"developer-support","fields":{"consent":"yes"}}"#);
    let message = &found.iter().find(|violation| violation.param == "fields.environment").unwrap().message;
    assert!(message.contains("pk_test_") && message.contains("pk_live_"), "{message}");
}

#[test]
fn an_endpoint_is_a_method_and_a_path() {
    for good in ["POST /partner/v1/applications", "GET /", "DELETE /a/b?c=d&e=%20"] {
        check_ticket("endpoint", &format!("\"{good}\""), None);
    }
    for bad in ["/partner/v1/applications", "POST", "post /a", "POST  /a", "POST a", "POST /a b", "FETCH /a", "POST /é"]
    {
        check_ticket("endpoint", &format!("\"{bad}\""), Some("invalid_field_format"));
    }
    check_ticket("endpoint", &format!("\"GET /{}\"", "a".repeat(2043)), None);
    check_ticket("endpoint", &format!("\"GET /{}\"", "a".repeat(2044)), Some("field_too_long"));
}

#[test]
fn a_timestamp_is_about_when_with_any_offset_of_rfc_3339() {
    for good in [
        "",
        "2026-06-29T13:42:07Z",
        "2026-06-29T13:42:07.123456Z",
        "2026-06-29 13:42",
        "2026-06-29 13:42 UTC",
        "2026-06-29T13:42:07+00:00",
        "2026-06-29T13:42:07+0000",
        "2026-06-29t13:42:60,123z",
        "2026-06-29 13:42 GMT",
        "2026-06-29T13:42+01:00",
        "2026-06-29T14:42:07+01:00",
        "2026-06-29T08:42:07.5-05:00",
        "2026-06-29T19:12:07+05:30",
        "2026-06-30T03:42:07+14:00",
        "2026-06-29T13:42:07-00:00",
        "2026-06-29T13:42:07.123456789+23:59",
    ] {
        check_ticket("timestamp", &format!("\"{good}\""), None);
    }
    for bad in [
        "yesterday",
        "29/06/2026",
        "2026-06-29",
        "2026-13-01T00:00Z",
        "2026-06-29T24:00Z",
        "2026-06-29T13:42:07+24:00",
        "2026-06-29T13:42:07+01:60",
        "2026-06-29T13:42:07+1:00",
        "2026-06-29T13:42:07 CET",
    ] {
        check_ticket("timestamp", &format!("\"{bad}\""), Some("invalid_field_format"));
    }
    check_ticket("timestamp", "1782740527", Some("invalid_field_format"));
}

#[test]
fn severity_is_one_of_three_and_the_lowest_if_nobody_says() {
    let severity_of = |sent: &str| {
        let sent = format!(r#"{{"form":"developer-support","fields":{{{sent}}}}}"#);
        Submission::parse(&Json::parse(sent.as_bytes()).unwrap()).unwrap().severity()
    };
    assert_eq!(severity_of(&ticket_with("severity", "\"sev1\"")), Some(Severity::Sev1));
    assert_eq!(severity_of(&ticket_with("severity", "\"sev2\"")), Some(Severity::Sev2));
    for lowest in ["\"sev3\"", "\"\"", "\" \""] {
        assert_eq!(severity_of(&ticket_with("severity", lowest)), Some(Severity::Sev3), "{lowest}");
    }
    assert_eq!(severity_of(&ticket_with("message", "\"Help\"")), Some(Severity::Sev3));
    for bad in ["\"sev4\"", "\"SEV1\"", "1"] {
        check_ticket("severity", bad, Some("invalid_field_choice"));
    }
    let complaint = r#"{"form":"complaint","fields":{"message":"x","severity":"sev1","consent":"yes"}}"#;
    assert_eq!(Submission::parse(&Json::parse(complaint.as_bytes()).unwrap()).unwrap().severity(), None);
}

#[test]
fn a_rule_looks_at_a_value_without_the_white_space_around_it() {
    for (name, value) in [
        ("request_id", " req_8Hn2Lp0Wd4Xc"),
        ("request_id", "req_8Hn2Lp0Wd4Xc\\r\\n"),
        ("environment", "live "),
        ("environment", "\u{a0}sandbox\u{3000}"),
        ("severity", "\\tsev1"),
        ("timestamp", " 2026-06-29T13:42:07Z "),
        ("endpoint", "  GET /  "),
    ] {
        check_ticket(name, &format!("\"{value}\""), None);
    }
    let padding = " ".repeat(300);
    check_ticket("idempotency_key", &format!("\"{padding}{}{padding}\"", "k".repeat(257)), None);
    check_ticket("idempotency_key", &format!("\"{padding}{}{padding}\"", "k".repeat(258)), Some("field_too_long"));
    let ticket = format!(r#"{{"form":"developer-support","fields":{{{}}}}}"#, ticket_with("severity", "\" sev1\\n\""));
    let submission = Submission::parse(&Json::parse(ticket.as_bytes()).unwrap()).unwrap();
    assert_eq!(submission.severity(), Some(Severity::Sev1));
    let kept: Vec<_> = submission.fields.entries().filter(|(name, _)| *name == "severity").collect();
    assert_eq!(kept, [("severity", " sev1\n")], "it is kept as it was sent");
}

#[test]
fn a_blank_answer_is_none() {
    for blank in ["", "  ", "\u{200b}", "\u{feff}\\n", "\u{ad}\u{2060}\u{3000}", "\u{3164}"] {
        for required in ["request_id", "environment", "endpoint"] {
            check_ticket(required, &format!("\"{blank}\""), Some("field_required"));
        }
        for optional in ["timestamp", "severity", "idempotency_key"] {
            check_ticket(optional, &format!("\"{blank}\""), None);
        }
        check("complaint", &format!(r#""message":"{blank}","consent":"yes""#), &["field_required fields.message"]);
    }
}

#[test]
fn a_length_is_counted_in_characters() {
    check_ticket("idempotency_key", &format!("\"{}\"", "é".repeat(257)), None);
    check_ticket("idempotency_key", &format!("\"{}\"", "é".repeat(258)), Some("field_too_long"));
}

#[test]
fn a_closed_form_has_no_other_fields_but_consent() {
    check("smoke-test", r#""deployment":"abc","consent":"yes""#, &[]);
    check(
        "smoke-test",
        r#""x":1,"deployment":"abc","sk_live_abc":null,"consent":"yes""#,
        &[
            "unknown_field fields.x",
            "invalid_field_value fields.[REDACTED:secret_key]",
            "unknown_field fields.[REDACTED:secret_key]",
        ],
    );
    let found = violations(r#"{"form":"smoke-test","fields":{"deployment":"abc","x":1,"consent":"yes"}}"#);
    assert_eq!(found[0].message, "Unknown field. The fields of this form are: deployment, consent.");
}

#[test]
fn a_forms_violations_stand_among_the_others_what_is_absent_last() {
    check(
        "developer-support",
        r#""severity":"sev9","email":"x","timestamp":"now","endpoint":"","a":null"#,
        &[
            "invalid_field_choice fields.severity",
            "invalid_email fields.email",
            "invalid_field_format fields.timestamp",
            "field_required fields.endpoint",
            "invalid_field_value fields.a",
            "consent_required fields.consent",
            "field_required fields.request_id",
            "field_required fields.environment",
        ],
    );
    let found = violations(r#"{"fields":{"severity":"sev9"},"form":"developer-support"}"#);
    assert_eq!(found[0].code, ViolationCode::InvalidFieldChoice, "the form may stand behind its fields");
    let found = violations(r#"{"form":"complaint"}"#);
    let params: Vec<_> = found.iter().map(|violation| violation.param.as_str()).collect();
    assert_eq!(params, ["fields", "fields.consent", "fields.message"]);
}

#[test]
fn each_violation_says_what_to_do() {
    let message = |name, value| {
        let sent = format!(r#"{{"form":"developer-support","fields":{{{}}}}}"#, ticket_with(name, value));
        violations(&sent)[0].message.clone()
    };
    assert_eq!(
        message("endpoint", "\"x\""),
        "The format is invalid. Use the format POST /partner/v1/applications: the method and the full path."
    );
    let too_long = format!("\"{}\"", "x".repeat(258));
    assert_eq!(message("idempotency_key", &too_long), "This answer is too long: 258 of at most 257 characters.");
    assert!(message("severity", "\"x\"").starts_with("Choose one of: sev1, sev2, sev3. sev1: production is down"));
}
