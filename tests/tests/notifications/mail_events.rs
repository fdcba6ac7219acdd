//! What SES tells of the mails that it took.

use end_to_end::{Item, Proxy, Stack, unique_text};
use serde_json::{Value, json};

use crate::{MAILED_WITHIN, mailed, submission};

/// What SES puts on the bus (SES Developer Guide, "Examples of event data that Amazon SES publishes to EventBridge").
fn detail(event_type: &str, record: &Item, configuration_set: &str) -> Value {
    json!({
        "eventType": event_type,
        "mail": {
            "timestamp": record.text("sent_at"),
            "source": "enquiries@credicorp.test",
            "messageId": record.text("ses_message_id"),
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

#[tokio::test]
async fn what_becomes_of_a_mail_is_recorded_and_only_ever_moves_forward() {
    let stack = Stack::from_environment();
    let mailer = stack.function("send-notification").await;
    let recorder = stack.function("record-mail-event").await;
    let configuration_set = mailer.variable("MAIL_CONFIGURATION_SET");
    let source = unique_text();
    stack.copy_rule_to(recorder.arn(), &source).await;
    let answer = stack.caller().post(submission("contact-us", &unique_text())).send().await;
    let sent = mailed(&stack, &answer.assert_accepted()).await;
    let id = sent.text("id").unwrap_or_default();

    let mut events = sent.events();
    for (event_type, detail_type, delivery) in [
        ("Delivery", "Email Delivered", "delivered"),
        ("Complaint", "Email Complaint Received", "complained"),
        ("Bounce", "Email Bounced", "bounced"),
    ] {
        stack.put_event(&source, detail_type, &detail(event_type, &sent, configuration_set)).await;
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

    // Late, or twice: by hand, so that we know when it has been handled.
    let bounced = stack.enquiry(id).await;
    for late in ["Delivery", "Complaint", "Bounce"] {
        let event = json!({
            "version": "0",
            "id": unique_text(),
            "detail-type": late,
            "source": "aws.ses",
            "account": "000000000000",
            "time": "2026-06-30T14:41:05Z",
            "region": "eu-west-2",
            "resources": [],
            "detail": detail(late, &sent, configuration_set),
        });
        stack.drive("record-mail-event", &Proxy::start(&stack).await, &event).await.assert_answered();
        assert_eq!(stack.enquiry(id).await, bounced, "{late}");
    }
}
