//! A client of the API.

use std::time::{Duration, Instant};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::response::Response;
use crate::stack::{POLL_INTERVAL, Stack};
use crate::unique::unique_ipv6_network;

/// The path for enquiries, below the API's base URL.
pub const ENQUIRIES: &str = "/public/v1/enquiries";

const JSON: &str = "application/json";

/// The length of a rate-limit window (contract, Rate limit).
const WINDOW: Duration = Duration::from_mins(1);
/// How much of a window must remain when an experiment starts, in seconds: enough for a slow machine, but not a long
/// wait.
const SECONDS_LEFT_TO_START: u64 = 25;
const MAX_EXPERIMENTS: usize = 5;

/// A client with its own address, and so its own quota.
pub struct Caller<'stack> {
    stack: &'stack Stack,
    address: String,
}

/// A request that has not been sent yet.
pub struct Call<'stack> {
    stack: &'stack Stack,
    method: String,
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Stack {
    /// A caller whose address and /64 network no other caller has.
    #[must_use]
    pub fn caller(&self) -> Caller<'_> {
        self.caller_at(&unique_ipv6_network().to_string())
    }

    /// A caller at this address. The local gateway uses the first entry of `X-Forwarded-For` as the source address. AWS
    /// uses the connection's peer.
    #[must_use]
    pub fn caller_at(&self, address: &str) -> Caller<'_> {
        Caller { stack: self, address: address.to_owned() }
    }

    /// Runs the experiment until it fits into one rate-limit window, each time with a caller that has a full quota. Use
    /// it to count more than one request: windows follow the clock, not the test.
    pub async fn within_one_window<'stack, T>(&'stack self, experiment: impl AsyncFn(Caller<'stack>) -> T) -> T {
        for _ in 0..MAX_EXPERIMENTS {
            let (started, seconds_left) = self.start_of_experiment().await;
            let outcome = experiment(self.caller()).await;
            let turned = self.caller().seconds_to_reset().await > seconds_left || started.elapsed() >= WINDOW;
            if !turned {
                return outcome;
            }
        }
        panic!("in {MAX_EXPERIMENTS} attempts the experiment never fitted into one window: the stack is too slow");
    }

    async fn start_of_experiment(&self) -> (Instant, u64) {
        loop {
            let started = Instant::now();
            let seconds_left = self.caller().seconds_to_reset().await;
            if seconds_left >= SECONDS_LEFT_TO_START {
                return (started, seconds_left);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

impl<'stack> Caller<'stack> {
    /// A JSON POST of this body to the enquiries.
    #[must_use]
    pub fn post(&self, body: impl Into<Vec<u8>>) -> Call<'stack> {
        self.call("POST", ENQUIRIES).header("content-type", JSON).body(body)
    }

    /// A request without a body. Its only header is the caller's address.
    #[must_use]
    pub fn call(&self, method: &str, path: &str) -> Call<'stack> {
        let call = Call {
            stack: self.stack,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
        };
        call.header("x-forwarded-for", &self.address)
    }

    /// Sends these exact bytes to the enquiries, because an HTTP library would tidy them up. Each header line ends in
    /// CRLF.
    pub async fn send_raw(&self, method: &str, header_lines: &str, body: impl AsRef<[u8]>) -> Response {
        let url = &self.stack.api_url;
        let host = url.host_str().expect("API_URL names a host");
        let port = url.port_or_known_default().expect("API_URL is http");
        let head = format!(
            "{method} {path}{ENQUIRIES} HTTP/1.1\r\nHost: {host}:{port}\r\nX-Forwarded-For: {address}\r\n\
             Connection: close\r\n{header_lines}\r\n",
            path = url.path().trim_end_matches('/'),
            address = self.address,
        );
        let mut connection = TcpStream::connect((host, port)).await.expect("the gateway listens");
        connection.write_all(&[head.as_bytes(), body.as_ref()].concat()).await.expect("the gateway reads");
        let mut received = Vec::new();
        connection.read_to_end(&mut received).await.expect("the gateway responds");
        Response::from_http1(&received).assert_wears_the_envelope(method)
    }

    /// How long the window still lasts, in seconds. This uses one request of the quota.
    pub(crate) async fn seconds_to_reset(&self) -> u64 {
        self.post("{}").send().await.seconds_to_reset()
    }
}

impl Call<'_> {
    /// Adds a header. If the header is already there, both are sent.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("the test names a header");
        let value = HeaderValue::from_bytes(value.as_ref()).expect("the test's header is legal");
        self.headers.append(name, value);
        self
    }

    /// Replaces the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends the request, and checks what every response must have.
    pub async fn send(self) -> Response {
        let method = self.method.parse().expect("the test names a method");
        let url = format!("{}{}", self.stack.api_url.as_str().trim_end_matches('/'), self.path);
        let request = self.stack.http.request(method, url).headers(self.headers).body(self.body);
        let received = request.send().await.expect("the gateway responds");
        let response = Response {
            status: received.status().as_u16(),
            headers: received.headers().clone(),
            body: received.bytes().await.expect("the gateway responds in full").into(),
        };
        response.assert_wears_the_envelope(&self.method)
    }
}
