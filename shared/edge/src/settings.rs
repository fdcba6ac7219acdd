//! The edge's configuration.

use std::time::Duration;

use domain::Environment;

use crate::cors::AllowedOrigins;

/// The edge's configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The environment that the API runs in.
    pub environment: Environment,
    /// The URL of the error reference. `#code` is appended to it.
    pub doc_url_base: String,
    /// The origins whose pages may read responses.
    pub allowed_origins: AllowedOrigins,
    /// How many requests a client may make per window.
    pub rate_limit: u32,
    /// How long a request may take.
    pub deadline: Duration,
}
