//! Reads the tables, the queue and the gateway's configuration.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use crate::stack::Stack;

/// One of the three tables.
#[derive(Clone, Copy, Debug)]
pub enum Table {
    /// The enquiries.
    Enquiries,
    /// The idempotency records.
    Idempotency,
    /// The rate limit's counters.
    RateCounters,
}

/// An item of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Item(pub(crate) HashMap<String, AttributeValue>);

impl Item {
    /// The value of a text attribute.
    #[must_use]
    pub fn text(&self, attribute: &str) -> Option<&str> {
        self.0.get(attribute)?.as_s().ok().map(String::as_str)
    }

    /// The digits of a number attribute.
    #[must_use]
    pub fn number(&self, attribute: &str) -> Option<&str> {
        self.0.get(attribute)?.as_n().ok().map(String::as_str)
    }

    /// The events of the enquiry's notification, in the order written.
    #[must_use]
    pub fn timeline(&self) -> Vec<Self> {
        self.list("timeline")
    }

    /// The entries of an attribute that is a list of maps. Empty if the attribute is absent.
    #[must_use]
    pub fn list(&self, attribute: &str) -> Vec<Self> {
        let entries = self.0.get(attribute).and_then(|list| list.as_l().ok()).into_iter().flatten();
        entries.filter_map(|entry| entry.as_m().ok().cloned().map(Self)).collect()
    }

    /// The names of the events.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        self.timeline().iter().filter_map(|entry| entry.text("event").map(str::to_owned)).collect()
    }

    /// Whether the attribute exists.
    #[must_use]
    pub fn has(&self, attribute: &str) -> bool {
        self.0.contains_key(attribute)
    }

    fn mentions(&self, text: &str) -> bool {
        format!("{:?}", self.0).contains(text)
    }
}

impl Stack {
    /// An enquiry's record.
    pub async fn enquiry(&self, id: &str) -> Item {
        let request = self.dynamodb.get_item().table_name(&self.enquiries_table).consistent_read(true);
        let found = request.key("id", AttributeValue::S(id.to_owned())).send().await.expect("the table can be read");
        Item(found.item.unwrap_or_else(|| panic!("{id} was accepted and is not in the table")))
    }

    /// How many items of a table contain this text in any attribute.
    pub async fn count_mentions(&self, table: Table, text: &str) -> usize {
        self.scan(table).await.iter().filter(|item| item.mentions(text)).count()
    }

    /// All items of a table.
    pub async fn scan(&self, table: Table) -> Vec<Item> {
        let table = match table {
            Table::Enquiries => &self.enquiries_table,
            Table::Idempotency => &self.idempotency_table,
            Table::RateCounters => &self.rate_counters_table,
        };
        let pages = self.dynamodb.scan().table_name(table).consistent_read(true).into_paginator().items().send();
        let items: Vec<_> = pages.collect::<Result<_, _>>().await.expect("the table can be read");
        items.into_iter().map(Item).collect()
    }

    /// Lets a day pass for an enquiry's idempotency record. DynamoDB may delete it late, but we ignore it at once.
    pub async fn expire_key_of(&self, enquiry_id: &str) {
        let records = self.scan(Table::Idempotency).await;
        let record = records.iter().find(|record| record.text("enquiry_id") == Some(enquiry_id));
        let key = record.and_then(|record| record.text("key")).expect("the enquiry was recorded with a key");
        let update = self.dynamodb.update_item().table_name(&self.idempotency_table);
        let update = update.key("key", AttributeValue::S(key.to_owned())).update_expression("SET expires_at = :past");
        let past = AttributeValue::N("1".to_owned());
        update.expression_attribute_values(":past", past).send().await.expect("the table can be written");
    }

    /// The bodies of all messages on the notifications queue, from the local AWS's own view. Receiving the messages
    /// would hide them from other consumers for a while.
    pub async fn notifications(&self) -> Vec<String> {
        self.messages(&self.notifications_queue_url).await
    }

    /// The bodies of all messages on the dead-letter queue.
    pub async fn dead_letters(&self) -> Vec<String> {
        self.messages(&self.dead_letter_queue_url).await
    }

    async fn messages(&self, queue_url: &str) -> Vec<String> {
        let url = self.control_plane("/_ministack/sqs/messages");
        let url = reqwest::Url::parse_with_params(url.as_str(), [("QueueUrl", queue_url)]);
        let seen = self.get_json("sqs", url.expect("AWS_ENDPOINT_URL is a URL")).await;
        let by_account = seen["messages"].as_object().expect("messages by account");
        let queues = by_account.values().filter_map(Value::as_object).flat_map(|by_region| by_region.values());
        let messages = queues.filter_map(Value::as_object).flat_map(|by_queue| by_queue.values());
        let messages = messages.filter_map(Value::as_array).flatten();
        messages.filter_map(|message| message["Body"].as_str().map(str::to_owned)).collect()
    }

    /// The gateway responses of the API under test, from its control plane.
    pub async fn gateway_responses(&self) -> Vec<Value> {
        let apis = self.get_json("apigateway", self.control_plane("/restapis")).await;
        let apis = apis["item"].as_array().expect("a list of APIs").iter();
        let id = apis.filter_map(|api| api["id"].as_str()).find(|id| self.api_url.as_str().contains(id));
        let path = format!("/restapis/{}/gatewayresponses", id.expect("API_URL names its API"));
        let responses = self.get_json("apigateway", self.control_plane(&path)).await;
        responses["item"].as_array().expect("a list of gateway responses").clone()
    }
}
