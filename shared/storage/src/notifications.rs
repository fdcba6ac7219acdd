//! The table `enquiries` again: what becomes of an enquiry's notification.
//!
//! A notification is `pending`, then `sending` under a lease, then `sent` or `failed`. While it is one of the first two it
//! stands in the index `mail-due`, so whatever happens to message and mailer, the sweeper finds it.

use std::time::Duration;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, Select};
use aws_types::SdkConfig;
use domain::notification::{DUE_AFTER_REQUEUE, LEASE};
use domain::{Delivery, Enquiry, EnquiryId, Fields, FirstResponse, LeaseId, Retention, Submission, saturating_add};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::attributes::{
    Item, parsed, parsed_if_there, redactions_of, text, text_of, time, timeline_entry, timestamp_text,
};
use crate::error::StorageError;

pub(crate) const PENDING: &str = "pending";
const SENDING: &str = "sending";
const SENT: &str = "sent";
const FAILED: &str = "failed";

/// The partitions of the index `mail-due`, so that no one of them takes all writes.
pub const MAIL_DUE_SHARDS: u8 = 16;
const MAIL_DUE_INDEX: &str = "mail-due";

const CLAIM: &str = "UpdateItem enquiries (claim)";
/// Whatever state it is in, nobody mails it before its lease is over: a copy of its message must not cut a wait short.
const CLAIM_IF: &str = "mail_state IN (:pending, :sending) AND \
    (attribute_not_exists(mail_lease_until) OR mail_lease_until <= :now)";
/// What is still to be mailed does not expire, even if it did before somebody made it due again.
const CLAIM_UPDATE: &str = "SET mail_state = :sending, mail_lease_id = :lease, mail_lease_until = :until, \
    mail_due_at = :until, timeline = list_append(if_not_exists(timeline, :none), :entries) \
    ADD mail_attempts :one REMOVE expires_at";

const MARK: &str = "UpdateItem enquiries (mark)";
/// Not if this very call has been here before and its answer was lost. (That SES's own event has been here is no reason.)
const MARK_IF: &str = "attribute_exists(id) AND (ses_message_id <> :message OR mail_lease_id = :lease)";
const MARK_SET: &str = "SET mail_state = :sent, ses_message_id = :message, sent_at = :now, \
    timeline = list_append(if_not_exists(timeline, :none), :entries)";
/// A notification that is sent or failed is due no more.
const SETTLED_REMOVE: &str = "REMOVE mail_due_shard, mail_due_at, mail_lease_id, mail_lease_until";
/// From then on an enquiry that was sent is kept only for so long.
const EXPIRES_SET: &str = ", expires_at = if_not_exists(expires_at, :expires_at)";
/// A mail whose mark cannot be written is sent again, so this call is worth more attempts than any other: as many as fit
/// into its budget.
const MARK_ATTEMPTS: u32 = 100;

const POSTPONE: &str = "UpdateItem enquiries (postpone)";
/// Not if SES's event has said meanwhile that it took an earlier attempt.
const IF_MINE: &str = "mail_lease_id = :lease AND mail_state = :sending";
const POSTPONE_UPDATE: &str = "SET mail_state = :pending, mail_lease_until = :until, mail_due_at = :until, \
    timeline = list_append(if_not_exists(timeline, :none), :entries) REMOVE mail_lease_id";
const HOLD: &str = "UpdateItem enquiries (hold)";
const HOLD_IF: &str = "mail_lease_id = :lease AND mail_state = :sending AND mail_lease_until <> :until";
const HOLD_UPDATE: &str = "SET mail_lease_until = :until, mail_due_at = :until, \
    timeline = list_append(if_not_exists(timeline, :none), :entries)";

const GIVE_UP: &str = "UpdateItem enquiries (give up)";
const IF_STILL_DUE: &str = "mail_due_at = :seen";
const GIVE_UP_SET: &str = "SET mail_state = :failed, \
    timeline = list_append(if_not_exists(timeline, :none), :entries)";

const SWEEP: &str = "Query enquiries mail-due";
const SWEEP_WHERE: &str = "mail_due_shard = :shard AND mail_due_at <= :now";
const MOVE: &str = "UpdateItem enquiries (move)";
const MOVE_UPDATE: &str = "SET mail_due_at = :until REMOVE expires_at";

const DELIVERY: &str = "UpdateItem enquiries (delivery)";
/// That anything became of the mail proves that SES took it, even where our own mark was not written.
const DELIVERY_SET: &str = "SET delivery = :delivery, mail_state = :sent, \
    ses_message_id = if_not_exists(ses_message_id, :message), sent_at = if_not_exists(sent_at, :sent_at), \
    timeline = list_append(if_not_exists(timeline, :none), :entries)";
const KEEP: &str = "UpdateItem enquiries (keep)";
/// The lease stays ours: our mark, if it is still to come, must find it.
const DELIVERY_REMOVE: &str = "REMOVE mail_due_shard, mail_due_at, mail_lease_until";

/// The notifications of all enquiries, each of which is mailed once.
#[derive(Clone, Debug)]
pub struct Notifications {
    client: DynamoDb,
    table: String,
    retention: Retention,
}

/// What came of the wish to mail an enquiry.
#[derive(Debug)]
pub enum Claimed {
    /// Nobody else will mail it as long as the lease holds.
    Mine(Claim),
    /// Somebody else is mailing it, or was a moment ago.
    Leased,
    /// It has been mailed.
    Sent,
    /// It has been given up.
    Failed,
    /// There is no such enquiry.
    Unknown,
}

/// The right to mail one enquiry until the lease is over.
#[derive(Debug)]
pub struct Claim {
    id: EnquiryId,
    lease: LeaseId,
    item: Item,
}

/// Why a claim is given back, as the record's timeline says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Postponed {
    /// SES cannot take the mail now.
    NotNow,
    /// SES rejects the mail. That is seen in the timeline, so that the alarm rings once for each enquiry.
    Refused,
}

/// Whether a record said so in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It does.
    Done,
    /// The record has gone, or it has moved on without us.
    Overtaken,
}

/// A notification that is due.
#[derive(Clone, Debug)]
pub struct Due {
    /// Whose.
    pub id: EnquiryId,
    due_at: String,
}

/// Some of what is due in one shard.
#[derive(Clone, Debug, Default)]
pub struct DueInShard {
    /// The longest due first.
    pub due: Vec<Due>,
    /// How many more there are. Beyond ten thousand or so, at least that many; 1 if they could not be counted.
    pub left: usize,
    /// How many of those that were read are no enquiries.
    pub unreadable: usize,
}

/// What came of the wish to move a due time.
#[derive(Clone, Debug)]
pub enum Moved {
    /// It is due later now, and ours to put on the queue.
    Later {
        /// Since when it has been waiting for its mail: since it was recorded, or since an operator made it due again after it
        /// had failed. Nothing if the record does not say so readably.
        pending_since: Option<Timestamp>,
        /// The notification with its new due time.
        due: Due,
    },
    /// It was mailed, claimed or moved meanwhile.
    Overtaken,
}

/// What came of news about a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryMoved {
    /// The record says so now.
    Forward,
    /// The record says so already, or something later: which, if that is a word that we know.
    Stale(Option<Delivery>),
    /// There is no such enquiry.
    Unknown,
}

impl Notifications {
    /// The notifications of the enquiries in `table`, each of which is kept for `retention` once its mail was sent.
    #[must_use]
    pub fn new(sdk: &SdkConfig, table: String, retention: Retention) -> Self {
        Self { client: DynamoDb::new(sdk), table, retention }
    }

    /// Takes the lease of an enquiry that is still to be mailed. `queued_at` is when its message was put on the queue.
    ///
    /// # Errors
    /// When DynamoDB did not do it. It may have; then the lease runs out.
    pub async fn claim(
        &self,
        id: &EnquiryId,
        queued_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Claimed, StorageError> {
        let lease = LeaseId::random();
        let queued = queued_at.map(|at| timeline_entry("queued", at, []));
        let claimed = timeline_entry("claimed", now, []);
        let updated = self
            .update(id, CLAIM_IF, CLAIM_UPDATE, queued.into_iter().chain([claimed]))
            .expression_attribute_values(":pending", text(PENDING))
            .expression_attribute_values(":sending", text(SENDING))
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":lease", text(lease.as_str()))
            .expression_attribute_values(":until", time(saturating_add(now, LEASE)))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let mine = |item: Item| Claimed::Mine(Claim { id: id.clone(), lease: lease.clone(), item });
        let old = match or_old(updated, CLAIM)? {
            Ok(updated) => return Ok(mine(updated.attributes.unwrap_or_default())),
            Err(None) => return Ok(Claimed::Unknown),
            Err(Some(old)) => old,
        };
        match text_of(&old, "mail_state") {
            // The answer to our first attempt was lost.
            Some(SENDING) if text_of(&old, "mail_lease_id") == Some(lease.as_str()) => Ok(mine(old)),
            Some(PENDING | SENDING) => Ok(Claimed::Leased),
            Some(SENT) => Ok(Claimed::Sent),
            Some(FAILED) => Ok(Claimed::Failed),
            _ => Err(StorageError::unreadable(CLAIM, "mail_state")),
        }
    }

    /// Writes down that SES has taken the mail, trying for as long as `budget`. A record that has gone stays gone.
    ///
    /// # Errors
    /// When DynamoDB did not do it: the mail will be sent again.
    pub async fn mark_sent(
        &self,
        claim: &Claim,
        ses_message_id: &str,
        now: Timestamp,
        budget: Duration,
    ) -> Result<Written, StorageError> {
        let started = Instant::now();
        let expires_at = self.retention.expires_at(now);
        let marked = match self.try_to_mark(claim, ses_message_id, now, expires_at, budget).await? {
            // SES's event was faster. Its bad news keeps the enquiry.
            Err(Some(old)) if expires_at.is_some() && delivery_of(&old).is_some_and(|news| !news.is_good()) => {
                let left = budget.saturating_sub(started.elapsed());
                self.try_to_mark(claim, ses_message_id, now, None, left).await?
            }
            marked => marked,
        };
        // A record that is there, and is not to be marked, says so already.
        Ok(if matches!(marked, Err(None)) { Written::Overtaken } else { Written::Done })
    }

    /// One attempt of [`Notifications::mark_sent`]. It sets when the enquiry expires, unless SES has said already that the department
    /// does not have the mail.
    async fn try_to_mark(
        &self,
        claim: &Claim,
        ses_message_id: &str,
        now: Timestamp,
        expires_at: Option<Timestamp>,
        budget: Duration,
    ) -> Result<Result<UpdateItemOutput, Option<Item>>, StorageError> {
        let (timeouts, retries) = (self.client.config().timeout_config(), self.client.config().retry_config());
        // The quota of retries that all calls share may be spent, just when a table comes back.
        let unlimited = RetryPartition::custom(MARK).token_bucket(TokenBucket::unlimited()).build();
        let mut patiently = Builder::new().retry_partition(unlimited);
        patiently
            .set_timeout_config(timeouts.map(|timeouts| timeouts.to_builder().operation_timeout(budget).build()))
            .set_retry_config(retries.map(|retries| retries.clone().with_max_attempts(MARK_ATTEMPTS)));
        let entry = timeline_entry("sent", now, [("ses_message_id", ses_message_id)]);
        let bad_news: Vec<_> =
            Delivery::ALL.iter().copied().filter(|news| expires_at.is_some() && !news.is_good()).collect();
        let (condition, set) = match expires_at {
            Some(_) => (format!("{MARK_IF} AND {}", unless_said(&bad_news)), format!("{MARK_SET}{EXPIRES_SET}")),
            None => (MARK_IF.to_owned(), MARK_SET.to_owned()),
        };
        let update =
            expiring(self.update(&claim.id, &condition, &format!("{set} {SETTLED_REMOVE}"), [entry]), expires_at)
                .expression_attribute_values(":sent", text(SENT))
                .expression_attribute_values(":message", text(ses_message_id))
                .expression_attribute_values(":lease", text(claim.lease.as_str()))
                .expression_attribute_values(":now", time(now));
        or_old(naming(update, &bad_news).customize().config_override(patiently).send().await, MARK)
    }

    /// Gives the claim back: SES did not take the mail, for the reason in `event`, and is asked again at `until` and not before.
    ///
    /// # Errors
    /// When DynamoDB did not do it: the lease runs out.
    pub async fn postpone(
        &self,
        claim: &Claim,
        event: Postponed,
        cause: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Written, StorageError> {
        let entry = timeline_entry(event.as_str(), now, [("cause", cause)]);
        let updated = self
            .update(&claim.id, IF_MINE, POSTPONE_UPDATE, [entry])
            .expression_attribute_values(":lease", text(claim.lease.as_str()))
            .expression_attribute_values(":sending", text(SENDING))
            .expression_attribute_values(":pending", text(PENDING))
            .expression_attribute_values(":until", time(until))
            .send()
            .await;
        written(updated, POSTPONE, until)
    }

    /// Keeps the claim until `until`, so that nobody mails before: SES may have taken the mail or not.
    ///
    /// # Errors
    /// When DynamoDB did not do it: the lease runs out when it would have.
    pub async fn hold(
        &self,
        claim: &Claim,
        cause: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Written, StorageError> {
        let entry = timeline_entry("unconfirmed", now, [("cause", cause)]);
        let updated = self
            .update(&claim.id, HOLD_IF, HOLD_UPDATE, [entry])
            .expression_attribute_values(":lease", text(claim.lease.as_str()))
            .expression_attribute_values(":sending", text(SENDING))
            .expression_attribute_values(":until", time(until))
            .send()
            .await;
        written(updated, HOLD, until)
    }

    /// What is due in one of the [`MAIL_DUE_SHARDS`], at most `limit` of it.
    ///
    /// # Errors
    /// When DynamoDB did not answer.
    pub async fn due(&self, shard: u8, now: Timestamp, limit: u16) -> Result<DueInShard, StorageError> {
        let query = || {
            self.client
                .query()
                .table_name(&self.table)
                .index_name(MAIL_DUE_INDEX)
                .key_condition_expression(SWEEP_WHERE)
                .expression_attribute_values(":shard", text(shard.to_string()))
                .expression_attribute_values(":now", time(now))
        };
        let mut found = DueInShard::default();
        let mut start = None;
        loop {
            let missing = i32::from(limit) - i32::try_from(found.due.len() + found.unreadable).unwrap_or(i32::MAX);
            let page = query().limit(missing).set_exclusive_start_key(start).send().await;
            let page = page.map_err(|error| StorageError::of(SWEEP, &error))?;
            for item in page.items() {
                let due_at = text_of(item, "mail_due_at").unwrap_or_default().to_owned();
                match parsed(item, "id", SWEEP) {
                    Ok(id) => found.due.push(Due { id, due_at }),
                    Err(_) => found.unreadable += 1,
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() || found.due.len() + found.unreadable >= usize::from(limit) {
                break;
            }
        }
        if start.is_some() {
            let rest = query().select(Select::Count).set_exclusive_start_key(start).send().await;
            // What was found is worth more than how much was not.
            found.left = rest.map_or(1, |rest| usize::try_from(rest.count).unwrap_or_default());
        }
        Ok(found)
    }

    /// Lets a notification come due later, if it is still due as it was seen: who does so may put it on the queue.
    ///
    /// # Errors
    /// When DynamoDB did not do it. It may have; then it comes due again.
    pub async fn move_due(&self, due: &Due, now: Timestamp) -> Result<Moved, StorageError> {
        let until = timestamp_text(saturating_add(now, DUE_AFTER_REQUEUE));
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", text(due.id.as_str()))
            .condition_expression(IF_STILL_DUE)
            .update_expression(MOVE_UPDATE)
            .expression_attribute_values(":seen", text(&due.due_at))
            .expression_attribute_values(":until", text(&until))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let item = match or_old(updated, MOVE)? {
            Ok(updated) => updated.attributes.unwrap_or_default(),
            // The answer to our first attempt was lost.
            Err(Some(old)) if text_of(&old, "mail_due_at") == Some(&until) => old,
            Err(_) => return Ok(Moved::Overtaken),
        };
        let pending_since =
            parsed(&item, "mail_pending_since", MOVE).or_else(|_| parsed(&item, "created_at", MOVE)).ok();
        Ok(Moved::Later { pending_since, due: Due { id: due.id.clone(), due_at: until } })
    }

    /// Gives up an enquiry that has been due for too long, if it is still due as it was seen.
    ///
    /// # Errors
    /// When DynamoDB did not do it: it comes due again.
    pub async fn give_up(&self, due: &Due, cause: &str, now: Timestamp) -> Result<Written, StorageError> {
        let entry = timeline_entry("failed", now, [("cause", cause)]);
        let updated = self
            .update(&due.id, IF_STILL_DUE, &format!("{GIVE_UP_SET} {SETTLED_REMOVE}"), [entry])
            .expression_attribute_values(":seen", text(&due.due_at))
            .expression_attribute_values(":failed", text(FAILED))
            .send()
            .await;
        match or_old(updated, GIVE_UP)? {
            // A record that says so already is as good.
            Err(old) if old.as_ref().and_then(|old| text_of(old, "mail_state")) != Some(FAILED) => {
                Ok(Written::Overtaken)
            }
            _ => Ok(Written::Done),
        }
    }

    /// Writes down what became of a mail that SES took at `sent_at`, unless the record knows it, or something later. Where the
    /// department may not have the mail, the enquiry does not expire.
    ///
    /// # Errors
    /// When DynamoDB did not do it.
    pub async fn record_delivery(
        &self,
        id: &EnquiryId,
        delivery: Delivery,
        ses_message_id: &str,
        sent_at: Timestamp,
        at: Timestamp,
    ) -> Result<DeliveryMoved, StorageError> {
        let not_earlier: Vec<_> = Delivery::ALL.iter().copied().filter(|other| *other >= delivery).collect();
        let condition = format!("attribute_exists(id) AND {}", unless_said(&not_earlier));
        let entry = timeline_entry(delivery.as_str(), at, [("ses_message_id", ses_message_id)]);
        let expires_at = self.retention.expires_at(at).filter(|_| delivery.is_good());
        let update = match expires_at {
            Some(_) => format!("{DELIVERY_SET}{EXPIRES_SET} {DELIVERY_REMOVE}"),
            None if delivery.is_good() => format!("{DELIVERY_SET} {DELIVERY_REMOVE}"),
            None => format!("{DELIVERY_SET} {DELIVERY_REMOVE}, expires_at"),
        };
        let update = expiring(self.update(id, &condition, &update, [entry]), expires_at)
            .expression_attribute_values(":delivery", text(delivery.as_str()))
            .expression_attribute_values(":sent", text(SENT))
            .expression_attribute_values(":message", text(ses_message_id))
            .expression_attribute_values(":sent_at", time(sent_at));
        match or_old(naming(update, &not_earlier).send().await, DELIVERY)? {
            Ok(_) => Ok(DeliveryMoved::Forward),
            Err(Some(old)) => Ok(DeliveryMoved::Stale(delivery_of(&old))),
            Err(None) => Ok(DeliveryMoved::Unknown),
        }
    }

    /// Has an enquiry stay that was to expire, if there is one.
    ///
    /// # Errors
    /// When DynamoDB did not do it.
    pub async fn keep(&self, id: &EnquiryId) -> Result<(), StorageError> {
        let kept = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", text(id.as_str()))
            .condition_expression("attribute_exists(expires_at)")
            .update_expression("REMOVE expires_at")
            .send()
            .await;
        or_old(kept, KEEP).map(|_| ())
    }

    /// An update of one record that adds to its timeline, and shows the record as it was when the condition fails.
    fn update(
        &self,
        id: &EnquiryId,
        condition: &str,
        update: &str,
        timeline: impl IntoIterator<Item = AttributeValue>,
    ) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("id", text(id.as_str()))
            .condition_expression(condition)
            .update_expression(update)
            .expression_attribute_values(":none", AttributeValue::L(Vec::new()))
            .expression_attribute_values(":entries", AttributeValue::L(timeline.into_iter().collect()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

impl Postponed {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NotNow => "postponed",
            Self::Refused => "refused",
        }
    }
}

impl Claim {
    /// How often the enquiry has been claimed, this time included.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.item.get("mail_attempts").and_then(|attempts| attempts.as_n().ok()?.parse().ok()).unwrap_or(1)
    }

    /// Whether SES has rejected the mail before.
    #[must_use]
    pub fn was_refused(&self) -> bool {
        let timeline = self.item.get("timeline").and_then(|timeline| timeline.as_l().ok());
        let is_refusal = |entry: &AttributeValue| {
            entry.as_m().is_ok_and(|entry| text_of(entry, "event") == Some(Postponed::Refused.as_str()))
        };
        timeline.is_some_and(|entries| entries.iter().any(is_refusal))
    }

    /// The call that recorded the enquiry.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        text_of(&self.item, "request_id")
    }

    /// The enquiry as it was recorded.
    ///
    /// # Errors
    /// When the record is not what we write.
    pub fn enquiry(&self) -> Result<Enquiry, StorageError> {
        let item = &self.item;
        let fields = text_of(item, "fields").and_then(|fields| Fields::from_json(fields).ok());
        let severity = parsed_if_there(item, "severity", CLAIM)?;
        let due = parsed_if_there(item, "first_response_due", CLAIM)?;
        Ok(Enquiry {
            submission: Submission {
                form: parsed(item, "form", CLAIM)?,
                dept: parsed_if_there(item, "dept", CLAIM)?,
                fields: fields.ok_or_else(|| StorageError::unreadable(CLAIM, "fields"))?,
                redactions: redactions_of(item),
            },
            created_at: parsed(item, "created_at", CLAIM)?,
            request_id: parsed(item, "request_id", CLAIM)?,
            environment: parsed(item, "environment", CLAIM)?,
            first_response: severity.zip(due).map(|(severity, due)| FirstResponse { severity, due }),
        })
    }
}

/// Whether nobody may mail before `until`, as an update was to say that may be overtaken.
fn written(
    updated: Result<UpdateItemOutput, SdkError<UpdateItemError>>,
    operation: &'static str,
    until: Timestamp,
) -> Result<Written, StorageError> {
    match or_old(updated, operation)? {
        Ok(_) => Ok(Written::Done),
        // The answer to our first attempt was lost.
        Err(Some(old)) if text_of(&old, "mail_lease_until") == Some(&timestamp_text(until)) => Ok(Written::Done),
        Err(_) => Ok(Written::Overtaken),
    }
}

/// What an update answered; or, when its condition failed, the record as it was, if there is one.
fn or_old(
    updated: Result<UpdateItemOutput, SdkError<UpdateItemError>>,
    operation: &'static str,
) -> Result<Result<UpdateItemOutput, Option<Item>>, StorageError> {
    match updated {
        Ok(updated) => Ok(Ok(updated)),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => Ok(Err(failed.item().cloned())),
            _ => Err(StorageError::of(operation, &error)),
        },
    }
}

/// An update after which the enquiry expires at this time, if at any: the value that [`EXPIRES_SET`] names.
fn expiring(update: UpdateItemFluentBuilder, expires_at: Option<Timestamp>) -> UpdateItemFluentBuilder {
    let Some(expires_at) = expires_at else { return update };
    update.expression_attribute_values(":expires_at", AttributeValue::N(expires_at.as_second().to_string()))
}

/// The condition that SES has said none of these of the mail. [`naming`] gives the values that it names.
fn unless_said(deliveries: &[Delivery]) -> String {
    let names: Vec<_> = deliveries.iter().map(|delivery| format!(":{delivery}")).collect();
    format!("NOT delivery IN ({})", names.join(", "))
}

/// An update whose condition names these.
fn naming(update: UpdateItemFluentBuilder, deliveries: &[Delivery]) -> UpdateItemFluentBuilder {
    deliveries.iter().fold(update, |update, delivery| {
        update.expression_attribute_values(format!(":{delivery}"), text(delivery.as_str()))
    })
}

/// What SES has said of the mail, if it is a word that we know.
fn delivery_of(item: &Item) -> Option<Delivery> {
    text_of(item, "delivery")?.parse().ok()
}

/// Spreads enquiries over the shards: the sum over an id's random characters is even to 0.2 %.
pub(crate) fn mail_due_shard(id: &EnquiryId) -> u8 {
    id.as_str().bytes().fold(0, u8::wrapping_add) % MAIL_DUE_SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enquiries_spread_over_all_shards_of_the_index() {
        let mut counts = [0_u32; MAIL_DUE_SHARDS as usize];
        for _ in 0..16_000 {
            counts[usize::from(mail_due_shard(&EnquiryId::random()))] += 1;
        }
        assert!(counts.iter().all(|count| (500..=1_500).contains(count)), "{counts:?}");
    }
}
