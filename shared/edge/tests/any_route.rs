//! Tests the edge with a route of its own, to show that it works for any route.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use connector::{Aws, Lines};
use domain::{Environment, Pepper};
use edge::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, VARY};
use edge::http::{HeaderMap, Method, StatusCode};
use edge::{AllowedOrigins, Call, Edge, ErrorReply, Problem, Reply, Route, Settings};
use jiff::Timestamp;
use runtime::Variables;
use serde_json::{Value, json};
use storage::RateCounters;

const ROUTE: Route = Route {
    methods: &[Method::GET, Method::PUT],
    max_body_bytes: 8,
    method_not_allowed: "Look with GET, change with PUT.",
    internal_error: "It failed.",
    service_unavailable: "It takes too long.",
};

struct App {
    edge: Edge,
    log: Lines,
}

/// A response and its follow-up.
struct Responded {
    status: u64,
    headers: Value,
    body: String,
    follow_up: Option<&'static str>,
}

impl App {
    fn new() -> Self {
        let variables = [
            ("AWS_REGION", "eu-west-2"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ];
        let sdk = runtime::sdk_config(&Variables::from_iter(variables)).unwrap();
        let sdk = sdk.into_builder().http_client(Aws::default().http_client()).build();
        let pepper: Pepper = "a pepper for tests that is longer than 32 bytes".parse().unwrap();
        let settings = Settings {
            environment: Environment::Live,
            doc_url_base: "https://example.com/errors".to_owned(),
            allowed_origins: "https://www.example.com".parse::<AllowedOrigins>().unwrap(),
            rate_limit: 60,
            deadline: Duration::from_secs(1),
        };
        let counters = RateCounters::new(&sdk, "rate-counters".to_owned(), pepper);
        Self { edge: Edge::new(settings, counters), log: Lines::default() }
    }

    async fn send(
        &self,
        event: Value,
        handle: impl AsyncFnOnce(&Call) -> Result<Reply<&'static str>, Problem>,
    ) -> Responded {
        let writer = self.log.clone();
        let _logging = tracing::subscriber::set_default(runtime::json_lines("test", move || writer.clone()));
        let event = serde_json::from_value(event).unwrap();
        let (response, follow_up) = self.edge.respond(event, Timestamp::UNIX_EPOCH, &ROUTE, handle).await;
        let response = serde_json::to_value(response).unwrap();
        Responded {
            status: response["statusCode"].as_u64().unwrap(),
            headers: response["multiValueHeaders"].clone(),
            body: response["body"].as_str().unwrap().to_owned(),
            follow_up,
        }
    }
}

impl Responded {
    #[track_caller]
    fn check_error(&self, status: u64, code: &str, message: &str) {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!((self.status, &body["error"]["code"]), (status, &json!(code)), "{body}");
        assert_eq!(body["error"]["message"], message);
        assert_eq!(body["error"]["doc_url"], format!("https://example.com/errors#{code}"));
        assert_eq!(self.headers["x-credicorp-request-id"], json!([body["meta"]["request_id"]]));
    }
}

fn put(body: &str) -> Value {
    json!({
        "httpMethod": "PUT",
        "headers": { "content-type": "application/json", "origin": "https://www.example.com" },
        "body": body,
    })
}

async fn unreachable(_call: &Call) -> Result<Reply<&'static str>, Problem> {
    panic!("the handler is not asked");
}

#[tokio::test]
async fn a_reply_keeps_its_own_headers_and_gets_those_of_every_response() {
    let app = App::new();
    let responded = app
        .send(put("{}"), async |call| {
            let log =
                call.log.get_or_init(|| tracing::info_span!(target: "edge", "call", colour = tracing::field::Empty));
            log.record("colour", "green");
            let headers = HeaderMap::from_iter([
                (CONTENT_TYPE, HeaderValue::from_static("text/html")),
                (CACHE_CONTROL, HeaderValue::from_static("public")),
                (VARY, HeaderValue::from_static("accept")),
            ]);
            let body = String::from_utf8(call.json_body()?).unwrap();
            let (status, outcome) = (StatusCode::ACCEPTED, "painted");
            Ok(Reply { status, headers, body, outcome, follow_up: Some("dry") })
        })
        .await;
    assert_eq!((responded.status, &*responded.body, responded.follow_up), (202, "{}", Some("dry")));
    let headers = responded.headers;
    assert_eq!((&headers["content-type"], &headers["cache-control"]), (&json!(["text/html"]), &json!(["no-store"])));
    assert_eq!(headers["vary"], json!(["accept", "origin"]));
    assert_eq!(headers["access-control-allow-origin"], json!(["https://www.example.com"]));
    assert_eq!(headers["ratelimit-policy"], json!(["\"public\";q=60;w=60"]));
    let [line] = app.log.json().try_into().unwrap();
    assert_eq!((&line["outcome"], &line["colour"]), (&json!("painted"), &json!("green")));
}

#[tokio::test]
async fn other_methods_are_refused_in_the_routes_words_and_a_preflight_lists_the_routes_methods() {
    let app = App::new();
    let responded = app.send(json!({ "httpMethod": "POST" }), unreachable).await;
    responded.check_error(405, "method_not_allowed", ROUTE.method_not_allowed);
    assert_eq!(responded.headers[ALLOW.as_str()], json!(["GET, OPTIONS, PUT"]));
    let responded = app.send(json!({ "httpMethod": "OPTIONS" }), unreachable).await;
    assert_eq!(responded.headers["access-control-allow-methods"], json!(["GET, OPTIONS, PUT"]));
    assert_eq!(responded.headers.get("ratelimit"), None);
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong_is_worded_by_the_route() {
    let app = App::new();
    let responded = app.send(put("123456789"), async |call| Err(call.json_body().unwrap_err())).await;
    responded.check_error(413, "payload_too_large", "The body is too large. The maximum is 8 bytes.");
    let responded = app.send(put("{}"), async |_| panic!("Jordan Ellis")).await;
    responded.check_error(500, "internal_error", ROUTE.internal_error);
    let responded = app
        .send(put("{}"), async |call| {
            call.in_time(std::future::pending::<Result<(), Problem>>()).await?;
            unreachable!()
        })
        .await;
    responded.check_error(503, "service_unavailable", ROUTE.service_unavailable);
    assert_eq!(responded.headers["retry-after"], json!(["1"]));
    let teapot = ErrorReply::new(StatusCode::IM_A_TEAPOT, "teapot", "Ask for tea.").retry_after(7);
    let responded = app.send(put("{}"), async |_| Err(teapot.into())).await;
    responded.check_error(418, "teapot", "Ask for tea.");
    assert_eq!((responded.follow_up, &responded.headers["retry-after"]), (None, &json!(["7"])));
}
