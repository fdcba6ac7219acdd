//! The function's configuration.

use std::num::NonZeroU32;
use std::time::Duration;

use domain::Pepper;
use edge::Settings;
use runtime::{VariableError, Variables};

/// The function's configuration. Each field names its environment variable.
#[derive(Clone, Debug)]
pub struct Config {
    /// The configuration of every route:
    /// - `ENVIRONMENT`: `sandbox` or `live`.
    /// - `DOC_URL_BASE`: the URL of the error reference. `#code` is appended to it.
    /// - `ALLOWED_ORIGINS`: `*` or a comma-separated list of origins.
    /// - `RATE_LIMIT`: how many requests a client may make per 60-second window, at least 1.
    /// - `HANDLER_DEADLINE_MS`: how long a request may take before it gets a 503, 5,000 by default.
    pub edge: Settings,
    /// `ENQUIRIES_TABLE`: the name of the table of enquiries.
    pub enquiries_table: String,
    /// `IDEMPOTENCY_TABLE`: the name of the table of idempotency records.
    pub idempotency_table: String,
    /// `RATE_COUNTERS_TABLE`: the name of the table of rate counters.
    pub rate_counters_table: String,
    /// `NOTIFICATIONS_QUEUE_URL`: the queue for notifications.
    pub queue_url: String,
    /// `PEPPER`: the secret for hashing keys and clients, at least 32 bytes.
    pub pepper: Pepper,
    /// `ENQUEUE_TIMEOUT_MS`: how long queueing a notification may take, 300 by default.
    pub enqueue_budget: Duration,
    /// `WARM_UP_TIMEOUT_MS`: how long start-up waits for connections, 1,000 by default. 0 opens none.
    pub warm_up_budget: Duration,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Names the variable that is missing or invalid.
    pub fn from_variables(variables: &Variables) -> Result<Self, VariableError> {
        Ok(Self {
            edge: Settings {
                environment: variables.required("ENVIRONMENT")?,
                doc_url_base: variables.required("DOC_URL_BASE")?,
                allowed_origins: variables.required("ALLOWED_ORIGINS")?,
                rate_limit: variables.required::<NonZeroU32>("RATE_LIMIT")?.get(),
                deadline: variables.milliseconds_or("HANDLER_DEADLINE_MS", Duration::from_secs(5))?,
            },
            enquiries_table: variables.required("ENQUIRIES_TABLE")?,
            idempotency_table: variables.required("IDEMPOTENCY_TABLE")?,
            rate_counters_table: variables.required("RATE_COUNTERS_TABLE")?,
            queue_url: variables.required("NOTIFICATIONS_QUEUE_URL")?,
            pepper: variables.required("PEPPER")?,
            enqueue_budget: variables.milliseconds_or("ENQUEUE_TIMEOUT_MS", Duration::from_millis(300))?,
            warm_up_budget: Duration::from_millis(variables.optional("WARM_UP_TIMEOUT_MS")?.unwrap_or(1_000)),
        })
    }
}
