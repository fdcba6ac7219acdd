//! The error envelope (contract, Every response).

use domain::Violation;
use serde::Serialize;

use crate::problem::{ErrorKind, ErrorReply};
use crate::reply::{Meta, to_json};

/// The longest response body, in bytes (contract, Every response).
const MAX_BODY_BYTES: usize = 16 * 1024;
/// Room for the note on unlisted violations, in bytes.
const UNLISTED_NOTE_BYTES: usize = 64;

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorDetail<'a>,
    meta: Meta<'a>,
}

#[derive(Serialize)]
struct ErrorDetail<'a> {
    #[serde(rename = "type")]
    kind: ErrorKind,
    code: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    doc_url: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    violations: &'a [Violation],
}

/// The body of an error, with as many violations as fit.
pub(crate) fn error_body(error: &ErrorReply, doc_url_base: &str, meta: Meta<'_>) -> String {
    let listed = error.violations.listed();
    let whole = body_that_lists(listed, error, doc_url_base, meta);
    match whole.len().checked_sub(MAX_BODY_BYTES) {
        None | Some(0) => whole,
        Some(excess) => body_that_lists(without_last(listed, excess + UNLISTED_NOTE_BYTES), error, doc_url_base, meta),
    }
}

fn body_that_lists(violations: &[Violation], error: &ErrorReply, doc_url_base: &str, meta: Meta<'_>) -> String {
    let unlisted = error.violations.listed().len() + error.violations.unlisted() - violations.len();
    let message = match unlisted {
        0 => error.message.to_string(),
        1 => format!("{} 1 more violation is not listed.", error.message),
        more => format!("{} {more} more violations are not listed.", error.message),
    };
    let error = ErrorDetail {
        kind: error.kind,
        code: error.code,
        message,
        param: violations.first().map(|first| first.param.as_str()),
        doc_url: format!("{doc_url_base}#{}", error.code),
        violations,
    };
    to_json(&ErrorBody { error, meta })
}

/// Drops the last violations until at least this many bytes are freed, but keeps the first.
fn without_last(violations: &[Violation], bytes: usize) -> &[Violation] {
    let (mut kept, mut freed) = (violations, 0);
    while let [first @ .., last] = kept
        && freed < bytes
        && !first.is_empty()
    {
        freed += to_json(last).len() + ",".len();
        kept = first;
    }
    kept
}

#[cfg(test)]
mod tests {
    use domain::json::Json;
    use domain::{Invalid, Submission};
    use serde_json::Value;

    use super::*;

    /// The error body for this submission.
    fn body_for(sent: &str) -> String {
        let Err(Invalid::Violations(violations)) = Submission::parse(&Json::parse(sent.as_bytes()).unwrap()) else {
            panic!("it is valid")
        };
        let doc_url_base = "https://dev.credicorp.co.uk/api-reference/errors.html";
        let meta = Meta { request_id: "req_8Hn2Lp0Wd4Xc", environment: "sandbox" };
        error_body(&ErrorReply::of_violations(violations), doc_url_base, meta)
    }

    /// Expects a body within the limit, which says how many of the violations it does not list. Returns how many it
    /// lists.
    #[track_caller]
    fn check(sent: &str, all: usize) -> usize {
        let body = body_for(sent);
        assert!(body.len() <= MAX_BODY_BYTES, "{} bytes: {body}", body.len());
        let error = &serde_json::from_str::<Value>(&body).unwrap()["error"];
        let listed = error["violations"].as_array().unwrap();
        let (message, first) = (error["message"].as_str().unwrap(), listed[0]["message"].as_str().unwrap());
        assert_eq!(error["param"], listed[0]["param"]);
        let said = message.strip_prefix(first).unwrap();
        match all - listed.len() {
            0 => assert_eq!(said, ""),
            1 => assert_eq!(said, " 1 more violation is not listed."),
            more => assert_eq!(said, format!(" {more} more violations are not listed.")),
        }
        listed.len()
    }

    fn each(count: usize, of: impl Fn(usize) -> String) -> String {
        (0..count).map(of).collect::<Vec<_>>().join(",")
    }

    #[test]
    fn no_error_is_over_16_kib_and_its_message_says_how_many_violations_are_not_listed() {
        let null = each(59, |index| format!(r#""field{index}":null"#));
        assert_eq!(check(&format!(r#"{{"form":"x","fields":{{{null},"consent":"yes"}}}}"#), 59), 59);
        let long = each(59, |index| format!(r#""{}{index:02}":null"#, "é".repeat(64)));
        let listed = check(&format!(r#"{{"form":"smoke-test","fields":{{{long},"consent":"yes"}}}}"#), 2 * 59 + 1);
        assert!((30..100).contains(&listed), "{listed}");
        // A control character takes six bytes in JSON.
        let escaped = each(59, |index| format!(r#""{}{index:02}":null"#, r"\u0001".repeat(126)));
        let listed = check(&format!(r#"{{"form":"smoke-test","fields":{{{escaped},"consent":"yes"}}}}"#), 3 * 59 + 2);
        assert!((10..30).contains(&listed), "{listed}");
        assert_eq!(check(&format!("{{{}}}", each(97, |index| format!(r#""{index}":1"#))), 100), 100);
    }

    #[test]
    fn of_20_000_violations_as_many_are_listed_as_fit_and_none_is_lost_from_the_count() {
        let keys = each(9_000, |index| format!(r#""k{index}":1"#));
        assert!(check(&format!(r#"{{{keys},"form":"x","fields":{{"consent":"yes"}}}}"#), 9_000) >= 60);
        let keys = each(400, |index| format!(r#""{}{index:03}":1"#, r"\u0000".repeat(125)));
        assert!(check(&format!(r#"{{{keys},"form":"x","fields":{{"consent":"yes"}}}}"#), 400) >= 8);
        let fields = each(21_898, |index| format!(r#""{index}":null"#));
        assert_eq!(check(&format!(r#"{{"form":"smoke-test","fields":{{{fields}}}}}"#), 1), 1);
    }

    #[test]
    fn no_more_are_left_out_than_have_to_be() {
        let keys = |count: usize| each(count, |index| format!(r#""{}{index:03}":1"#, "x".repeat(125)));
        let body = |count: usize| format!(r#"{{{},"form":"x","fields":{{"consent":"yes"}}}}"#, keys(count));
        let most = (1..100).take_while(|count| check(&body(*count), *count) == *count).last().unwrap();
        assert!(most > 20, "{most}");
        assert!(check(&body(most + 1), most + 1) >= most - 1);
    }
}
