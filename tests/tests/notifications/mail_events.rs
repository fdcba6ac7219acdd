//! SES's events about emails that it accepted.

use end_to_end::{AwsCall, Failure, Fault, Instance, Item, Proxy, Stack, event_of_delivery, unique_text};
use serde_json::{Value, json};

use crate::{MAILED_WITHIN, mailed, submission, unannounced};

/// SES's event on the bus (SES Developer Guide, "Examples of event data that Amazon SES publishes to EventBridge").
fn detail(event_type: &str, record: &Item, ses_message_id: &str, configuration_set: &str) -> Value {
    json!({
        "eventType": event_type,
        "mail": {
            "timestamp": record.text("created_at"),
            "source": "enquiries@credicorp.test",
            "messageId": ses_message_id,
            "destination": ["support@inbox.credicorp.test"],
            "headersTruncated": false,
            "headers": [{ "name": "Reply-To", "value": "ada@example.com" }],
            "tags": {
                "ses:configuration-set": [configuration_set],
                "enquiry_id": [record.text("id")],
                "environment": ["sandbox"],
            },
        },
    })
}

/// The event as the rule's target gets it.
fn event_of_mail(detail_type: &str, detail: &Value) -> Value {
    json!({
        "version": "0",
        "id": unique_text(),
        "detail-type": detail_type,
        "source": "aws.ses",
        "account": "000000000000",
        "time": "2026-06-30T14:41:05Z",
        "region": "eu-west-2",
        "resources": [],
        "detail": detail,
    })
}

/// SES's event that it accepted the only email about an enquiry.
pub(crate) async fn event_of_send(stack: &Stack, id: &str) -> Value {
    let mails = stack.mails_about(id).await;
    assert_eq!(mails.len(), 1, "{id}");
    event_of_mail("Email Sent", &detail("Send", &stack.enquiry(id).await, mails[0].message_id(), "any"))
}

#[tokio::test]
async fn the_delivery_of_a_mail_is_recorded_and_only_ever_moves_forward() {
    let stack = Stack::from_environment();
    let mailer = stack.function("send-notification").await;
    let recorder = stack.function("record-mail-event").await;
    let configuration_set = mailer.variable("MAIL_CONFIGURATION_SET");
    let source = unique_text();
    stack.copy_rule_to(recorder.arn(), &source).await;
    let response = stack.caller().post(submission("contact-us", &unique_text())).send().await;
    let sent = mailed(&stack, &response.assert_accepted()).await;
    let id = sent.text("id").unwrap_or_default();
    let detail =
        |event_type| detail(event_type, &sent, sent.text("ses_message_id").unwrap_or_default(), configuration_set);

    let mut events = sent.events();
    for (event_type, detail_type, bounce, delivery) in [
        (
            "Bounce",
            "Email Bounced",
            json!({ "bounceType": "Transient", "bounceSubType": "MailboxFull" }),
            "soft_bounced",
        ),
        ("Delivery", "Email Delivered", Value::Null, "delivered"),
        ("Complaint", "Email Complaint Received", Value::Null, "complained"),
        ("Bounce", "Email Bounced", json!({ "bounceType": "Permanent", "bounceSubType": "General" }), "bounced"),
    ] {
        let mut detail = detail(event_type);
        if bounce.is_object() {
            detail["bounce"] = bounce;
        }
        stack.put_event(&source, detail_type, &detail).await;
        let look = async || {
            let record = stack.enquiry(id).await;
            if record.text("delivery") == Some(delivery) {
                Ok(record)
            } else {
                Err(format!("not {delivery}: {record:?}"))
            }
        };
        let record = stack.wait_for(MAILED_WITHIN, look).await;
        events.push(delivery.to_owned());
        assert_eq!(record.events(), events);
        assert_eq!(record.text("mail_state"), Some("sent"));
    }

    // Late or duplicate events. Send them directly, to know when they have been handled.
    let bounced = stack.enquiry(id).await;
    for late in ["Delivery", "Complaint", "Bounce"] {
        let event = event_of_mail(late, &detail(late));
        stack.drive("record-mail-event", &Proxy::start(&stack).await, &event).await.assert_responded();
        assert_eq!(stack.enquiry(id).await, bounced, "{late}");
    }
}

#[tokio::test]
async fn ses_may_say_that_it_took_a_mail_before_we_do_and_each_is_written_down_once() {
    let stack = Stack::from_environment();
    let id = unannounced(&stack).await;
    let recorder = stack.function("record-mail-event").await;
    // Start it first, because the mark hangs for at most ten seconds.
    let mut recorder = Instance::start(&recorder, &Proxy::start(&stack).await).await;
    let proxy = Proxy::with_fault(&stack, Fault::at(AwsCall::Mark, Failure::Hangs)).await;
    let event = event_of_delivery(&id);
    let faster = async {
        proxy.struck().await;
        recorder.invoke(&event_of_send(&stack, &id).await).await.assert_responded();
        let unmarked = stack.enquiry(&id).await;
        proxy.lift();
        unmarked
    };
    let (outcome, unmarked) = tokio::join!(stack.drive("send-notification", &proxy, &event), faster);

    outcome.assert_responded();
    assert_eq!(unmarked.events(), ["recorded", "queued", "claimed", "accepted"]);
    assert!(unmarked.has("mail_lease_id") && !unmarked.has("mail_due_at"), "{unmarked:?}");
    let record = stack.enquiry(&id).await;
    assert_eq!(record.events(), ["recorded", "queued", "claimed", "accepted", "sent"]);
    assert_eq!((record.text("mail_state"), record.text("delivery")), (Some("sent"), Some("accepted")));
    assert!(!record.has("mail_lease_id") && !record.has("mail_due_at"), "{record:?}");
    assert_eq!(stack.mails_about(&id).await.len(), 1);
}

#[tokio::test]
async fn a_mail_that_only_ses_says_it_took_is_not_sent_again() {
    let stack = Stack::from_environment();
    let id = unannounced(&stack).await;
    let lost = Proxy::with_fault(&stack, Fault::at(AwsCall::Send, Failure::ResponseLost)).await;
    stack.drive("send-notification", &lost, &event_of_delivery(&id)).await.assert_responded();
    let unconfirmed = stack.enquiry(&id).await;
    assert_eq!(unconfirmed.text("mail_state"), Some("sending"));
    assert_eq!(unconfirmed.events(), ["recorded", "queued", "claimed", "unconfirmed"]);

    let proxy = Proxy::start(&stack).await;
    let event = event_of_send(&stack, &id).await;
    stack.drive("record-mail-event", &proxy, &event).await.assert_responded();
    // No mailer is working any more, whatever the record says.
    stack.let_time_pass(&stack.enquiry(&id).await, |_| true).await;
    stack.drive("send-notification", &proxy, &event_of_delivery(&id)).await.assert_responded();

    let record = stack.enquiry(&id).await;
    assert_eq!(record.events(), ["recorded", "queued", "claimed", "unconfirmed", "accepted"]);
    assert_eq!((record.text("mail_state"), record.number("mail_attempts")), (Some("sent"), Some("1")));
    assert_eq!(stack.mails_about(&id).await.len(), 1);
}
