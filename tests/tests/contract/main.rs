//! The wire contract of `POST /public/v1/enquiries`, rule by rule, through the gateway of the deployed local stack.
//! This is one binary, because each binary would link the AWS SDK again.

mod accepted;
mod cors;
mod credentials;
mod errors;
mod every_response;
mod forms;
mod gateway;
mod hostile;
mod idempotency;
mod rate_limit;

use end_to_end::Response;

/// A valid submission.
const CONTACT_US: &str = r#"{"form":"contact-us","dept":"support","fields":{"name":"Jordan Ellis","email":"jordan.ellis@example.com","message":"Please call me about a working-capital facility.","consent":"yes"}}"#;

/// A submission with these fields.
fn with_fields(fields: &str) -> String {
    format!(r#"{{"form":"contact-us","fields":{fields}}}"#)
}

/// A submission with this field, otherwise valid.
fn with_field(field: &str) -> String {
    with_fields(&format!(r#"{{{field},"consent":"yes"}}"#))
}

/// A valid submission whose `fields` is this many bytes as compact JSON.
fn with_fields_of(bytes: usize) -> String {
    let frame = r#"{"text":"","consent":"yes"}"#.len();
    with_field(&format!(r#""text":"{}""#, "x".repeat(bytes - frame)))
}

/// A valid submission with this many fields.
fn with_field_count(count: usize) -> String {
    let others: Vec<_> = (1..count).map(|index| format!(r#""field-{index}":{index}"#)).collect();
    with_field(&others.join(","))
}

/// A valid submission, padded with white space to this many bytes.
fn padded_to(bytes: usize) -> String {
    format!("{CONTACT_US}{}", " ".repeat(bytes - CONTACT_US.len()))
}

/// A valid submission with an ignored key that is nested to this many levels.
fn nested_to(levels: usize) -> String {
    let (open, close) = ("[".repeat(levels - 1), "]".repeat(levels - 1));
    format!(r#"{{"status":{open}{close},"form":"contact-us","fields":{{"consent":"yes"}}}}"#)
}

/// Compares the body with the reviewed one of this name, except for values that change with each request.
#[track_caller]
fn assert_body(name: &str, response: &Response) {
    insta::assert_json_snapshot!(name, response.json(), {
        ".id" => "[id]",
        ".meta.request_id" => "[request id]",
        ".error.message" => insta::dynamic_redaction(|message, _| without_time_to_reset(message.as_str().unwrap_or_default())),
    });
}

/// A 429's message without the number of seconds.
fn without_time_to_reset(message: &str) -> String {
    match message.split_once("from your network. Try again in ") {
        Some((cause, _)) => format!("{cause}from your network. Try again in [time]."),
        None => message.to_owned(),
    }
}
