//! What registered forms require in addition to the contract, and how a ticket's severity is recorded.

use end_to_end::{Response, Stack};
use serde_json::{Map, Value, json};

use crate::assert_body;

/// A valid ticket with these fields replaced. `null` leaves a field out.
fn ticket_with(others: Value) -> String {
    let good = json!({
        "request_id": "req_8Hn2Lp0Wd4Xc",
        "environment": "live",
        "endpoint": "POST /partner/v1/payments",
        "consent": "yes",
    });
    let mut fields: Map<_, _> =
        [good, others].into_iter().filter_map(|part| part.as_object().cloned()).flatten().collect();
    fields.retain(|_, value| !value.is_null());
    json!({ "form": "developer-support", "dept": "support", "fields": fields }).to_string()
}

async fn post(body: impl Into<Vec<u8>>) -> Response {
    Stack::from_environment().caller().post(body).send().await
}

/// Expects this one violation, and keeps the body for review.
#[track_caller]
fn check(response: &Response, code: &str, param: &str) {
    response.assert_violations(&[(code, param)]);
    assert_body(code, response);
}

#[tokio::test]
async fn field_required_is_a_field_that_the_form_requires() {
    check(&post(ticket_with(json!({ "environment": null }))).await, "field_required", "fields.environment");
    let blank = post(ticket_with(json!({ "environment": " " }))).await;
    blank.assert_violations(&[("field_required", "fields.environment")]);
    let complaint = post(r#"{"form":"complaint","dept":"complaints","fields":{"consent":"yes"}}"#).await;
    complaint.assert_violations(&[("field_required", "fields.message")]);
}

#[tokio::test]
async fn invalid_field_choice_is_a_value_that_the_form_does_not_offer() {
    check(&post(ticket_with(json!({ "severity": "urgent" }))).await, "invalid_field_choice", "fields.severity");
}

#[tokio::test]
async fn invalid_field_format_is_not_what_the_form_takes() {
    check(&post(ticket_with(json!({ "request_id": "enq_9F3K2P" }))).await, "invalid_field_format", "fields.request_id");
}

#[tokio::test]
async fn a_ticket_is_looked_at_without_the_white_space_around_its_values() {
    let stack = Stack::from_environment();
    for (field, value) in [
        ("severity", " sev1\n"),
        ("environment", "\u{a0}live "),
        ("request_id", "req_8Hn2Lp0Wd4Xc\r\n"),
        ("endpoint", "\tGET /partner/v1/me"),
        ("timestamp", " 2026-06-29T14:42:07+01:00 "),
        ("timestamp", "\u{200b}"),
    ] {
        let id = post(ticket_with(json!({ field: value }))).await.assert_accepted();
        let enquiry = stack.enquiry(&id).await;
        let kept: Value = serde_json::from_str(enquiry.text("fields").unwrap_or_default()).unwrap();
        assert_eq!(kept[field], value, "it is kept as it was sent");
        assert_eq!(enquiry.text("severity"), Some(if field == "severity" { "sev1" } else { "sev3" }));
    }
}

#[tokio::test]
async fn field_too_long_is_over_the_forms_length() {
    let key = "k".repeat(258);
    check(&post(ticket_with(json!({ "idempotency_key": key }))).await, "field_too_long", "fields.idempotency_key");
}

#[tokio::test]
async fn unknown_field_is_one_that_a_closed_form_does_not_have() {
    let response = post(r#"{"form":"smoke-test","fields":{"deployment":"x","message":"Hello","consent":"yes"}}"#).await;
    check(&response, "unknown_field", "fields.message");
}

#[tokio::test]
async fn a_forms_own_violations_come_with_all_others_what_is_absent_last() {
    let body = r#"{"fields":{"severity":"urgent","email":"nope","endpoint":"/a","tags":null},"dept":"sales","form":"developer-support"}"#;
    post(body).await.assert_violations(&[
        ("invalid_field_choice", "fields.severity"),
        ("invalid_email", "fields.email"),
        ("invalid_field_format", "fields.endpoint"),
        ("invalid_field_value", "fields.tags"),
        ("invalid_dept", "dept"),
        ("consent_required", "fields.consent"),
        ("field_required", "fields.request_id"),
        ("field_required", "fields.environment"),
    ]);
}

#[tokio::test]
async fn contact_us_hardship_and_payments_take_whatever_the_contract_takes() {
    for form in ["contact-us", "hardship", "payments"] {
        let id = post(format!(r#"{{"form":"{form}","fields":{{"consent":"yes"}}}}"#)).await.assert_accepted();
        assert_eq!(Stack::from_environment().enquiry(&id).await.text("form"), Some(form));
    }
}

#[tokio::test]
async fn a_tickets_severity_and_deadline_are_recorded_and_no_other_forms() {
    let stack = Stack::from_environment();
    for (severity, recorded) in
        [(json!("sev1"), "sev1"), (json!("sev2"), "sev2"), (json!(""), "sev3"), (Value::Null, "sev3")]
    {
        let id = post(ticket_with(json!({ "severity": severity }))).await.assert_accepted();
        let enquiry = stack.enquiry(&id).await;
        assert_eq!(enquiry.text("severity"), Some(recorded));
        let time = |attribute| enquiry.text(attribute).unwrap_or_default().parse::<jiff::Timestamp>().unwrap();
        let wait = time("created_at").duration_until(time("first_response_due"));
        if recorded == "sev1" {
            assert_eq!(wait, jiff::SignedDuration::from_hours(1));
        } else {
            assert!(wait >= jiff::SignedDuration::from_hours(4), "{enquiry:?}");
        }
    }
    let id = post(r#"{"form":"complaint","fields":{"message":"x","severity":"sev1","consent":"yes"}}"#)
        .await
        .assert_accepted();
    let complaint = stack.enquiry(&id).await;
    assert!(!complaint.has("severity") && !complaint.has("first_response_due"), "{complaint:?}");
}
