//! The table `rate-counters`: how many requests a client made in a window.

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ThrottlingReason};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use domain::{Client, Counted, Pepper, Window};
use jiff::Timestamp;

use crate::error::StorageError;

const OPERATION: &str = "UpdateItem rate-counters";
const COUNT_IF: &str = "attribute_not_exists(hits) OR hits < :limit";
const COUNT: &str = "SET expires_at = if_not_exists(expires_at, :expires_at) ADD hits :one";
/// How long a counter is kept after its window, in seconds, so that a late request still finds it.
const KEPT_AFTER_WINDOW_SECONDS: i64 = 300;
/// The part of a throttling reason that names a single item, not the table or the account (DynamoDB API Reference,
/// `ThrottlingReason`).
const KEY_RANGE: &str = "KeyRangeThroughputExceeded";

/// Counts requests per client and window. A counter's key is an HMAC, so no address is stored.
#[derive(Clone, Debug)]
pub struct RateCounters {
    client: DynamoDb,
    table: String,
    pepper: Pepper,
}

impl RateCounters {
    /// The counters in `table`.
    #[must_use]
    pub fn new(sdk: &SdkConfig, table: String, pepper: Pepper) -> Self {
        // A retried ADD would count twice, so there is only one attempt. It needs only one time limit.
        let mut timeouts = sdk.timeout_config().map(TimeoutConfig::to_builder).unwrap_or_default();
        timeouts.set_operation_timeout(None);
        let timeouts = timeouts.build();
        let config = Builder::from(sdk).retry_config(RetryConfig::disabled()).timeout_config(timeouts).build();
        Self { client: DynamoDb::from_conf(config), table, pepper }
    }

    /// Counts one request of `client` at `now`, unless the client has already made `limit` requests in this window.
    /// Makes one call with one attempt.
    ///
    /// # Errors
    /// When the table could not count. The caller decides whether the request may proceed.
    pub async fn count(&self, client: &Client, now: Timestamp, limit: u32) -> Result<Counted, StorageError> {
        let window = Window::containing(now);
        let key = format!("{}#{}", self.pepper.client_key(client, now), window.start_second());
        let expires_at = window.end_second() + KEPT_AFTER_WINDOW_SECONDS;
        let counted = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("client_window", AttributeValue::S(key))
            .condition_expression(COUNT_IF)
            .update_expression(COUNT)
            .expression_attribute_values(":limit", AttributeValue::N(limit.to_string()))
            .expression_attribute_values(":expires_at", AttributeValue::N(expires_at.to_string()))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await;
        match counted {
            Ok(updated) => {
                let hits = updated.attributes().and_then(|item| item.get("hits")?.as_n().ok()?.parse().ok());
                hits.map(|hits| Counted::Within { hits }).ok_or_else(|| StorageError::unreadable(OPERATION, "hits"))
            }
            Err(error) => refusal_of(&error).ok_or_else(|| StorageError::of(OPERATION, &error)),
        }
    }

    /// Opens the connection to DynamoDB with a read that finds nothing. Its result does not matter.
    pub async fn warm_up(&self) {
        let key = AttributeValue::S("warm-up".to_owned());
        let _ = self.client.get_item().table_name(&self.table).key("client_window", key).send().await;
    }
}

/// Whether a failed count means a refusal: its condition failed, or DynamoDB throttles the counter's own key range.
fn refusal_of<R>(error: &SdkError<UpdateItemError, R>) -> Option<Counted> {
    let throttled = |reasons: &[ThrottlingReason]| {
        let names_key_range = |why: &ThrottlingReason| why.reason().is_some_and(|why| why.contains(KEY_RANGE));
        reasons.iter().any(names_key_range).then_some(Counted::Throttled)
    };
    match error.as_service_error()? {
        UpdateItemError::ConditionalCheckFailedException(_) => Some(Counted::Over),
        UpdateItemError::ProvisionedThroughputExceededException(why) => throttled(why.throttling_reasons()),
        UpdateItemError::RequestLimitExceeded(why) => throttled(why.throttling_reasons()),
        UpdateItemError::ThrottlingException(why) => throttled(why.throttling_reasons()),
        _ => None,
    }
}
