//! Tests the recorder of SES's events against a scripted AWS.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use connector::{Aws, AwsResponse, Lines, dynamodb_error};
use notify::MailEvent;
use record_mail_event::{Config, State};
use runtime::Variables;
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;

const VARIABLES: [(&str, &str); 5] = [
    ("AWS_REGION", "eu-west-2"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
    ("ENQUIRIES_TABLE", "enquiries"),
];

struct App {
    aws: Aws,
    state: State,
    log: Lines,
    _logging: DefaultGuard,
}

impl App {
    fn with_response(response: AwsResponse) -> Self {
        Self::with_responses([response])
    }

    fn with_responses(responses: impl IntoIterator<Item = AwsResponse>) -> Self {
        Self::with(&[], responses)
    }

    /// A function with these additional environment variables.
    fn with(others: &[(&'static str, &'static str)], responses: impl IntoIterator<Item = AwsResponse>) -> Self {
        let aws = Aws::default();
        aws.responds("UpdateItem", responses);
        let variables: Variables = VARIABLES.iter().chain(others).copied().collect();
        let sdk = runtime::sdk_config(&variables).unwrap().into_builder().http_client(aws.http_client()).build();
        let log = Lines::default();
        let writer = log.clone();
        let logging = tracing::subscriber::set_default(runtime::json_lines("test", move || writer.clone()));
        Self { state: State::new(Config::from_variables(&variables).unwrap(), &sdk), aws, log, _logging: logging }
    }

    async fn handle(&self, event: &str) -> Result<(), String> {
        self.state.handle(read(event).unwrap()).await
    }

    fn line(&self) -> Value {
        self.log.json().pop().unwrap()
    }
}

fn ok() -> AwsResponse {
    AwsResponse::Json(200, json!({}))
}

/// DynamoDB's error if the record already has this delivery or a later one.
fn known(delivery: &str) -> AwsResponse {
    let item = json!({ "id": { "S": "enq_9F3K2P" }, "delivery": { "S": delivery } });
    dynamodb_error(400, "ConditionalCheckFailedException", &json!({ "Item": item }))
}

/// A bounce that SES classifies as transient, of this kind.
fn transient(sub_type: &str) -> MailEvent {
    let mut event = sample("ses-bounce-transient");
    event["detail"]["bounce"]["bounceSubType"] = sub_type.into();
    serde_json::from_value(event).unwrap()
}

fn read(event: &str) -> serde_json::Result<MailEvent> {
    serde_json::from_value(sample(event))
}

fn sample(event: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(event).with_extension("json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[tokio::test]
async fn each_event_moves_the_delivery_and_what_harms_a_department_rings() {
    for (event, delivery, rings) in [
        ("ses-send", "accepted", Value::Null),
        ("ses-delivery", "delivered", Value::Null),
        ("ses-delivery-as-the-rule-hands-it-over", "delivered", Value::Null),
        ("ses-complaint", "complained", json!("mail_complained")),
        ("ses-bounce", "bounced", json!("mail_bounced")),
        ("ses-bounce-transient", "soft_bounced", json!("mail_bounced")),
        ("ses-reject", "rejected", json!("mail_rejected")),
    ] {
        let app = App::with_response(ok());
        app.handle(event).await.unwrap();
        let update = &app.aws.requests_of("UpdateItem")[0];
        let values = &update["ExpressionAttributeValues"];
        assert_eq!(update["Key"], json!({ "id": { "S": "enq_9F3K2P" } }));
        assert_eq!(values[":delivery"]["S"], delivery);
        assert_eq!(values[":sent_at"]["S"], "2026-06-29T13:42:09.012Z");
        let entry = &values[":entries"]["L"][0]["M"];
        assert_eq!((&entry["event"]["S"], &entry["ses_message_id"]), (&json!(delivery), &values[":message"]));
        let line = app.line();
        assert_eq!((&line["outcome"], &line["delivery"]), (&json!("moved"), &json!(delivery)));
        assert_eq!((&line["enquiry_id"], line["event"].clone()), (&json!("enq_9F3K2P"), rings));
    }
}

#[tokio::test]
async fn the_delivery_moves_forward_only() {
    for (event, not_over) in [
        ("ses-send", "NOT delivery IN (:accepted, :soft_bounced, :delivered, :complained, :bounced, :rejected)"),
        ("ses-bounce-transient", "NOT delivery IN (:soft_bounced, :delivered, :complained, :bounced, :rejected)"),
        ("ses-delivery", "NOT delivery IN (:delivered, :complained, :bounced, :rejected)"),
        ("ses-complaint", "NOT delivery IN (:complained, :bounced, :rejected)"),
        ("ses-bounce", "NOT delivery IN (:bounced, :rejected)"),
        ("ses-reject", "NOT delivery IN (:rejected)"),
    ] {
        let app = App::with_response(ok());
        app.handle(event).await.unwrap();
        let condition = app.aws.requests_of("UpdateItem")[0]["ConditionExpression"].clone();
        assert_eq!(condition, format!("attribute_exists(id) AND {not_over}"));
    }
}

#[tokio::test]
async fn a_mail_that_only_ses_says_it_took_lets_its_enquiry_expire_when_its_retention_is_over_and_no_sooner() {
    for (days, expires_at) in [("30", json!({ "N": "1785332530" })), ("0", Value::Null)] {
        let app = App::with(&[("RETENTION_DAYS", days)], [ok()]);
        app.handle("ses-delivery").await.unwrap();
        let update = &app.aws.requests_of("UpdateItem")[0];
        let found = update["ExpressionAttributeValues"].get(":expires_at").cloned().unwrap_or_default();
        assert_eq!(found, expires_at);
        let keeps_the_first = update["UpdateExpression"].as_str().unwrap().contains("if_not_exists(expires_at, ");
        assert_eq!(keeps_the_first, days == "30", "{update}");
    }
}

#[tokio::test]
async fn only_good_news_lets_an_enquiry_expire_and_bad_news_keeps_it() {
    for (event, is_good) in [
        ("ses-send", true),
        ("ses-delivery", true),
        ("ses-bounce-transient", false),
        ("ses-bounce", false),
        ("ses-complaint", false),
        ("ses-reject", false),
    ] {
        for days in ["0", "30"] {
            let app = App::with(&[("RETENTION_DAYS", days)], [ok()]);
            app.handle(event).await.unwrap();
            let update = app.aws.requests_of("UpdateItem")[0]["UpdateExpression"].as_str().unwrap().to_owned();
            let (sets, removes) = update.split_once(" REMOVE ").unwrap();
            assert_eq!(sets.contains("expires_at"), is_good && days == "30", "{event}: {update}");
            assert_eq!(removes.contains("expires_at"), !is_good, "{event}: {update}");
        }
    }
}

#[tokio::test]
async fn a_mail_that_comes_back_after_it_was_delivered_keeps_its_enquiry_and_an_automatic_reply_does_not() {
    for (sub_type, keeps) in [("MailboxFull", true), ("MessageTooLarge", true), ("General", false)] {
        let app = App::with(&[("RETENTION_DAYS", "30")], [known("delivered"), ok()]);
        app.state.handle(transient(sub_type)).await.unwrap();
        let updates = app.aws.requests_of("UpdateItem");
        assert_eq!(updates.len(), 1 + usize::from(keeps), "{sub_type}");
        if keeps {
            assert_eq!(updates[1]["UpdateExpression"], "REMOVE expires_at");
            assert_eq!(updates[1]["Key"], json!({ "id": { "S": "enq_9F3K2P" } }));
        }
        assert_eq!((&app.line()["outcome"], app.line()["event"].is_null()), (&json!("stale"), !keeps));
    }
}

#[tokio::test]
async fn what_the_record_knows_already_is_stale_and_what_has_no_record_unknown() {
    let stale = known("delivered");
    let unknown = dynamodb_error(400, "ConditionalCheckFailedException", &json!({}));
    for (response, outcome) in [(stale, "stale"), (unknown, "unknown")] {
        let app = App::with_response(response);
        app.handle("ses-delivery").await.unwrap();
        assert_eq!(app.line()["outcome"], outcome);
    }
}

#[tokio::test]
async fn an_out_of_office_reply_to_a_mail_that_was_delivered_does_not_ring() {
    for delivery in ["delivered", "complained", "bounced", "rejected"] {
        let app = App::with_response(known(delivery));
        app.handle("ses-bounce-transient").await.unwrap();
        assert_eq!((&app.line()["outcome"], &app.line()["event"]), (&json!("stale"), &Value::Null), "{delivery}");
    }
}

#[tokio::test]
async fn any_other_bounce_of_a_mail_that_was_delivered_rings() {
    for sub_type in ["MailboxFull", "MessageTooLarge", "ContentRejected", "AttachmentRejected", "SomethingNew", ""] {
        let app = App::with_response(known("delivered"));
        app.state.handle(transient(sub_type)).await.unwrap();
        assert_eq!(app.line()["event"], "mail_bounced", "{sub_type}");
    }
    let app = App::with_response(known("bounced"));
    app.handle("ses-bounce").await.unwrap();
    assert_eq!(app.line()["event"], "mail_bounced");
}

#[tokio::test]
async fn a_soft_bounce_whose_first_response_was_lost_rings() {
    let app = App::with_responses([AwsResponse::Lost, known("soft_bounced")]);
    app.handle("ses-bounce-transient").await.unwrap();
    assert_eq!((&app.line()["outcome"], &app.line()["event"]), (&json!("stale"), &json!("mail_bounced")));
}

#[tokio::test]
async fn a_soft_bounce_of_which_nobody_knows_whether_it_is_written_down_rings_and_comes_again() {
    let app = App::with_response(AwsResponse::Lost);
    app.handle("ses-bounce-transient").await.unwrap_err();
    assert_eq!((&app.line()["outcome"], &app.line()["event"]), (&json!("failed"), &json!("mail_bounced")));
}

#[tokio::test]
async fn an_open_and_a_bounce_of_another_systems_mail_make_no_call() {
    let app = App::with_response(ok());
    let opened = json!({
        "time": "2026-06-29T13:42:09Z",
        "detail": { "eventType": "Open", "mail": { "messageId": "x", "timestamp": "2026-06-29T13:42:09Z" } },
    });
    app.state.handle(serde_json::from_value(opened).unwrap()).await.unwrap();
    assert_eq!(app.line()["outcome"], "ignored");
    let of_others = json!({
        "time": "2026-06-29T13:42:09Z",
        "detail": { "eventType": "Bounce", "mail": { "messageId": "x", "timestamp": "2026-06-29T13:42:09Z" } },
    });
    app.state.handle(serde_json::from_value(of_others).unwrap()).await.unwrap();
    assert_eq!(app.line()["outcome"], "unknown");
    assert!(app.aws.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_that_could_not_be_written_down_comes_again() {
    let app = App::with_response(AwsResponse::Hangs);
    let error = app.handle("ses-bounce").await.unwrap_err();
    assert_eq!(error, "UpdateItem enquiries (delivery) did not respond: timeout");
    assert_eq!(app.line()["outcome"], "failed");
}

#[tokio::test]
async fn what_is_no_event_of_ses_is_an_error_and_so_reaches_the_failure_destination() {
    assert!(read("schedule-every-minute").is_err());
    assert!(read("sqs-notification").is_err());
}

#[tokio::test]
async fn no_line_holds_an_address() {
    for event in ["ses-send", "ses-delivery", "ses-complaint", "ses-bounce", "ses-bounce-transient", "ses-reject"] {
        let app = App::with_response(ok());
        app.handle(event).await.unwrap();
        assert!(!app.log.text().contains('@') && !app.log.text().contains("jordan"), "{}", app.log.text());
    }
}

#[test]
fn a_table_that_is_missing_is_named() {
    let error = Config::from_variables(&VARIABLES[..4].iter().copied().collect()).unwrap_err();
    assert_eq!(error.to_string(), "the environment variable ENQUIRIES_TABLE is missing");
}
