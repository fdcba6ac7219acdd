//! Conditional updates of one record at a time.

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use aws_types::SdkConfig;
use domain::{Delivery, EnquiryId};
use jiff::Timestamp;

use crate::attributes::{Item, text};
use crate::error::StorageError;

/// A notification that is sent or failed is no longer due.
pub(super) const SETTLED_REMOVE: &str = "REMOVE mail_due_shard, mail_due_at, mail_lease_id, mail_lease_until";
/// Starts the retention of an enquiry whose email was sent, unless it has already started.
pub(super) const EXPIRES_SET: &str = ", expires_at = if_not_exists(expires_at, :expires_at)";

#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) client: DynamoDb,
    pub(super) name: String,
}

/// The requested attributes after the update. If the condition failed, the old record, or `None` if there is none.
pub(super) type Updated = Result<Item, Option<Item>>;

/// The result of a conditional update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The record was updated.
    Done,
    /// The record was deleted, or changed by somebody else.
    Overtaken,
}

impl Table {
    pub(super) fn new(sdk: &SdkConfig, name: String) -> Self {
        Self { client: DynamoDb::new(sdk), name }
    }

    pub(super) fn update(&self, id: &EnquiryId, condition: &str, update: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .key("id", text(id.as_str()))
            .condition_expression(condition)
            .update_expression(update)
    }

    /// An update that adds to the record's timeline, and returns the old record if the condition fails.
    pub(super) fn update_with_timeline(
        &self,
        id: &EnquiryId,
        condition: &str,
        update: &str,
        entries: impl IntoIterator<Item = AttributeValue>,
    ) -> UpdateItemFluentBuilder {
        self.update(id, condition, update)
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":entries", AttributeValue::L(entries.into_iter().collect()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

/// Sends an update. See [`updated_or_old`].
pub(super) async fn send(update: UpdateItemFluentBuilder, operation: &'static str) -> Result<Updated, StorageError> {
    updated_or_old(update.send().await, operation)
}

/// Reads the response to an update.
pub(super) fn updated_or_old(
    updated: Result<UpdateItemOutput, SdkError<UpdateItemError>>,
    operation: &'static str,
) -> Result<Updated, StorageError> {
    match updated {
        Ok(updated) => Ok(Ok(updated.attributes.unwrap_or_default())),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(Err(failed.item().cloned())),
            _ => Err(StorageError::of(operation, &error)),
        },
    }
}

/// Adds the value for [`EXPIRES_SET`] to an update, if the enquiry has an expiry time.
pub(super) fn with_expiry(update: UpdateItemFluentBuilder, expires_at: Option<Timestamp>) -> UpdateItemFluentBuilder {
    let Some(expires_at) = expires_at else { return update };
    update.expression_attribute_values(":expires_at", AttributeValue::N(expires_at.as_second().to_string()))
}

/// The condition that the record's delivery is not in this list. [`with_deliveries`] adds its values.
pub(super) fn if_delivery_not_in(deliveries: &[Delivery]) -> String {
    let names: Vec<_> = deliveries.iter().map(|delivery| format!(":{delivery}")).collect();
    format!("NOT delivery IN ({})", names.join(", "))
}

/// Adds the values for [`if_delivery_not_in`] to an update.
pub(super) fn with_deliveries(update: UpdateItemFluentBuilder, deliveries: &[Delivery]) -> UpdateItemFluentBuilder {
    deliveries.iter().fold(update, |update, delivery| {
        update.expression_attribute_values(format!(":{delivery}"), text(delivery.as_str()))
    })
}
