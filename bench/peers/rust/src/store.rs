//! The tables in DynamoDB: rate counters, enquiries and idempotency keys.

use std::collections::{HashMap, HashSet};
use std::env;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use domain::{Client, Enquiry, EnquiryId, IdempotencyClaim, Pepper, STATUS_NEW, Window, jitter};
use jiff::{SignedDuration, Timestamp};
use lambda_http::Error;

use crate::problem::Problem;

const ROUTE: &str = "POST /public/v1/enquiries";
const COUNTER_KEPT_SECONDS: i64 = 300;
const KEY_KEPT_SECONDS: i64 = 24 * 60 * 60;
const MAIL_DUE_AFTER: SignedDuration = SignedDuration::from_secs(60);
const MAIL_DUE_SHARDS: u8 = 16;
const MAX_IDS: u32 = 8;
const MAX_CONFLICTS: u32 = 3;
const MAX_REMEMBERED: usize = 1_024;

type Item = HashMap<String, AttributeValue>;

pub struct Store {
    dynamodb: DynamoDb,
    pepper: Pepper,
    enquiries: String,
    idempotency: String,
    rate_counters: String,
    pub rate_limit: u32,
    /// The clients known to be over their limit in this window.
    over: Mutex<(Window, HashSet<Client>)>,
}

/// The enquiry that a call gets a 201 for.
pub struct Recorded {
    pub id: EnquiryId,
    pub is_replay: bool,
}

impl Store {
    pub fn new(config: &SdkConfig) -> Result<Self, Error> {
        Ok(Self {
            dynamodb: DynamoDb::new(config),
            pepper: env::var("PEPPER")?.parse()?,
            enquiries: env::var("ENQUIRIES_TABLE")?,
            idempotency: env::var("IDEMPOTENCY_TABLE")?,
            rate_counters: env::var("RATE_COUNTERS_TABLE")?,
            rate_limit: env::var("RATE_LIMIT")?.parse()?,
            over: Mutex::new((Window::containing(Timestamp::MIN), HashSet::new())),
        })
    }

    /// Counts one request. Says how many the client has made in this window; nothing if it is over its limit.
    pub async fn count(&self, client: &Client, now: Timestamp) -> Result<Option<u32>, Problem> {
        let window = Window::containing(now);
        if self.remembers(client, window) {
            return Ok(None);
        }
        let key = format!("{}#{}", self.pepper.client_key(client, now), window.start_second());
        let counted = self
            .dynamodb
            .update_item()
            .table_name(&self.rate_counters)
            .key("client_window", text(key))
            .condition_expression("attribute_not_exists(hits) OR hits < :limit")
            .update_expression("SET expires_at = if_not_exists(expires_at, :expires_at) ADD hits :one")
            .expression_attribute_values(":limit", number(self.rate_limit))
            .expression_attribute_values(":expires_at", number(window.end_second() + COUNTER_KEPT_SECONDS))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await;
        match counted {
            Ok(updated) => {
                let hits = updated.attributes().and_then(|item| item.get("hits")?.as_n().ok()?.parse().ok());
                hits.map(Some).ok_or_else(|| Problem::internal("the counter has no hits"))
            }
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                self.remember(client, window);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn remembers(&self, client: &Client, window: Window) -> bool {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        over.0 == window && over.1.contains(client)
    }

    fn remember(&self, client: &Client, window: Window) {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        if over.0 != window {
            *over = (window, HashSet::new());
        }
        if over.1.len() < MAX_REMEMBERED {
            over.1.insert(client.clone());
        }
    }

    /// Records an enquiry under a new id, once for each key: both are written, or neither.
    pub async fn record(&self, enquiry: &Enquiry, claim: Option<&IdempotencyClaim>) -> Result<Recorded, Problem> {
        let (mut ids, mut conflicts) = (0, 0);
        while ids < MAX_IDS {
            let id = EnquiryId::random();
            let written = match claim {
                Some(claim) => self.put_with_key(enquiry, &id, claim).await?,
                None => self.put(enquiry, &id).await?,
            };
            match written {
                Written::Recorded(recorded) => return Ok(recorded),
                Written::IdTaken => ids += 1,
                Written::Conflict => {
                    conflicts += 1;
                    if conflicts == MAX_CONFLICTS {
                        return Err(Problem::in_progress());
                    }
                    tokio::time::sleep(Duration::from_millis(25).mul_f64(1.0 + jitter())).await;
                }
            }
        }
        Err(Problem::unavailable("no free id"))
    }

    async fn put(&self, enquiry: &Enquiry, id: &EnquiryId) -> Result<Written, Problem> {
        let put = self
            .dynamodb
            .put_item()
            .table_name(&self.enquiries)
            .set_item(Some(enquiry_item(enquiry, id)))
            .condition_expression("attribute_not_exists(id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else { return Ok(Written::new(id)) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(taken)) => Ok(id_taken(taken.item(), enquiry, id)),
            _ => Err(error.into()),
        }
    }

    async fn put_with_key(
        &self,
        enquiry: &Enquiry,
        id: &EnquiryId,
        claim: &IdempotencyClaim,
    ) -> Result<Written, Problem> {
        let put = Put::builder()
            .table_name(&self.enquiries)
            .set_item(Some(enquiry_item(enquiry, id)))
            .condition_expression("attribute_not_exists(id)");
        let now = enquiry.created_at.as_second();
        let key = Put::builder()
            .table_name(&self.idempotency)
            .item("key", text(self.pepper.idempotency_record_key(ROUTE, &claim.key)))
            .item("fingerprint", text(self.pepper.fingerprint_hmac(claim.fingerprint)))
            .item("enquiry_id", text(id.as_str()))
            .item("request_id", text(enquiry.request_id.as_str()))
            .item("created_at", time(enquiry.created_at))
            .item("expires_at", number(now + KEY_KEPT_SECONDS))
            .condition_expression("attribute_not_exists(#key) OR expires_at <= :now")
            .expression_attribute_names("#key", "key")
            .expression_attribute_values(":now", number(now));
        let mut transaction = self.dynamodb.transact_write_items();
        for put in [put, key] {
            let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld).build();
            let put = put.map_err(|error| Problem::internal(error.to_string()))?;
            transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
        }
        let Err(error) = transaction.send().await else { return Ok(Written::new(id)) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                match self.why_cancelled(cancelled.cancellation_reasons(), enquiry, id, claim)? {
                    Some(written) => Ok(written),
                    None => Err(error.into()),
                }
            }
            Some(TransactWriteItemsError::TransactionInProgressException(_)) => Err(Problem::in_progress()),
            _ => Err(error.into()),
        }
    }

    /// The reasons are in the order of the items: the enquiry, then the key.
    fn why_cancelled(
        &self,
        reasons: &[CancellationReason],
        enquiry: &Enquiry,
        id: &EnquiryId,
        claim: &IdempotencyClaim,
    ) -> Result<Option<Written>, Problem> {
        let [of_enquiry, of_key] = reasons else { return Ok(None) };
        if of_key.code() == Some("ConditionalCheckFailed") {
            let first = |name| of_key.item().and_then(|item| text_of(item, name)).unwrap_or_default();
            let is_replay = first("request_id") != enquiry.request_id.as_str();
            if is_replay && first("fingerprint") != self.pepper.fingerprint_hmac(claim.fingerprint) {
                return Err(Problem::key_reused());
            }
            let id = first("enquiry_id").parse().map_err(|_| Problem::internal("the key has no enquiry"))?;
            return Ok(Some(Written::Recorded(Recorded { id, is_replay })));
        }
        Ok(match of_enquiry.code() {
            Some("ConditionalCheckFailed") => Some(id_taken(of_enquiry.item(), enquiry, id)),
            Some("TransactionConflict") => Some(Written::Conflict),
            _ if of_key.code() == Some("TransactionConflict") => Some(Written::Conflict),
            _ => None,
        })
    }
}

/// The result of one attempt to write.
enum Written {
    Recorded(Recorded),
    IdTaken,
    Conflict,
}

impl Written {
    fn new(id: &EnquiryId) -> Self {
        Self::Recorded(Recorded { id: id.clone(), is_replay: false })
    }
}

/// The id is taken: by this call, if its first response was lost, or by another enquiry.
fn id_taken(item: Option<&Item>, enquiry: &Enquiry, id: &EnquiryId) -> Written {
    let by = item.and_then(|item| text_of(item, "request_id"));
    if by == Some(enquiry.request_id.as_str()) { Written::new(id) } else { Written::IdTaken }
}

fn enquiry_item(enquiry: &Enquiry, id: &EnquiryId) -> Item {
    let Enquiry { submission, created_at, request_id, environment, first_response } = enquiry;
    let recorded =
        item([("event", text("recorded")), ("at", time(*created_at)), ("request_id", text(request_id.as_str()))]);
    let shard = id.as_str().bytes().fold(0, u8::wrapping_add) % MAIL_DUE_SHARDS;
    let mut enquiry = item([
        ("id", text(id.as_str())),
        ("form", text(submission.form.as_str())),
        ("fields", text(submission.fields.to_json())),
        ("status", text(STATUS_NEW)),
        ("created_at", time(*created_at)),
        ("request_id", text(request_id.as_str())),
        ("environment", text(environment.as_str())),
        ("mail_state", text("pending")),
        ("mail_attempts", number(0)),
        ("mail_due_shard", text(shard.to_string())),
        ("mail_due_at", time(*created_at + MAIL_DUE_AFTER)),
        ("timeline", AttributeValue::L(vec![AttributeValue::M(recorded)])),
    ]);
    if let Some(dept) = submission.dept {
        enquiry.insert("dept".into(), text(dept.as_str()));
    }
    if let Some(response) = first_response {
        enquiry.insert("severity".into(), text(<&str>::from(response.severity)));
        enquiry.insert("first_response_due".into(), time(response.due));
    }
    if !submission.redactions.is_empty() {
        let redactions = submission.redactions.iter().map(|redaction| {
            let kind = text(<&str>::from(redaction.kind));
            AttributeValue::M(item([
                ("param", text(&redaction.param)),
                ("kind", kind),
                ("count", number(redaction.count)),
            ]))
        });
        enquiry.insert("redactions".into(), AttributeValue::L(redactions.collect()));
    }
    enquiry
}

fn item<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.map(|(name, value)| (name.to_owned(), value)).into()
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn time(time: Timestamp) -> AttributeValue {
    text(format!("{time:.3}"))
}

fn text_of<'item>(item: &'item Item, name: &str) -> Option<&'item str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}
