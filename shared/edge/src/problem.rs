//! The problems of a request, and the one place that maps them to a status, a code and a message.

use std::borrow::Cow;

use domain::json::Malformed;
use domain::{InvalidIdempotencyKey, Violations};
use lambda_http::http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use storage::StorageError;

use crate::route::Route;

/// Why a request gets an error response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The event is not a request.
    #[error("unreadable event")]
    UnreadableEvent,
    /// The route does not allow the method.
    #[error("method not allowed")]
    MethodNotAllowed,
    /// The body is larger than the route allows.
    #[error("payload too large")]
    PayloadTooLarge,
    /// The body is not declared as plain JSON.
    #[error("unsupported media type")]
    UnsupportedMediaType,
    /// The idempotency key is malformed, a placeholder, or was sent twice.
    #[error("invalid idempotency key: {0}")]
    InvalidIdempotencyKey(#[from] InvalidIdempotencyKey),
    /// The body is not valid JSON.
    #[error("malformed JSON: {0}")]
    MalformedJson(#[from] Malformed),
    /// An error of the route itself.
    #[error("{}", .0.code)]
    Route(Box<ErrorReply>),
    /// The client has used up its quota.
    #[error("rate limited")]
    RateLimited {
        /// The time to the next window, in seconds.
        seconds_to_reset: i64,
    },
    /// A call to a table failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The handler did not finish within its deadline.
    #[error("the handler's deadline passed")]
    DeadlinePassed,
    /// Our code panicked. Another log line says where.
    #[error("panic")]
    Panicked,
}

/// An error response without the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorReply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The error's `type`.
    pub kind: ErrorKind,
    /// The contract's code. `docs/errors.md` documents it.
    pub code: &'static str,
    /// What is wrong and how to fix it.
    pub message: Cow<'static, str>,
    /// All violations of the submission, if it could be parsed.
    pub violations: Violations,
    /// The headers that belong to the code.
    pub headers: HeaderMap,
}

/// The types of errors (contract, Every response).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the contract names them so")]
pub enum ErrorKind {
    #[serde(rename = "invalid_request_error")]
    InvalidRequest,
    #[serde(rename = "idempotency_error")]
    Idempotency,
    #[serde(rename = "rate_limit_error")]
    RateLimit,
    #[serde(rename = "api_error")]
    Api,
}

impl Problem {
    /// The response to the problem, with the route's own messages where there are any.
    #[must_use]
    pub fn reply(&self, route: &Route) -> Cow<'_, ErrorReply> {
        Cow::Owned(match self {
            Self::UnreadableEvent => ErrorReply::new(
                StatusCode::BAD_REQUEST,
                "bad_request",
                "The request could not be read. Compare it with the example in the documentation.",
            ),
            Self::MethodNotAllowed => ErrorReply {
                headers: HeaderMap::from_iter([(header::ALLOW, route.allowed_methods())]),
                ..ErrorReply::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", route.method_not_allowed)
            },
            Self::PayloadTooLarge => {
                let bytes = route.max_body_bytes;
                let maximum = if bytes < 1024 { format!("{bytes} bytes") } else { format!("{} KiB", bytes / 1024) };
                let message = format!("The body is too large. The maximum is {maximum}.");
                ErrorReply::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", message)
            }
            Self::UnsupportedMediaType => ErrorReply::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "Send JSON in UTF-8, with content-type: application/json and without a content-encoding.",
            ),
            Self::InvalidIdempotencyKey(why) => {
                let message = match why {
                    InvalidIdempotencyKey::Malformed => {
                        "Send one Idempotency-Key of 1 to 255 visible ASCII characters, such as a UUID.".into()
                    }
                    InvalidIdempotencyKey::Placeholder(placeholder) => format!(
                        "\"{placeholder}\" is not a valid Idempotency-Key. A page sends it when its variable is empty, so all visitors \
                         would share it. Send a new UUID for each completed form."
                    ),
                };
                ErrorReply::new(StatusCode::BAD_REQUEST, "invalid_idempotency_key", message)
            }
            Self::MalformedJson(why) => {
                ErrorReply::new(StatusCode::BAD_REQUEST, "malformed_json", format!("Invalid JSON: {why}."))
            }
            Self::Route(reply) => return Cow::Borrowed(reply),
            Self::RateLimited { seconds_to_reset } => ErrorReply::new(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                format!("Too many requests from your network. Try again in {}.", seconds(*seconds_to_reset)),
            )
            .of_kind(ErrorKind::RateLimit)
            .retry_after(*seconds_to_reset),
            Self::Storage(StorageError::Unavailable { .. } | StorageError::NoFreeId { .. }) | Self::DeadlinePassed => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let reply = ErrorReply::new(status, "service_unavailable", route.service_unavailable);
                reply.of_kind(ErrorKind::Api).retry_after(1)
            }
            Self::Storage(StorageError::Failed { .. }) | Self::Panicked => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                ErrorReply::new(status, "internal_error", route.internal_error).of_kind(ErrorKind::Api)
            }
        })
    }
}

impl ErrorReply {
    /// An `invalid_request_error` with only a message.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let violations = Violations::default();
        Self {
            status,
            kind: ErrorKind::InvalidRequest,
            code,
            message: message.into(),
            violations,
            headers: HeaderMap::new(),
        }
    }

    /// Changes the type.
    #[must_use]
    pub fn of_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// Adds the time to wait before a retry, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: i64) -> Self {
        self.headers.insert(header::RETRY_AFTER, seconds.into());
        self
    }

    /// A 422 with all violations, and the code and message of the first. Without violations it is an `invalid_body`.
    #[must_use]
    pub fn of_violations(violations: Violations) -> Self {
        let first = violations.listed().first();
        let code = first.map_or("invalid_body", |first| first.code.into());
        let message = first.map_or_else(String::new, |first| first.message.clone());
        Self { violations, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message) }
    }
}

fn seconds(count: i64) -> String {
    if count == 1 { "1 second".to_owned() } else { format!("{count} seconds") }
}

impl From<ErrorReply> for Problem {
    fn from(reply: ErrorReply) -> Self {
        Self::Route(Box::new(reply))
    }
}
