//! A message's outcome and its log line.

use std::time::Duration;

use notify::Message;
use storage::{Claim, Postponed, StorageError, Written};

/// The outcome of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// SES accepted the email, and the record says so.
    Sent,
    /// The enquiry was already emailed for an earlier message.
    AlreadySent,
    /// The enquiry was already given up.
    AlreadyFailed,
    /// Another mailer is working on it, or it is waiting for its next attempt.
    Leased,
    /// The enquiry does not exist, so there is nothing to send.
    Unknown,
    /// SES did not accept the email now. The sweeper will queue it again.
    Postponed,
    /// SES may have accepted the email. Nobody sends it again before the lease ends.
    Unconfirmed,
    /// SES rejected the email. Somebody must look into it. The sweeper will queue it again.
    Refused,
    /// SES accepted the email, but the record does not say so. It will be sent again.
    Unmarked,
    /// SES accepted the email, but the record was deleted in the meantime.
    Gone,
    /// SES did not confirm the email. In the meantime the record was deleted, or an SES event reported an earlier
    /// email.
    Overtaken,
    /// The message was not started: too little of the batch's time was left to be sure of reaching the mark.
    NoTimeLeft,
    /// The message is not a notification, and is now in the dead-letter queue.
    Unparsable,
    /// Nothing was done. The message will be retried.
    Retried,
}

/// An outcome with the details for its log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The outcome of the message.
    pub outcome: Outcome,
    /// The request that recorded the enquiry.
    request_id: Option<String>,
    /// How many times the enquiry has been claimed.
    attempt: Option<u32>,
    ses_message_id: Option<String>,
    /// A code or one of our own errors, without data.
    cause: Option<String>,
}

impl Outcome {
    /// Whether the queue should deliver the message again. If the record says when it is due, the sweeper does that.
    /// Otherwise a slow SES would fill the queue, and in the end the dead-letter queue, with copies.
    #[must_use]
    pub const fn comes_again(self) -> bool {
        matches!(self, Self::Retried)
    }

    /// The log event that the template counts.
    const fn event(self) -> Option<&'static str> {
        match self {
            Self::Unmarked => Some("mark_failed"),
            _ => None,
        }
    }
}

impl From<Postponed> for Outcome {
    fn from(why: Postponed) -> Self {
        match why {
            Postponed::NotNow => Self::Postponed,
            Postponed::Refused => Self::Refused,
        }
    }
}

impl From<Outcome> for Report {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, request_id: None, attempt: None, ses_message_id: None, cause: None }
    }
}

impl Report {
    pub(crate) fn of_claim(outcome: Outcome, claim: &Claim) -> Self {
        let request_id = claim.request_id().map(str::to_owned);
        Self { request_id, attempt: Some(claim.attempts()), ..Self::from(outcome) }
    }

    /// The report after a write to the record. A failed write does no harm, because the lease expires. The log line
    /// shows the failure.
    pub(crate) fn of_written(
        outcome: Outcome,
        claim: &Claim,
        cause: &str,
        written: Result<Written, StorageError>,
    ) -> Self {
        match written {
            Ok(Written::Done) => Self::of_claim(outcome, claim).with_cause(&cause),
            Ok(Written::Overtaken) => Self::of_claim(Outcome::Overtaken, claim).with_cause(&cause),
            Err(error) => Self::of_claim(outcome, claim).with_cause(&format!("{cause}; and {error}")),
        }
    }

    pub(crate) fn sent_as(self, ses_message_id: String) -> Self {
        Self { ses_message_id: Some(ses_message_id), ..self }
    }

    pub(crate) fn with_cause(self, cause: &impl ToString) -> Self {
        Self { cause: Some(cause.to_string()), ..self }
    }

    /// Writes the message's log line, which never has a body, name or address.
    pub(crate) fn log(&self, message: &Message, took: Duration) {
        tracing::info!(
            event = self.outcome.event(),
            request_id = self.request_id,
            message_id = message.message_id,
            enquiry_id = message.enquiry_id().as_ref().map(domain::EnquiryId::as_str),
            outcome = <&str>::from(self.outcome),
            attempt = self.attempt,
            ses_message_id = self.ses_message_id,
            cause = self.cause,
            duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        );
    }
}
