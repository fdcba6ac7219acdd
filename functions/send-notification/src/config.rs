//! The function's configuration.

use std::time::Duration;

use domain::{EmailAddress, Retention};
use notify::Inboxes;
use runtime::{VariableError, Variables};

/// The longest that one notification may take. It is less than the function's timeout of 30 s, or no notification would
/// ever be started.
const LONGEST_BUDGET: Duration = Duration::from_secs(28);

/// The function's configuration. Each field names its environment variable.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ENQUIRIES_TABLE`: the name of the table of enquiries.
    pub enquiries_table: String,
    /// `RETENTION_DAYS`: how many days to keep an enquiry after its email was sent. 0, the default, keeps it for ever.
    pub retention: Retention,
    /// `DEAD_LETTER_QUEUE_URL`: the queue for messages that are not notifications.
    pub dead_letter_queue_url: String,
    /// `MAIL_SENDER`: the emails' From address. SES must have verified it or its domain.
    pub sender: EmailAddress,
    /// `MAIL_CONFIGURATION_SET`: the SES configuration set that reports the delivery of each email.
    pub configuration_set: String,
    /// `INBOX_GENERAL`, `INBOX_SUPPORT`, `INBOX_PAYMENTS`, `INBOX_HARDSHIP`, `INBOX_COMPLAINTS`: the departments'
    /// addresses. `INBOX_ON_CALL`: the address of the person on call.
    pub inboxes: Inboxes,
    /// `OPERATION_TIMEOUT_MS`: how long a claim may take, 2,000 by default.
    pub claim_budget: Duration,
    /// `SEND_TIMEOUT_MS`: how long SES may take to respond, 10,000 by default. It is long because a slow response can
    /// mean a duplicate email.
    pub send_budget: Duration,
    /// `MARK_TIMEOUT_MS`: how long we try to record that an email was sent, 10,000 by default.
    pub mark_budget: Duration,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Names the variable that is missing or invalid.
    pub fn from_variables(variables: &Variables) -> Result<Self, VariableError> {
        let config = Self {
            enquiries_table: variables.required("ENQUIRIES_TABLE")?,
            retention: variables.optional("RETENTION_DAYS")?.unwrap_or_default(),
            dead_letter_queue_url: variables.required("DEAD_LETTER_QUEUE_URL")?,
            sender: variables.required("MAIL_SENDER")?,
            configuration_set: variables.required("MAIL_CONFIGURATION_SET")?,
            inboxes: Inboxes {
                general: variables.required("INBOX_GENERAL")?,
                support: variables.required("INBOX_SUPPORT")?,
                payments: variables.required("INBOX_PAYMENTS")?,
                hardship: variables.required("INBOX_HARDSHIP")?,
                complaints: variables.required("INBOX_COMPLAINTS")?,
                on_call: variables.required("INBOX_ON_CALL")?,
            },
            claim_budget: variables.milliseconds_or("OPERATION_TIMEOUT_MS", Duration::from_secs(2))?,
            send_budget: variables.milliseconds_or("SEND_TIMEOUT_MS", Duration::from_secs(10))?,
            mark_budget: variables.milliseconds_or("MARK_TIMEOUT_MS", Duration::from_secs(10))?,
        };
        if config.budget() > LONGEST_BUDGET {
            let reason = "it may be 28,000 at most, with OPERATION_TIMEOUT_MS and SEND_TIMEOUT_MS added".to_owned();
            return Err(VariableError::Bad { name: "MARK_TIMEOUT_MS", reason });
        }
        Ok(config)
    }

    /// How long one notification may take. Started with less time left, it could be cut off between SES and the mark.
    #[must_use]
    pub fn budget(&self) -> Duration {
        self.claim_budget + self.send_budget + self.mark_budget
    }
}
