//! The table `enquiries`: the record that is the truth.

use std::time::Duration;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use aws_types::SdkConfig;
use domain::{Enquiry, EnquiryId, IdempotencyClaim, RecordedEnquiry, jitter};

use crate::attributes::Item;
use crate::enquiry_item::{request_id_of, to_item};
use crate::error::StorageError;
use crate::idempotency::IdempotencyRecords;
use crate::recorded::Recorded;

const PUT: &str = "PutItem enquiries";
const TRANSACTION: &str = "TransactWriteItems enquiries, idempotency";
const PUT_IF: &str = "attribute_not_exists(id)";
/// How many ids are tried (contract, `id`).
const MAX_IDS: u32 = 8;
/// How often a transaction is tried that meets another one of the same key.
const MAX_CONFLICTS: u32 = 3;
/// The shortest pause after such a meeting; the longest is twice as long.
const CONFLICT_PAUSE: Duration = Duration::from_millis(25);

/// Where enquiries are recorded, each once.
#[derive(Clone, Debug)]
pub struct Enquiries {
    client: DynamoDb,
    table: String,
    idempotency: IdempotencyRecords,
}

/// The result of one attempt to write.
enum Attempt {
    Settled(Recorded),
    IdTaken,
    Conflict,
}

impl Enquiries {
    /// Enquiries in `table`, with the keys of the route in `idempotency`.
    #[must_use]
    pub fn new(sdk: &SdkConfig, table: String, idempotency: IdempotencyRecords) -> Self {
        Self { client: DynamoDb::new(sdk), table, idempotency }
    }

    /// Records an enquiry under an id from `new_id`, once for each key: both are written, or neither.
    ///
    /// # Errors
    /// When DynamoDB did not do it. It may have: without a key, trying again may record twice.
    pub async fn record(
        &self,
        enquiry: Enquiry,
        mut new_id: impl FnMut() -> EnquiryId,
        claim: Option<&IdempotencyClaim>,
    ) -> Result<Recorded, StorageError> {
        let mut record = RecordedEnquiry { id: new_id(), enquiry };
        let (mut ids, mut conflicts) = (0, 0);
        while ids < MAX_IDS {
            let attempt = match claim {
                Some(claim) => self.put_with_key(&record, claim).await?,
                None => self.put(&record).await?,
            };
            match attempt {
                Attempt::Settled(recorded) => return Ok(recorded),
                Attempt::IdTaken => ids += 1,
                Attempt::Conflict => {
                    conflicts += 1;
                    if conflicts == MAX_CONFLICTS {
                        return Ok(Recorded::InProgress);
                    }
                    tokio::time::sleep(CONFLICT_PAUSE.mul_f64(1.0 + jitter())).await;
                }
            }
            record.id = new_id();
        }
        Err(StorageError::NoFreeId { attempts: MAX_IDS })
    }

    async fn put(&self, record: &RecordedEnquiry) -> Result<Attempt, StorageError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(record)))
            .condition_expression(PUT_IF)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else { return Ok(Attempt::Settled(Recorded::New(record.id.clone()))) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(taken)) => Ok(id_taken_by(taken.item(), record)),
            // Another call is just now recording an enquiry under this id.
            Some(PutItemError::TransactionConflictException(_)) => Ok(Attempt::IdTaken),
            _ => Err(StorageError::of(PUT, &error)),
        }
    }

    async fn put_with_key(&self, record: &RecordedEnquiry, claim: &IdempotencyClaim) -> Result<Attempt, StorageError> {
        let built = |put: Result<Put, BuildError>| {
            put.map(|put| TransactWriteItem::builder().put(put).build())
                .map_err(|_| StorageError::unbuildable(TRANSACTION))
        };
        let written = self
            .client
            .transact_write_items()
            .transact_items(built(self.transactional_put(record))?)
            .transact_items(built(self.idempotency.put(claim, record))?)
            .send()
            .await;
        let Err(error) = written else { return Ok(Attempt::Settled(Recorded::New(record.id.clone()))) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                self.explain(cancelled.cancellation_reasons(), record, claim)
            }
            // The SDK has retried it already.
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
                Ok(Attempt::Settled(Recorded::InProgress))
            }
            _ => Err(StorageError::of(TRANSACTION, &error)),
        }
    }

    fn transactional_put(&self, record: &RecordedEnquiry) -> Result<Put, BuildError> {
        Put::builder()
            .table_name(&self.table)
            .set_item(Some(to_item(record)))
            .condition_expression(PUT_IF)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
    }

    /// Why a transaction was cancelled. Its reasons stand in the order of its items: the enquiry, then the key.
    fn explain(
        &self,
        reasons: &[CancellationReason],
        record: &RecordedEnquiry,
        claim: &IdempotencyClaim,
    ) -> Result<Attempt, StorageError> {
        let failed = |item: usize, code: &str| reasons.get(item).filter(|reason| reason.code() == Some(code));
        if let Some(taken) = failed(1, "ConditionalCheckFailed") {
            return self.idempotency.taken_by(taken.item(), claim, &record.enquiry).map(Attempt::Settled);
        }
        if let Some(taken) = failed(0, "ConditionalCheckFailed") {
            return Ok(id_taken_by(taken.item(), record));
        }
        if failed(0, "TransactionConflict").or(failed(1, "TransactionConflict")).is_some() {
            return Ok(Attempt::Conflict);
        }
        let code = reasons.iter().filter_map(CancellationReason::code).find(|code| *code != "None");
        Err(StorageError::of_reason(TRANSACTION, code.unwrap_or("cancelled without a reason")))
    }
}

/// The id is taken: by this very call, whose first response was lost, or by another enquiry.
fn id_taken_by(item: Option<&Item>, record: &RecordedEnquiry) -> Attempt {
    if item.and_then(request_id_of) == Some(record.enquiry.request_id.as_str()) {
        Attempt::Settled(Recorded::New(record.id.clone()))
    } else {
        Attempt::IdTaken
    }
}
