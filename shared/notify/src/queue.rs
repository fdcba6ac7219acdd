//! The queue of notifications, at both ends.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use domain::{EnquiryId, RequestId};
use futures_util::FutureExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::timeouts::timeouts_of;

/// One attempt, and one more on a new connection: a pooled one may have died while the environment was frozen. Each has half
/// of the budget, for a dead connection may just stay silent.
const ATTEMPTS: u32 = 2;
/// The pause between the two, at most.
const RECONNECT_AFTER: Duration = Duration::from_millis(10);
/// How many messages one call takes (SQS API Reference, `SendMessageBatch`).
pub const BATCH: usize = 10;

/// The queue from which notifications are sent, or its dead-letter queue.
#[derive(Clone, Debug)]
pub struct NotificationQueue {
    client: Sqs,
    url: String,
}

/// The body of a message: `{"enquiry_id":"enq_9F3K2P"}`.
#[derive(Serialize, Deserialize)]
struct Body<Id> {
    enquiry_id: Id,
}

/// Lambda's event for the queue (Lambda developer guide, Amazon SQS event). A message that cannot be read does not keep the
/// others from being read.
#[derive(Debug, Deserialize)]
pub struct Batch {
    /// The messages, at most ten.
    #[serde(rename = "Records")]
    pub messages: Vec<Message>,
}

/// One message as Lambda hands it over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// SQS's id of it.
    #[serde(default)]
    pub message_id: String,
    /// Its text, whatever it is.
    #[serde(default)]
    pub body: String,
    #[serde(default)]
    attributes: HashMap<String, String>,
}

/// The response to Lambda for a batch: the messages that are to come again (Lambda developer guide, partial batch responses).
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    batch_item_failures: Vec<BatchItemFailure>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemFailure {
    item_identifier: String,
}

/// The queue did not take a message. The text holds no data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} failed: {cause}")]
pub struct EnqueueError {
    operation: &'static str,
    cause: String,
}

impl NotificationQueue {
    /// The queue at `url`. Putting something on it takes at most `budget`, retry included.
    #[must_use]
    pub fn new(sdk: &SdkConfig, url: String, budget: Duration) -> Self {
        let config = Builder::from(sdk)
            .timeout_config(timeouts_of(sdk, budget / ATTEMPTS, budget))
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(RECONNECT_AFTER))
            .build();
        Self { client: Sqs::from_conf(config), url }
    }

    /// Puts a new enquiry's id on the queue, once its caller has the response. A message that is lost only delays the mail: the record
    /// says that it is due. So a failure is logged, with the call that recorded the enquiry, and even a panic goes no further: it
    /// would end the environment.
    pub async fn announce(&self, id: &EnquiryId, request_id: &RequestId) {
        let put = async { self.put(&body_of(id)?).await };
        let cause = match AssertUnwindSafe(put).catch_unwind().await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_panic) => "panic".to_owned(),
        };
        let (request_id, enquiry_id) = (request_id.as_str(), id.as_str());
        tracing::warn!(event = "enqueue_failed", request_id, enquiry_id, cause);
    }

    /// Puts at most [`BATCH`] enquiries' ids on the queue, and says how many of them it did not take.
    ///
    /// # Errors
    /// When the queue took none in time. The records still say that their mails are due.
    pub async fn announce_all(&self, ids: &[EnquiryId]) -> Result<usize, EnqueueError> {
        let entries: Result<Vec<_>, _> = ids.iter().enumerate().map(|(index, id)| entry_of(index, id)).collect();
        let sent = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries?)).send().await;
        let sent = sent.map_err(|error| EnqueueError { operation: "SendMessageBatch", cause: cause_of(&error) })?;
        Ok(sent.failed().len())
    }

    /// Puts a text on the queue as it is.
    ///
    /// # Errors
    /// When the queue did not take it in time.
    pub async fn put(&self, body: &str) -> Result<(), EnqueueError> {
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.map(|_| ()).map_err(|error| EnqueueError { operation: "SendMessage", cause: cause_of(&error) })
    }

    /// Opens the connection to SQS with a read of one attribute; its result does not matter.
    pub async fn warm_up(&self) {
        let attribute = QueueAttributeName::QueueArn;
        let _ = self.client.get_queue_attributes().queue_url(&self.url).attribute_names(attribute).send().await;
    }
}

impl Message {
    /// The enquiry that is to be mailed, if the message is a notification.
    #[must_use]
    pub fn enquiry_id(&self) -> Option<EnquiryId> {
        let body: Body<String> = serde_json::from_str(&self.body).ok()?;
        body.enquiry_id.parse().ok()
    }

    /// When it was put on the queue, if SQS says so.
    #[must_use]
    pub fn queued_at(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.attributes.get("SentTimestamp")?.parse().ok()?).ok()
    }
}

impl BatchResponse {
    /// Has a message come again once its visibility timeout is over.
    pub fn retry(&mut self, message: &Message) {
        self.batch_item_failures.push(BatchItemFailure { item_identifier: message.message_id.clone() });
    }
}

fn body_of(id: &EnquiryId) -> Result<String, EnqueueError> {
    serde_json::to_string(&Body { enquiry_id: id.as_str() })
        .map_err(|error| EnqueueError { operation: "SendMessage", cause: error.to_string() })
}

fn entry_of(index: usize, id: &EnquiryId) -> Result<SendMessageBatchRequestEntry, EnqueueError> {
    let entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body_of(id)?).build();
    entry.map_err(|error: BuildError| EnqueueError { operation: "SendMessageBatch", cause: error.to_string() })
}

fn cause_of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::TimeoutError(_) => "timeout".to_owned(),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => "timeout".to_owned(),
        SdkError::DispatchFailure(_) => "no connection".to_owned(),
        SdkError::ServiceError(service) => service.err().code().unwrap_or("no code").to_owned(),
        _ => "unreadable response".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, enquiry_id: Option<&str>) {
        let message = Message { message_id: String::new(), body: body.to_owned(), attributes: HashMap::new() };
        assert_eq!(message.enquiry_id().as_ref().map(EnquiryId::as_str), enquiry_id, "{body}");
    }

    #[test]
    fn a_notification_is_an_enquirys_id() {
        check(r#"{"enquiry_id":"enq_9F3K2P"}"#, Some("enq_9F3K2P"));
        check(&body_of(&"enq_9F3K2P".parse().unwrap()).unwrap(), Some("enq_9F3K2P"));
        for body in ["", "enq_9F3K2P", "{}", "[]", "null", r#"{"enquiry_id":null}"#, r#"{"enquiry_id":"enq_"}"#] {
            check(body, None);
        }
    }

    #[test]
    fn an_event_is_read_whatever_its_messages_lack() {
        let event = r#"{"Records":[{},{"messageId":"1","body":"x","attributes":{"SentTimestamp":"1782740527123"}}]}"#;
        let batch: Batch = serde_json::from_str(event).unwrap();
        assert_eq!(batch.messages[0].queued_at(), None);
        assert_eq!(batch.messages[1].queued_at().map(Timestamp::as_millisecond), Some(1_782_740_527_123));
        let mut response = BatchResponse::default();
        response.retry(&batch.messages[1]);
        let response = serde_json::to_string(&response).unwrap();
        assert_eq!(response, r#"{"batchItemFailures":[{"itemIdentifier":"1"}]}"#);
    }
}
