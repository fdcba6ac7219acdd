//! When nothing fails.

use end_to_end::{AwsCall, Proxy, Stack, event_of_delivery, unique_text};
use serde_json::{Value, json};

use crate::{mailed, unannounced};

#[tokio::test]
async fn an_enquiry_is_mailed_once_and_readably_to_the_inbox_of_its_department() {
    let stack = Stack::from_environment();
    let mailer = stack.function("send-notification").await;
    for (dept, inbox) in [
        (Some("support"), "INBOX_SUPPORT"),
        (Some("payments"), "INBOX_PAYMENTS"),
        (Some("hardship"), "INBOX_HARDSHIP"),
        (Some("complaints"), "INBOX_COMPLAINTS"),
        (None, "INBOX_GENERAL"),
    ] {
        let text = unique_text();
        let mut body = json!({ "form": "contact-us", "fields": { "first name": text, "consent": "yes" } });
        if let Some(dept) = dept {
            body["dept"] = json!(dept);
        }
        let response = stack.caller().post(body.to_string()).send().await;
        let id = response.assert_accepted();
        let record = mailed(&stack, &id).await;

        let mails = stack.mails_about(&id).await;
        assert_eq!(mails.len(), 1, "{id}: {mails:?}");
        assert_eq!(mails[0].to(), [mailer.variable(inbox)]);
        for part in [mails[0].text(), mails[0].html()] {
            for said in ["first name", &text, "Agrees to be contacted", "yes", &id, &response.request_id()] {
                assert!(part.contains(said), "{said} is not in: {part}");
            }
        }
        assert_eq!(record.text("ses_message_id"), Some(mails[0].message_id()));
        assert_eq!(record.events(), ["recorded", "queued", "claimed", "sent"]);
        assert_eq!(record.timeline()[0].text("request_id"), Some(&*response.request_id()));
        assert_eq!(record.timeline()[3].text("ses_message_id"), Some(mails[0].message_id()));
        assert!(record.has("sent_at") && !record.has("mail_due_at") && !record.has("mail_due_shard"), "{record:?}");
        assert!(!record.has("mail_lease_id") && !record.has("mail_lease_until"), "{record:?}");
    }
}

#[tokio::test]
async fn a_mail_takes_three_calls_and_bears_what_leads_back_to_its_enquiry() {
    let stack = Stack::from_environment();
    let mailer = stack.function("send-notification").await;
    let proxy = Proxy::start(&stack).await;
    let id = unannounced(&stack).await;
    stack.drive("send-notification", &proxy, &event_of_delivery(&id)).await.assert_responded();

    assert_eq!(proxy.calls(), [AwsCall::Claim, AwsCall::Send, AwsCall::Mark].map(Some));
    let mail = &proxy.bodies(AwsCall::Send)[0];
    let sender = mail["FromEmailAddress"].as_str().unwrap_or_default();
    assert!(sender.ends_with(&format!("<{}>", mailer.variable("MAIL_SENDER"))), "{sender}");
    assert_eq!(mail["Destination"], json!({ "ToAddresses": [mailer.variable("INBOX_SUPPORT")] }));
    assert_eq!(mail["ReplyToAddresses"], json!(["ada@example.com"]));
    assert_eq!(mail["ConfigurationSetName"], json!(mailer.variable("MAIL_CONFIGURATION_SET")));
    let header = json!([{ "Name": "X-Credicorp-Enquiry-Id", "Value": id }]);
    assert_eq!(mail["Content"]["Simple"]["Headers"], header);
    let tags = mail["EmailTags"].as_array().into_iter().flatten();
    let mut tags: Vec<_> = tags.map(|tag| (&tag["Name"], &tag["Value"])).collect();
    tags.sort_by_key(|(name, _)| name.to_string());
    let expected: [(Value, Value); 4] = [
        (json!("dept"), json!("support")),
        (json!("enquiry_id"), json!(id)),
        (json!("environment"), json!("sandbox")),
        (json!("form"), json!("contact-us")),
    ];
    assert_eq!(tags, expected.each_ref().map(|(name, value)| (name, value)));
}
