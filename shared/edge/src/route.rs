//! A route's description for the edge.

use lambda_http::http::{HeaderValue, Method};

use crate::response::ascii_value;

/// A route, without its handler.
#[derive(Debug)]
pub struct Route {
    /// The allowed methods besides OPTIONS.
    pub methods: &'static [Method],
    /// The largest body, in bytes as received.
    pub max_body_bytes: usize,
    /// The message of `method_not_allowed`.
    pub method_not_allowed: &'static str,
    /// The message of `internal_error`. It says what a retry does.
    pub internal_error: &'static str,
    /// The message of `service_unavailable`. It says what a retry does.
    pub service_unavailable: &'static str,
}

impl Route {
    /// The methods for the headers `allow` and `access-control-allow-methods`.
    pub(crate) fn allowed_methods(&self) -> HeaderValue {
        let mut methods: Vec<_> = self.methods.iter().chain(&[Method::OPTIONS]).map(Method::as_str).collect();
        methods.sort_unstable();
        ascii_value(&methods.join(", "))
    }
}
