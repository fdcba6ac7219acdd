//! The mailer against an AWS whose every answer a test decides: the calls that it makes, the mail as SES is sent it, and each
//! outcome by its name. Time is virtual, so an SES that hangs costs a test nothing.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use connector::{Answer, Aws, Lines, dynamodb_error, ses_error};
use jiff::{SignedDuration, Timestamp};
use notify::Batch;
use runtime::Variables;
use send_notification::{Config, State};
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;

const VARIABLES: [(&str, &str); 13] = [
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
];

const NOW: &str = "2026-06-29T13:42:08.500Z";
const CLAIM: usize = 0;

struct App {
    aws: Aws,
    state: State,
    log: Lines,
    _logging: DefaultGuard,
}

impl App {
    /// A mailer that finds this record, unclaimed.
    fn finding(record: &Value) -> Self {
        let app = Self::new();
        app.aws.answers("UpdateItem", [claimed(record), ok()]);
        app
    }

    fn new() -> Self {
        let aws = Aws::default();
        let variables = Variables::from_iter(VARIABLES);
        let sdk = runtime::sdk_config(&variables).unwrap().into_builder().http_client(aws.http_client()).build();
        let log = Lines::default();
        let writer = log.clone();
        let logging = tracing::subscriber::set_default(runtime::json_lines(move || writer.clone()));
        let state = State::new(Config::from_variables(&variables).unwrap(), &sdk, now);
        Self { aws, state, log, _logging: logging }
    }

    /// Handles a sample event, and gives the messages that are to come again.
    async fn handle(&self, event: &str) -> Vec<Value> {
        self.handle_until(event, now() + SignedDuration::from_secs(30)).await
    }

    async fn handle_until(&self, event: &str, deadline: Timestamp) -> Vec<Value> {
        let batch: Batch = serde_json::from_value(sample(event)).unwrap();
        let answer = serde_json::to_value(self.state.answer(batch, deadline).await).unwrap();
        answer["batchItemFailures"].as_array().unwrap().iter().map(|failed| failed["itemIdentifier"].clone()).collect()
    }

    /// Handles the one notification, expects its outcome and operations, and gives its log line.
    #[track_caller]
    fn check(&self, again: &[Value], outcome: &str, operations: &[&str]) -> Value {
        let line = self.log.json().pop().unwrap();
        assert_eq!(line["outcome"], outcome, "{line}");
        assert_eq!(self.aws.operations(), operations);
        assert_eq!(again.len(), usize::from(matches!(outcome, "leased" | "retried")), "{line}");
        line
    }

    /// The values of the update that followed the claim.
    fn last_update(&self) -> Value {
        self.aws.requests_of("UpdateItem").pop().unwrap()
    }

    fn mail(&self) -> Value {
        self.aws.requests_of("SendEmail").pop().unwrap()
    }
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn sample(name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name).with_extension("json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn ok() -> Answer {
    Answer::Json(200, json!({}))
}

/// The record of an enquiry, as an item, with these fields.
fn record_with(fields: &str) -> Value {
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

fn record() -> Value {
    record_with(r#"{"name":"Jordan Ellis","email":"jordan@example.com","consent":"yes"}"#)
}

fn claimed(record: &Value) -> Answer {
    Answer::Json(200, json!({ "Attributes": record }))
}

/// A claim that fails because the record is in this state.
fn not_claimed(state: &str) -> Answer {
    let mut record = record();
    record["mail_state"]["S"] = state.into();
    dynamodb_error(400, "ConditionalCheckFailedException", &json!({ "Item": record }))
}

/// When the next attempt is due, in seconds from now.
fn seconds_until(update: &Value) -> i64 {
    let until: Timestamp = update["ExpressionAttributeValues"][":until"]["S"].as_str().unwrap().parse().unwrap();
    now().duration_until(until).as_secs()
}

mod calls {
    use super::*;

    #[tokio::test]
    async fn a_notification_is_three_calls_claim_send_and_mark() {
        let app = App::finding(&record());
        let line = app.check(&app.handle("sqs-notification").await, "sent", &["UpdateItem", "SendEmail", "UpdateItem"]);
        assert_eq!(line["enquiry_id"], "enq_9F3K2P");
        assert_eq!(line["request_id"], "req_8Hn2Lp0Wd4Xc");
        assert_eq!((&line["attempt"], &line["ses_message_id"]), (&json!(1), &json!("ses-1")));
    }

    #[tokio::test]
    async fn a_claim_takes_a_lease_of_a_minute_and_says_when_the_message_was_queued() {
        let app = App::finding(&record());
        app.handle("sqs-notification").await;
        let claim = &app.aws.requests_of("UpdateItem")[CLAIM];
        assert_eq!(claim["Key"], json!({ "id": { "S": "enq_9F3K2P" } }));
        assert_eq!(
            claim["ConditionExpression"],
            "mail_state = :pending OR (mail_state = :sending AND mail_lease_until <= :now)"
        );
        assert_eq!(seconds_until(claim), 60);
        let timeline = &claim["ExpressionAttributeValues"][":entries"]["L"];
        let entry = |index: usize| (&timeline[index]["M"]["event"]["S"], &timeline[index]["M"]["at"]["S"]);
        assert_eq!(entry(0), (&json!("queued"), &json!("2026-06-29T13:42:07.123Z")));
        assert_eq!(entry(1), (&json!("claimed"), &json!(NOW)));
    }

    #[tokio::test]
    async fn a_mark_says_which_mail_it_was_and_takes_the_record_out_of_the_index() {
        let app = App::finding(&record());
        app.handle("sqs-notification").await;
        let mark = app.last_update();
        assert_eq!(mark["ExpressionAttributeValues"][":message"]["S"], "ses-1");
        let update = mark["UpdateExpression"].as_str().unwrap();
        assert!(update.ends_with("REMOVE mail_due_shard, mail_due_at, mail_lease_id, mail_lease_until"), "{update}");
        assert!(mark["ConditionExpression"].as_str().unwrap().starts_with("attribute_exists(id)"), "{mark}");
    }

    #[tokio::test]
    async fn a_claim_whose_answer_was_lost_is_ours_all_the_same() {
        fn with_our_lease(requests: &[connector::Request]) -> Value {
            let mut record = record();
            record["mail_lease_id"] = requests.last().unwrap().body["ExpressionAttributeValues"][":lease"].clone();
            json!({ "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": record })
        }
        let app = App::new();
        app.aws.answers("UpdateItem", [Answer::Lost, Answer::Made(400, with_our_lease), ok()]);
        let operations = ["UpdateItem", "UpdateItem", "SendEmail", "UpdateItem"];
        app.check(&app.handle("sqs-notification").await, "sent", &operations);
    }

    #[tokio::test]
    async fn a_mark_whose_answer_was_lost_is_written_once() {
        let app = App::new();
        let marked = dynamodb_error(400, "ConditionalCheckFailedException", &json!({ "Item": record() }));
        app.aws.answers("UpdateItem", [claimed(&record()), Answer::Lost, marked]);
        let operations = ["UpdateItem", "SendEmail", "UpdateItem", "UpdateItem"];
        app.check(&app.handle("sqs-notification").await, "sent", &operations);
    }

    #[tokio::test]
    async fn each_message_of_a_batch_is_handled_by_itself() {
        let app = App::new();
        app.aws
            .answers("UpdateItem", [claimed(&record()), ok(), dynamodb_error(400, "ValidationException", &json!({}))]);
        let again = app.handle("sqs-mixed-batch").await;
        let outcomes: Vec<_> = app.log.json().iter().map(|line| line["outcome"].clone()).collect();
        assert_eq!(outcomes, ["sent", "unparsable", "retried", "unparsable"]);
        assert_eq!(again, [sample("sqs-mixed-batch")["Records"][2]["messageId"].clone()]);
        let buried: Vec<_> =
            app.aws.requests_of("SendMessage").iter().map(|message| message["MessageBody"].clone()).collect();
        assert_eq!(buried, ["no notification at all", r#"{"enquiry_id":"ENQ_"}"#]);
    }
}

mod mail {
    use super::*;

    #[tokio::test]
    async fn the_mail_goes_to_the_inbox_of_its_department() {
        for dept in ["support", "payments", "hardship", "complaints"] {
            let mut record = record();
            record["dept"]["S"] = dept.into();
            let app = App::finding(&record);
            app.handle("sqs-notification").await;
            let to = &app.mail()["Destination"]["ToAddresses"];
            assert_eq!(to, &json!([format!("{dept}@credicorp.example")]));
        }
        let mut general = record();
        general.as_object_mut().unwrap().remove("dept");
        let app = App::finding(&general);
        app.handle("sqs-notification").await;
        assert_eq!(app.mail()["Destination"]["ToAddresses"], json!(["general@credicorp.example"]));
    }

    #[tokio::test]
    async fn the_mail_is_sent_with_header_tags_and_configuration_set_that_lead_back_to_the_enquiry() {
        let app = App::finding(&record());
        app.handle("sqs-notification").await;
        let mail = app.mail();
        let headers = json!([{ "Name": "X-Credicorp-Enquiry-Id", "Value": "enq_9F3K2P" }]);
        assert_eq!(mail["Content"]["Simple"]["Headers"], headers);
        assert_eq!(mail["ConfigurationSetName"], "credicorp-public");
        let tags = json!([
            { "Name": "enquiry_id", "Value": "enq_9F3K2P" },
            { "Name": "environment", "Value": "live" },
            { "Name": "form", "Value": "contact-us" },
            { "Name": "dept", "Value": "support" },
        ]);
        assert_eq!(mail["EmailTags"], tags);
        assert_eq!(mail["FromEmailAddress"], "Credicorp enquiries <enquiries@credicorp.example>");
        for part in ["Subject", "Body"] {
            assert!(mail["Content"]["Simple"][part].to_string().contains("enq_9F3K2P"), "{part}");
        }
        assert!(mail["Content"]["Simple"]["Body"]["Html"]["Data"].as_str().unwrap().contains("Jordan Ellis"));
        assert!(mail["Content"]["Simple"]["Body"]["Text"]["Data"].as_str().unwrap().contains("Jordan Ellis"));
    }

    #[tokio::test]
    async fn a_mail_from_the_sandbox_says_so_in_the_senders_name() {
        let mut record = record();
        record["environment"]["S"] = "sandbox".into();
        let app = App::finding(&record);
        app.handle("sqs-notification").await;
        assert_eq!(app.mail()["FromEmailAddress"], "Credicorp enquiries SANDBOX <enquiries@credicorp.example>");
    }

    #[tokio::test]
    async fn replies_go_to_the_enquirer_when_there_is_an_address() {
        for (fields, reply_to) in [
            (r#"{"email":"jordan@example.com"}"#, json!(["jordan@example.com"])),
            (r#"{"email":"jordan@münchen.example"}"#, json!(["jordan@xn--mnchen-3ya.example"])),
            (r#"{"name":"Jordan"}"#, Value::Null),
            (r#"{"email":"Jordan Ellis <jordan@example.com>"}"#, Value::Null),
            (r#"{"email":"jordan@example.com\r\nBcc: everyone@example.com"}"#, Value::Null),
            (r#"{"email":"jordan@example.com, everyone@example.com"}"#, Value::Null),
            (r#"{"email":7}"#, Value::Null),
        ] {
            let app = App::finding(&record_with(fields));
            app.check(&app.handle("sqs-notification").await, "sent", &["UpdateItem", "SendEmail", "UpdateItem"]);
            assert_eq!(app.mail().get("ReplyToAddresses").cloned().unwrap_or_default(), reply_to, "{fields}");
        }
    }

    #[tokio::test]
    async fn a_line_break_in_any_field_stays_in_its_field() {
        let app = App::finding(&record_with(
            r#"{"name":"Jordan\r\nSubject: free money","na\nme":"x","email":"jordan@example.com","consent":"yes"}"#,
        ));
        app.check(&app.handle("sqs-notification").await, "sent", &["UpdateItem", "SendEmail", "UpdateItem"]);
        let mail = app.mail();
        let subject = mail["Content"]["Simple"]["Subject"]["Data"].as_str().unwrap();
        assert!(!subject.contains("money") && !subject.contains(['\r', '\n']), "{subject}");
        let text = mail["Content"]["Simple"]["Body"]["Text"]["Data"].as_str().unwrap();
        assert!(!text.lines().any(|line| line.starts_with("Subject:")), "{text}");
        assert_eq!(mail["ReplyToAddresses"], json!(["jordan@example.com"]));
    }
}

mod outcomes {
    use super::*;

    #[tokio::test]
    async fn an_unknown_id_is_unknown_and_nothing_is_mailed() {
        let app = App::new();
        app.aws.answers("UpdateItem", [dynamodb_error(400, "ConditionalCheckFailedException", &json!({}))]);
        app.check(&app.handle("sqs-notification").await, "unknown", &["UpdateItem"]);
    }

    #[tokio::test]
    async fn a_record_already_sent_is_already_sent_and_one_given_up_already_failed() {
        for (state, outcome) in [("sent", "already_sent"), ("failed", "already_failed")] {
            let app = App::new();
            app.aws.answers("UpdateItem", [not_claimed(state)]);
            app.check(&app.handle("sqs-notification").await, outcome, &["UpdateItem"]);
        }
    }

    #[tokio::test]
    async fn a_record_that_somebody_else_is_mailing_is_leased_and_comes_again() {
        let app = App::new();
        app.aws.answers("UpdateItem", [not_claimed("sending")]);
        app.check(&app.handle("sqs-notification").await, "leased", &["UpdateItem"]);
    }

    #[tokio::test]
    async fn a_record_deleted_in_between_is_gone_and_stays_gone() {
        let app = App::new();
        let gone = dynamodb_error(400, "ConditionalCheckFailedException", &json!({}));
        app.aws.answers("UpdateItem", [claimed(&record()), gone]);
        app.check(&app.handle("sqs-notification").await, "gone", &["UpdateItem", "SendEmail", "UpdateItem"]);
    }

    #[tokio::test]
    async fn what_ses_does_not_take_now_is_postponed_and_ever_longer() {
        for (status, code) in [
            (429, "TooManyRequestsException"),
            (400, "LimitExceededException"),
            (400, "SendingPausedException"),
            (400, "AccountSuspendedException"),
            (400, "MailFromDomainNotVerifiedException"),
            (404, "NotFoundException"),
            (403, "AccessDeniedException"),
            (400, "SomethingNewException"),
        ] {
            let app = App::finding(&record());
            app.aws.answers("SendEmail", [ses_error(status, code, "Jordan Ellis")]);
            let again = app.handle("sqs-notification").await;
            let line = app.check(&again, "postponed", &["UpdateItem", "SendEmail", "UpdateItem"]);
            assert_eq!(line["cause"], code);
            let postponed = app.last_update();
            assert_eq!(postponed["ExpressionAttributeValues"][":pending"]["S"], "pending");
            assert_eq!(postponed["ConditionExpression"], "mail_lease_id = :lease");
        }
        for (attempts, longest) in [(1, 60), (2, 120), (3, 240), (4, 480), (5, 900), (300, 900)] {
            let mut record = record();
            record["mail_attempts"]["N"] = attempts.to_string().into();
            let app = App::finding(&record);
            app.aws.answers("SendEmail", [ses_error(429, "TooManyRequestsException", "")]);
            app.handle("sqs-notification").await;
            let seconds = seconds_until(&app.last_update());
            assert!((longest / 2..=longest).contains(&seconds), "{attempts} attempts: {seconds} s");
        }
    }

    #[tokio::test]
    async fn an_identity_that_is_still_to_be_verified_loses_no_enquiry() {
        let app = App::finding(&record());
        let text = "Email address is not verified. The following identities failed the check in region EU-WEST-2: …";
        app.aws.answers("SendEmail", [ses_error(400, "MessageRejected", text)]);
        let again = app.handle("sqs-notification").await;
        app.check(&again, "postponed", &["UpdateItem", "SendEmail", "UpdateItem"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_ses_may_have_taken_is_unconfirmed_and_held_and_not_sent_again_at_once() {
        for answer in [
            Answer::Lost,
            Answer::Hangs,
            ses_error(500, "InternalFailure", "Jordan Ellis"),
            ses_error(503, "ServiceUnavailable", "Jordan Ellis"),
            Answer::Json(200, json!({})),
        ] {
            let app = App::finding(&record());
            app.aws.answers("SendEmail", [answer]);
            let again = app.handle("sqs-notification").await;
            app.check(&again, "unconfirmed", &["UpdateItem", "SendEmail", "UpdateItem"]);
            let held = app.last_update();
            assert_eq!(held["ExpressionAttributeValues"].get(":pending"), None);
            assert!(held["UpdateExpression"].as_str().unwrap().starts_with("SET mail_lease_until = :until"), "{held}");
        }
    }

    #[tokio::test]
    async fn what_ses_refuses_for_good_has_failed_and_rings() {
        for (code, message) in [("MessageRejected", "Jordan Ellis"), ("BadRequestException", "Invalid domain name")] {
            let app = App::finding(&record());
            app.aws.answers("SendEmail", [ses_error(400, code, message)]);
            let again = app.handle("sqs-notification").await;
            let line = app.check(&again, "failed", &["UpdateItem", "SendEmail", "UpdateItem"]);
            assert_eq!((&line["event"], &line["cause"]), (&json!("mail_failed"), &json!(code)));
            assert_eq!(app.last_update()["ExpressionAttributeValues"][":failed"]["S"], "failed");
        }
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_has_failed_and_rings() {
        for (attribute, value) in [("fields", "{"), ("form", "A form"), ("created_at", "yesterday"), ("dept", "sales")]
        {
            let mut record = record();
            record[attribute]["S"] = value.into();
            let app = App::finding(&record);
            let line = app.check(&app.handle("sqs-notification").await, "failed", &["UpdateItem", "UpdateItem"]);
            assert_eq!(line["event"], "mail_failed");
            assert!(line["cause"].as_str().unwrap().ends_with(attribute), "{line}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_mail_whose_mark_cannot_be_written_is_unmarked_after_ten_seconds_of_trying() {
        let app = App::new();
        app.aws.answers("UpdateItem", [claimed(&record()), Answer::Hangs]);
        let started = tokio::time::Instant::now();
        let again = app.handle("sqs-notification").await;
        assert_eq!(started.elapsed().as_secs(), 10);
        assert!(again.is_empty());
        let line = app.log.json().pop().unwrap();
        assert_eq!((&line["outcome"], &line["event"]), (&json!("unmarked"), &json!("mark_failed")));
        assert!(app.aws.requests_of("UpdateItem").len() > 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_that_does_not_answer_has_the_message_come_again() {
        let app = App::new();
        app.aws.answers("UpdateItem", [Answer::Hangs]);
        let again = app.handle("sqs-notification").await;
        let line = app.check(&again, "retried", &["UpdateItem", "UpdateItem", "UpdateItem"]);
        assert_eq!(line["cause"], "UpdateItem enquiries (claim) did not answer: timeout");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_not_begun_when_its_mark_might_come_too_late() {
        let app = App::new();
        let again = app.handle_until("sqs-notification", now() + SignedDuration::from_secs(21)).await;
        app.check(&again, "retried", &[]);
    }

    #[tokio::test]
    async fn a_message_that_the_dead_letter_queue_does_not_take_comes_again() {
        let app = App::finding(&record());
        app.aws.answers("SendMessage", [dynamodb_error(403, "AccessDenied", &json!({}))]);
        assert_eq!(app.handle("sqs-mixed-batch").await.len(), 2);
    }

    #[tokio::test]
    async fn a_panic_has_the_message_come_again_and_spares_its_neighbours() {
        let app = App::finding(&record());
        app.aws.answers("SendEmail", [Answer::Panics]);
        let again = app.handle("sqs-mixed-batch").await;
        let outcomes: Vec<_> = app.log.json().iter().map(|line| line["outcome"].clone()).collect();
        assert_eq!((&outcomes[0], &outcomes[1]), (&json!("retried"), &json!("unparsable")));
        assert_eq!(again[0], sample("sqs-mixed-batch")["Records"][0]["messageId"]);
    }
}

mod logs {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_line_holds_what_people_wrote_or_an_address() {
        for answer in [
            Answer::Json(200, json!({ "MessageId": "ses-1" })),
            ses_error(429, "TooManyRequestsException", "Jordan Ellis <jordan@example.com>"),
            ses_error(400, "MessageRejected", "Jordan Ellis <jordan@example.com>"),
            ses_error(500, "InternalFailure", "Jordan Ellis <jordan@example.com>"),
        ] {
            let app = App::finding(&record());
            app.aws.answers("SendEmail", [answer]);
            app.handle("sqs-mixed-batch").await;
            let log = app.log.text();
            assert!(!log.contains("Jordan") && !log.contains('@') && !log.contains("no notification at all"), "{log}");
        }
    }

    #[tokio::test]
    async fn the_timeline_holds_no_message_of_ses() {
        let app = App::finding(&record());
        app.aws.answers("SendEmail", [ses_error(400, "MessageRejected", "Jordan Ellis <jordan@example.com>")]);
        app.handle("sqs-notification").await;
        assert!(!app.last_update().to_string().contains("Jordan"));
    }
}

mod start_up {
    use super::*;

    #[test]
    fn each_variable_that_is_missing_is_named() {
        for (name, _) in &VARIABLES[4..] {
            let others = VARIABLES.iter().copied().filter(|(other, _)| other != name);
            let error = Config::from_variables(&others.collect()).unwrap_err();
            assert_eq!(error.to_string(), format!("the environment variable {name} is missing"));
        }
    }

    #[test]
    fn an_inbox_that_is_no_address_is_named_and_not_shown() {
        for bad in ["support", "Support <support@credicorp.example>", "support@credicorp.example, x@example.com"] {
            let variables = VARIABLES.map(|(name, value)| (name, if name == "INBOX_SUPPORT" { bad } else { value }));
            let error = Config::from_variables(&variables.into_iter().collect()).unwrap_err();
            let text = "the environment variable INBOX_SUPPORT is bad: no e-mail address that mail can be sent to";
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn the_real_binary_does_not_start_without_an_inbox_and_says_which() {
        let started = std::process::Command::new(env!("CARGO_BIN_EXE_send-notification"))
            .env_clear()
            .envs(VARIABLES.into_iter().filter(|(name, _)| *name != "INBOX_HARDSHIP"))
            .output()
            .unwrap();
        let said = String::from_utf8(started.stderr).unwrap();
        assert!(!started.status.success());
        assert!(said.contains("send-notification cannot start"), "{said}");
        assert!(said.contains("the environment variable INBOX_HARDSHIP is missing"), "{said}");
    }
}
