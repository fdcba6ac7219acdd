//! Tests the mailer against a scripted AWS: its calls, the email that it sends to SES, and each outcome. Time is
//! virtual, so a hanging SES does not slow a test.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;

use std::time::Duration;

use connector::{AwsResponse, dynamodb_error, ses_error};
use jiff::SignedDuration;
use send_notification::Config;
use serde_json::{Value, json};

use crate::app::{
    App, CLAIM, NOW, VARIABLES, claimed, not_claimed, now, ok, record, record_with, sample, seconds_until,
};

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
            "mail_state IN (:pending, :sending) AND \
             (attribute_not_exists(mail_lease_until) OR mail_lease_until <= :now)"
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
    async fn only_what_is_sent_expires_when_its_retention_is_over() {
        let refused = || ses_error(400, "MessageRejected", "Local address contains control or whitespace");
        let sent = || AwsResponse::Json(200, json!({ "MessageId": "ses-1" }));
        for (days, response, outcome, expires_at) in [
            ("30", sent(), "sent", json!({ "N": "1785332528" })),
            ("0", sent(), "sent", Value::Null),
            ("30", refused(), "refused", Value::Null),
            ("30", ses_error(429, "TooManyRequestsException", "slower"), "postponed", Value::Null),
            ("30", ses_error(500, "InternalFailure", ""), "unconfirmed", Value::Null),
        ] {
            let app = App::with(&[("RETENTION_DAYS", days)]);
            app.aws.responds("UpdateItem", [claimed(&record()), ok()]);
            app.aws.responds("SendEmail", [response]);
            app.check(&app.handle("sqs-notification").await, outcome, &["UpdateItem", "SendEmail", "UpdateItem"]);
            let update = app.last_update();
            assert_eq!(update["ExpressionAttributeValues"].get(":expires_at").cloned().unwrap_or_default(), expires_at);
            let sets = update["UpdateExpression"].as_str().unwrap().contains("expires_at = if_not_exists");
            assert_eq!(sets, !expires_at.is_null(), "{update}");
        }
    }

    /// A mark that fails because SES has already reported this delivery.
    fn not_marked(delivery: &str) -> AwsResponse {
        let mut record = record();
        record["delivery"] = json!({ "S": delivery });
        dynamodb_error(400, "ConditionalCheckFailedException", &json!({ "Item": record }))
    }

    #[tokio::test]
    async fn a_mail_that_has_come_back_before_it_is_marked_does_not_let_its_enquiry_expire() {
        for delivery in ["soft_bounced", "complained", "bounced", "rejected"] {
            let app = App::with(&[("RETENTION_DAYS", "30")]);
            app.aws.responds("UpdateItem", [claimed(&record()), not_marked(delivery), ok()]);
            let again = app.handle("sqs-notification").await;
            app.check(&again, "sent", &["UpdateItem", "SendEmail", "UpdateItem", "UpdateItem"]);
            let marks = &app.aws.requests_of("UpdateItem")[1..];
            let condition = marks[0]["ConditionExpression"].as_str().unwrap();
            assert!(condition.contains(&format!(":{delivery}")), "{condition}");
            assert_eq!(marks[0]["ExpressionAttributeValues"][&format!(":{delivery}")]["S"], delivery);
            assert!(!marks[1].to_string().contains("expires_at"), "{}", marks[1]);
        }
    }

    #[tokio::test]
    async fn a_mark_that_was_written_already_is_written_once() {
        for delivery in ["accepted", "delivered"] {
            let app = App::with(&[("RETENTION_DAYS", "30")]);
            app.aws.responds("UpdateItem", [claimed(&record()), not_marked(delivery)]);
            let again = app.handle("sqs-notification").await;
            app.check(&again, "sent", &["UpdateItem", "SendEmail", "UpdateItem"]);
        }
    }

    #[tokio::test]
    async fn a_claim_whose_response_was_lost_is_still_ours() {
        fn with_our_lease(requests: &[connector::Request]) -> Value {
            let mut record = record();
            record["mail_lease_id"] = requests.last().unwrap().body["ExpressionAttributeValues"][":lease"].clone();
            json!({ "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": record })
        }
        let app = App::new();
        app.aws.responds("UpdateItem", [AwsResponse::Lost, AwsResponse::Made(400, with_our_lease), ok()]);
        let operations = ["UpdateItem", "UpdateItem", "SendEmail", "UpdateItem"];
        app.check(&app.handle("sqs-notification").await, "sent", &operations);
    }

    #[tokio::test]
    async fn a_mark_whose_response_was_lost_is_written_once() {
        let app = App::new();
        let marked = dynamodb_error(400, "ConditionalCheckFailedException", &json!({ "Item": record() }));
        app.aws.responds("UpdateItem", [claimed(&record()), AwsResponse::Lost, marked]);
        let operations = ["UpdateItem", "SendEmail", "UpdateItem", "UpdateItem"];
        app.check(&app.handle("sqs-notification").await, "sent", &operations);
    }

    #[tokio::test]
    async fn each_message_of_a_batch_is_handled_by_itself() {
        let app = App::new();
        app.aws
            .responds("UpdateItem", [claimed(&record()), ok(), dynamodb_error(400, "ValidationException", &json!({}))]);
        let again = app.handle("sqs-mixed-batch").await;
        let outcomes: Vec<_> = app.log.json().iter().map(|line| line["outcome"].clone()).collect();
        assert_eq!(outcomes, ["sent", "unparsable", "retried", "unparsable"]);
        assert_eq!(again, [sample("sqs-mixed-batch")["Records"][2]["messageId"].clone()]);
        let dead_letters: Vec<_> =
            app.aws.requests_of("SendMessage").iter().map(|message| message["MessageBody"].clone()).collect();
        assert_eq!(dead_letters, ["no notification at all", r#"{"enquiry_id":"ENQ_"}"#]);
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
    async fn a_ticket_of_the_highest_severity_goes_to_whoever_is_on_call_too() {
        let ticket = |severity: &str| {
            let mut record = record();
            record["form"]["S"] = "developer-support".into();
            record["severity"] = json!({ "S": severity });
            record["first_response_due"] = json!({ "S": "2026-06-29T14:42:07.123Z" });
            record
        };
        for (severity, inboxes) in [
            ("sev1", json!(["support@credicorp.example", "on-call@pager.example"])),
            ("sev2", json!(["support@credicorp.example"])),
            ("sev3", json!(["support@credicorp.example"])),
        ] {
            let app = App::finding(&ticket(severity));
            app.check(&app.handle("sqs-notification").await, "sent", &["UpdateItem", "SendEmail", "UpdateItem"]);
            let mail = app.mail();
            assert_eq!(mail["Destination"], json!({ "ToAddresses": inboxes }));
            let subject = mail["Content"]["Simple"]["Subject"]["Data"].as_str().unwrap();
            let urgency = format!("[{}] first response by Mon 29 Jun 15:42: ", severity.replace("sev", "SEV-"));
            assert!(subject.starts_with(&urgency), "{subject}");
        }
    }

    #[tokio::test]
    async fn the_mail_says_what_was_removed_as_the_record_does() {
        let mut record = record_with(r#"{"message":"it is [REDACTED:secret_key]","consent":"yes"}"#);
        let redaction =
            json!({ "param": { "S": "fields.message" }, "kind": { "S": "secret_key" }, "count": { "N": "1" } });
        record["redactions"] = json!({ "L": [{ "M": redaction }] });
        let app = App::finding(&record);
        app.check(&app.handle("sqs-notification").await, "sent", &["UpdateItem", "SendEmail", "UpdateItem"]);
        let text = app.mail()["Content"]["Simple"]["Body"]["Text"]["Data"].as_str().unwrap().to_owned();
        assert!(text.contains("We removed passwords, API keys or card numbers from this message."), "{text}");
        assert!(text.contains("[1] Message\n(removed: secret API key)\n| it is [REDACTED:secret_key]\n"), "{text}");
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
        app.aws.responds("UpdateItem", [dynamodb_error(400, "ConditionalCheckFailedException", &json!({}))]);
        app.check(&app.handle("sqs-notification").await, "unknown", &["UpdateItem"]);
    }

    #[tokio::test]
    async fn a_record_already_sent_is_already_sent_and_one_given_up_already_failed() {
        for (state, outcome) in [("sent", "already_sent"), ("failed", "already_failed")] {
            let app = App::new();
            app.aws.responds("UpdateItem", [not_claimed(state)]);
            app.check(&app.handle("sqs-notification").await, outcome, &["UpdateItem"]);
        }
    }

    #[tokio::test]
    async fn a_record_that_somebody_else_is_mailing_is_leased_and_left_to_the_sweeper() {
        let app = App::new();
        app.aws.responds("UpdateItem", [not_claimed("sending")]);
        app.check(&app.handle("sqs-notification").await, "leased", &["UpdateItem"]);
    }

    #[tokio::test]
    async fn a_record_deleted_in_between_is_gone_and_stays_gone() {
        let app = App::new();
        let gone = dynamodb_error(400, "ConditionalCheckFailedException", &json!({}));
        app.aws.responds("UpdateItem", [claimed(&record()), gone]);
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
            (400, "BadRequestException"),
            (400, "SomethingNewException"),
        ] {
            let app = App::finding(&record_with(r#"{"name":"Jordan Ellis","consent":"yes"}"#));
            app.aws.responds("SendEmail", [ses_error(status, code, "Jordan Ellis")]);
            let again = app.handle("sqs-notification").await;
            let line = app.check(&again, "postponed", &["UpdateItem", "SendEmail", "UpdateItem"]);
            assert_eq!(line["cause"], code);
            let postponed = app.last_update();
            assert_eq!(postponed["ExpressionAttributeValues"][":pending"]["S"], "pending");
            assert_eq!(postponed["ConditionExpression"], "mail_lease_id = :lease AND mail_state = :sending");
            // Duplicates of the message wait too.
            let update = postponed["UpdateExpression"].as_str().unwrap();
            assert!(update.contains("mail_lease_until = :until, mail_due_at = :until"), "{update}");
        }
        for (attempts, longest) in [(1, 60), (2, 120), (3, 240), (4, 480), (5, 900), (300, 900)] {
            let mut record = record();
            record["mail_attempts"]["N"] = attempts.to_string().into();
            let app = App::finding(&record);
            app.aws.responds("SendEmail", [ses_error(429, "TooManyRequestsException", "")]);
            app.handle("sqs-notification").await;
            let seconds = seconds_until(&app.last_update());
            assert!((longest / 2..=longest).contains(&seconds), "{attempts} attempts: {seconds} s");
        }
    }

    #[tokio::test]
    async fn no_wording_of_ses_ends_a_mail_for_good() {
        for text in [
            "",
            "Sending is disabled for this identity",
            "Local address contains control or whitespace",
            "Email address is on the suppression list",
            "Message length is more than 41943040 bytes long: '41943041'.",
            "Identity EU-WEST-2 is paused until further notice",
            "Email address is not verified. The following identities failed the check in region EU-WEST-2: …",
            "Sending paused for this account. For more information, please check the inbox of the email address associated \
             with your AWS account.",
            "Sending suspended for this account. For more information, please check the inbox of the email address \
             associated with your AWS account.",
        ] {
            let app = App::finding(&record());
            app.aws.responds("SendEmail", [ses_error(400, "MessageRejected", text)]);
            let again = app.handle("sqs-notification").await;
            app.check(&again, "refused", &["UpdateItem", "SendEmail", "UpdateItem"]);
            let postponed = app.last_update();
            assert_eq!(postponed["ExpressionAttributeValues"][":pending"]["S"], "pending");
            assert!((30..=60).contains(&seconds_until(&postponed)), "{postponed}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_ses_may_have_taken_is_unconfirmed_and_held_and_not_sent_again_at_once() {
        for response in [
            AwsResponse::Lost,
            AwsResponse::Hangs,
            ses_error(500, "InternalFailure", "Jordan Ellis"),
            ses_error(503, "ServiceUnavailable", "Jordan Ellis"),
            AwsResponse::Json(200, json!({})),
        ] {
            let app = App::finding(&record());
            app.aws.responds("SendEmail", [response]);
            let again = app.handle("sqs-notification").await;
            app.check(&again, "unconfirmed", &["UpdateItem", "SendEmail", "UpdateItem"]);
            let held = app.last_update();
            assert_eq!(seconds_until(&held), 300);
            assert_eq!(held["ExpressionAttributeValues"].get(":pending"), None);
            assert!(held["UpdateExpression"].as_str().unwrap().starts_with("SET mail_lease_until = :until"), "{held}");
        }
    }

    #[tokio::test]
    async fn a_refusal_rings_once_for_each_enquiry_and_is_tried_again_with_the_usual_back_off() {
        let entry =
            |event: &str| json!({ "M": { "event": { "S": event }, "at": { "S": "2026-06-29T13:42:07.000Z" } } });
        let mut earlier = vec![entry("recorded"), entry("claimed"), entry("postponed")];
        for (attempts, longest, rings) in
            [(1, 60, true), (2, 120, false), (3, 240, false), (5, 900, false), (300, 900, false)]
        {
            let mut record = record();
            record["mail_attempts"] = json!({ "N": attempts.to_string() });
            record["timeline"] = json!({ "L": earlier });
            let app = App::finding(&record);
            app.aws.responds("SendEmail", [ses_error(400, "MessageRejected", "Jordan Ellis")]);
            let again = app.handle("sqs-notification").await;
            let line = app.check(&again, "refused", &["UpdateItem", "SendEmail", "UpdateItem"]);
            assert_eq!(line["cause"], "MessageRejected");
            let update = app.last_update();
            let refused = update["ExpressionAttributeValues"][":entries"]["L"][0].clone();
            assert_eq!(
                (&refused["M"]["event"]["S"], &refused["M"]["cause"]["S"]),
                (&json!("refused"), &json!("MessageRejected"))
            );
            assert!((longest / 2..=longest).contains(&seconds_until(&update)), "{update}");
            let alarms: Vec<_> = app.log.json().into_iter().filter(|line| line["event"] == "mail_refused").collect();
            assert_eq!(alarms.len(), usize::from(rings), "{attempts}");
            assert!(
                alarms.iter().all(|alarm| alarm["enquiry_id"] == "enq_9F3K2P" && alarm["cause"] == "MessageRejected")
            );
            earlier.push(refused);
        }
    }

    #[tokio::test]
    async fn an_enquirers_address_that_ses_does_not_take_does_not_keep_the_mail_from_the_department() {
        let app = App::finding(&record());
        app.aws.responds(
            "SendEmail",
            [ses_error(400, "BadRequestException", ""), connector::default_response("SendEmail")],
        );
        let again = app.handle("sqs-notification").await;
        app.check(&again, "sent", &["UpdateItem", "SendEmail", "SendEmail", "UpdateItem"]);
        let mails = app.aws.requests_of("SendEmail");
        assert_eq!(mails[0]["ReplyToAddresses"], json!(["jordan@example.com"]));
        assert_eq!(mails[1].get("ReplyToAddresses"), None);
        let text = mails[1]["Content"]["Simple"]["Body"]["Text"]["Data"].as_str().unwrap();
        assert!(text.contains("jordan@example.com") && !text.contains("Reply to this email to answer"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn asking_ses_a_second_time_takes_no_more_time_than_asking_once() {
        let app = App::finding(&record());
        let slowly_no = AwsResponse::Slow(Duration::from_secs(6), Box::new(ses_error(400, "BadRequestException", "")));
        app.aws.responds("SendEmail", [slowly_no, AwsResponse::Hangs]);
        let started = tokio::time::Instant::now();
        let again = app.handle("sqs-notification").await;
        assert_eq!(started.elapsed().as_secs(), 10);
        let line = app.check(&again, "unconfirmed", &["UpdateItem", "SendEmail", "SendEmail", "UpdateItem"]);
        assert_eq!(line["cause"], "timeout");
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_is_postponed_for_the_next_version_may_read_it() {
        for (attribute, value) in [("fields", "{"), ("form", "A form"), ("created_at", "yesterday"), ("dept", "sales")]
        {
            let mut record = record();
            record[attribute]["S"] = value.into();
            let app = App::finding(&record);
            let line = app.check(&app.handle("sqs-notification").await, "postponed", &["UpdateItem", "UpdateItem"]);
            assert!(line["cause"].as_str().unwrap().ends_with(attribute), "{line}");
        }
    }

    #[tokio::test]
    async fn a_record_that_ses_has_spoken_for_meanwhile_is_overtaken_and_stays_sent() {
        for response in [
            ses_error(429, "TooManyRequestsException", ""),
            ses_error(400, "MessageRejected", ""),
            ses_error(500, "InternalFailure", ""),
        ] {
            let app = App::new();
            app.aws.responds("UpdateItem", [claimed(&record()), not_claimed("sent")]);
            app.aws.responds("SendEmail", [response]);
            let again = app.handle("sqs-notification").await;
            app.check(&again, "overtaken", &["UpdateItem", "SendEmail", "UpdateItem"]);
            let condition = app.last_update()["ConditionExpression"].as_str().unwrap().to_owned();
            assert!(condition.starts_with("mail_lease_id = :lease AND mail_state = :sending"), "{condition}");
        }
    }

    #[tokio::test]
    async fn a_postponement_or_a_hold_whose_response_was_lost_is_written_once_and_not_overtaken() {
        fn with_our_wait(requests: &[connector::Request]) -> Value {
            let mut record = record();
            record["mail_lease_until"] = requests.last().unwrap().body["ExpressionAttributeValues"][":until"].clone();
            json!({ "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": record })
        }
        for (response, outcome) in [
            (ses_error(429, "TooManyRequestsException", ""), "postponed"),
            (ses_error(400, "MessageRejected", ""), "refused"),
            (ses_error(500, "InternalFailure", ""), "unconfirmed"),
        ] {
            let app = App::new();
            app.aws
                .responds("UpdateItem", [claimed(&record()), AwsResponse::Lost, AwsResponse::Made(400, with_our_wait)]);
            app.aws.responds("SendEmail", [response]);
            let again = app.handle("sqs-notification").await;
            app.check(&again, outcome, &["UpdateItem", "SendEmail", "UpdateItem", "UpdateItem"]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_mail_whose_mark_cannot_be_written_is_unmarked_after_ten_seconds_of_trying() {
        let app = App::new();
        app.aws.responds("UpdateItem", [claimed(&record()), AwsResponse::Hangs]);
        let started = tokio::time::Instant::now();
        let again = app.handle("sqs-notification").await;
        assert_eq!(started.elapsed().as_secs(), 10);
        assert!(again.is_empty());
        let line = app.log.json().pop().unwrap();
        assert_eq!((&line["outcome"], &line["event"]), (&json!("unmarked"), &json!("mark_failed")));
        assert!(app.aws.requests_of("UpdateItem").len() > 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_that_does_not_respond_has_the_message_come_again() {
        let app = App::new();
        app.aws.responds("UpdateItem", [AwsResponse::Hangs]);
        let again = app.handle("sqs-notification").await;
        let line = app.check(&again, "retried", &["UpdateItem", "UpdateItem", "UpdateItem"]);
        assert_eq!(line["cause"], "UpdateItem enquiries (claim) did not respond: timeout");
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_not_begun_when_its_mark_might_come_too_late_and_is_left_to_the_sweeper() {
        let app = App::new();
        let again = app.handle_until("sqs-notification", now() + SignedDuration::from_secs(21)).await;
        app.check(&again, "no_time_left", &[]);
    }

    #[tokio::test]
    async fn an_unparsable_message_reaches_the_dead_letter_queue_when_there_is_no_time_for_its_neighbours() {
        let app = App::new();
        let again = app.handle_until("sqs-mixed-batch", now() + SignedDuration::from_secs(21)).await;
        let outcomes: Vec<_> = app.log.json().iter().map(|line| line["outcome"].clone()).collect();
        assert_eq!(outcomes, ["no_time_left", "unparsable", "no_time_left", "unparsable"]);
        assert_eq!(app.aws.operations(), ["SendMessage", "SendMessage"]);
        assert!(again.is_empty());
    }

    #[tokio::test]
    async fn a_message_that_the_dead_letter_queue_does_not_take_comes_again() {
        let app = App::finding(&record());
        app.aws.responds("SendMessage", [dynamodb_error(403, "AccessDenied", &json!({}))]);
        assert_eq!(app.handle("sqs-mixed-batch").await.len(), 2);
    }

    #[tokio::test]
    async fn a_panic_has_the_message_come_again_and_spares_its_neighbours() {
        let app = App::finding(&record());
        app.aws.responds("SendEmail", [AwsResponse::Panics]);
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
        for response in [
            AwsResponse::Json(200, json!({ "MessageId": "ses-1" })),
            ses_error(429, "TooManyRequestsException", "Jordan Ellis <jordan@example.com>"),
            ses_error(400, "MessageRejected", "Jordan Ellis <jordan@example.com>"),
            ses_error(500, "InternalFailure", "Jordan Ellis <jordan@example.com>"),
        ] {
            let app = App::finding(&record());
            app.aws.responds("SendEmail", [response]);
            app.handle("sqs-mixed-batch").await;
            let log = app.log.text();
            assert!(!log.contains("Jordan") && !log.contains('@') && !log.contains("no notification at all"), "{log}");
        }
    }

    #[tokio::test]
    async fn the_timeline_holds_no_message_of_ses() {
        let app = App::finding(&record());
        app.aws.responds("SendEmail", [ses_error(400, "MessageRejected", "Jordan Ellis <jordan@example.com>")]);
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
    fn budgets_that_leave_no_time_for_any_message_are_an_error() {
        let variables = |mark| VARIABLES.into_iter().chain([("MARK_TIMEOUT_MS", mark)]).collect();
        assert!(Config::from_variables(&variables("16000")).is_ok());
        let error = Config::from_variables(&variables("16001")).unwrap_err().to_string();
        assert!(
            error.starts_with("the environment variable MARK_TIMEOUT_MS is bad: it may be 28,000 at most"),
            "{error}"
        );
    }

    #[test]
    fn an_inbox_that_is_no_address_is_named_and_not_shown() {
        for bad in ["support", "Support <support@credicorp.example>", "support@credicorp.example, x@example.com"] {
            let variables = VARIABLES.map(|(name, value)| (name, if name == "INBOX_SUPPORT" { bad } else { value }));
            let error = Config::from_variables(&variables.into_iter().collect()).unwrap_err();
            let text = "the environment variable INBOX_SUPPORT is bad: not an email address that mail can be sent to";
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
