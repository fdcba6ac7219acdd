//! What the environment decides.

use std::num::NonZeroU32;
use std::time::Duration;

use domain::Pepper;
use edge::Settings;
use runtime::{VariableError, Variables};

/// The function's configuration; each field names its environment variable.
#[derive(Clone, Debug)]
pub struct Config {
    /// What every route has:
    /// - `ENVIRONMENT`: `sandbox` or `live`;
    /// - `DOC_URL_BASE`: the page of the error reference, to which `#code` is added;
    /// - `ALLOWED_ORIGINS`: `*` or a comma-separated list of origins;
    /// - `RATE_LIMIT`: the requests that a client may make in a window of 60 seconds, at least 1;
    /// - `HANDLER_DEADLINE_MS`: how long a call may take before its response is a 503, by default 5,000.
    pub edge: Settings,
    /// `ENQUIRIES_TABLE`: the name of the table of enquiries.
    pub enquiries_table: String,
    /// `IDEMPOTENCY_TABLE`: the name of the table of idempotency records.
    pub idempotency_table: String,
    /// `RATE_COUNTERS_TABLE`: the name of the table of rate counters.
    pub rate_counters_table: String,
    /// `NOTIFICATIONS_QUEUE_URL`: the queue from which notifications are sent.
    pub queue_url: String,
    /// `PEPPER`: at least 32 secret bytes, under which keys and clients are hashed.
    pub pepper: Pepper,
    /// `ENQUEUE_TIMEOUT_MS`: how long announcing may take, by default 300.
    pub enqueue_budget: Duration,
    /// `WARM_UP_TIMEOUT_MS`: how long start-up waits for connections, by default 1,000. With 0 it opens none.
    pub warm_up_budget: Duration,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// Names the variable that is missing or bad.
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
