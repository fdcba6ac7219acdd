//! The mailer's claim on an enquiry: take it, use it and release it.

use std::time::Duration;

use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use aws_types::SdkConfig;
use domain::notification::LEASE;
use domain::{Delivery, EnquiryId, LeaseId, RecordedEnquiry, Retention, saturating_add};
use jiff::Timestamp;
use tokio::time::Instant;

use super::table::{
    EXPIRES_SET, SETTLED_REMOVE, Table, Updated, Written, if_delivery_not_in, send, updated_or_old, with_deliveries,
    with_expiry,
};
use crate::attributes::{Item, text, text_of, time, timestamp_text};
use crate::enquiry_item::{enquiry_of, request_id_of};
use crate::error::StorageError;
use crate::notification_item::{FAILED, PENDING, SENDING, SENT, delivery_of, has_event, state_of, timeline_entry};

const CLAIM: &str = "UpdateItem enquiries (claim)";
/// In any state, nobody emails an enquiry before its lease ends. A duplicate message must not end a wait early.
const CLAIM_IF: &str = "mail_state IN (:pending, :sending) AND \
    (attribute_not_exists(mail_lease_until) OR mail_lease_until <= :now)";
/// A claimed enquiry does not expire, even if its retention had started before an operator made it due again.
const CLAIM_UPDATE: &str = "SET mail_state = :sending, mail_lease_id = :lease, mail_lease_until = :until, \
    mail_due_at = :until, timeline = list_append(if_not_exists(timeline, :none), :entries) \
    ADD mail_attempts :one REMOVE expires_at";

const MARK: &str = "UpdateItem enquiries (mark)";
/// Fails if an earlier attempt of this call wrote the mark and its response was lost. SES's own event does not make it
/// fail.
const MARK_IF: &str = "attribute_exists(id) AND (ses_message_id <> :message OR mail_lease_id = :lease)";
const MARK_SET: &str = "SET mail_state = :sent, ses_message_id = :message, sent_at = :now, \
    timeline = list_append(if_not_exists(timeline, :none), :entries)";
/// If the mark cannot be written, the email is sent again. So try as often as the budget allows.
const MARK_ATTEMPTS: u32 = 100;

const POSTPONE: &str = "UpdateItem enquiries (postpone)";
/// Fails if an SES event has meanwhile reported that SES accepted an earlier attempt.
const POSTPONE_IF: &str = "mail_lease_id = :lease AND mail_state = :sending";
const POSTPONE_UPDATE: &str = "SET mail_state = :pending, mail_lease_until = :until, mail_due_at = :until, \
    timeline = list_append(if_not_exists(timeline, :none), :entries) REMOVE mail_lease_id";
const HOLD: &str = "UpdateItem enquiries (hold)";
const HOLD_IF: &str = "mail_lease_id = :lease AND mail_state = :sending AND mail_lease_until <> :until";
const HOLD_UPDATE: &str = "SET mail_lease_until = :until, mail_due_at = :until, \
    timeline = list_append(if_not_exists(timeline, :none), :entries)";

/// Claims on enquiries, so that each is emailed once.
#[derive(Clone, Debug)]
pub struct Claims {
    table: Table,
    retention: Retention,
}

/// The result of claiming an enquiry.
#[derive(Debug)]
pub enum Claimed {
    /// Nobody else emails it while the lease lasts.
    Acquired(Claim),
    /// Somebody else is emailing it, or it is waiting for its next attempt.
    Leased,
    /// It has already been emailed.
    Sent,
    /// It has been given up.
    Failed,
    /// The enquiry does not exist.
    Unknown,
}

/// The right to email one enquiry until the lease ends.
#[derive(Debug)]
pub struct Claim {
    /// The enquiry's id.
    pub id: EnquiryId,
    lease: LeaseId,
    item: Item,
}

/// Why a claim is released. The record's timeline shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Postponed {
    /// SES cannot accept the email now.
    #[strum(to_string = "postponed")]
    NotNow,
    /// SES rejected the email. The timeline shows it, so that the alarm is raised once per enquiry.
    Refused,
}

impl Claims {
    /// Claims on the enquiries in `table`. Each enquiry is kept for `retention` after its email was sent.
    #[must_use]
    pub fn new(sdk: &SdkConfig, table: String, retention: Retention) -> Self {
        Self { table: Table::new(sdk, table), retention }
    }

    /// Claims an enquiry that is not emailed yet, under the new lease `lease`. `queued_at` is when its message was
    /// queued.
    ///
    /// # Errors
    /// When the call to DynamoDB failed. If it has made the claim, the lease expires.
    pub async fn claim(
        &self,
        id: &EnquiryId,
        lease: LeaseId,
        queued_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Claimed, StorageError> {
        let queued = queued_at.map(|at| timeline_entry("queued", at, []));
        let claimed = timeline_entry("claimed", now, []);
        let update = self
            .table
            .update_with_timeline(id, CLAIM_IF, CLAIM_UPDATE, queued.into_iter().chain([claimed]))
            .expression_attribute_values(":pending", text(PENDING))
            .expression_attribute_values(":sending", text(SENDING))
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":lease", text(lease.as_str()))
            .expression_attribute_values(":until", time(saturating_add(now, LEASE)))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .return_values(ReturnValue::AllNew);
        let item = match send(update, CLAIM).await? {
            Ok(item) => item,
            Err(None) => return Ok(Claimed::Unknown),
            Err(Some(old)) => match state_of(&old) {
                // The response to our first attempt was lost.
                Some(SENDING) if text_of(&old, "mail_lease_id") == Some(lease.as_str()) => old,
                Some(PENDING | SENDING) => return Ok(Claimed::Leased),
                Some(SENT) => return Ok(Claimed::Sent),
                Some(FAILED) => return Ok(Claimed::Failed),
                _ => return Err(StorageError::unreadable(CLAIM, "mail_state")),
            },
        };
        Ok(Claimed::Acquired(Claim { id: id.clone(), lease, item }))
    }

    /// Marks the email as sent, with retries until `budget` is used up. Does not recreate a deleted record.
    ///
    /// # Errors
    /// When the calls to DynamoDB failed. The email will be sent again.
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
            // SES's event came first, and the department does not have the email, so keep the enquiry.
            Err(Some(old)) if expires_at.is_some() && delivery_of(&old).is_some_and(|delivery| !delivery.is_good()) => {
                let left = budget.saturating_sub(started.elapsed());
                self.try_to_mark(claim, ses_message_id, now, None, left).await?
            }
            marked => marked,
        };
        // If the condition fails but the record exists, it is already marked.
        Ok(if matches!(marked, Err(None)) { Written::Overtaken } else { Written::Done })
    }

    /// One attempt of [`Claims::mark_sent`]. It sets when the enquiry expires, unless SES has already reported that the
    /// department does not have the email.
    async fn try_to_mark(
        &self,
        claim: &Claim,
        ses_message_id: &str,
        now: Timestamp,
        expires_at: Option<Timestamp>,
        budget: Duration,
    ) -> Result<Updated, StorageError> {
        let client = self.table.client.config();
        // All calls share a retry quota. It may be used up just when the table recovers.
        let unlimited = RetryPartition::custom(MARK).token_bucket(TokenBucket::unlimited()).build();
        let mut config = Builder::new().retry_partition(unlimited);
        config
            .set_timeout_config(client.timeout_config().map(|all| all.to_builder().operation_timeout(budget).build()))
            .set_retry_config(client.retry_config().map(|retries| retries.clone().with_max_attempts(MARK_ATTEMPTS)));
        let entry = timeline_entry("sent", now, [("ses_message_id", ses_message_id)]);
        let not_good: Vec<_> =
            Delivery::ALL.iter().copied().filter(|delivery| expires_at.is_some() && !delivery.is_good()).collect();
        let (condition, set) = match expires_at {
            Some(_) => (format!("{MARK_IF} AND {}", if_delivery_not_in(&not_good)), format!("{MARK_SET}{EXPIRES_SET}")),
            None => (MARK_IF.to_owned(), MARK_SET.to_owned()),
        };
        let update = format!("{set} {SETTLED_REMOVE}");
        let update = with_expiry(self.table.update_with_timeline(&claim.id, &condition, &update, [entry]), expires_at)
            .expression_attribute_values(":sent", text(SENT))
            .expression_attribute_values(":message", text(ses_message_id))
            .expression_attribute_values(":lease", text(claim.lease.as_str()))
            .expression_attribute_values(":now", time(now));
        updated_or_old(with_deliveries(update, &not_good).customize().config_override(config).send().await, MARK)
    }

    /// Releases the claim, because SES did not accept the email for the reason in `event`. The next attempt is not
    /// before `until`.
    ///
    /// # Errors
    /// When the call to DynamoDB failed. The lease expires.
    pub async fn postpone(
        &self,
        claim: &Claim,
        event: Postponed,
        cause: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Written, StorageError> {
        let entry = timeline_entry(event.into(), now, [("cause", cause)]);
        let update = self
            .table
            .update_with_timeline(&claim.id, POSTPONE_IF, POSTPONE_UPDATE, [entry])
            .expression_attribute_values(":lease", text(claim.lease.as_str()))
            .expression_attribute_values(":sending", text(SENDING))
            .expression_attribute_values(":pending", text(PENDING))
            .expression_attribute_values(":until", time(until));
        write_wait(update, POSTPONE, until).await
    }

    /// Keeps the claim until `until`, because SES may have accepted the email. Nobody emails the enquiry before then.
    ///
    /// # Errors
    /// When the call to DynamoDB failed. The lease expires at its old time.
    pub async fn hold(
        &self,
        claim: &Claim,
        cause: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Written, StorageError> {
        let entry = timeline_entry("unconfirmed", now, [("cause", cause)]);
        let update = self
            .table
            .update_with_timeline(&claim.id, HOLD_IF, HOLD_UPDATE, [entry])
            .expression_attribute_values(":lease", text(claim.lease.as_str()))
            .expression_attribute_values(":sending", text(SENDING))
            .expression_attribute_values(":until", time(until));
        write_wait(update, HOLD, until).await
    }
}

impl Claim {
    /// How many times the enquiry has been claimed, including this time.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.item.get("mail_attempts").and_then(|attempts| attempts.as_n().ok()?.parse().ok()).unwrap_or(1)
    }

    /// Whether SES has rejected the email before.
    #[must_use]
    pub fn was_refused(&self) -> bool {
        has_event(&self.item, Postponed::Refused.into())
    }

    /// The request that recorded the enquiry.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        request_id_of(&self.item)
    }

    /// The enquiry as recorded.
    ///
    /// # Errors
    /// When the record is not in the format that we write.
    pub fn record(&self) -> Result<RecordedEnquiry, StorageError> {
        Ok(RecordedEnquiry { id: self.id.clone(), enquiry: enquiry_of(&self.item, CLAIM)? })
    }
}

/// Sends an update that forbids an email before `until`.
async fn write_wait(
    update: UpdateItemFluentBuilder,
    operation: &'static str,
    until: Timestamp,
) -> Result<Written, StorageError> {
    match send(update, operation).await? {
        Ok(_) => Ok(Written::Done),
        // The response to our first attempt was lost.
        Err(Some(old)) if text_of(&old, "mail_lease_until") == Some(&timestamp_text(until)) => Ok(Written::Done),
        Err(_) => Ok(Written::Overtaken),
    }
}
