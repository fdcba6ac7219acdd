//! Takes enquiries from the queue, and sends each by email to its department, once.

mod config;
mod report;

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_types::SdkConfig;
use domain::notification::{retry_after, unconfirmed_for};
use domain::{EnquiryId, LeaseId, jitter, saturating_add};
use futures_util::FutureExt;
use jiff::{SignedDuration, Timestamp};
use notify::{Batch, BatchResponse, Mail, MailSender, Message, NotificationQueue, SendError};
use storage::{Claim, Claimed, Claims, Postponed, StorageError, Written};
use tokio::time::Instant;

pub use config::Config;
pub use report::{Outcome, Report};

/// The table, SES and the dead-letter queue, for as long as the environment lives.
#[derive(Debug)]
pub struct State {
    claims: Claims,
    sender: MailSender,
    dead_letters: NotificationQueue,
    mark_budget: Duration,
    budget: Duration,
    clock: fn() -> Timestamp,
}

/// Emails one enquiry: claims it, sends it, and marks it as sent.
///
/// # Errors
/// When the claim failed. The message must be retried.
pub async fn send_notification(
    state: &State,
    id: &EnquiryId,
    queued_at: Option<Timestamp>,
) -> Result<Report, StorageError> {
    let claim = match state.claims.claim(id, LeaseId::random(), queued_at, state.now()).await? {
        Claimed::Acquired(claim) => claim,
        Claimed::Leased => return Ok(Outcome::Leased.into()),
        Claimed::Sent => return Ok(Outcome::AlreadySent.into()),
        Claimed::Failed => return Ok(Outcome::AlreadyFailed.into()),
        Claimed::Unknown => return Ok(Outcome::Unknown.into()),
    };
    match state.send(&claim).await {
        Ok(ses_message_id) => Ok(state.mark(&claim, ses_message_id).await),
        Err(SendError::NotNow(cause)) => Ok(state.postpone(&claim, Postponed::NotNow, &cause).await),
        Err(SendError::Unconfirmed(cause)) => Ok(state.hold(&claim, &cause).await),
        Err(SendError::Refused(cause)) => Ok(state.refuse(&claim, &cause).await),
    }
}

impl State {
    /// The state for `config`, with the connections of `sdk`.
    #[must_use]
    pub fn new(config: Config, sdk: &SdkConfig, clock: fn() -> Timestamp) -> Self {
        Self {
            budget: config.budget(),
            claims: Claims::new(sdk, config.enquiries_table, config.retention),
            sender: MailSender::new(sdk, config.sender, config.inboxes, config.configuration_set, config.send_budget),
            dead_letters: NotificationQueue::new(sdk, config.dead_letter_queue_url, config.claim_budget),
            mark_budget: config.mark_budget,
            clock,
        }
    }

    /// Handles a batch's messages one at a time, so that each environment sends only one email at a time. The sweeper
    /// gets any enquiry that might not finish by `deadline`.
    pub async fn handle(&self, batch: Batch, deadline: Timestamp) -> BatchResponse {
        let mut response = BatchResponse::default();
        for message in &batch.messages {
            let started = Instant::now();
            let report = self.handle_message(message, deadline).await;
            if report.outcome.comes_again() {
                response.retry(message);
            }
            report.log(message, started.elapsed());
        }
        response
    }

    async fn handle_message(&self, message: &Message, deadline: Timestamp) -> Report {
        // Do this even if little time is left: the sweeper can find an enquiry, but not this message. If Lambda stops
        // us here, no email is being sent, and the batch is retried.
        let Some(id) = message.enquiry_id() else { return self.move_to_dead_letters(message).await };
        if self.now().duration_until(deadline) < SignedDuration::try_from(self.budget).unwrap_or(SignedDuration::MAX) {
            return Outcome::NoTimeLeft.into();
        }
        let sending = AssertUnwindSafe(send_notification(self, &id, message.queued_at())).catch_unwind();
        match sending.await {
            Ok(Ok(report)) => report,
            Ok(Err(error)) => Report::from(Outcome::Retried).with_cause(&error),
            Err(_panic) => Report::from(Outcome::Retried).with_cause(&"the handler panicked"),
        }
    }

    /// Builds the email from the record alone. A record that cannot be read or rendered may work with the next version.
    async fn send(&self, claim: &Claim) -> Result<String, SendError> {
        let record = claim.record().map_err(|error| SendError::NotNow(error.to_string()))?;
        let mail = Mail::of(&record).map_err(|error| SendError::NotNow(error.to_string()))?;
        self.sender.send(&record, &mail).await
    }

    async fn mark(&self, claim: &Claim, ses_message_id: String) -> Report {
        let written = self.claims.mark_sent(claim, &ses_message_id, self.now(), self.mark_budget).await;
        let report = match written {
            Ok(Written::Done) => Report::of_claim(Outcome::Sent, claim),
            Ok(Written::Overtaken) => Report::of_claim(Outcome::Gone, claim),
            Err(error) => Report::of_claim(Outcome::Unmarked, claim).with_cause(&error),
        };
        report.sent_as(ses_message_id)
    }

    async fn postpone(&self, claim: &Claim, why: Postponed, cause: &str) -> Report {
        let now = self.now();
        let until = saturating_add(now, retry_after(claim.attempts(), jitter()));
        let written = self.claims.postpone(claim, why, cause, until, now).await;
        Report::of_written(why.into(), claim, cause, written)
    }

    async fn hold(&self, claim: &Claim, cause: &str) -> Report {
        let now = self.now();
        let until = saturating_add(now, unconfirmed_for(claim.attempts()));
        let written = self.claims.hold(claim, cause, until, now).await;
        Report::of_written(Outcome::Unconfirmed, claim, cause, written)
    }

    /// Raises one alarm per enquiry and keeps retrying. SES may accept the email once somebody has fixed the cause.
    async fn refuse(&self, claim: &Claim, cause: &str) -> Report {
        if !claim.was_refused() {
            // Log before updating the record: two alarms are better than none.
            tracing::error!(event = "mail_refused", enquiry_id = claim.id.as_str(), cause);
        }
        self.postpone(claim, Postponed::Refused, cause).await
    }

    /// Moves a message that is not a notification to the dead-letter queue, where people look at it. The rest of its
    /// batch continues.
    async fn move_to_dead_letters(&self, message: &Message) -> Report {
        match self.dead_letters.put(&message.body).await {
            Ok(()) => Outcome::Unparsable.into(),
            Err(error) => Report::from(Outcome::Retried).with_cause(&error),
        }
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }
}
