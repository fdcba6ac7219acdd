//! The errors of this route, with their messages.

use domain::Invalid;
use edge::http::StatusCode;
use edge::{ErrorKind, ErrorReply};

/// The body is JSON, but not a valid submission.
pub(crate) fn invalid_submission(invalid: Invalid) -> ErrorReply {
    match invalid {
        Invalid::NotAnObject => ErrorReply::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_body",
            "The body must be a JSON object with \"form\" and \"fields\", and optionally \"dept\".",
        ),
        Invalid::Violations(violations) => ErrorReply::of_violations(violations),
    }
}

pub(crate) fn idempotency_key_reused() -> ErrorReply {
    let message = "This Idempotency-Key was already used for a different enquiry. Use a new key for each enquiry.";
    ErrorReply::new(StatusCode::CONFLICT, "idempotency_key_reused", message).of_kind(ErrorKind::Idempotency)
}

pub(crate) fn idempotency_request_in_progress() -> ErrorReply {
    let message = "Another request with this Idempotency-Key is still being processed. Try again in 1 second.";
    let reply = ErrorReply::new(StatusCode::CONFLICT, "idempotency_request_in_progress", message);
    reply.of_kind(ErrorKind::Idempotency).retry_after(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use domain::json::Malformed;
    use domain::{InvalidIdempotencyKey, ViolationCode};
    use edge::Problem;
    use storage::StorageError;

    use super::*;
    use crate::ROUTE;

    /// One of each problem that this route can have. Add new ones here too.
    fn every_problem() -> [Problem; 15] {
        let (operation, cause) = ("PutItem", String::new());
        [
            Problem::MethodNotAllowed,
            Problem::PayloadTooLarge,
            Problem::UnsupportedMediaType,
            Problem::InvalidIdempotencyKey(InvalidIdempotencyKey::Malformed),
            Problem::InvalidIdempotencyKey(InvalidIdempotencyKey::Placeholder("undefined")),
            Problem::MalformedJson(Malformed::Empty),
            invalid_submission(Invalid::NotAnObject).into(),
            idempotency_key_reused().into(),
            idempotency_request_in_progress().into(),
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
        let replies = every_problem().map(|problem| {
            let ErrorReply { status, kind, code, message, headers, .. } = problem.reply(&ROUTE).into_owned();
            let headers = headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
            format!("{} {} {code}\n{}{message}\n", status.as_u16(), name_of(kind), headers.collect::<String>())
        });
        insta::assert_snapshot!(replies.join("\n"));
    }

    /// `docs/errors.md` lists all codes. `infra/test_template.py` compares the gateway's codes with it.
    #[test]
    fn the_error_reference_has_every_code_with_its_status_and_type() {
        let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
        let reference = fs::read_to_string(reference).unwrap();
        let entries = reference.split("\n## ").skip(1).filter_map(|entry| entry.split_once("\n\n"));
        let entries: BTreeMap<_, _> = entries.collect();
        let of_violations =
            ViolationCode::ALL.iter().map(|code| ErrorReply::new(StatusCode::UNPROCESSABLE_ENTITY, (*code).into(), ""));
        let replies = every_problem().into_iter().chain([Problem::UnreadableEvent]);
        let replies = replies.map(|problem| problem.reply(&ROUTE).into_owned());
        for ErrorReply { code, status, kind, .. } in replies.chain(of_violations) {
            let expected = format!("{} `{}`. ", status.as_u16(), name_of(kind));
            assert!(entries[code].starts_with(&expected), "{code}: {}", entries[code]);
        }
    }

    fn name_of(kind: ErrorKind) -> String {
        serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned()
    }
}
