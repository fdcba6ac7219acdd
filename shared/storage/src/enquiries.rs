//! The table `enquiries`, the source of truth.

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
/// How many ids to try (contract, `id`).
const MAX_IDS: u32 = 8;
/// How many times to try a transaction that conflicts with another one for the same key.
const MAX_CONFLICTS: u32 = 3;
/// The shortest pause after a conflict. The longest is twice this.
const CONFLICT_PAUSE: Duration = Duration::from_millis(25);

/// The enquiries, each recorded once.
#[derive(Clone, Debug)]
pub struct Enquiries {
    client: DynamoDb,
    table: String,
    idempotency: IdempotencyRecords,
}

/// The result of one write attempt.
enum Attempt {
    Settled(Recorded),
    IdTaken,
    Conflict,
}

impl Enquiries {
    /// The enquiries in `table`, with the route's keys in `idempotency`.
    #[must_use]
    pub fn new(sdk: &SdkConfig, table: String, idempotency: IdempotencyRecords) -> Self {
        Self { client: DynamoDb::new(sdk), table, idempotency }
    }

    /// Records an enquiry under an id from `new_id`, once per key. It writes both enquiry and key, or neither.
    ///
    /// # Errors
    /// When the call to DynamoDB failed. The enquiry may still be recorded: without a key, a retry may record it twice.
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
            // Another request is recording an enquiry under this id.
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
            // The SDK has already retried it.
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

    /// Why a transaction was cancelled. Its reasons are in the order of its items: the enquiry, then the key.
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

/// The id is taken, either by another enquiry or by this request, whose first response was lost.
fn id_taken_by(item: Option<&Item>, record: &RecordedEnquiry) -> Attempt {
    if item.and_then(request_id_of) == Some(record.enquiry.request_id.as_str()) {
        Attempt::Settled(Recorded::New(record.id.clone()))
    } else {
        Attempt::IdTaken
    }
}
