//! A response, and assertions on it.

use std::fmt;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// The longest body of a JSON response, and the longest `param`, in bytes (contract, Every response).
const MAX_BODY_BYTES: usize = 16 * 1024;
const MAX_PARAM_BYTES: usize = 128;
/// The configured base of `doc_url`.
const DOC_URL_BASE: &str = "https://dev.credicorp.co.uk/api-reference/errors.html";

/// The error reference, which lists all codes.
const ERROR_REFERENCE: &str = include_str!("../../docs/errors.md");

/// Each code that the stack can return, with its status and type from the error reference.
pub fn codes() -> impl Iterator<Item = (&'static str, u16, &'static str)> {
    ERROR_REFERENCE.split("\n## ").skip(1).map(|entry| {
        let read = || {
            let (code, text) = entry.split_once("\n\n")?;
            let (status, text) = text.split_once(" `")?;
            Some((code, status.parse().ok()?, text.split_once('`')?.0))
        };
        read().unwrap_or_else(|| panic!("no status and type: {entry}"))
    })
}

/// An HTTP response as received.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Vec<u8>,
}

impl Response {
    /// Parses an HTTP/1.1 response that ends when the connection closes.
    pub(crate) fn from_http1(received: &[u8]) -> Self {
        let end_of_head = received.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("the head is complete");
        let head = String::from_utf8_lossy(&received[..end_of_head]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("the gateway sends legal header names");
            (name, HeaderValue::from_str(value.trim()).expect("the gateway sends legal header values"))
        });
        let mut response = Self {
            status: status.expect("the status line names a status"),
            headers: HeaderMap::new(),
            body: received[end_of_head + 4..].to_vec(),
        };
        response.headers.extend(headers);
        response
    }

    /// The value of a header that occurs at most once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let values: Vec<_> = self.headers.get_all(name).iter().collect();
        assert!(values.len() <= 1, "{name} is sent {} times: {self}", values.len());
        values.first().map(|value| value.to_str().expect("our headers are ASCII"))
    }

    /// The items of a list header.
    #[must_use]
    pub fn header_list(&self, name: &str) -> Vec<&str> {
        self.header(name).map(|list| list.split(',').map(str::trim).collect()).unwrap_or_default()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("the body is not JSON, {error}: {self}"))
    }

    /// The text at this JSON pointer (RFC 6901) in the body, if any.
    #[must_use]
    pub fn text(&self, pointer: &str) -> Option<String> {
        self.json().pointer(pointer).and_then(Value::as_str).map(str::to_owned)
    }

    /// The request id, from the body.
    #[must_use]
    pub fn request_id(&self) -> String {
        self.text("/meta/request_id").unwrap_or_else(|| panic!("no request id: {self}"))
    }

    /// The error code, if this is an error.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        self.text("/error/code")
    }

    /// How many requests the caller has left, from the `ratelimit` header.
    #[must_use]
    pub fn requests_left(&self) -> u64 {
        self.rate_limit_parameter("r")
    }

    /// How long the window still lasts, in seconds, from the `ratelimit` header.
    #[must_use]
    pub fn seconds_to_reset(&self) -> u64 {
        self.rate_limit_parameter("t")
    }

    fn rate_limit_parameter(&self, name: &str) -> u64 {
        let parameters = self.header("ratelimit").and_then(|header| header.strip_prefix("\"public\";"));
        parameters
            .into_iter()
            .flat_map(|parameters| parameters.split(';'))
            .find_map(|parameter| parameter.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
            .unwrap_or_else(|| panic!("ratelimit has no {name}: {self}"))
    }

    /// Expects a 201 and returns the enquiry's id.
    #[track_caller]
    #[must_use]
    pub fn assert_accepted(&self) -> String {
        assert_eq!(self.status, 201, "{self}");
        self.text("/id").unwrap_or_else(|| panic!("no id: {self}"))
    }

    /// Expects an error with this code, and with the status, type and headers that belong to the code.
    #[track_caller]
    pub fn assert_refused(&self, code: &str, param: Option<&str>) {
        assert_eq!(self.code().as_deref(), Some(code), "{self}");
        let (_, status, kind) = codes().find(|(known, ..)| *known == code).expect("the error reference has this code");
        assert_eq!(self.status, status, "{self}");
        assert_eq!(self.text("/error/type").as_deref(), Some(kind), "{self}");
        assert_eq!(self.text("/error/param").as_deref(), param, "{self}");
        assert_eq!(self.text("/error/doc_url"), Some(format!("{DOC_URL_BASE}#{code}")), "{self}");
        assert!(self.text("/error/message").is_some_and(|message| !message.is_empty()), "{self}");
    }

    /// Expects these violations in this order, each a code and a param. The first is repeated above the list.
    #[track_caller]
    pub fn assert_violations(&self, expected: &[(&str, &str)]) {
        let body = self.json();
        let violations = body.pointer("/error/violations").and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |violation: &Value, key| violation[key].as_str().unwrap_or_default().to_owned();
        let found: Vec<_> = violations.iter().map(|one| (text(one, "code"), text(one, "param"))).collect();
        let expected: Vec<_> = expected.iter().map(|(code, param)| ((*code).to_owned(), (*param).to_owned())).collect();
        assert_eq!(found, expected, "{self}");
        self.assert_refused(&found[0].0, Some(&found[0].1));
        assert_eq!(violations[0]["message"], body["error"]["message"], "{self}");
        assert!(violations.iter().all(|violation| text(violation, "param").len() <= MAX_PARAM_BYTES), "{self}");
        assert!(violations.iter().all(|violation| !text(violation, "message").is_empty()), "{self}");
    }

    /// Expects what every response must have, even one from the gateway itself (contract, Every response and CORS). A
    /// response to HEAD has no body.
    pub(crate) fn assert_wears_the_envelope(self, method: &str) -> Self {
        for (name, value) in [
            ("content-type", "application/json"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("access-control-allow-origin", "*"),
        ] {
            assert_eq!(self.header(name), Some(value), "{name}: {self}");
        }
        assert_eq!(
            self.header_list("access-control-expose-headers"),
            ["x-credicorp-request-id", "retry-after", "ratelimit", "ratelimit-policy", "idempotent-replayed"],
            "{self}",
        );
        assert_eq!(self.header("access-control-allow-credentials"), None, "{self}");
        assert!(self.body.len() <= MAX_BODY_BYTES, "{} bytes: {self}", self.body.len());
        let request_id = self.header("x-credicorp-request-id");
        assert!(request_id.is_some_and(|id| !id.is_empty()), "{self}");
        if method == "HEAD" {
            assert!(self.body.is_empty(), "{self}");
            return self;
        }
        assert_eq!(Some(self.request_id().as_str()), request_id, "{self}");
        assert_eq!(self.text("/meta/environment").as_deref(), Some("sandbox"), "{self}");
        self
    }
}

impl fmt::Display for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {:?} {}", self.status, self.headers, String::from_utf8_lossy(&self.body))
    }
}
