//! An enquiry's notification: the queue, the record, the mailbox, and the passing of time.

use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::events::event_of_post;
use crate::proxy::{AwsCall, Failure, Fault, Proxy};
use crate::stack::Stack;
use crate::stored::Item;
use crate::unique::unique_text;

/// A time in the past, so that everything is due. It sorts first in the index.
const LONG_AGO: &str = "2020-01-01T00:00:00.000Z";

/// An email in an inbox.
#[derive(Clone, Debug)]
pub struct Mail(Value);

impl Mail {
    /// SES's id of the email.
    #[must_use]
    pub fn message_id(&self) -> &str {
        self.0["MessageId"].as_str().unwrap_or_default()
    }

    /// The recipients' addresses.
    #[must_use]
    pub fn to(&self) -> Vec<&str> {
        self.0["To"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.0["Subject"].as_str().unwrap_or_default()
    }

    /// The plain-text part.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0["BodyText"].as_str().unwrap_or_default()
    }

    /// The HTML part.
    #[must_use]
    pub fn html(&self) -> &str {
        self.0["BodyHtml"].as_str().unwrap_or_default()
    }
}

impl Stack {
    /// Records an enquiry without queueing its notification, and returns its id.
    pub async fn record_unannounced(&self, body: &str) -> String {
        let proxy = Proxy::with_fault(self, Fault::at(AwsCall::Enqueue, Failure::Refused)).await;
        let outcome = self.drive("create-enquiry", &proxy, &event_of_post(body, Some(&unique_text()))).await;
        assert!(proxy.strikes() > 0, "the queue was not called");
        outcome.accepted_id().unwrap_or_else(|| panic!("it is accepted whatever the queue does: {outcome:?}"))
    }

    /// Waits until the record says that the enquiry was emailed.
    pub async fn mailed(&self, id: &str, within: Duration) -> Item {
        let look = async || {
            let record = self.enquiry(id).await;
            if record.text("mail_state") == Some("sent") { Ok(record) } else { Err(format!("not mailed: {record:?}")) }
        };
        self.wait_for(within, look).await
    }

    /// All emails that SES has accepted.
    pub async fn mails(&self) -> Vec<Mail> {
        let mut mailbox = self.get_json("ses", self.mailbox_url.clone()).await;
        let by_account = mailbox["messages"].as_object_mut().expect("mails by account");
        let mails = by_account.values_mut().filter_map(Value::as_array_mut).flat_map(std::mem::take);
        mails.map(Mail).collect()
    }

    /// The emails about an enquiry.
    pub async fn mails_about(&self, enquiry_id: &str) -> Vec<Mail> {
        let mut mails = self.mails().await;
        mails.retain(|mail| mail.subject().contains(enquiry_id));
        mails
    }

    /// Queues up to ten messages with these bodies.
    pub async fn enqueue(&self, bodies: &[String]) {
        let entries = bodies.iter().enumerate();
        let entries: Vec<_> =
            entries.map(|(index, body)| json!({ "Id": index.to_string(), "MessageBody": body })).collect();
        let batch = json!({ "QueueUrl": self.notifications_queue_url, "Entries": entries });
        let response = self.call_aws("sqs", "AmazonSQS.SendMessageBatch", &batch).await;
        assert_eq!(response["Successful"].as_array().map(Vec::len), Some(bodies.len()), "{response}");
    }

    /// Lets time pass for an enquiry's notification: makes it due and ends its lease, if no mailer is still using the
    /// lease. A mailer has stopped once it reports that the email's outcome is unknown, or if `is_dead` returns true
    /// for its lease. (On AWS too, a lease never ends while its mailer runs: it lasts longer than the mailer's
    /// timeout.)
    pub async fn let_time_pass(&self, record: &Item, is_dead: impl Fn(&str) -> bool) {
        if record.text("mail_due_at").is_none_or(|due_at| due_at <= LONG_AGO) {
            return;
        }
        let unconfirmed = || record.events().last().is_some_and(|event| event == "unconfirmed");
        let (condition, value) = match (record.text("mail_state"), record.text("mail_lease_id")) {
            (Some("pending"), _) => ("mail_state = :seen AND attribute_exists(mail_due_at)", "pending"),
            (Some("sending"), Some(lease)) if is_dead(lease) || unconfirmed() => {
                ("mail_lease_id = :seen AND attribute_exists(mail_due_at)", lease)
            }
            _ => return,
        };
        let id = record.text("id").expect("a record has an id");
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let updated = self.dynamodb.update_item().table_name(&self.enquiries_table).key("id", text(id));
        let updated = updated.update_expression("SET mail_due_at = :past, mail_lease_until = :past");
        let updated = updated.condition_expression(condition);
        let updated = updated.expression_attribute_values(":past", text(LONG_AGO));
        match updated.expression_attribute_values(":seen", text(value)).send().await {
            Ok(_) => {}
            // The record changed in the meantime.
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => {}
            Err(error) => panic!("the table can be written: {error:?}"),
        }
    }

    /// Changes an enquiry, as an operator can with `aws dynamodb update-item`.
    pub async fn update_enquiry(&self, id: &str, update: &str, condition: &str, values: &Value) {
        let request = json!({
            "TableName": self.enquiries_table,
            "Key": { "id": { "S": id } },
            "UpdateExpression": update,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        });
        self.call_aws("dynamodb", "DynamoDB_20120810.UpdateItem", &request).await;
    }

    /// Deletes an enquiry, as an operator may do on request.
    pub async fn delete_enquiry(&self, id: &str) {
        let request = self.dynamodb.delete_item().table_name(&self.enquiries_table);
        request.key("id", AttributeValue::S(id.to_owned())).send().await.expect("the table can be written");
    }

    /// The records of a form's enquiries that are not emailed yet.
    pub async fn not_yet_mailed(&self, form: &str) -> Vec<Item> {
        let scan = self.dynamodb.scan().table_name(&self.enquiries_table).consistent_read(true);
        let scan = scan.filter_expression("form = :form AND mail_state <> :sent");
        let scan = scan.expression_attribute_values(":form", AttributeValue::S(form.to_owned()));
        let scan = scan.expression_attribute_values(":sent", AttributeValue::S("sent".to_owned()));
        let found: Vec<_> =
            scan.into_paginator().items().send().collect::<Result<_, _>>().await.expect("the table can be read");
        found.into_iter().map(Item).collect()
    }

    /// Copies the deployed rule for a function, but for events from `source`: only AWS may send events from its own
    /// sources.
    pub async fn copy_rule_to(&self, function_arn: &str, source: &str) {
        let names = json!({ "TargetArn": function_arn });
        let names = self.call_aws("events", "AWSEvents.ListRuleNamesByTarget", &names).await;
        let name = &names["RuleNames"][0];
        let rule = self.call_aws("events", "AWSEvents.DescribeRule", &json!({ "Name": name })).await;
        let pattern = rule["EventPattern"].as_str().expect("the rule has a pattern");
        let mut pattern: Value = serde_json::from_str(pattern).expect("a pattern is JSON");
        assert_eq!(pattern["source"], json!(["aws.ses"]));
        pattern["source"] = json!([source]);
        let copy = json!({ "Name": source, "EventPattern": pattern.to_string() });
        self.call_aws("events", "AWSEvents.PutRule", &copy).await;
        let targets = self.call_aws("events", "AWSEvents.ListTargetsByRule", &json!({ "Rule": name })).await;
        let targets = json!({ "Rule": source, "Targets": targets["Targets"] });
        self.call_aws("events", "AWSEvents.PutTargets", &targets).await;
    }

    /// Sends an event to the default bus.
    pub async fn put_event(&self, source: &str, detail_type: &str, detail: &Value) {
        let entry = json!({ "Source": source, "DetailType": detail_type, "Detail": detail.to_string() });
        let response = self.call_aws("events", "AWSEvents.PutEvents", &json!({ "Entries": [entry] })).await;
        assert_eq!(response["FailedEntryCount"], 0, "{response}");
    }
}
