//! What the environment decides about the edge.

use std::time::Duration;

use domain::Environment;

use crate::cors::AllowedOrigins;

/// What the environment decides about the edge.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the API runs.
    pub environment: Environment,
    /// The page of the error reference, to which `#code` is added.
    pub doc_url_base: String,
    /// Which pages may read responses.
    pub allowed_origins: AllowedOrigins,
    /// How many requests a client may make in a window.
    pub rate_limit: u32,
    /// How long a call may take.
    pub deadline: Duration,
}
