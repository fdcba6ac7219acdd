//! The envelope that every answer wears (contract, Every response).

use std::borrow::Cow;

use domain::{EnquiryId, Environment, RequestId, STATUS_NEW, Violation, Violations};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::problem::{Answer, Problem};

/// The longest body of a response, in bytes (contract, Every response).
const MAX_BODY_BYTES: usize = 16 * 1024;
/// What a message takes, at most, to say how many violations are not listed.
const MORE_BYTES: usize = 64;

/// Header names, in lower case, and values.
pub(crate) type Headers = Vec<(&'static str, Cow<'static, str>)>;

/// What both gateways take from a function as its answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    status_code: u16,
    #[serde(serialize_with = "as_map")]
    pub(crate) headers: Headers,
    body: String,
    is_base64_encoded: bool,
    /// The v2 gateway of `cargo lambda watch` insists on cookies; the v1 gateway refuses keys that it does not know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cookies: Option<[String; 0]>,
}

/// The 201: an enquiry is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    pub(crate) id: EnquiryId,
    pub(crate) replayed: bool,
}

/// What a call came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    Preflight,
    Created(Created),
    Problem(Problem),
}

impl Outcome {
    pub(crate) fn created(&self) -> Option<&Created> {
        if let Self::Created(created) = self { Some(created) } else { None }
    }

    pub(crate) fn problem(&self) -> Option<&Problem> {
        if let Self::Problem(problem) = self { Some(problem) } else { None }
    }
}

#[derive(Serialize)]
struct CreatedBody<'a> {
    id: &'a str,
    status: &'static str,
    meta: Meta<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorDetail<'a>,
    meta: Meta<'a>,
}

#[derive(Serialize)]
struct ErrorDetail<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'a str,
    message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    doc_url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    violations: Vec<ViolationBody<'a>>,
}

#[derive(Serialize)]
struct ViolationBody<'a> {
    code: &'static str,
    param: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct PreflightBody<'a> {
    meta: Meta<'a>,
}

#[derive(Clone, Copy, Serialize)]
struct Meta<'a> {
    request_id: &'a str,
    environment: &'static str,
}

impl Created {
    /// An enquiry that this call recorded.
    #[must_use]
    pub fn new(id: EnquiryId) -> Self {
        Self { id, replayed: false }
    }

    /// An enquiry that an earlier call with the same key recorded.
    #[must_use]
    pub fn replayed(id: EnquiryId) -> Self {
        Self { id, replayed: true }
    }

    /// The enquiry's id, if this very call recorded it.
    #[must_use]
    pub fn new_id(&self) -> Option<&EnquiryId> {
        (!self.replayed).then_some(&self.id)
    }
}

/// Puts answers into the envelope.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    pub(crate) environment: Environment,
    pub(crate) doc_url_base: String,
}

impl Envelope {
    pub(crate) fn wrap(&self, request_id: &RequestId, outcome: &Outcome) -> Response {
        match outcome {
            Outcome::Preflight => {
                Response::new(200, request_id, to_json(&PreflightBody { meta: self.meta(request_id) }))
            }
            Outcome::Created(created) => self.created(request_id, created),
            Outcome::Problem(problem) => self.problem(request_id, problem),
        }
    }

    fn created(&self, request_id: &RequestId, created: &Created) -> Response {
        let body = CreatedBody { id: created.id.as_str(), status: STATUS_NEW, meta: self.meta(request_id) };
        let mut response = Response::new(201, request_id, to_json(&body));
        if created.replayed {
            response.headers.push(("idempotent-replayed", "true".into()));
        }
        response
    }

    fn problem(&self, request_id: &RequestId, problem: &Problem) -> Response {
        let answer = problem.answer();
        let listed = answer.violations.map_or(&[][..], Violations::listed);
        let whole = self.error_body(request_id, &answer, listed);
        let body = match whole.len().checked_sub(MAX_BODY_BYTES) {
            None | Some(0) => whole,
            Some(excess) => self.error_body(request_id, &answer, without_last(listed, excess + MORE_BYTES)),
        };
        let mut response = Response::new(answer.status, request_id, body);
        response.headers.extend(answer.headers);
        response
    }

    /// The body of an error that lists these violations of all that there are.
    fn error_body(&self, request_id: &RequestId, answer: &Answer<'_>, listed: &[Violation]) -> String {
        let error = ErrorDetail {
            kind: answer.kind,
            code: answer.code,
            message: answer.message_beside(listed.len()),
            param: listed.first().map(|first| first.param.as_str()),
            doc_url: format!("{}#{}", self.doc_url_base, answer.code),
            violations: listed.iter().map(ViolationBody::of).collect(),
        };
        to_json(&ErrorBody { error, meta: self.meta(request_id) })
    }

    fn meta<'a>(&self, request_id: &'a RequestId) -> Meta<'a> {
        Meta { request_id: request_id.as_str(), environment: self.environment.as_str() }
    }
}

impl Response {
    fn new(status_code: u16, request_id: &RequestId, body: String) -> Self {
        let headers = vec![
            ("content-type", "application/json".into()),
            ("cache-control", "no-store".into()),
            ("x-content-type-options", "nosniff".into()),
            ("x-credicorp-request-id", request_id.to_string().into()),
        ];
        Self { status_code, headers, body, is_base64_encoded: false, cookies: None }
    }
}

impl<'a> ViolationBody<'a> {
    fn of(violation: &'a Violation) -> Self {
        Self { code: violation.code.as_str(), param: &violation.param, message: &violation.message }
    }
}

/// The first of these violations, without as many of the last as take up so many bytes.
fn without_last(violations: &[Violation], bytes: usize) -> &[Violation] {
    let (mut kept, mut freed) = (violations, 0);
    while let [first @ .., last] = kept
        && freed < bytes
        && !first.is_empty()
    {
        freed += to_json(&ViolationBody::of(last)).len() + ",".len();
        kept = first;
    }
    kept
}

#[expect(clippy::expect_used, reason = "structs of strings with string keys always serialize")]
fn to_json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("the envelope is JSON")
}

fn as_map<S: Serializer>(headers: &Headers, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(headers.len()))?;
    for (name, value) in headers {
        map.serialize_entry(name, value)?;
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use domain::json::Json;
    use domain::{Invalid, Submission};
    use serde_json::Value;

    use super::*;

    /// The error body for what was sent.
    fn body_for(sent: &str) -> String {
        let Err(invalid) = Submission::parse(&Json::parse(sent.as_bytes()).unwrap()) else { panic!("it is valid") };
        let doc_url_base = "https://dev.credicorp.co.uk/api-reference/errors.html".to_owned();
        let envelope = Envelope { environment: Environment::Sandbox, doc_url_base };
        envelope.problem(&RequestId::random(), &Problem::from(invalid)).body
    }

    /// Expects a bounded body that lists so many violations, and says how many more there are.
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
        // Each control character takes six bytes in JSON.
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

    #[test]
    fn what_is_no_submission_at_all_lists_nothing() {
        let answer = Problem::from(Invalid::NotAnObject);
        assert_eq!(answer.answer().violations, None);
    }
}
