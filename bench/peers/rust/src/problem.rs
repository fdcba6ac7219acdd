//! Why a call does not get a 201, and the response that says so.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use domain::json::Malformed;
use domain::{Invalid, InvalidIdempotencyKey, Violation, Violations};
use serde_json::{Value, json};

/// The longest list of violations, in bytes: the rest of a response of 16 KiB takes less than 2.
const MAX_LISTED_BYTES: usize = 14 * 1024;

/// An error response, without what every response has.
#[derive(Debug)]
pub struct Problem {
    pub status: u16,
    pub code: &'static str,
    message: String,
    violations: Violations,
    /// In seconds.
    pub retry_after: Option<i64>,
    /// What only the log shows.
    pub cause: Option<String>,
}

impl Problem {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        let (message, violations) = (message.into(), Violations::default());
        Self { status, code, message, violations, retry_after: None, cause: None }
    }

    pub fn method_not_allowed() -> Self {
        Self::new(405, "method_not_allowed", "Send an enquiry with POST.")
    }

    pub fn payload_too_large(max_bytes: usize) -> Self {
        Self::new(413, "payload_too_large", format!("The body may be at most {max_bytes} bytes."))
    }

    pub fn unsupported_media_type() -> Self {
        let message = "Send the body as content-type: application/json, in UTF-8 and without a content-encoding.";
        Self::new(415, "unsupported_media_type", message)
    }

    pub fn rate_limited(seconds: i64) -> Self {
        let message = format!("Too many requests from your network. Try again in {seconds} seconds.");
        Self { retry_after: Some(seconds), ..Self::new(429, "rate_limited", message) }
    }

    pub fn key_reused() -> Self {
        let message = "This Idempotency-Key was already used for a different enquiry.";
        Self::new(409, "idempotency_key_reused", message)
    }

    pub fn in_progress() -> Self {
        let message = "Another request with this Idempotency-Key is in progress. Try again in 1 second.";
        Self { retry_after: Some(1), ..Self::new(409, "idempotency_request_in_progress", message) }
    }

    pub fn unavailable(cause: impl Into<String>) -> Self {
        let message = "We could not respond in time. Try again in 1 second, with the same Idempotency-Key.";
        Self { retry_after: Some(1), cause: Some(cause.into()), ..Self::new(503, "service_unavailable", message) }
    }

    pub fn internal(cause: impl Into<String>) -> Self {
        let message = "Something failed on our side. You can safely try again with the same Idempotency-Key.";
        Self { cause: Some(cause.into()), ..Self::new(500, "internal_error", message) }
    }

    fn kind(&self) -> &'static str {
        match self.status {
            409 => "idempotency_error",
            429 => "rate_limit_error",
            500.. => "api_error",
            _ => "invalid_request_error",
        }
    }

    /// The body's `error`, with as many violations as fit.
    pub fn to_json(&self, doc_url_base: &str) -> Value {
        let (all, mut bytes) = (self.violations.listed(), 0);
        let fits = |violation: &&Violation| {
            bytes += json!(violation).to_string().len() + 1;
            bytes <= MAX_LISTED_BYTES
        };
        let listed: Vec<&Violation> = all.iter().take_while(fits).collect();
        let mut error = json!({
            "type": self.kind(),
            "code": self.code,
            "message": self.message,
            "doc_url": format!("{doc_url_base}#{}", self.code),
        });
        let unlisted = all.len() - listed.len() + self.violations.unlisted();
        if unlisted > 0 {
            error["message"] = json!(format!("{} {unlisted} more violations are not listed.", self.message));
        }
        if let Some(first) = listed.first() {
            error["param"] = json!(first.param);
            error["violations"] = json!(listed);
        }
        error
    }
}

impl From<InvalidIdempotencyKey> for Problem {
    fn from(_: InvalidIdempotencyKey) -> Self {
        let message = "Send one Idempotency-Key of 1 to 255 visible ASCII characters, such as a UUID.";
        Self::new(400, "invalid_idempotency_key", message)
    }
}

impl From<Malformed> for Problem {
    fn from(why: Malformed) -> Self {
        Self::new(400, "malformed_json", format!("The body is not valid JSON: {why}."))
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        let violations = match invalid {
            Invalid::NotAnObject => Violations::default(),
            Invalid::Violations(violations) => violations,
        };
        match violations.listed().first() {
            Some(first) => Self { violations: violations.clone(), ..Self::new(422, first.code.into(), &first.message) },
            None => Self::new(422, "invalid_body", "Send a JSON object with the keys \"form\" and \"fields\"."),
        }
    }
}

impl<E: ProvideErrorMetadata> From<SdkError<E, HttpResponse>> for Problem {
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let code = error.code().unwrap_or("no response").to_owned();
        let is_temporary = match &error {
            SdkError::ServiceError(service) => {
                service.raw().status().is_server_error()
                    || ["Throttling", "Throughput", "RequestLimit"].iter().any(|word| code.contains(word))
            }
            SdkError::ConstructionFailure(_) => false,
            _ => true,
        };
        if is_temporary { Self::unavailable(code) } else { Self::internal(code) }
    }
}
