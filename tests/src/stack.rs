//! The deployed local stack, from the environment variables.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::deployed::Deployed;
use crate::environment::{scope, variable};

/// How often to check a condition.
pub(crate) const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// A limit for a hung stack, far longer than any response takes.
const RESPONSE_DEADLINE: Duration = Duration::from_mins(2);

/// The API, the tables, the queues and the mailbox under test.
pub struct Stack {
    pub(crate) api_url: reqwest::Url,
    pub(crate) aws_endpoint_url: String,
    pub(crate) enquiries_table: String,
    pub(crate) idempotency_table: String,
    pub(crate) rate_counters_table: String,
    pub(crate) notifications_queue_url: String,
    pub(crate) dead_letter_queue_url: String,
    pub(crate) mailbox_url: reqwest::Url,
    pub(crate) http: reqwest::Client,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    deployed: OnceCell<Arc<Deployed>>,
}

impl Stack {
    /// The stack that `make test` started.
    #[must_use]
    pub fn from_environment() -> Self {
        let aws_endpoint_url = variable("AWS_ENDPOINT_URL");
        Self {
            api_url: variable("API_URL").parse().expect("API_URL is a URL"),
            enquiries_table: variable("ENQUIRIES_TABLE"),
            idempotency_table: variable("IDEMPOTENCY_TABLE"),
            rate_counters_table: variable("RATE_COUNTERS_TABLE"),
            notifications_queue_url: variable("NOTIFICATIONS_QUEUE_URL"),
            dead_letter_queue_url: variable("NOTIFICATIONS_DEAD_LETTER_QUEUE_URL"),
            mailbox_url: variable("MAILBOX_URL").parse().expect("MAILBOX_URL is a URL"),
            http: reqwest::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(RESPONSE_DEADLINE)
                .build()
                .expect("a plain HTTP client needs nothing"),
            dynamodb: aws_sdk_dynamodb::Client::from_conf(
                aws_sdk_dynamodb::Config::builder()
                    .behavior_version(BehaviorVersion::latest())
                    .region(Region::new("eu-west-2"))
                    .credentials_provider(Credentials::new("test", "test", None, None, "local"))
                    .http_client(aws_smithy_http_client::Builder::new().build_http())
                    .endpoint_url(&aws_endpoint_url)
                    .build(),
            ),
            aws_endpoint_url,
            deployed: OnceCell::new(),
        }
    }

    /// Waits until `look` finds what it is looking for. After `deadline` it panics with what `look` found instead.
    pub async fn wait_for<T>(&self, deadline: Duration, look: impl AsyncFn() -> Result<T, String>) -> T {
        let started = Instant::now();
        loop {
            let looked = Instant::now();
            match look().await {
                Ok(found) => return found,
                Err(instead) => assert!(started.elapsed() < deadline, "after {deadline:?}: {instead}"),
            }
            // After a slow look, wait as long: the stack needs time for the work that we are waiting for.
            tokio::time::sleep(looked.elapsed().max(POLL_INTERVAL)).await;
        }
    }

    /// The template's names. They are fetched once.
    pub(crate) async fn deployed(&self) -> Arc<Deployed> {
        let deployed = self
            .deployed
            .get_or_init(async || Arc::new(Deployed::describe(&self.http, &self.aws_endpoint_url).await))
            .await;
        Arc::clone(deployed)
    }

    /// Calls an AWS service with its JSON protocol.
    pub(crate) async fn call_aws(&self, service: &str, target: &str, body: &Value) -> Value {
        let request = self.http.post(&self.aws_endpoint_url).header("authorization", scope(service));
        let request = request.header("x-amz-target", target).header("content-type", "application/x-amz-json-1.1");
        let response = request.body(body.to_string()).send().await.expect("the local AWS responds");
        let (status, text) = (response.status(), response.text().await.unwrap_or_default());
        assert!(status.is_success(), "{target}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    pub(crate) fn control_plane(&self, path: &str) -> reqwest::Url {
        let url = format!("{}{path}", self.aws_endpoint_url.trim_end_matches('/'));
        url.parse().expect("AWS_ENDPOINT_URL is a URL")
    }

    pub(crate) async fn get_json(&self, service: &str, url: reqwest::Url) -> Value {
        let request = self.http.get(url).header("authorization", scope(service));
        request.send().await.expect("the local AWS responds").json().await.expect("the local AWS responds in JSON")
    }
}
