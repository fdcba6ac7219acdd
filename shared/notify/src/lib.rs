//! The notification of a department: today the message on the queue, later the mail that is made from the record.
//!
//! The only user of the SQS SDK. A message carries the enquiry's id and nothing else, so the queue never holds what people
//! wrote, and a lost message loses nothing: the record knows that its mail is due.

use std::time::Duration;

use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::config::Builder;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::QueueAttributeName;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use domain::EnquiryId;
use serde::Serialize;

/// One attempt, and one more on a new connection: a pooled one may have died while the environment was frozen. Each has half
/// of the budget, for a dead connection may just stay silent.
const ATTEMPTS: u32 = 2;
/// The pause between the two, at most.
const RECONNECT_AFTER: Duration = Duration::from_millis(10);

/// The queue from which notifications are sent.
#[derive(Clone, Debug)]
pub struct NotificationQueue {
    client: Sqs,
    url: String,
}

/// What stands on the queue: `{"enquiry_id":"enq_9F3K2P"}`.
#[derive(Serialize)]
struct Message<'a> {
    enquiry_id: &'a str,
}

/// The queue did not take a message. The text holds no data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("SendMessage failed: {cause}")]
pub struct EnqueueError {
    cause: String,
}

impl NotificationQueue {
    /// The queue at `url`. Putting a message on it takes at most `budget`, retry included.
    #[must_use]
    pub fn new(sdk: &SdkConfig, url: String, budget: Duration) -> Self {
        let timeouts = sdk.timeout_config().cloned().unwrap_or_else(aws_smithy_types::timeout::TimeoutConfig::disabled);
        let config = Builder::from(sdk)
            .timeout_config(
                timeouts.into_builder().operation_attempt_timeout(budget / ATTEMPTS).operation_timeout(budget).build(),
            )
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(RECONNECT_AFTER))
            .build();
        Self { client: Sqs::from_conf(config), url }
    }

    /// Puts an enquiry's id on the queue.
    ///
    /// # Errors
    /// When the queue did not take it in time. The record still says that its mail is due.
    pub async fn announce(&self, id: &EnquiryId) -> Result<(), EnqueueError> {
        let body = serde_json::to_string(&Message { enquiry_id: id.as_str() })
            .map_err(|error| EnqueueError { cause: error.to_string() })?;
        let sent = self.client.send_message().queue_url(&self.url).message_body(body).send().await;
        sent.map(|_| ()).map_err(|error| EnqueueError { cause: cause_of(&error) })
    }

    /// Opens the connection to SQS with a read of one attribute; its result does not matter.
    pub async fn warm_up(&self) {
        let attribute = QueueAttributeName::QueueArn;
        let _ = self.client.get_queue_attributes().queue_url(&self.url).attribute_names(attribute).send().await;
    }
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
