//! The table `idempotency`: the enquiry that each key was used for.

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure};
use domain::{Enquiry, EnquiryId, IdempotencyClaim, Pepper, RecordedEnquiry};

use crate::attributes::{Item, parsed, text, time};
use crate::error::StorageError;
use crate::recorded::Recorded;

const OPERATION: &str = "TransactWriteItems idempotency";
const PUT_IF: &str = "attribute_not_exists(#key) OR expires_at <= :now";
/// How long a key is kept, in seconds (contract, Idempotency-Key).
const KEPT_SECONDS: i64 = 24 * 60 * 60;

/// Part of every key's HMAC. A key is valid across all routes (contract, Idempotency-Key), so this never changes. It is
/// the name of the first route.
const SCOPE: &str = "POST /public/v1/enquiries";

/// The idempotency records. Each key is stored as an HMAC.
#[derive(Clone, Debug)]
pub struct IdempotencyRecords {
    table: String,
    pepper: Pepper,
}

impl IdempotencyRecords {
    /// The records in `table`.
    #[must_use]
    pub fn new(table: String, pepper: Pepper) -> Self {
        Self { table, pepper }
    }

    /// The part of the transaction that claims the key for an enquiry.
    pub(crate) fn put(&self, claim: &IdempotencyClaim, record: &RecordedEnquiry) -> Result<Put, BuildError> {
        let RecordedEnquiry { id, enquiry } = record;
        let now = enquiry.created_at.as_second();
        Put::builder()
            .table_name(&self.table)
            .item("key", text(self.pepper.idempotency_record_key(SCOPE, &claim.key)))
            .item("fingerprint", text(self.pepper.fingerprint_hmac(claim.fingerprint)))
            .item("enquiry_id", text(id.as_str()))
            .item("request_id", text(enquiry.request_id.as_str()))
            .item("created_at", time(enquiry.created_at))
            .item("expires_at", AttributeValue::N((now + KEPT_SECONDS).to_string()))
            .condition_expression(PUT_IF)
            .expression_attribute_names("#key", "key")
            .expression_attribute_values(":now", AttributeValue::N(now.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
    }

    /// The result when the key is taken by `record`.
    pub(crate) fn taken_by(
        &self,
        record: Option<&Item>,
        claim: &IdempotencyClaim,
        enquiry: &Enquiry,
    ) -> Result<Recorded, StorageError> {
        let record = record.ok_or_else(|| StorageError::unreadable(OPERATION, "item"))?;
        let id: EnquiryId = parsed(record, "enquiry_id", OPERATION)?;
        if parsed::<String>(record, "request_id", OPERATION)? == enquiry.request_id.as_str() {
            return Ok(Recorded::New(id));
        }
        if parsed::<String>(record, "fingerprint", OPERATION)? != self.pepper.fingerprint_hmac(claim.fingerprint) {
            return Ok(Recorded::KeyReused);
        }
        Ok(Recorded::Replayed(id))
    }
}
