//! What can go wrong with a call, and the one place where that becomes a status, a code and words.

use std::borrow::Cow;

use domain::json::Malformed;
use domain::{Invalid, InvalidIdempotencyKey, Violations};
use storage::StorageError;

use crate::call::MAX_BODY_BYTES;
use crate::cors::ALLOWED_METHODS;
use crate::response::Headers;

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
    /// The idempotency key has a wrong form, or there are two, or it is what a broken page sends.
    #[error("invalid idempotency key: {0}")]
    InvalidIdempotencyKey(#[from] InvalidIdempotencyKey),
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
    /// Something panicked; where, another log line says.
    #[error("panic")]
    Panicked,
}

/// How a problem is answered.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) violations: Option<&'a Violations>,
    pub(crate) headers: Headers,
}

impl Answer<'_> {
    /// The message for a body that lists so many of the violations; it says how many more there are.
    pub(crate) fn message_beside(&self, listed: usize) -> Cow<'_, str> {
        let more = self.violations.map_or(0, |all| all.listed().len() + all.unlisted() - listed);
        match more {
            0 => Cow::Borrowed(&self.message),
            1 => Cow::Owned(format!("{} 1 more violation is not listed.", self.message)),
            more => Cow::Owned(format!("{} {more} more violations are not listed.", self.message)),
        }
    }
}

const INVALID_REQUEST: &str = "invalid_request_error";
const IDEMPOTENCY: &str = "idempotency_error";
const RATE_LIMIT: &str = "rate_limit_error";
const API: &str = "api_error";
const INVALID_KEY: &str = "invalid_idempotency_key";

/// Says no more than that it failed, and how to try again.
const FAILED: &str = "Something failed on our side. Retrying with the same Idempotency-Key is safe; without a key, a retry \
                      may record the enquiry twice.";
const UNAVAILABLE: &str = "We could not answer in time. Retry after the seconds in retry-after: with the same \
                           Idempotency-Key that is safe; without a key, it may record the enquiry twice.";

impl Problem {
    pub(crate) fn answer(&self) -> Answer<'_> {
        match self {
            Self::MethodNotAllowed => Answer {
                headers: vec![("allow", ALLOWED_METHODS.into())],
                ..plain(405, "method_not_allowed", "Send an enquiry with POST.")
            },
            Self::PayloadTooLarge => {
                plain(413, "payload_too_large", format!("The body may be at most {MAX_BODY_BYTES} bytes (64 KiB)."))
            }
            Self::UnsupportedMediaType => plain(
                415,
                "unsupported_media_type",
                "Send the body as content-type: application/json, in UTF-8 and without a content-encoding.",
            ),
            Self::InvalidIdempotencyKey(InvalidIdempotencyKey::Malformed) => plain(
                400,
                INVALID_KEY,
                "Send one Idempotency-Key of 1 to 255 visible ASCII characters; a UUID is a good one.",
            ),
            Self::InvalidIdempotencyKey(InvalidIdempotencyKey::Placeholder(placeholder)) => plain(
                400,
                INVALID_KEY,
                format!(
                    "The Idempotency-Key is \"{placeholder}\", which a page sends when its variable holds no key. Every visitor \
                     would share it. Send a new UUID for each filled-in form."
                ),
            ),
            Self::MalformedJson(why) => plain(400, "malformed_json", format!("The body is not valid JSON: {why}.")),
            Self::InvalidSubmission(Invalid::NotAnObject) => plain(
                422,
                "invalid_body",
                "The body must be a JSON object with the keys \"form\" and \"fields\", and \"dept\" if you know it.",
            ),
            Self::InvalidSubmission(Invalid::Violations(violations)) => {
                let first = violations.listed().first();
                Answer {
                    violations: Some(violations),
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
                headers: retry_after(1),
                ..plain(
                    409,
                    "idempotency_request_in_progress",
                    "Another request with this Idempotency-Key is being recorded right now. Retry in a second.",
                )
            },
            Self::RateLimited { seconds_to_reset } => Answer {
                kind: RATE_LIMIT,
                headers: retry_after(*seconds_to_reset),
                ..plain(
                    429,
                    "rate_limited",
                    "Too many requests from your network. Retry after the seconds in retry-after.",
                )
            },
            Self::Storage(StorageError::Unavailable { .. } | StorageError::NoFreeId { .. }) | Self::DeadlinePassed => {
                Answer { kind: API, headers: retry_after(1), ..plain(503, "service_unavailable", UNAVAILABLE) }
            }
            Self::Storage(StorageError::Failed { .. }) | Self::Panicked => {
                Answer { kind: API, ..plain(500, "internal_error", FAILED) }
            }
        }
    }
}

fn plain(status: u16, code: &'static str, message: impl Into<String>) -> Answer<'static> {
    Answer { status, kind: INVALID_REQUEST, code, message: message.into(), violations: None, headers: Headers::new() }
}

fn retry_after(seconds: i64) -> Headers {
    vec![("retry-after", seconds.to_string().into())]
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::InvalidSubmission(invalid)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use domain::ViolationCode;

    use super::*;

    /// One of each kind; a new one belongs here too.
    fn every_problem() -> [Problem; 15] {
        let (operation, cause) = ("PutItem", String::new());
        [
            Problem::MethodNotAllowed,
            Problem::PayloadTooLarge,
            Problem::UnsupportedMediaType,
            Problem::InvalidIdempotencyKey(InvalidIdempotencyKey::Malformed),
            Problem::InvalidIdempotencyKey(InvalidIdempotencyKey::Placeholder("undefined")),
            Problem::MalformedJson(Malformed::Empty),
            Problem::InvalidSubmission(Invalid::NotAnObject),
            Problem::IdempotencyKeyReused,
            Problem::IdempotencyRequestInProgress,
            Problem::RateLimited { seconds_to_reset: 42 },
            Problem::Storage(StorageError::Failed { operation, cause: cause.clone() }),
            Problem::Storage(StorageError::Unavailable { operation, cause }),
            Problem::Storage(StorageError::NoFreeId { attempts: 8 }),
            Problem::DeadlinePassed,
            Problem::Panicked,
        ]
    }

    #[test]
    fn every_problem_has_one_status_type_code_and_message() {
        let told = every_problem().map(|problem| {
            let answer = problem.answer();
            let headers = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
            let headers: String = headers.collect();
            format!("{} {} {}\n{headers}{}\n", answer.status, answer.kind, answer.code, answer.message)
        });
        insta::assert_snapshot!(told.join("\n"));
    }

    #[test]
    fn the_error_reference_has_the_functions_codes_and_the_gateways_and_no_other() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let template = fs::read_to_string(root.join("infra/template.yaml")).unwrap();
        let of_the_gateway = template.split("\"code\":\"").skip(1).filter_map(|rest| rest.split('"').next());
        let problems = every_problem();
        let of_the_function = problems.iter().map(|problem| problem.answer().code);
        let known: BTreeSet<&str> =
            of_the_function.chain(ViolationCode::ALL.map(ViolationCode::as_str)).chain(of_the_gateway).collect();
        let reference = fs::read_to_string(root.join("docs/errors.md")).unwrap();
        let entries: BTreeSet<&str> = reference.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(entries, known);
    }
}
