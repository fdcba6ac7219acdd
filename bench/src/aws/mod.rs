//! A fake AWS: three TLS endpoints, each on its own port. If two services shared a port, the function would save a
//! handshake.

mod dynamodb;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use md5::{Digest, Md5};
use rustls::ServerConfig;
use serde_json::{Value, json};

use crate::server::{Handler, Request, Response, Server, response};
use dynamodb::Tables;
pub(crate) use dynamodb::{ENQUIRIES_TABLE, IDEMPOTENCY_TABLE, RATE_COUNTERS_TABLE};

pub(crate) const QUEUE_URL: &str = "https://sqs.eu-west-2.amazonaws.com/000000000000/notifications";

/// The endpoints, and the calls that they got.
pub(crate) struct Aws {
    servers: [(Service, Server); 3],
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    Sqs,
    Ses,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) operation: String,
    /// Whether a condition failed because the enquiry's id was taken. There are only 2^30 ids.
    pub(crate) id_taken: bool,
    /// The enquiry id in a message.
    pub(crate) announced: Option<String>,
    pub(crate) began: Instant,
    /// When the response was sent.
    pub(crate) ended: Instant,
}

/// The connections and calls since the last look.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    pub(crate) calls: Vec<Call>,
}

#[derive(Default)]
struct State {
    delay: Duration,
    seen: Seen,
    tables: Tables,
}

#[derive(Clone)]
struct Endpoint {
    service: Service,
    state: Arc<Mutex<State>>,
}

impl Aws {
    pub(crate) async fn start(tls: &Arc<ServerConfig>) -> Result<Self> {
        let state = Arc::default();
        let start = async |service| {
            let endpoint = Endpoint { service, state: Arc::clone(&state) };
            Ok::<_, anyhow::Error>((service, Server::start(Some(Arc::clone(tls)), endpoint).await?))
        };
        let servers = [start(Service::DynamoDb).await?, start(Service::Sqs).await?, start(Service::Ses).await?];
        Ok(Self { servers, state })
    }

    /// The environment variables that give every SDK these endpoints (AWS SDKs and Tools Reference Guide,
    /// "Service-specific endpoints").
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.servers.iter().map(|(service, server)| (service.variable(), format!("https://localhost:{}", server.port)))
    }

    /// Delays the response to each call.
    pub(crate) fn delay(&self, delay: Duration) {
        lock(&self.state).delay = delay;
    }

    /// Returns and clears the connections and calls since the last look.
    pub(crate) fn seen(&self) -> Seen {
        std::mem::take(&mut lock(&self.state).seen)
    }

    /// Replaces the tables' content with this enquiry, if there is one.
    pub(crate) fn hold(&self, enquiry: Option<&Value>) {
        lock(&self.state).tables = Tables::holding(ENQUIRIES_TABLE, enquiry);
    }

    /// The tables' enquiries, as items.
    pub(crate) fn enquiries(&self) -> Vec<Value> {
        lock(&self.state).tables.all(ENQUIRIES_TABLE)
    }
}

impl Service {
    fn variable(self) -> &'static str {
        match self {
            Self::DynamoDb => "AWS_ENDPOINT_URL_DYNAMODB",
            Self::Sqs => "AWS_ENDPOINT_URL_SQS",
            Self::Ses => "AWS_ENDPOINT_URL_SESV2",
        }
    }
}

impl Handler for Endpoint {
    fn connected(&self) {
        lock(&self.state).seen.connections += 1;
    }

    async fn handle(&self, request: Request) -> Response {
        let began = Instant::now();
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let asked = serde_json::from_slice(request.body()).unwrap_or_default();
        let delay = lock(&self.state).delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let mut id_taken = false;
        let response = match self.service {
            Service::DynamoDb => {
                let (status, body) = lock(&self.state).tables.respond(&operation, &asked);
                id_taken = operation == "PutItem" && body["__type"] == dynamodb::CONDITION_FAILED;
                dynamodb_response(status, &body)
            }
            Service::Sqs => sqs_response(&sqs_body(&operation, &asked)),
            Service::Ses => ses_response(),
        };
        let announced = announced(&asked);
        let call = Call { operation, id_taken, announced, began, ended: Instant::now() };
        lock(&self.state).seen.calls.push(call);
        response
    }
}

/// The SDKs check the checksum, and retry if it is wrong.
fn dynamodb_response(status: u16, body: &Value) -> Response {
    let body = body.to_string();
    let checksum = crc32fast::hash(body.as_bytes()).to_string();
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-crc32", &checksum),
        ("x-amzn-requestid", "7A3PQ5S8C4K6N0V2X9Z1B3D5F7H9J1L3M5P7R9T1V3X5Z7B9D1F3"),
    ];
    response(status, &headers, body)
}

fn announced(asked: &Value) -> Option<String> {
    let message: Value = serde_json::from_str(asked["MessageBody"].as_str()?).ok()?;
    message["enquiry_id"].as_str().map(str::to_owned)
}

fn sqs_body(operation: &str, asked: &Value) -> Value {
    let accepted = |message: &Value| {
        let body = message["MessageBody"].as_str().unwrap_or_default();
        // The SDKs compare it with what they sent.
        let md5 = hex::encode(Md5::digest(body));
        json!({ "Id": message["Id"], "MessageId": "5fea7756-0ea4-451a-a703-a558b933e274", "MD5OfMessageBody": md5 })
    };
    match operation {
        "SendMessage" => accepted(asked),
        "SendMessageBatch" => {
            let entries = asked["Entries"].as_array().into_iter().flatten();
            json!({ "Successful": entries.map(accepted).collect::<Vec<_>>(), "Failed": [] })
        }
        _ => json!({ "Attributes": { "QueueArn": "arn:aws:sqs:eu-west-2:000000000000:notifications" } }),
    }
}

fn sqs_response(body: &Value) -> Response {
    let headers =
        [("content-type", "application/x-amz-json-1.0"), ("x-amzn-requestid", "df0b6a5f-6a4c-5a3b-9d8e-3a7f1c2b4d5e")];
    response(200, &headers, body.to_string())
}

fn ses_response() -> Response {
    let headers = [("content-type", "application/json"), ("x-amzn-requestid", "0102019a-6a4c-5a3b-9d8e-3a7f1c2b4d5e")];
    response(
        200,
        &headers,
        json!({ "MessageId": "0102019a4c5d6e7f-00000000-0000-0000-0000-000000000000-000000" }).to_string(),
    )
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
