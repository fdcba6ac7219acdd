//! A proxy in front of the local AWS that can make one call fail in every possible way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};

use crate::deployed::Deployed;
use crate::http::{self, Request, Response, Server};
use crate::recorded::Calls;
use crate::stack::Stack;

/// A call to AWS between a submission and its email.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AwsCall {
    /// DynamoDB: write the enquiry, with its key if it has one.
    Record,
    /// SQS: queue a new enquiry's id.
    Enqueue,
    /// DynamoDB: take a mailer's lease.
    Claim,
    /// SES: send the email.
    Send,
    /// DynamoDB: mark the record as sent.
    Mark,
    /// DynamoDB: look for due notifications, for the sweeper.
    Sweep,
    /// DynamoDB: move a due time, for the sweeper.
    Move,
    /// SQS: queue ids again, for the sweeper.
    Reenqueue,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// The service refuses the call and does nothing.
    Refused,
    /// SES rejects this email.
    Rejected,
    /// The service carries out the call. Its response is lost, as are the responses to all further attempts.
    ResponseLost,
    /// The same, but the next attempt gets its response.
    ResponseLostOnce,
    /// The service does nothing and does not respond, until the caller gives up or the fault is removed.
    Hangs,
    /// The service carries out the call, and the function is killed before it gets the response.
    Killed,
}

/// A failure of one kind of call.
#[derive(Clone, Debug)]
pub struct Fault {
    call: AwsCall,
    mentioning: String,
    failure: Failure,
}

/// The proxy. It records every call. Its clones share one state.
#[derive(Clone)]
pub struct Proxy {
    server: Arc<Server>,
    seen: Arc<Seen>,
}

struct Seen {
    aws: reqwest::Url,
    http: reqwest::Client,
    fault: Option<Fault>,
    strikes: watch::Sender<usize>,
    lifted: watch::Sender<bool>,
    kill: Notify,
    requests: Mutex<Vec<(Option<AwsCall>, Bytes)>>,
    deployed: Arc<Deployed>,
    asked: Mutex<Calls>,
}

impl AwsCall {
    /// All kinds of calls.
    pub const ALL: [Self; 8] =
        [Self::Record, Self::Enqueue, Self::Claim, Self::Send, Self::Mark, Self::Sweep, Self::Move, Self::Reenqueue];

    fn of(request: &Request) -> Option<Self> {
        if request.uri().path() == "/v2/email/outbound-emails" {
            return Some(Self::Send);
        }
        let target = request.headers().get("x-amz-target")?.to_str().ok()?;
        match target.rsplit('.').next()? {
            "PutItem" | "TransactWriteItems" => Some(Self::Record),
            "UpdateItem" => Self::of_update(&serde_json::from_slice(request.body()).ok()?),
            "Query" => Some(Self::Sweep),
            "SendMessage" => Some(Self::Enqueue),
            "SendMessageBatch" => Some(Self::Reenqueue),
            _ => None,
        }
    }

    /// The kind of an update, from the state that it sets. One that sets no state may be a move.
    fn of_update(update: &Value) -> Option<Self> {
        let expression = update["UpdateExpression"].as_str()?;
        let Some((_, state)) = expression.split_once("mail_state = ") else {
            return (expression.contains("mail_due_at") && !expression.contains("mail_lease")).then_some(Self::Move);
        };
        let state = state.split([',', ' ']).next()?;
        match update["ExpressionAttributeValues"][state]["S"].as_str()? {
            "sending" => Some(Self::Claim),
            "sent" => Some(Self::Mark),
            _ => None,
        }
    }

    /// A temporary refusal. SES has two kinds, and one of them does not prove that nothing was done.
    fn refusal(self, strike: usize) -> Response {
        let (status, code) = match self {
            Self::Record | Self::Claim | Self::Mark | Self::Sweep | Self::Move => {
                (400, "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException")
            }
            Self::Enqueue | Self::Reenqueue => (503, "com.amazonaws.sqs#ServiceUnavailable"),
            Self::Send if strike % 2 == 1 => (429, "TooManyRequestsException"),
            Self::Send => (503, "ServiceUnavailable"),
        };
        error(status, code)
    }
}

impl Fault {
    /// Makes all calls of this kind fail in this way.
    #[must_use]
    pub fn at(call: AwsCall, failure: Failure) -> Self {
        Self { call, mentioning: String::new(), failure }
    }

    /// Only calls that mention this text, such as an enquiry's id.
    #[must_use]
    pub fn mentioning(self, text: impl Into<String>) -> Self {
        Self { mentioning: text.into(), ..self }
    }
}

impl Failure {
    /// All temporary failures.
    pub const ALL: [Self; 5] = [Self::Refused, Self::ResponseLost, Self::ResponseLostOnce, Self::Hangs, Self::Killed];
}

impl Proxy {
    /// A proxy that forwards all calls.
    pub async fn start(stack: &Stack) -> Self {
        Self::with_fault(stack, None).await
    }

    /// A proxy that forwards the calls that the fault does not hit.
    pub async fn with_fault(stack: &Stack, fault: impl Into<Option<Fault>>) -> Self {
        let seen = Arc::new(Seen {
            aws: stack.aws_endpoint_url.parse().expect("AWS_ENDPOINT_URL is a URL"),
            http: stack.http.clone(),
            fault: fault.into(),
            strikes: watch::Sender::new(0),
            lifted: watch::Sender::new(false),
            kill: Notify::new(),
            requests: Mutex::default(),
            deployed: stack.deployed().await,
            asked: Mutex::default(),
        });
        let shared = Arc::clone(&seen);
        let server = Server::start(move |request| {
            let seen = Arc::clone(&shared);
            async move { seen.respond(request).await }
        });
        Self { server: Arc::new(server.await), seen }
    }

    /// How many calls the fault has hit.
    #[must_use]
    pub fn strikes(&self) -> usize {
        *self.seen.strikes.borrow()
    }

    /// Waits until the fault has hit a call.
    pub async fn struck(&self) {
        self.seen.strikes.subscribe().wait_for(|strikes| *strikes > 0).await.expect("the proxy keeps count");
    }

    /// Removes the fault. Hanging calls continue.
    pub fn lift(&self) {
        self.seen.lifted.send_replace(true);
    }

    /// The calls in order. `None` is a call that has nothing to do with notifications.
    #[must_use]
    pub fn calls(&self) -> Vec<Option<AwsCall>> {
        self.seen.requests().iter().map(|(call, _)| *call).collect()
    }

    /// The bodies of all calls of one kind, in order.
    #[must_use]
    pub fn bodies(&self, call: AwsCall) -> Vec<Value> {
        let requests = self.seen.requests();
        let of_kind = requests.iter().filter(|(kind, _)| *kind == Some(call));
        of_kind.map(|(_, body)| serde_json::from_slice(body).expect("AWS is called in JSON")).collect()
    }

    /// Whether any call mentioned this text.
    #[must_use]
    pub fn saw(&self, text: &str) -> bool {
        let requests = self.seen.requests();
        requests.iter().any(|(_, body)| mentions(body, text))
    }

    /// Each function's calls to AWS.
    #[must_use]
    pub fn asked(&self) -> Calls {
        self.seen.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes all open connections die. A request over one gets no response, and nothing is done.
    pub fn let_connections_die(&self) {
        self.server.let_connections_die();
    }

    /// How many calls came over a dead connection.
    #[must_use]
    pub fn lost_calls(&self) -> usize {
        self.server.lost_requests()
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Waits until the fault kills the function.
    pub(crate) async fn kills(&self) {
        self.seen.kill.notified().await;
    }
}

impl Seen {
    async fn respond(&self, request: Request) -> Option<Response> {
        let call = AwsCall::of(&request);
        self.requests().push((call, request.body().clone()));
        self.deployed.note(&request, &mut self.asked.lock().unwrap_or_else(PoisonError::into_inner));
        let Some((fault, strike)) = self.fault_at(call, &request) else { return Some(self.forward(request).await) };
        match fault.failure {
            Failure::Refused => Some(fault.call.refusal(strike)),
            Failure::Rejected => Some(error(400, "MessageRejected")),
            Failure::ResponseLost | Failure::ResponseLostOnce => {
                self.forward(request).await;
                None
            }
            Failure::Hangs => {
                self.lifted.subscribe().wait_for(|lifted| *lifted).await.expect("the proxy lives");
                Some(self.forward(request).await)
            }
            Failure::Killed => {
                self.forward(request).await;
                self.kill.notify_one();
                std::future::pending().await
            }
        }
    }

    fn requests(&self) -> MutexGuard<'_, Vec<(Option<AwsCall>, Bytes)>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault that hits this request, and how many requests it has hit, including this one.
    fn fault_at(&self, call: Option<AwsCall>, request: &Request) -> Option<(&Fault, usize)> {
        let fault = self.fault.as_ref()?;
        let once = fault.failure == Failure::ResponseLostOnce;
        let strikes = call == Some(fault.call)
            && mentions(request.body(), &fault.mentioning)
            && !*self.lifted.borrow()
            && !(once && *self.strikes.borrow() > 0);
        strikes.then(|| {
            self.strikes.send_modify(|strikes| *strikes += 1);
            (fault, *self.strikes.borrow())
        })
    }

    async fn forward(&self, request: Request) -> Response {
        let (head, body) = request.into_parts();
        let mut url = self.aws.clone();
        url.set_path(head.uri.path());
        url.set_query(head.uri.query());
        // The local AWS reads service and region from the signature, and does not check it.
        let forwarded = self.http.request(head.method, url).headers(head.headers).body(body).send().await;
        let received = forwarded.expect("the local AWS responds");
        let mut response = Response::new(Full::default());
        *response.status_mut() = received.status();
        *response.headers_mut() = received.headers().clone();
        response.headers_mut().remove("transfer-encoding");
        *response.body_mut() = Full::new(received.bytes().await.expect("the local AWS responds in full"));
        response
    }
}

fn error(status: u16, code: &str) -> Response {
    let mut response = http::json(status, json!({ "__type": code, "message": "injected" }).to_string());
    response.headers_mut().insert("x-amzn-errortype", code.parse().expect("a code is a legal header value"));
    response
}

fn mentions(body: &[u8], text: &str) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text.as_bytes())
}
