//! A handler's successful response.

use lambda_http::http::{HeaderMap, StatusCode};
use serde::Serialize;

/// A response without the headers that the edge adds.
#[derive(Debug)]
pub struct Reply<FollowUp = ()> {
    /// The HTTP status.
    pub status: StatusCode,
    /// The route's own headers. The edge adds the headers of every response. The default content type is JSON.
    pub headers: HeaderMap,
    /// The body, JSON unless the headers say otherwise.
    pub body: String,
    /// The outcome for the log line.
    pub outcome: &'static str,
    /// Work for the function to do after the response is sent.
    pub follow_up: Option<FollowUp>,
}

/// The `meta` object of a JSON body (contract, Every response).
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Meta<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) environment: &'static str,
}

impl<FollowUp> Reply<FollowUp> {
    /// A response with a JSON body, which includes its [`Meta`].
    #[must_use]
    pub fn json(status: StatusCode, outcome: &'static str, body: &impl Serialize) -> Self {
        Self { status, headers: HeaderMap::new(), body: to_json(body), outcome, follow_up: None }
    }
}

#[expect(clippy::expect_used, reason = "structs of strings with string keys always serialize")]
pub(crate) fn to_json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("the body is JSON")
}
