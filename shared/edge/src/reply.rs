//! The response of a handler when all is well.

use lambda_http::http::{HeaderMap, StatusCode};
use serde::Serialize;

/// A response without the headers that every response has.
#[derive(Debug)]
pub struct Reply<FollowUp = ()> {
    /// The status.
    pub status: StatusCode,
    /// The route's own headers. The edge adds those of every response, and the content type of JSON unless there is one here.
    pub headers: HeaderMap,
    /// The body, JSON unless the headers say otherwise.
    pub body: String,
    /// What the log calls it.
    pub outcome: &'static str,
    /// What the function still has to do once Lambda has the response.
    pub follow_up: Option<FollowUp>,
}

/// The `meta` of a JSON body (contract, Every response).
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Meta<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) environment: &'static str,
}

impl<FollowUp> Reply<FollowUp> {
    /// A JSON body, its [`Meta`] included.
    #[must_use]
    pub fn json(status: StatusCode, outcome: &'static str, body: &impl Serialize) -> Self {
        Self { status, headers: HeaderMap::new(), body: to_json(body), outcome, follow_up: None }
    }
}

#[expect(clippy::expect_used, reason = "structs of strings with string keys always serialize")]
pub(crate) fn to_json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("the body is JSON")
}
