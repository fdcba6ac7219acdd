//! The mailer with a scripted AWS, and records for it to find.

use std::path::Path;

use connector::{Aws, AwsResponse, Lines, dynamodb_error};
use jiff::{SignedDuration, Timestamp};
use notify::Batch;
use runtime::Variables;
use send_notification::{Config, State};
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;

pub(crate) const VARIABLES: [(&str, &str); 14] = [
    ("AWS_REGION", "eu-west-2"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
    ("ENQUIRIES_TABLE", "enquiries"),
    ("DEAD_LETTER_QUEUE_URL", "http://127.0.0.1:1/000000000000/dead-letters"),
    ("MAIL_SENDER", "enquiries@credicorp.example"),
    ("MAIL_CONFIGURATION_SET", "credicorp-public"),
    ("INBOX_GENERAL", "general@credicorp.example"),
    ("INBOX_SUPPORT", "support@credicorp.example"),
    ("INBOX_PAYMENTS", "payments@credicorp.example"),
    ("INBOX_HARDSHIP", "hardship@credicorp.example"),
    ("INBOX_COMPLAINTS", "complaints@credicorp.example"),
    ("INBOX_ON_CALL", "on-call@pager.example"),
];

pub(crate) const NOW: &str = "2026-06-29T13:42:08.500Z";
pub(crate) const CLAIM: usize = 0;

pub(crate) struct App {
    pub(crate) aws: Aws,
    pub(crate) state: State,
    pub(crate) log: Lines,
    _logging: DefaultGuard,
}

impl App {
    /// A mailer that finds this record unclaimed.
    pub(crate) fn finding(record: &Value) -> Self {
        let app = Self::new();
        app.aws.responds("UpdateItem", [claimed(record), ok()]);
        app
    }

    pub(crate) fn new() -> Self {
        Self::with(&[])
    }

    /// A mailer with these additional environment variables.
    pub(crate) fn with(others: &[(&'static str, &'static str)]) -> Self {
        let aws = Aws::default();
        let variables: Variables = VARIABLES.iter().chain(others).copied().collect();
        let sdk = runtime::sdk_config(&variables).unwrap().into_builder().http_client(aws.http_client()).build();
        let log = Lines::default();
        let writer = log.clone();
        let logging = tracing::subscriber::set_default(runtime::json_lines("test", move || writer.clone()));
        let state = State::new(Config::from_variables(&variables).unwrap(), &sdk, now);
        Self { aws, state, log, _logging: logging }
    }

    /// Handles a sample event, and returns the messages to retry.
    pub(crate) async fn handle(&self, event: &str) -> Vec<Value> {
        self.handle_until(event, now() + SignedDuration::from_secs(30)).await
    }

    pub(crate) async fn handle_until(&self, event: &str, deadline: Timestamp) -> Vec<Value> {
        let batch: Batch = serde_json::from_value(sample(event)).unwrap();
        let response = serde_json::to_value(self.state.handle(batch, deadline).await).unwrap();
        response["batchItemFailures"]
            .as_array()
            .unwrap()
            .iter()
            .map(|failed| failed["itemIdentifier"].clone())
            .collect()
    }

    /// Expects this outcome and these operations for the one notification, and returns its log line.
    #[track_caller]
    pub(crate) fn check(&self, again: &[Value], outcome: &str, operations: &[&str]) -> Value {
        let line = self.log.json().pop().unwrap();
        assert_eq!(line["outcome"], outcome, "{line}");
        assert_eq!(self.aws.operations(), operations);
        assert_eq!(again.len(), usize::from(outcome == "retried"), "{line}");
        line
    }

    /// The values of the update after the claim.
    pub(crate) fn last_update(&self) -> Value {
        self.aws.requests_of("UpdateItem").pop().unwrap()
    }

    pub(crate) fn mail(&self) -> Value {
        self.aws.requests_of("SendEmail").pop().unwrap()
    }
}

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(crate) fn sample(name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name).with_extension("json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

pub(crate) fn ok() -> AwsResponse {
    AwsResponse::Json(200, json!({}))
}

/// An enquiry's record with these fields, as an item.
pub(crate) fn record_with(fields: &str) -> Value {
    json!({
        "id": { "S": "enq_9F3K2P" },
        "form": { "S": "contact-us" },
        "dept": { "S": "support" },
        "fields": { "S": fields },
        "status": { "S": "new" },
        "created_at": { "S": "2026-06-29T13:42:07.123Z" },
        "request_id": { "S": "req_8Hn2Lp0Wd4Xc" },
        "environment": { "S": "live" },
        "mail_state": { "S": "sending" },
        "mail_attempts": { "N": "1" },
    })
}

pub(crate) fn record() -> Value {
    record_with(r#"{"name":"Jordan Ellis","email":"jordan@example.com","consent":"yes"}"#)
}

pub(crate) fn claimed(record: &Value) -> AwsResponse {
    AwsResponse::Json(200, json!({ "Attributes": record }))
}

/// A claim that fails because the record is in this state.
pub(crate) fn not_claimed(state: &str) -> AwsResponse {
    let mut record = record();
    record["mail_state"]["S"] = state.into();
    dynamodb_error(400, "ConditionalCheckFailedException", &json!({ "Item": record }))
}

/// The seconds until the next attempt is due.
pub(crate) fn seconds_until(update: &Value) -> i64 {
    let until: Timestamp = update["ExpressionAttributeValues"][":until"]["S"].as_str().unwrap().parse().unwrap();
    now().duration_until(until).as_secs()
}
