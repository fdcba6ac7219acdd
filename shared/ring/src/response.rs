//! The envelope that every answer wears (contract, Every response).

use std::borrow::Cow;

use domain::{EnquiryId, Environment, RequestId, STATUS_NEW};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::problem::Problem;

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
    message: &'a str,
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
            Outcome::Preflight => Response::new(200, request_id, &PreflightBody { meta: self.meta(request_id) }),
            Outcome::Created(created) => self.created(request_id, created),
            Outcome::Problem(problem) => self.problem(request_id, problem),
        }
    }

    fn created(&self, request_id: &RequestId, created: &Created) -> Response {
        let body = CreatedBody { id: created.id.as_str(), status: STATUS_NEW, meta: self.meta(request_id) };
        let mut response = Response::new(201, request_id, &body);
        if created.replayed {
            response.headers.push(("idempotent-replayed", "true".into()));
        }
        response
    }

    fn problem(&self, request_id: &RequestId, problem: &Problem) -> Response {
        let answer = problem.answer();
        let violations = answer.violations.iter().map(|violation| ViolationBody {
            code: violation.code.as_str(),
            param: &violation.param,
            message: &violation.message,
        });
        let error = ErrorDetail {
            kind: answer.kind,
            code: answer.code,
            message: &answer.message,
            param: answer.violations.first().map(|first| first.param.as_str()),
            doc_url: format!("{}#{}", self.doc_url_base, answer.code),
            violations: violations.collect(),
        };
        let mut response = Response::new(answer.status, request_id, &ErrorBody { error, meta: self.meta(request_id) });
        response.headers.extend(answer.headers);
        response
    }

    fn meta<'a>(&self, request_id: &'a RequestId) -> Meta<'a> {
        Meta { request_id: request_id.as_str(), environment: self.environment.as_str() }
    }
}

impl Response {
    #[expect(clippy::expect_used, reason = "structs of strings with string keys always serialize")]
    fn new(status_code: u16, request_id: &RequestId, body: &impl Serialize) -> Self {
        let headers = vec![
            ("content-type", "application/json".into()),
            ("cache-control", "no-store".into()),
            ("x-content-type-options", "nosniff".into()),
            ("x-credicorp-request-id", request_id.to_string().into()),
        ];
        let body = serde_json::to_string(body).expect("the envelope is JSON");
        Self { status_code, headers, body, is_base64_encoded: false, cookies: None }
    }
}

fn as_map<S: Serializer>(headers: &Headers, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(headers.len()))?;
    for (name, value) in headers {
        map.serialize_entry(name, value)?;
    }
    map.end()
}
