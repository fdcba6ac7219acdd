//! The table `enquiries`: the record that is the truth.

use std::time::Duration;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use aws_types::SdkConfig;
use domain::notification::DUE_AFTER_ENQUEUE;
use domain::{Enquiry, EnquiryId, FirstResponse, IdempotencyClaim, STATUS_NEW, jitter, saturating_add};

use crate::attributes::{Item, redactions, text, text_of, time, timeline_entry};
use crate::error::StorageError;
use crate::idempotency::IdempotencyRecords;
use crate::notifications::{PENDING, mail_due_shard};
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

/// What one attempt to write came to.
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

    /// Records an enquiry under a new id, once for each key: both are written, or neither.
    ///
    /// # Errors
    /// When DynamoDB did not do it. It may have: without a key, trying again may record twice.
    pub async fn record(&self, enquiry: &Enquiry, claim: Option<&IdempotencyClaim>) -> Result<Recorded, StorageError> {
        let (mut ids, mut conflicts) = (0, 0);
        while ids < MAX_IDS {
            let id = EnquiryId::random();
            let attempt = match claim {
                Some(claim) => self.put_with_key(&id, enquiry, claim).await?,
                None => self.put(&id, enquiry).await?,
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
        }
        Err(StorageError::NoFreeId { attempts: MAX_IDS })
    }

    async fn put(&self, id: &EnquiryId, enquiry: &Enquiry) -> Result<Attempt, StorageError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(id, enquiry)))
            .condition_expression(PUT_IF)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else { return Ok(Attempt::Settled(Recorded::New(id.clone()))) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(taken)) => Ok(id_taken_by(taken.item(), id, enquiry)),
            // Another call is just now recording an enquiry under this id.
            Some(PutItemError::TransactionConflictException(_)) => Ok(Attempt::IdTaken),
            _ => Err(StorageError::of(PUT, &error)),
        }
    }

    async fn put_with_key(
        &self,
        id: &EnquiryId,
        enquiry: &Enquiry,
        claim: &IdempotencyClaim,
    ) -> Result<Attempt, StorageError> {
        let built = |put: Result<Put, BuildError>| {
            put.map(|put| TransactWriteItem::builder().put(put).build())
                .map_err(|_| StorageError::unbuildable(TRANSACTION))
        };
        let written = self
            .client
            .transact_write_items()
            .transact_items(built(self.transactional_put(id, enquiry))?)
            .transact_items(built(self.idempotency.put(claim, id, enquiry))?)
            .send()
            .await;
        let Err(error) = written else { return Ok(Attempt::Settled(Recorded::New(id.clone()))) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                self.explain(cancelled.cancellation_reasons(), id, enquiry, claim)
            }
            // The SDK has retried it already.
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => {
                Ok(Attempt::Settled(Recorded::InProgress))
            }
            _ => Err(StorageError::of(TRANSACTION, &error)),
        }
    }

    fn transactional_put(&self, id: &EnquiryId, enquiry: &Enquiry) -> Result<Put, BuildError> {
        Put::builder()
            .table_name(&self.table)
            .set_item(Some(to_item(id, enquiry)))
            .condition_expression(PUT_IF)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
    }

    /// Why a transaction was cancelled. Its reasons stand in the order of its items: the enquiry, then the key.
    fn explain(
        &self,
        reasons: &[CancellationReason],
        id: &EnquiryId,
        enquiry: &Enquiry,
        claim: &IdempotencyClaim,
    ) -> Result<Attempt, StorageError> {
        let failed = |item: usize, code: &str| reasons.get(item).filter(|reason| reason.code() == Some(code));
        if let Some(taken) = failed(1, "ConditionalCheckFailed") {
            return self.idempotency.taken_by(taken.item(), claim, enquiry).map(Attempt::Settled);
        }
        if let Some(taken) = failed(0, "ConditionalCheckFailed") {
            return Ok(id_taken_by(taken.item(), id, enquiry));
        }
        if failed(0, "TransactionConflict").or(failed(1, "TransactionConflict")).is_some() {
            return Ok(Attempt::Conflict);
        }
        let code = reasons.iter().filter_map(CancellationReason::code).find(|code| *code != "None");
        Err(StorageError::of_reason(TRANSACTION, code.unwrap_or("cancelled without a reason")))
    }
}

/// The id is taken: by this very call, whose first answer was lost, or by another enquiry.
fn id_taken_by(item: Option<&Item>, id: &EnquiryId, enquiry: &Enquiry) -> Attempt {
    let request_id = item.and_then(|item| text_of(item, "request_id"));
    if request_id.is_some_and(|request_id| request_id == enquiry.request_id.as_str()) {
        Attempt::Settled(Recorded::New(id.clone()))
    } else {
        Attempt::IdTaken
    }
}

/// The enquiry as an item. Its fields are one JSON text: a DynamoDB map loses their order, its numbers lose digits.
fn to_item(id: &EnquiryId, enquiry: &Enquiry) -> Item {
    let submission = &enquiry.submission;
    let due_at = saturating_add(enquiry.created_at, DUE_AFTER_ENQUEUE);
    let recorded = timeline_entry("recorded", enquiry.created_at, [("request_id", enquiry.request_id.as_str())]);
    let mut item = Item::from(
        [
            ("id", text(id.as_str())),
            ("form", text(submission.form.as_str())),
            ("fields", text(submission.fields.to_json())),
            ("status", text(STATUS_NEW)),
            ("created_at", time(enquiry.created_at)),
            ("request_id", text(enquiry.request_id.as_str())),
            ("environment", text(enquiry.environment.as_str())),
            ("mail_state", text(PENDING)),
            ("mail_attempts", AttributeValue::N("0".to_owned())),
            ("mail_due_shard", text(mail_due_shard(id).to_string())),
            ("mail_due_at", time(due_at)),
            ("timeline", AttributeValue::L(vec![recorded])),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    if let Some(dept) = submission.dept {
        item.insert("dept".to_owned(), text(dept.as_str()));
    }
    if !submission.redactions.is_empty() {
        item.insert("redactions".to_owned(), redactions(&submission.redactions));
    }
    if let Some(FirstResponse { severity, due }) = enquiry.first_response {
        item.insert("severity".to_owned(), text(severity.as_str()));
        item.insert("first_response_due".to_owned(), time(due));
    }
    item
}
