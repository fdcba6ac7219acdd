//! The table `idempotency`: which enquiry a key already stands for.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure};
use domain::{Enquiry, EnquiryId, Fingerprint, IdempotencyKey, Pepper};

use crate::enquiries::{Recorded, timestamp_text};
use crate::error::StorageError;

const PUT_IF: &str = "attribute_not_exists(#key) OR expires_at <= :now";
/// How long a key is kept, in seconds (contract, Idempotency-Key).
const KEPT_SECONDS: i64 = 24 * 60 * 60;

/// Where the keys of one route are kept, each as an HMAC.
#[derive(Clone, Debug)]
pub struct IdempotencyRecords {
    table: String,
    pepper: Pepper,
    route: &'static str,
}

impl IdempotencyRecords {
    /// The records of `route` in `table`.
    #[must_use]
    pub fn new(table: String, pepper: Pepper, route: &'static str) -> Self {
        Self { table, pepper, route }
    }

    /// The half of the transaction that claims the key for an enquiry.
    pub(crate) fn put(&self, key: &IdempotencyKey, id: &EnquiryId, enquiry: &Enquiry) -> Result<Put, BuildError> {
        let now = enquiry.created_at.as_second();
        Put::builder()
            .table_name(&self.table)
            .item("key", AttributeValue::S(self.pepper.idempotency_record_key(self.route, key)))
            .item("fingerprint", AttributeValue::S(self.fingerprint_of(enquiry)))
            .item("enquiry_id", AttributeValue::S(id.to_string()))
            .item("request_id", AttributeValue::S(enquiry.request_id.to_string()))
            .item("created_at", AttributeValue::S(timestamp_text(enquiry.created_at)))
            .item("expires_at", AttributeValue::N((now + KEPT_SECONDS).to_string()))
            .condition_expression(PUT_IF)
            .expression_attribute_names("#key", "key")
            .expression_attribute_values(":now", AttributeValue::N(now.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
    }

    fn fingerprint_of(&self, enquiry: &Enquiry) -> String {
        self.pepper.peppered(Fingerprint::of(&enquiry.submission))
    }

    /// What it means that the key is taken by `record`.
    pub(crate) fn taken_by(
        &self,
        record: Option<&HashMap<String, AttributeValue>>,
        enquiry: &Enquiry,
    ) -> Result<Recorded, StorageError> {
        let text = |attribute: &str| {
            record
                .and_then(|record| record.get(attribute)?.as_s().ok())
                .ok_or_else(|| StorageError::unreadable("TransactWriteItems idempotency", attribute))
        };
        let id: EnquiryId = text("enquiry_id")?
            .parse()
            .map_err(|_| StorageError::unreadable("TransactWriteItems idempotency", "enquiry_id"))?;
        if text("request_id")? == enquiry.request_id.as_str() {
            return Ok(Recorded::New(id));
        }
        if *text("fingerprint")? != self.fingerprint_of(enquiry) {
            return Ok(Recorded::KeyReused);
        }
        Ok(Recorded::Replayed(id))
    }
}
