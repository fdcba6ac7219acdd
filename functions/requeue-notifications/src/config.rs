//! The function's configuration.

use std::time::Duration;

use runtime::{VariableError, Variables};

/// The function's configuration. Each field names its environment variable.
#[derive(Clone, Debug)]
pub struct Config {
    /// `ENQUIRIES_TABLE`: the name of the table of enquiries.
    pub enquiries_table: String,
    /// `NOTIFICATIONS_QUEUE_URL`: the queue for notifications.
    pub queue_url: String,
    /// `ENQUEUE_TIMEOUT_MS`: how long queueing ten notifications may take, 2,000 by default.
    pub enqueue_budget: Duration,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Names the variable that is missing or invalid.
    pub fn from_variables(variables: &Variables) -> Result<Self, VariableError> {
        Ok(Self {
            enquiries_table: variables.required("ENQUIRIES_TABLE")?,
            queue_url: variables.required("NOTIFICATIONS_QUEUE_URL")?,
            enqueue_budget: variables.milliseconds_or("ENQUEUE_TIMEOUT_MS", Duration::from_secs(2))?,
        })
    }
}
