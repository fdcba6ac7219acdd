//! The outcome of a message, and its log line.

use std::time::Duration;

use notify::Message;
use storage::{Claim, Postponed, StorageError, Written};

/// The outcome of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// SES took the mail and the record says so.
    Sent,
    /// An earlier message had the enquiry mailed.
    AlreadySent,
    /// The enquiry was given up before.
    AlreadyFailed,
    /// Somebody is mailing it, or it waits for its next attempt.
    Leased,
    /// There is no such enquiry, and so nothing to mail.
    Unknown,
    /// SES did not take the mail now; the sweeper brings it back.
    Postponed,
    /// SES may have taken the mail; nobody sends it again before the lease is over.
    Unconfirmed,
    /// SES rejects the mail. Somebody must look; the sweeper brings it back.
    Refused,
    /// SES took the mail and the record does not say so: it will be mailed again.
    Unmarked,
    /// SES took the mail, and the record was removed meanwhile.
    Gone,
    /// SES did not confirm the mail; and meanwhile the record was removed, or says that SES took an earlier mail.
    Overtaken,
    /// The batch took so long that this message could have been cut off between SES and the mark. It was not begun.
    NoTimeLeft,
    /// The message is no notification and has gone to the dead-letter queue.
    Unparsable,
    /// Nothing was done; the message comes again.
    Retried,
}

/// An outcome with the details for its log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The outcome of the message.
    pub outcome: Outcome,
    /// The call that recorded the enquiry.
    request_id: Option<String>,
    /// How often the enquiry had been claimed by then.
    attempt: Option<u32>,
    ses_message_id: Option<String>,
    /// A code or an error of ours, without data.
    cause: Option<String>,
}

impl Outcome {
    /// Whether the queue is to hand the message out again. Where the record knows when it is due, that is left to the sweeper,
    /// or an SES that is slow would fill the queue, and in the end the dead-letter queue, with copies.
    #[must_use]
    pub const fn comes_again(self) -> bool {
        matches!(self, Self::Retried)
    }

    /// What the template counts.
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

    /// A record that could not be written is no loss, for the lease runs out; the log line shows it.
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

    /// Writes the one line of a message: never a body, a name or an address.
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
