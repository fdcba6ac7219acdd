//! Writes and reads the enquiry's attributes in an item of the table `enquiries`.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Enquiry, EnquiryId, Fields, FirstResponse, RecordedEnquiry, Redaction, STATUS_NEW, Submission};
use jiff::Timestamp;

use crate::attributes::{Item, parsed, parsed_if_there, text, text_of, time};
use crate::error::StorageError;
use crate::notification_item::pending;

/// The new item for a record. Its fields are one JSON text, because a DynamoDB map loses their order and digits of
/// their numbers.
pub(crate) fn to_item(record: &RecordedEnquiry) -> Item {
    let RecordedEnquiry { id, enquiry } = record;
    let submission = &enquiry.submission;
    let dept = submission.dept.map(|dept| ("dept", text(dept.as_str())));
    let redactions =
        (!submission.redactions.is_empty()).then(|| ("redactions", redactions_to_attribute(&submission.redactions)));
    let first_response = enquiry.first_response.map(|FirstResponse { severity, due }| {
        [("severity", text(<&str>::from(severity))), ("first_response_due", time(due))]
    });
    [
        ("id", text(id.as_str())),
        ("form", text(submission.form.as_str())),
        ("fields", text(submission.fields.to_json())),
        ("status", text(STATUS_NEW)),
        ("created_at", time(enquiry.created_at)),
        ("request_id", text(enquiry.request_id.as_str())),
        ("environment", text(enquiry.environment.as_str())),
    ]
    .into_iter()
    .chain(pending(record))
    .chain(dept)
    .chain(redactions)
    .chain(first_response.into_iter().flatten())
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The enquiry in an item. An error names `operation`, which returned the item.
pub(crate) fn enquiry_of(item: &Item, operation: &'static str) -> Result<Enquiry, StorageError> {
    let fields = text_of(item, "fields").and_then(|fields| Fields::from_json(fields).ok());
    let severity = parsed_if_there(item, "severity", operation)?;
    let due = parsed_if_there(item, "first_response_due", operation)?;
    Ok(Enquiry {
        submission: Submission {
            form: parsed(item, "form", operation)?,
            dept: parsed_if_there(item, "dept", operation)?,
            fields: fields.ok_or_else(|| StorageError::unreadable(operation, "fields"))?,
            redactions: redactions_of(item),
        },
        created_at: created_at_of(item, operation)?,
        request_id: parsed(item, "request_id", operation)?,
        environment: parsed(item, "environment", operation)?,
        first_response: severity.zip(due).map(|(severity, due)| FirstResponse { severity, due }),
    })
}

pub(crate) fn id_of(item: &Item, operation: &'static str) -> Result<EnquiryId, StorageError> {
    parsed(item, "id", operation)
}

pub(crate) fn created_at_of(item: &Item, operation: &'static str) -> Result<Timestamp, StorageError> {
    parsed(item, "created_at", operation)
}

pub(crate) fn request_id_of(item: &Item) -> Option<&str> {
    text_of(item, "request_id")
}

/// The removed credentials, as a list of `{param, kind, count}`.
fn redactions_to_attribute(redactions: &[Redaction]) -> AttributeValue {
    let entry = |redaction: &Redaction| {
        let count = AttributeValue::N(redaction.count.to_string());
        [("param", text(&redaction.param)), ("kind", text(<&str>::from(redaction.kind))), ("count", count)]
            .map(|(name, value)| (name.to_owned(), value))
    };
    AttributeValue::L(redactions.iter().map(|redaction| AttributeValue::M(Item::from(entry(redaction)))).collect())
}

/// Skips unreadable entries, so that the department still gets its email.
fn redactions_of(item: &Item) -> Vec<Redaction> {
    let entries = item.get("redactions").and_then(|entries| entries.as_l().ok());
    let parse = |entry: &AttributeValue| {
        let entry = entry.as_m().ok()?;
        Some(Redaction {
            param: text_of(entry, "param")?.to_owned(),
            kind: text_of(entry, "kind")?.parse().ok()?,
            count: entry.get("count")?.as_n().ok()?.parse().ok()?,
        })
    };
    entries.into_iter().flatten().filter_map(parse).collect()
}
