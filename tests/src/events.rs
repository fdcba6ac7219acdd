//! The events that AWS invokes the functions with.

use serde_json::{Value, json};

use crate::caller::ENQUIRIES;
use crate::lambda::now_since_epoch;
use crate::unique::{unique_ipv6_network, unique_text};

/// The gateway's event for a POST from a new caller, with this key if there is one (API Gateway Developer Guide, "Input
/// format of a Lambda function for proxy integration").
#[must_use]
pub fn event_of_post(body: &str, idempotency_key: Option<&str>) -> Value {
    let headers = [("content-type", Some("application/json")), ("idempotency-key", idempotency_key)];
    let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let single: Value = headers.clone().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let multiple: Value = headers.map(|(name, value)| (name.to_owned(), json!([value]))).collect();
    json!({
        "resource": ENQUIRIES,
        "path": ENQUIRIES,
        "httpMethod": "POST",
        "headers": single,
        "multiValueHeaders": multiple,
        "requestContext": {
            "requestId": unique_text(),
            "requestTimeEpoch": milliseconds_now(),
            "identity": { "sourceIp": unique_ipv6_network().to_string() },
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

/// The event source mapping's event for a notification (Lambda Developer Guide, "Using Lambda with Amazon SQS").
#[must_use]
pub fn event_of_delivery(enquiry_id: &str) -> Value {
    let now = milliseconds_now().to_string();
    json!({ "Records": [{
        "messageId": unique_text(),
        "receiptHandle": unique_text(),
        "body": json!({ "enquiry_id": enquiry_id }).to_string(),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": now,
            "SenderId": "000000000000",
            "ApproximateFirstReceiveTimestamp": now,
        },
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-2:000000000000:notifications",
        "awsRegion": "eu-west-2",
    }] })
}

/// The schedule's event (EventBridge User Guide, "Creating a rule that runs on a schedule").
#[must_use]
pub fn event_of_schedule() -> Value {
    json!({
        "version": "0",
        "id": unique_text(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": "2026-06-30T14:41:05Z",
        "region": "eu-west-2",
        "resources": ["arn:aws:events:eu-west-2:000000000000:rule/every-minute"],
        "detail": {},
    })
}

fn milliseconds_now() -> u64 {
    u64::try_from(now_since_epoch().as_millis()).expect("the time fits")
}
