//! Records SES's events about accepted emails with their enquiries.

use aws_types::SdkConfig;
use domain::{Delivery, Retention};
use notify::MailEvent;
use runtime::{VariableError, Variables};
use storage::{Deliveries, DeliveryMoved, StorageError};

/// The function's configuration. Each field names its environment variable.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ENQUIRIES_TABLE`: the name of the table of enquiries.
    pub enquiries_table: String,
    /// `RETENTION_DAYS`: how many days to keep an enquiry after its email was sent. 0, the default, keeps it for ever.
    pub retention: Retention,
}

/// The table, for as long as the environment lives.
#[derive(Debug)]
pub struct State {
    deliveries: Deliveries,
}

/// The outcome of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// The record has the new delivery.
    Moved,
    /// The record already had this delivery or a later one. Holds that delivery, if we know it.
    Stale(Option<Delivery>),
    /// The enquiry does not exist, or the email is not from us.
    Unknown,
    /// The event is not about the email's delivery.
    Ignored,
}

/// Records a delivery event. Events may arrive in any order.
///
/// # Errors
/// When the call to the table failed. The event must be retried.
pub async fn record_mail_event(state: &State, event: &MailEvent) -> Result<Outcome, StorageError> {
    let Some(delivery) = event.delivery() else { return Ok(Outcome::Ignored) };
    let Some(id) = event.enquiry_id() else { return Ok(Outcome::Unknown) };
    let recorded = state.deliveries.record(&id, delivery, event.ses_message_id(), event.sent_at(), event.at());
    let outcome = match recorded.await? {
        DeliveryMoved::Forward => Outcome::Moved,
        DeliveryMoved::Stale(known) => Outcome::Stale(known),
        DeliveryMoved::Unknown => Outcome::Unknown,
    };
    // A server may accept an email and return it later. That raises an alarm, so the enquiry must not expire either.
    if was_delivered(Some(outcome)) && alarming(event, Some(outcome)).is_some() {
        state.deliveries.keep(&id).await?;
    }
    Ok(outcome)
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Names the variable that is missing or invalid.
    pub fn from_variables(variables: &Variables) -> Result<Self, VariableError> {
        Ok(Self {
            enquiries_table: variables.required("ENQUIRIES_TABLE")?,
            retention: variables.optional("RETENTION_DAYS")?.unwrap_or_default(),
        })
    }
}

impl State {
    /// The state for `config`, with the connections of `sdk`.
    #[must_use]
    pub fn new(config: Config, sdk: &SdkConfig) -> Self {
        Self { deliveries: Deliveries::new(sdk, config.enquiries_table, config.retention) }
    }

    /// Handles one event and writes one log line.
    ///
    /// # Errors
    /// When the event must be retried. The text contains no data.
    pub async fn handle(&self, event: MailEvent) -> Result<(), String> {
        let result = record_mail_event(self, &event).await;
        let outcome = result.as_ref().ok().copied();
        tracing::info!(
            event = alarming(&event, outcome),
            enquiry_id = event.enquiry_id().as_ref().map(domain::EnquiryId::as_str),
            ses_message_id = event.ses_message_id(),
            delivery = event.delivery().map(Delivery::as_str),
            outcome = outcome.map_or("failed", Into::into),
            cause = result.as_ref().err().map(tracing::field::display),
        );
        result.map(|_| ()).map_err(|error| error.to_string())
    }
}

/// The log event that the template counts and raises an alarm for, if the department did not get its email. An alarm
/// may be raised twice: a bounce in the record does not prove that its alarm was raised, because the response to an
/// earlier attempt may have been lost.
fn alarming(event: &MailEvent, outcome: Option<Outcome>) -> Option<&'static str> {
    match event.delivery()? {
        Delivery::Accepted | Delivery::Delivered => None,
        Delivery::SoftBounced if event.may_be_an_automatic_reply() && was_delivered(outcome) => None,
        Delivery::SoftBounced | Delivery::Bounced => Some("mail_bounced"),
        Delivery::Complained => Some("mail_complained"),
        Delivery::Rejected => Some("mail_rejected"),
    }
}

fn was_delivered(outcome: Option<Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Stale(Some(known))) if known >= Delivery::Delivered)
}
