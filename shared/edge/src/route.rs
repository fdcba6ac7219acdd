//! What a route tells the edge of itself.

use lambda_http::http::{HeaderValue, Method};

use crate::response::ascii_value;

/// A route, without its handler.
#[derive(Debug)]
pub struct Route {
    /// The methods that it takes, besides OPTIONS.
    pub methods: &'static [Method],
    /// The largest body, in bytes as received.
    pub max_body_bytes: usize,
    /// The message of `method_not_allowed`.
    pub method_not_allowed: &'static str,
    /// The message of `internal_error`, which says what a retry does.
    pub internal_error: &'static str,
    /// The message of `service_unavailable`, likewise.
    pub service_unavailable: &'static str,
}

impl Route {
    /// The methods as the headers `allow` and `access-control-allow-methods` list them.
    pub(crate) fn allowed_methods(&self) -> HeaderValue {
        let mut methods: Vec<_> = self.methods.iter().chain(&[Method::OPTIONS]).map(Method::as_str).collect();
        methods.sort_unstable();
        ascii_value(&methods.join(", "))
    }
}
