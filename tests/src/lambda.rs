//! A stand-in for Lambda's Runtime API. It runs the released binary as a child process, which a test can kill.
//!
//! Source: Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes".

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use serde_json::{Map, Value, json};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, RwLock, mpsc, watch};

use crate::environment::{scope, variable};
use crate::http::{self, Request, Response, Server};
use crate::proxy::Proxy;
use crate::recorded::assert_among_recorded;
use crate::stack::Stack;
use crate::unique::unique_text;

/// If set, this names the host that gets the events that the local AWS sends to a function.
const HOST_VARIABLE: &str = "MINISTACK_LAMBDA_PROXY_URL";
/// The builds that the local stack deployed.
const BINARIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release");
/// How long a function may take to request its first event. This is far more than any takes.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// How long a function waits for one attempt of a call. It is long because two cores may run everything at once, but
/// the mailer's three budgets must fit into its timeout.
const PATIENCE: Duration = Duration::from_secs(5);

/// A deployed function's configuration.
#[derive(Clone, Debug)]
pub struct Function {
    pub(crate) name: String,
    pub(crate) deployed_as: String,
    pub(crate) variables: Map<String, Value>,
    timeout: Duration,
    arn: String,
    patience: Duration,
}

/// One environment of a function. It calls AWS through a proxy.
pub struct Instance {
    child: Child,
    proxy: Proxy,
    events: mpsc::UnboundedSender<Value>,
    outcomes: mpsc::UnboundedReceiver<Outcome>,
    /// How many events it has requested.
    asked: watch::Receiver<usize>,
    timeout: Duration,
    _runtime_api: Server,
}

/// The result of an invocation.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The function's response.
    Responded(Value),
    /// The function's error.
    Failed(Value),
    /// The function was killed, exited or timed out before it responded.
    Died,
}

impl Function {
    /// Reads the Lambda API's description of a function.
    pub(crate) fn new(name: &str, configuration: &Value) -> Self {
        let text = |member: &str| configuration[member].as_str().unwrap_or_default().to_owned();
        Self {
            name: name.to_owned(),
            deployed_as: text("FunctionName"),
            variables: configuration["Environment"]["Variables"].as_object().cloned().unwrap_or_default(),
            timeout: Duration::from_secs(configuration["Timeout"].as_u64().expect("a function has a timeout")),
            arn: text("FunctionArn"),
            patience: PATIENCE,
        }
    }

    /// The value of an environment variable.
    #[must_use]
    pub fn variable(&self, name: &str) -> &str {
        self.variables.get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("{} lacks {name}", self.name))
    }

    /// The function's ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The same function with a shorter timeout for each call, for tests of calls that hang.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    fn command(&self, runtime_api: &Server, proxy: &Proxy) -> Command {
        let mut command = Command::new(Path::new(BINARIES).join(&self.name));
        let variables = self.variables.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
        command.env_clear().envs(variables);
        // A file that only Amazon Linux has.
        command.env_remove("SSL_CERT_FILE");
        for (name, patience) in [
            ("CONNECT_TIMEOUT_MS", self.patience),
            ("ATTEMPT_TIMEOUT_MS", self.patience),
            ("OPERATION_TIMEOUT_MS", self.patience * 3 / 2),
            ("ENQUEUE_TIMEOUT_MS", self.patience * 2),
            ("SEND_TIMEOUT_MS", self.patience),
            ("MARK_TIMEOUT_MS", self.patience * 2),
            ("HANDLER_DEADLINE_MS", self.patience * 3),
            ("WARM_UP_TIMEOUT_MS", self.patience),
        ] {
            command.env(name, patience.as_millis().to_string());
        }
        command.envs([
            ("AWS_ENDPOINT_URL", proxy.url().as_str()),
            ("AWS_REGION", "eu-west-2"),
            // The proxy identifies the caller by it.
            ("AWS_ACCESS_KEY_ID", &self.deployed_as),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_LAMBDA_RUNTIME_API", &runtime_api.authority()),
            ("AWS_LAMBDA_FUNCTION_NAME", &self.deployed_as),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", &format!("/aws/lambda/{}", self.deployed_as)),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "driven"),
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        command
    }
}

impl Instance {
    /// Starts the function and waits until it requests its first event.
    pub async fn start(function: &Function, proxy: &Proxy) -> Self {
        let (events, next_event) = mpsc::unbounded_channel();
        let (outcome, outcomes) = mpsc::unbounded_channel();
        let api = Arc::new(RuntimeApi {
            function: function.clone(),
            next_event: Mutex::new(next_event),
            outcome,
            asked: watch::Sender::new(0),
        });
        let mut asked = api.asked.subscribe();
        let runtime_api = Server::start(move |request| {
            let api = Arc::clone(&api);
            async move { api.respond(&request).await }
        })
        .await;
        let spawned = function.command(&runtime_api, proxy).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{} cannot be started: {error}", function.name));
        let ready = tokio::time::timeout(START_DEADLINE, async {
            tokio::select! {
                ready = asked.wait_for(|asked| *asked == 1) => ready.is_ok(),
                _ = child.wait() => false,
            }
        });
        assert_eq!(ready.await, Ok(true), "{} does not start", function.name);
        let proxy = proxy.clone();
        Self { child, proxy, events, outcomes, asked, timeout: function.timeout, _runtime_api: runtime_api }
    }

    /// Freezes the function at once, as Lambda does between two events.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Thaws the function.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|pid| pid.try_into().ok()).expect("the function lives");
        kill(Pid::from_raw(pid), signal).expect("a child can be signalled");
    }

    /// Sends the function an event, and waits until it requests the next one: it may have work to do after its
    /// response. All its calls to AWS must be in the record.
    pub async fn invoke(&mut self, event: &Value) -> Outcome {
        let asked_before = *self.asked.borrow();
        self.events.send(event.clone()).expect("the Runtime API serves");
        let mut outcome = None;
        let done = async {
            outcome = self.outcomes.recv().await;
            self.asked.wait_for(|asked| *asked > asked_before).await.is_ok()
        };
        let (lives, killed) = tokio::select! {
            lives = done => (lives, false),
            () = self.proxy.kills() => (false, true),
            _ = self.child.wait() => (false, false),
            () = tokio::time::sleep(self.timeout) => (false, false),
        };
        assert_among_recorded(&self.proxy.asked());
        if !lives {
            self.child.kill().await.expect("a child can be killed");
        }
        assert!(outcome.is_none() || lives || killed, "it responded and then died: {outcome:?}");
        outcome.unwrap_or(Outcome::Died)
    }
}

struct RuntimeApi {
    function: Function,
    next_event: Mutex<mpsc::UnboundedReceiver<Value>>,
    outcome: mpsc::UnboundedSender<Outcome>,
    asked: watch::Sender<usize>,
}

impl RuntimeApi {
    async fn respond(&self, request: &Request) -> Option<Response> {
        let path = request.uri().path().strip_prefix("/2018-06-01/runtime/")?;
        let body = || serde_json::from_slice(request.body()).unwrap_or_default();
        match path.rsplit('/').next()? {
            "next" => return self.next().await,
            "response" => self.outcome.send(Outcome::Responded(body())).ok()?,
            "error" => self.outcome.send(Outcome::Failed(body())).ok()?,
            _ => return None,
        }
        Some(http::json(202, r#"{"status":"OK"}"#))
    }

    async fn next(&self) -> Option<Response> {
        self.asked.send_modify(|asked| *asked += 1);
        let event = self.next_event.lock().await.recv().await?;
        let mut response = http::json(200, event.to_string());
        let deadline = (now_since_epoch() + self.function.timeout).as_millis();
        for (name, value) in [
            ("lambda-runtime-aws-request-id", unique_text()),
            ("lambda-runtime-deadline-ms", deadline.to_string()),
            ("lambda-runtime-invoked-function-arn", self.function.arn.clone()),
            ("lambda-runtime-trace-id", "Root=1-6862a1ff-000000000000000000000001;Sampled=0".to_owned()),
        ] {
            response.headers_mut().insert(name, value.parse().expect("the value is a legal header"));
        }
        Some(response)
    }
}

impl Outcome {
    /// The enquiry's id, if this is a 201 of create-enquiry.
    #[must_use]
    pub fn accepted_id(&self) -> Option<String> {
        let Self::Responded(response) = self else { return None };
        let body: Value = serde_json::from_str(response["body"].as_str()?).ok()?;
        (response["statusCode"] == 201).then(|| body["id"].as_str().map(str::to_owned))?
    }

    /// Expects a response.
    #[track_caller]
    pub fn assert_responded(&self) {
        assert!(matches!(self, Self::Responded(_)), "{self:?}");
    }
}

impl Stack {
    /// Sends one event to a function that calls AWS through `proxy`.
    pub async fn drive(&self, function: &str, proxy: &Proxy, event: &Value) -> Outcome {
        Instance::start(&self.function(function).await, proxy).await.invoke(event).await
    }

    /// A deployed function, by the name of its crate.
    pub async fn function(&self, name: &str) -> Function {
        let output = format!("{}_FUNCTION", name.to_uppercase().replace('-', "_"));
        let path = format!("functions/{}/configuration", variable(&output));
        Function::new(name, &self.lambda(Method::GET, &path, &Value::Null).await)
    }

    /// Handles the messages on a function's queue in environments that call AWS through `proxy`, while `experiment`
    /// runs. The deployed mapping stays, but invokes a function whose environments run here. (Changing the deployed
    /// function's endpoint would end its running work, for every test.)
    pub async fn with_messages_behind<T>(
        &self,
        function: &Function,
        proxy: &Proxy,
        experiment: impl Future<Output = T>,
    ) -> T {
        let under_way = Arc::new(RwLock::new(()));
        let host = (function.clone(), proxy.clone(), Arc::clone(&under_way));
        let host = Server::start(move |event: Request| {
            let (function, proxy, under_way) = host.clone();
            async move {
                let _under_way = under_way.read().await;
                let event = serde_json::from_slice(event.body()).ok()?;
                match Instance::start(&function, &proxy).await.invoke(&event).await {
                    Outcome::Responded(response) => Some(http::json(200, response.to_string())),
                    Outcome::Failed(error) => Some(http::json(500, error.to_string())),
                    Outcome::Died => None,
                }
            }
        });
        let host = host.await;
        let stand_in = json!({
            "FunctionName": unique_text(),
            "Runtime": "provided.al2023",
            "Timeout": function.timeout.as_secs(),
            "Environment": { "Variables": { HOST_VARIABLE: host.url() } },
        });
        self.lambda(Method::POST, "functions", &stand_in).await;
        let mappings = format!("event-source-mappings?FunctionName={}", function.deployed_as);
        let mappings = self.lambda(Method::GET, &mappings, &Value::Null).await;
        let mapping = mappings["EventSourceMappings"][0]["UUID"].as_str().expect("the function has a mapping");
        let mapping = format!("event-source-mappings/{mapping}");
        self.lambda(Method::PUT, &mapping, &json!({ "FunctionName": stand_in["FunctionName"] })).await;
        let result = AssertUnwindSafe(experiment).catch_unwind().await;
        self.lambda(Method::PUT, &mapping, &json!({ "FunctionName": function.deployed_as })).await;
        let _nothing_is_under_way = under_way.write().await;
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    async fn lambda(&self, method: Method, path: &str, body: &Value) -> Value {
        let url = self.control_plane(&format!("/2015-03-31/{path}"));
        let request = self.http.request(method, url).header("authorization", scope("lambda")).json(body);
        let response = request.send().await.expect("the local AWS responds");
        let (status, text) = (response.status(), response.text().await.unwrap_or_default());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }
}

#[expect(clippy::disallowed_methods, reason = "events bear the time at which they are made")]
pub(crate) fn now_since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970")
}
