//! A fake AWS at the SDK's connector. It records each request, and responds as the test scripts it.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

/// What AWS does with a request.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a response may hold a function")]
pub enum AwsResponse {
    /// Responds with this status and body.
    Json(u16, Value),
    /// Responds with this status, error type and body, as a REST service does.
    Error(u16, &'static str, Value),
    /// Responds with a body made from the requests so far. The last is the current one.
    Made(u16, fn(&[Request]) -> Value),
    /// Closes the connection without a response, whether or not the request was carried out.
    Lost,
    /// Never responds.
    Hangs,
    /// Responds after a delay.
    Slow(Duration, Box<AwsResponse>),
    /// Panics in the caller, like a bug in our own code.
    Panics,
}

/// A request to AWS.
#[derive(Clone, Debug)]
pub struct Request {
    /// The operation's name in the service's API.
    pub operation: String,
    /// The JSON body.
    pub body: Value,
    /// How many other requests were still in progress.
    pub others_under_way: usize,
}

/// The fake AWS. Its clones share one state.
#[derive(Clone, Default)]
pub struct Aws(Arc<Shared>);

#[derive(Default)]
struct Shared {
    scripts: Mutex<HashMap<&'static str, VecDeque<AwsResponse>>>,
    requests: Mutex<Vec<Request>>,
    under_way: AtomicUsize,
}

impl Aws {
    /// Scripts the responses to the next requests of this operation. The last response is repeated.
    pub fn responds(&self, operation: &'static str, responses: impl IntoIterator<Item = AwsResponse>) {
        self.0.scripts.lock().unwrap().insert(operation, responses.into_iter().collect());
    }

    /// All requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.0.requests.lock().unwrap().clone()
    }

    /// The bodies of all requests of this operation.
    #[must_use]
    pub fn requests_of(&self, operation: &str) -> Vec<Value> {
        self.requests()
            .into_iter()
            .filter(|request| request.operation == operation)
            .map(|request| request.body)
            .collect()
    }

    /// The operations of all requests, in order.
    #[must_use]
    pub fn operations(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.operation).collect()
    }

    /// The HTTP client for the SDK's configuration.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    fn next_response(&self, operation: &str) -> AwsResponse {
        let mut scripts = self.0.scripts.lock().unwrap();
        match scripts.get_mut(operation) {
            Some(script) if script.len() > 1 => script.pop_front().unwrap(),
            Some(script) => script[0].clone(),
            None => default_response(operation),
        }
    }

    fn record(&self, request: &HttpRequest) -> String {
        // The JSON protocols name their operation in a header. SES has a path per operation, and we call only one.
        let target = request.headers().get("x-amz-target");
        let operation = target.map_or("SendEmail", |target| target.rsplit_once('.').unwrap().1).to_owned();
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let others_under_way = self.0.under_way.load(Ordering::Relaxed);
        self.0.requests.lock().unwrap().push(Request { operation: operation.clone(), body, others_under_way });
        operation
    }

    async fn respond(self, response: AwsResponse) -> Result<HttpResponse, ConnectorError> {
        let json = |status, body: Value| {
            let status = StatusCode::try_from(status).unwrap();
            Ok(HttpResponse::new(status, SdkBody::from(body.to_string())))
        };
        match response {
            AwsResponse::Json(status, body) => json(status, body),
            AwsResponse::Error(status, code, body) => json(status, body).map(|mut response| {
                response.headers_mut().insert("x-amzn-errortype", code);
                response
            }),
            AwsResponse::Made(status, make) => json(status, make(&self.requests())),
            AwsResponse::Lost => Err(ConnectorError::io("connection closed before message completed".into())),
            AwsResponse::Hangs => std::future::pending().await,
            AwsResponse::Slow(pause, response) => {
                tokio::time::sleep(pause).await;
                Box::pin(self.respond(*response)).await
            }
            AwsResponse::Panics => panic!("a panic that quotes Jordan Ellis"),
        }
    }
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = self.record(&request);
        let response = self.next_response(&operation);
        let under_way = UnderWay::new(self.clone());
        let aws = self.clone();
        HttpConnectorFuture::new(async move {
            let _under_way = under_way;
            aws.respond(response).await
        })
    }
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Aws")
    }
}

struct UnderWay(Aws);

impl UnderWay {
    fn new(aws: Aws) -> Self {
        aws.0.under_way.fetch_add(1, Ordering::Relaxed);
        Self(aws)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// AWS's response on success.
#[must_use]
pub fn default_response(operation: &str) -> AwsResponse {
    let body = match operation {
        "UpdateItem" => json!({ "Attributes": { "hits": { "N": "1" } } }),
        "SendMessage" => json!({ "MessageId": "1" }),
        "SendMessageBatch" => json!({ "Successful": [], "Failed": [] }),
        "SendEmail" => json!({ "MessageId": "ses-1" }),
        "Query" => json!({ "Items": [], "Count": 0 }),
        "PutItem" | "TransactWriteItems" | "GetItem" | "GetQueueAttributes" => json!({}),
        other => panic!("{other} is no call that this function makes"),
    };
    AwsResponse::Json(200, body)
}

/// A DynamoDB error whose body has these additional members.
#[must_use]
pub fn dynamodb_error(status: u16, code: &str, members: &Value) -> AwsResponse {
    let mut body = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": "Jordan Ellis" });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    AwsResponse::Json(status, body)
}

/// An SES error.
#[must_use]
pub fn ses_error(status: u16, code: &'static str, message: &str) -> AwsResponse {
    AwsResponse::Error(status, code, json!({ "message": message }))
}
