//! The contract's test cases. All compared functions must pass them: a function that is fast because it does less is
//! not comparable.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::bench::Bench;
use crate::environment::{Environment, since_epoch};
use crate::events::sample;
use crate::subject::Subject;

/// The longest body of a response (contract, Every response).
const MAX_BODY_BYTES: usize = 16 * 1024;
const CASES: &str = include_str!("../contract-cases.json");
const BODY: &str = r#"{"form":"contact-us","dept":"support","fields":{"name":"Jordan Ellis","email":"jordan@example.com","consent":"yes"}}"#;

/// Consecutive requests of one client.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    requests: Vec<Request>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    #[serde(default = "post")]
    method: String,
    /// Headers in addition to the JSON content type, or to replace it. `null` leaves a header out.
    #[serde(default)]
    headers: Map<String, Value>,
    body: Option<Body>,
    body_base64: Option<String>,
    json: Option<Box<RawValue>>,
    /// The source address. By default, each case has its own.
    client: Option<String>,
    /// How many times to send it. All but the last time, the limiter must admit it.
    #[serde(default = "once")]
    times: u32,
    expect: Expectation,
}

/// A body's text, or its parts, which can be repeated.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Body {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Part {
    Text(String),
    Repeated(String, usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    status: u16,
    code: Option<String>,
    /// Each violation's code and param, in order.
    violations: Option<Vec<String>>,
    /// The expected headers. `null` means that the header must be absent.
    #[serde(default)]
    headers: Map<String, Value>,
    /// The request, counted from 0, whose response had the same enquiry id.
    same_id_as: Option<usize>,
    /// The JSON text of the recorded fields.
    stored_fields: Option<String>,
}

/// Runs all cases against `subject`, and returns the number of requests.
pub(crate) async fn pass(bench: &Bench, subject: &Subject) -> Result<usize> {
    let cases: Vec<Case> = serde_json::from_str(CASES)?;
    bench.aws.delay(Duration::ZERO);
    bench.aws.hold(None);
    let (mut environment, _) = Environment::start(subject.command(&bench.aws, &bench.certificates), None).await?;
    // One time for all requests, or a new window could start in the middle.
    let now = since_epoch();
    let mut passed = 0;
    for (number, case) in cases.iter().enumerate() {
        let named = || format!("{}: {}", subject.name, case.name);
        passed += run(bench, &mut environment, case, number, now).await.with_context(named)?;
    }
    environment.end().await?;
    Ok(passed)
}

async fn run(bench: &Bench, environment: &mut Environment, case: &Case, number: usize, now: Duration) -> Result<usize> {
    let mut ids = Vec::new();
    for request in &case.requests {
        let event = event(request, number, now)?;
        for _ in 1..request.times {
            let response = environment.invoke(event.clone()).await?.response;
            let status = response["statusCode"].as_u64().unwrap_or(500);
            ensure!(status != 429 && status < 500, "before its last time it responded {response}");
        }
        let response = environment.invoke(event).await?.response;
        ids.push(check(bench, &request.expect, &response, &ids).with_context(|| format!("it responded {response}"))?);
    }
    Ok(ids.len())
}

/// Checks a response, and returns the id of its enquiry.
fn check(bench: &Bench, expected: &Expectation, response: &Value, ids: &[Option<String>]) -> Result<Option<String>> {
    let body: Value = serde_json::from_str(response["body"].as_str().unwrap_or_default()).unwrap_or_default();
    ensure!(response["body"].as_str().is_none_or(|body| body.len() <= MAX_BODY_BYTES), "over {MAX_BODY_BYTES} bytes");
    ensure!(response["statusCode"] == expected.status, "not {}", expected.status);
    ensure!(body["error"]["code"].as_str() == expected.code.as_deref(), "not the code {:?}", expected.code);
    if let Some(violations) = &expected.violations {
        let text = |member: &Value| member.as_str().unwrap_or_default().to_owned();
        let named = |violation: &Value| text(&violation["code"]) + " " + &text(&violation["param"]);
        let found: Vec<_> = body["error"]["violations"].as_array().into_iter().flatten().map(named).collect();
        ensure!(&found == violations, "not the violations {violations:?}");
    }
    for (name, value) in &expected.headers {
        ensure!(header(response, name) == value.as_str(), "{name} is not {value}");
    }
    let request_id = header(response, "x-credicorp-request-id");
    ensure!(request_id.is_some() && request_id == body["meta"]["request_id"].as_str(), "no request id, or two");
    let id = body["id"].as_str().map(str::to_owned);
    if let Some(earlier) = expected.same_id_as {
        ensure!(id.is_some() && ids.get(earlier) == Some(&id), "not the id of request {earlier}");
    }
    if let Some(fields) = &expected.stored_fields {
        let enquiries = bench.aws.enquiries();
        let stored =
            enquiries.iter().find(|item| item["id"]["S"].as_str() == id.as_deref()).context("nothing is stored")?;
        ensure!(stored["fields"]["S"] == **fields, "stored as {}", stored["fields"]["S"]);
    }
    Ok(id)
}

/// A header of the response, which may be a single value or a list.
fn header<'response>(response: &'response Value, name: &str) -> Option<&'response str> {
    let kinds = ["headers", "multiValueHeaders"].into_iter().filter_map(|kind| response[kind].as_object());
    let (_, value) = kinds.flatten().find(|(sent, _)| sent.eq_ignore_ascii_case(name))?;
    value.as_str().or(value[0].as_str())
}

fn event(request: &Request, number: usize, now: Duration) -> Result<Value> {
    let mut event = sample("rest-v1-contact-us")?;
    let mut headers = Map::from_iter([("content-type".to_owned(), json!("application/json"))]);
    headers.extend(request.headers.clone());
    headers.retain(|_, value| !value.is_null());
    event["multiValueHeaders"] = headers.iter().map(|(name, value)| (name.clone(), json!([value]))).collect();
    event["headers"] = Value::Object(headers);
    event["httpMethod"] = json!(request.method);
    event["requestContext"]["httpMethod"] = json!(request.method);
    event["requestContext"]["requestTimeEpoch"] = json!(now.as_millis());
    let client = request.client.clone().unwrap_or_else(|| format!("198.18.0.{number}"));
    event["requestContext"]["identity"]["sourceIp"] = json!(client);
    event["isBase64Encoded"] = json!(request.body_base64.is_some());
    event["body"] = json!(body_of(request));
    Ok(event)
}

/// The body to send, if any. A preflight has none.
fn body_of(request: &Request) -> Option<String> {
    let given = request.body.as_ref().map(Body::text);
    let json = request.json.as_ref().map(|json| json.get().to_owned());
    let default = (request.method == "POST").then(|| BODY.to_owned());
    request.body_base64.clone().or(given).or(json).or(default)
}

impl Body {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => parts.iter().map(Part::text).collect(),
        }
    }
}

impl Part {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Repeated(text, times) => text.repeat(*times),
        }
    }
}

fn post() -> String {
    "POST".to_owned()
}

fn once() -> u32 {
    1
}
