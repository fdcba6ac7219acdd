//! What can go wrong with a call, and the one place where that becomes a status, a code and words.

use domain::json::Malformed;
use domain::{Invalid, Violation};
use storage::StorageError;

/// Why a call is not answered as its caller hoped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The method is not POST.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// The body is over 64 KiB.
    #[error("payload too large")]
    PayloadTooLarge,
    /// The body is not declared to be plain JSON.
    #[error("unsupported media type")]
    UnsupportedMediaType,
    /// The idempotency key has a wrong form, or there are two.
    #[error("invalid idempotency key")]
    InvalidIdempotencyKey,
    /// The body is no JSON.
    #[error("malformed JSON: {0}")]
    MalformedJson(#[from] Malformed),
    /// The body is JSON, but no submission.
    #[error("invalid submission")]
    InvalidSubmission(Invalid),
    /// The idempotency key stands for another submission.
    #[error("idempotency key reused")]
    IdempotencyKeyReused,
    /// The idempotency key is being written right now.
    #[error("idempotency request in progress")]
    IdempotencyRequestInProgress,
    /// The client has used up its quota.
    #[error("rate limited")]
    RateLimited {
        /// How long until the next window.
        seconds_to_reset: i64,
    },
    /// A table did not do what it should.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The handler did not answer within its deadline.
    #[error("the handler's deadline passed")]
    DeadlinePassed,
    /// The handler panicked; where, another log line says.
    #[error("the handler panicked")]
    Panicked,
}

/// How a problem is answered.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) violations: &'a [Violation],
    pub(crate) retry_after_seconds: Option<i64>,
}

const INVALID_REQUEST: &str = "invalid_request_error";
const IDEMPOTENCY: &str = "idempotency_error";
const RATE_LIMIT: &str = "rate_limit_error";
const API: &str = "api_error";

/// Says no more than that it failed, and how to try again.
const FAILED: &str = "Something failed on our side. Retrying with the same Idempotency-Key is safe; without a key, a retry \
                      may record the enquiry twice.";
const UNAVAILABLE: &str = "We could not answer in time. Retry after the seconds in retry-after: with the same \
                           Idempotency-Key that is safe; without a key, it may record the enquiry twice.";

impl Problem {
    pub(crate) fn answer(&self) -> Answer<'_> {
        match self {
            Self::MethodNotAllowed => plain(405, "method_not_allowed", "Send an enquiry with POST."),
            Self::PayloadTooLarge => plain(413, "payload_too_large", "The body may be at most 64 KiB (65,536 bytes)."),
            Self::UnsupportedMediaType => plain(
                415,
                "unsupported_media_type",
                "Send the body as content-type: application/json, in UTF-8 and without a content-encoding.",
            ),
            Self::InvalidIdempotencyKey => plain(
                400,
                "invalid_idempotency_key",
                "Send one Idempotency-Key of 1 to 255 visible ASCII characters; a UUID is a good one.",
            ),
            Self::MalformedJson(why) => plain(400, "malformed_json", format!("The body is not valid JSON: {why}.")),
            Self::InvalidSubmission(Invalid::NotAnObject) => plain(
                422,
                "invalid_body",
                "The body must be a JSON object with the keys \"form\" and \"fields\", and \"dept\" if you know it.",
            ),
            Self::InvalidSubmission(Invalid::Violations(violations)) => {
                let first = violations.first();
                Answer {
                    violations,
                    ..plain(
                        422,
                        first.map_or("invalid_body", |first| first.code.as_str()),
                        first.map_or_else(String::new, |first| first.message.clone()),
                    )
                }
            }
            Self::IdempotencyKeyReused => Answer {
                kind: IDEMPOTENCY,
                ..plain(
                    409,
                    "idempotency_key_reused",
                    "This Idempotency-Key stands for a different enquiry. Use a new key for each new enquiry.",
                )
            },
            Self::IdempotencyRequestInProgress => Answer {
                kind: IDEMPOTENCY,
                retry_after_seconds: Some(1),
                ..plain(
                    409,
                    "idempotency_request_in_progress",
                    "Another request with this Idempotency-Key is being recorded right now. Retry in a second.",
                )
            },
            Self::RateLimited { seconds_to_reset } => Answer {
                kind: RATE_LIMIT,
                retry_after_seconds: Some(*seconds_to_reset),
                ..plain(
                    429,
                    "rate_limited",
                    "Too many requests from your network. Retry after the seconds in retry-after.",
                )
            },
            Self::Storage(StorageError::Unavailable { .. } | StorageError::NoFreeId { .. }) | Self::DeadlinePassed => {
                Answer { kind: API, retry_after_seconds: Some(1), ..plain(503, "service_unavailable", UNAVAILABLE) }
            }
            Self::Storage(StorageError::Failed { .. }) | Self::Panicked => {
                Answer { kind: API, ..plain(500, "internal_error", FAILED) }
            }
        }
    }
}

fn plain(status: u16, code: &'static str, message: impl Into<String>) -> Answer<'static> {
    Answer { status, kind: INVALID_REQUEST, code, message: message.into(), violations: &[], retry_after_seconds: None }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::InvalidSubmission(invalid)
    }
}
