//! Tests the real handler against a scripted AWS: the calls that it makes, and faults that no emulator produces. Time
//! is virtual, so a hanging table does not slow a test.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connector::{Aws, AwsResponse, Lines, default_response, dynamodb_error};
use create_enquiry::{Config, State};
use edge::Response;
use jiff::Timestamp;
use runtime::Variables;
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;

const VARIABLES: [(&str, &str); 13] = [
    ("AWS_REGION", "eu-west-2"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
    ("ENVIRONMENT", "live"),
    ("ENQUIRIES_TABLE", "enquiries"),
    ("IDEMPOTENCY_TABLE", "idempotency"),
    ("RATE_COUNTERS_TABLE", "rate-counters"),
    ("NOTIFICATIONS_QUEUE_URL", "http://127.0.0.1:1/000000000000/notifications"),
    ("PEPPER", "a pepper for tests that is longer than 32 bytes"),
    ("ALLOWED_ORIGINS", "*"),
    ("RATE_LIMIT", "60"),
    ("DOC_URL_BASE", "https://dev.credicorp.co.uk/api-reference/errors.html"),
];

struct App {
    aws: Aws,
    state: State,
    log: Lines,
    /// Every app logs, even if its test does not read the logs. Otherwise `tracing` could remember a log line as
    /// disabled for all tests.
    _logging: DefaultGuard,
}

struct Reply {
    status: u64,
    headers: Value,
    body: Value,
}

impl App {
    fn new() -> Self {
        Self::with(&[])
    }

    /// A function with these environment variables added or replaced.
    fn with(others: &[(&'static str, &'static str)]) -> Self {
        let aws = Aws::default();
        let variables: Variables = VARIABLES.iter().chain(others).copied().collect();
        let sdk = runtime::sdk_config(&variables).unwrap().into_builder().http_client(aws.http_client()).build();
        let log = Lines::default();
        let writer = log.clone();
        let logging = tracing::subscriber::set_default(runtime::json_lines("test", move || writer.clone()));
        Self { state: State::new(Config::from_variables(&variables).unwrap(), &sdk), aws, log, _logging: logging }
    }

    /// Handles an event, then does its follow-up work.
    async fn send(&self, event: Value) -> Reply {
        let (reply, follow_up) = self.respond(event).await;
        follow_up.await;
        reply
    }

    async fn respond(&self, event: Value) -> (Reply, impl Future<Output = ()>) {
        let (response, follow_up) =
            self.state.respond(serde_json::from_value(event).unwrap(), Timestamp::UNIX_EPOCH).await;
        (Reply::of(response), follow_up)
    }
}

impl Reply {
    fn of(response: Response) -> Self {
        let response = serde_json::to_value(response).unwrap();
        Self {
            status: response["statusCode"].as_u64().unwrap(),
            headers: headers_of(&response),
            body: serde_json::from_str(response["body"].as_str().unwrap()).unwrap(),
        }
    }

    #[track_caller]
    fn check(&self, status: u64, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.body);
    }

    /// The error's code, or the status of the new enquiry.
    fn code(&self) -> &str {
        self.body["error"]["code"].as_str().or(self.body["status"].as_str()).unwrap_or_default()
    }

    fn id(&self) -> &str {
        self.body["id"].as_str().unwrap()
    }
}

/// A response's headers. A v1 response has them as lists of values.
fn headers_of(response: &Value) -> Value {
    let many = response["multiValueHeaders"].as_object().unwrap().iter();
    let first = many.map(|(name, values)| {
        assert_eq!(values.as_array().unwrap().len(), 1, "{name}");
        (name.clone(), values[0].clone())
    });
    let one = response["headers"].as_object().unwrap().clone();
    first.chain(one).collect()
}

/// A sample event, by its file name.
fn sample(name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events").join(name).with_extension("json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn body_of(event: &Value) -> Value {
    let body = event["body"].as_str().unwrap();
    let decoded = event["isBase64Encoded"].as_bool().unwrap().then(|| STANDARD.decode(body).unwrap());
    serde_json::from_slice(decoded.as_deref().unwrap_or(body.as_bytes())).unwrap()
}

fn without_key() -> Value {
    sample("rest-v1-contact-us")
}

fn with_key() -> Value {
    sample("rest-v1-hardship-idempotency-key")
}

/// A cancelled transaction, with the reasons for the enquiry's put and the key's put.
fn cancelled(enquiry: &Value, key: &Value) -> AwsResponse {
    dynamodb_error(400, "TransactionCanceledException", &json!({ "CancellationReasons": [enquiry, key] }))
}

/// The item in a `PutItem`, or in the enquiry's put of a transaction.
fn enquiry_of(request: &Value) -> &Value {
    request.get("Item").unwrap_or_else(|| &request["TransactItems"][0]["Put"]["Item"])
}

fn condition_failed(item: &Value) -> Value {
    json!({ "Code": "ConditionalCheckFailed", "Item": item })
}

/// Another request's idempotency record, with the fingerprint of the last submission.
fn record_of_another_call(requests: &[connector::Request]) -> Value {
    let put = &requests.last().unwrap().body["TransactItems"][1]["Put"];
    let mut item = put["Item"].clone();
    item["request_id"] = json!({ "S": "req_AAAAAAAAAAAA" });
    item["enquiry_id"] = json!({ "S": "enq_9F3K2P" });
    json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": [{ "Code": "None" }, condition_failed(&item)],
    })
}

mod calls {
    use super::*;

    #[tokio::test]
    async fn an_accepted_request_makes_three_calls_one_after_the_other() {
        for (event, record) in [(without_key(), "PutItem"), (with_key(), "TransactWriteItems")] {
            let app = App::new();
            app.send(event).await.check(201, "new");
            assert_eq!(app.aws.operations(), ["UpdateItem", record, "SendMessage"]);
            assert!(app.aws.requests().iter().all(|request| request.others_under_way == 0));
        }
    }

    #[tokio::test]
    async fn a_request_over_the_limit_makes_one_call_and_the_next_none() {
        let app = App::new();
        app.aws.responds("UpdateItem", [dynamodb_error(400, "ConditionalCheckFailedException", &json!({}))]);
        app.send(without_key()).await.check(429, "rate_limited");
        assert_eq!(app.aws.operations(), ["UpdateItem"]);
        let again = app.send(without_key()).await;
        again.check(429, "rate_limited");
        assert_eq!(app.aws.operations(), ["UpdateItem"]);
        let seconds: u64 = again.headers["retry-after"].as_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds));
        assert_eq!(again.headers["ratelimit"], format!("\"public\";r=0;t={seconds}"));
    }

    #[tokio::test]
    async fn a_refused_request_makes_one_call() {
        for (event, status) in [
            ("rest-v1-get", 405),
            ("rest-v1-gzip", 415),
            ("rest-v1-form-encoded", 415),
            ("rest-v1-idempotency-key-twice", 400),
            ("rest-v1-malformed-json", 400),
            ("rest-v1-invalid-utf8-base64", 400),
            ("rest-v1-no-consent", 422),
            ("rest-v1-many-violations", 422),
        ] {
            let app = App::new();
            assert_eq!(app.send(sample(event)).await.status, status, "{event}");
            assert_eq!(app.aws.operations(), ["UpdateItem"], "{event}");
        }
    }

    #[tokio::test]
    async fn an_event_that_is_no_request_is_counted_and_refused_in_the_envelope_without_a_panic() {
        for event in [json!(null), json!([7]), json!({}), json!({ "Records": [] }), json!({ "httpMethod": "P O S T" })]
        {
            let app = App::new();
            let reply = app.send(event).await;
            reply.check(400, "bad_request");
            assert_eq!(reply.headers["x-credicorp-request-id"], reply.body["meta"]["request_id"]);
            assert_eq!(app.aws.operations(), ["UpdateItem"]);
            let [event, call] = app.log.json().try_into().unwrap();
            assert_eq!((&event["event"], &event["level"]), (&json!("unreadable_event"), &json!("ERROR")));
            assert!(event["cause"].is_string());
            assert_eq!((&call["outcome"], &call["code"]), (&json!("refused"), &json!("bad_request")));
            for line in [event, call] {
                assert_eq!(line["request_id"], reply.body["meta"]["request_id"]);
            }
        }
    }

    #[tokio::test]
    async fn a_preflight_makes_no_call() {
        for event in ["rest-v1-preflight", "http-v2-preflight"] {
            let app = App::new();
            let reply = app.send(sample(event)).await;
            assert_eq!((reply.status, reply.headers.get("ratelimit")), (200, None));
            assert_eq!(app.aws.operations(), [""; 0]);
        }
    }

    #[tokio::test]
    async fn a_warm_up_makes_one_call_to_each_service() {
        let app = App::new();
        app.state.warm_up().await;
        let mut operations = app.aws.operations();
        operations.sort();
        assert_eq!(operations, ["GetItem", "GetQueueAttributes"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_warm_up_that_fails_does_not_matter() {
        let app = App::new();
        app.aws.responds("GetItem", [AwsResponse::Lost]);
        app.aws.responds("GetQueueAttributes", [AwsResponse::Lost]);
        app.state.warm_up().await;
        app.send(without_key()).await.check(201, "new");
    }

    #[tokio::test]
    async fn a_warm_up_of_no_time_opens_nothing() {
        let app = App::with(&[("WARM_UP_TIMEOUT_MS", "0")]);
        app.state.warm_up().await;
        assert!(app.aws.operations().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_warm_up_takes_a_second_at_most() {
        let app = App::with(&[("ATTEMPT_TIMEOUT_MS", "60000"), ("OPERATION_TIMEOUT_MS", "60000")]);
        app.aws.responds("GetItem", [AwsResponse::Hangs]);
        let started = tokio::time::Instant::now();
        app.state.warm_up().await;
        assert_eq!(started.elapsed().as_secs(), 1);
    }

    #[tokio::test]
    async fn the_queue_gets_the_id_and_nothing_else() {
        let app = App::new();
        let reply = app.send(without_key()).await;
        let message = &app.aws.requests_of("SendMessage")[0];
        assert_eq!(message["MessageBody"], format!("{{\"enquiry_id\":\"{}\"}}", reply.id()));
        assert_eq!(message.get("MessageAttributes"), None);
    }

    #[tokio::test]
    async fn every_sample_event_gets_a_response_with_its_status() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events");
        for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let name = file.file_stem().unwrap().to_str().unwrap();
            if !name.starts_with("rest-v1-") && !name.starts_with("http-v2-") {
                continue;
            }
            let status = match name.splitn(3, '-').nth(2).unwrap() {
                "preflight" => 200,
                "duplicate-key" | "empty-body" | "idempotency-key-twice" | "invalid-utf8-base64" | "malformed-json" => {
                    400
                }
                "get" | "head" => 405,
                "form-encoded" | "gzip" | "null-maps" => 415,
                "many-violations" | "no-consent" => 422,
                _ => 201,
            };
            assert_eq!(App::new().send(sample(name)).await.status, status, "{name}");
        }
    }

    #[tokio::test]
    async fn a_response_to_a_v2_event_has_the_key_that_its_gateway_requires() {
        for (event, cookies) in [("http-v2-contact-us", Some(json!([]))), ("rest-v1-contact-us", None)] {
            let event = serde_json::from_value(sample(event)).unwrap();
            let app = App::new();
            let (response, _follow_up) = app.state.respond(event, Timestamp::UNIX_EPOCH).await;
            assert_eq!(serde_json::to_value(response).unwrap().get("cookies"), cookies.as_ref());
        }
    }
}

mod record {
    use super::*;

    #[tokio::test]
    async fn the_record_is_the_submission_and_what_the_mail_needs() {
        let app = App::new();
        let reply = app.send(without_key()).await;
        let put = &app.aws.requests_of("PutItem")[0];
        assert_eq!(put["ConditionExpression"], "attribute_not_exists(id)");
        let item = &put["Item"];
        let text = |attribute: &str| item[attribute]["S"].as_str().unwrap_or_default().to_owned();
        assert_eq!(text("id"), reply.id());
        assert_eq!(text("request_id"), reply.body["meta"]["request_id"].as_str().unwrap());
        let sent = body_of(&without_key());
        assert_eq!(text("form"), sent["form"].as_str().unwrap());
        assert_eq!(serde_json::from_str::<Value>(&text("fields")).unwrap(), sent["fields"]);
        let epoch = without_key()["requestContext"]["requestTimeEpoch"].as_i64().unwrap();
        assert_eq!(text("created_at").parse::<Timestamp>().unwrap().as_millisecond(), epoch);
        assert_eq!(text("mail_due_at").parse::<Timestamp>().unwrap().as_millisecond(), epoch + 60_000);
        assert!(text("mail_due_shard").parse::<u8>().unwrap() < 16);
        assert_eq!((&*text("status"), &*text("environment"), &*text("mail_state")), ("new", "live", "pending"));
    }

    #[tokio::test]
    async fn a_ticket_is_recorded_with_its_severity_its_deadline_and_what_was_removed() {
        let app = App::new();
        app.send(sample("rest-v1-developer-support")).await.check(201, "new");
        let item = &app.aws.requests_of("PutItem")[0]["Item"];
        assert_eq!(item["severity"]["S"], "sev1");
        assert_eq!(item["created_at"]["S"], "2026-06-30T14:41:04.187Z");
        assert_eq!(item["first_response_due"]["S"], "2026-06-30T15:41:04.187Z");
        let redaction =
            json!({ "param": { "S": "fields.message" }, "kind": { "S": "secret_key" }, "count": { "N": "1" } });
        assert_eq!(item["redactions"], json!({ "L": [{ "M": redaction }] }));
        assert!(item["fields"]["S"].as_str().unwrap().contains("Bearer [REDACTED:secret_key]"), "{item}");
    }

    #[tokio::test]
    async fn a_key_is_kept_for_a_day_as_an_hmac_and_an_expired_one_is_free() {
        let app = App::new();
        app.send(with_key()).await.check(201, "new");
        let put = &app.aws.requests_of("TransactWriteItems")[0]["TransactItems"][1]["Put"];
        assert_eq!(put["ConditionExpression"], "attribute_not_exists(#key) OR expires_at <= :now");
        let now = with_key()["requestContext"]["requestTimeEpoch"].as_i64().unwrap() / 1_000;
        assert_eq!(put["ExpressionAttributeValues"][":now"]["N"], now.to_string());
        assert_eq!(put["Item"]["expires_at"]["N"], (now + 24 * 60 * 60).to_string());
        let key = put["Item"]["key"]["S"].as_str().unwrap();
        assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[tokio::test]
    async fn an_id_that_is_taken_is_replaced_by_another() {
        let taken = json!({ "request_id": { "S": "req_AAAAAAAAAAAA" } });
        let app = App::new();
        let collision = dynamodb_error(400, "ConditionalCheckFailedException", &json!({ "Item": taken }));
        app.aws.responds("PutItem", [collision.clone(), collision, AwsResponse::Json(200, json!({}))]);
        let reply = app.send(without_key()).await;
        reply.check(201, "new");
        let mut ids: Vec<_> = app.aws.requests_of("PutItem").iter().map(|put| enquiry_of(put)["id"].clone()).collect();
        assert_eq!(ids.last().unwrap()["S"], reply.id());
        ids.dedup();
        assert_eq!(ids.len(), 3);
    }

    #[tokio::test]
    async fn an_id_that_is_taken_is_replaced_in_a_transaction_of_its_own() {
        let taken = json!({ "request_id": { "S": "req_AAAAAAAAAAAA" } });
        let app = App::new();
        let collision = cancelled(&condition_failed(&taken), &json!({ "Code": "None" }));
        app.aws.responds("TransactWriteItems", [collision, AwsResponse::Json(200, json!({}))]);
        let reply = app.send(with_key()).await;
        reply.check(201, "new");
        let writes = app.aws.requests_of("TransactWriteItems");
        assert_eq!(enquiry_of(&writes[1])["id"]["S"], reply.id());
        assert_eq!(writes[1]["TransactItems"][1]["Put"]["Item"]["enquiry_id"]["S"], reply.id());
        assert_ne!(writes[0]["ClientRequestToken"], writes[1]["ClientRequestToken"], "another payload, another token");
    }

    #[tokio::test]
    async fn eight_ids_that_are_taken_are_a_503() {
        let taken = json!({ "Item": { "request_id": { "S": "req_AAAAAAAAAAAA" } } });
        let app = App::new();
        app.aws.responds("PutItem", [dynamodb_error(400, "ConditionalCheckFailedException", &taken)]);
        app.send(without_key()).await.check(503, "service_unavailable");
        assert_eq!(app.aws.requests_of("PutItem").len(), 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_whose_response_was_lost_is_found_to_be_our_own() {
        let app = App::new();
        let found = AwsResponse::Made(400, |requests| {
            let item = enquiry_of(&requests.last().unwrap().body);
            json!({ "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "Item": item })
        });
        app.aws.responds("PutItem", [AwsResponse::Lost, found]);
        let reply = app.send(without_key()).await;
        reply.check(201, "new");
        assert_eq!(enquiry_of(&app.aws.requests_of("PutItem")[0])["id"]["S"], reply.id());
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_whose_response_was_lost_is_found_to_be_our_own() {
        let app = App::new();
        let found = AwsResponse::Made(400, |requests| {
            let writes = &requests.last().unwrap().body["TransactItems"];
            let reasons = [condition_failed(&writes[0]["Put"]["Item"]), condition_failed(&writes[1]["Put"]["Item"])];
            json!({
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "CancellationReasons": reasons,
            })
        });
        app.aws.responds("TransactWriteItems", [AwsResponse::Lost, found]);
        let reply = app.send(with_key()).await;
        reply.check(201, "new");
        assert_eq!(reply.headers.get("idempotent-replayed"), None);
        let writes = app.aws.requests_of("TransactWriteItems");
        assert_eq!(enquiry_of(&writes[0])["id"]["S"], reply.id());
        assert_eq!(
            writes[0]["ClientRequestToken"], writes[1]["ClientRequestToken"],
            "the same payload, the same token"
        );
    }

    #[tokio::test]
    async fn a_key_that_stands_for_the_same_submission_is_replayed() {
        let app = App::new();
        app.aws.responds("TransactWriteItems", [AwsResponse::Made(400, record_of_another_call)]);
        let reply = app.send(with_key()).await;
        reply.check(201, "new");
        assert_eq!((reply.id(), &reply.headers["idempotent-replayed"]), ("enq_9F3K2P", &json!("true")));
        assert_ne!(reply.body["meta"]["request_id"], "req_AAAAAAAAAAAA");
        assert_eq!(app.aws.operations(), ["UpdateItem", "TransactWriteItems"], "a replay announces nothing");
    }

    #[tokio::test]
    async fn a_key_that_stands_for_another_submission_is_a_409() {
        let app = App::new();
        let reused = AwsResponse::Made(400, |requests| {
            let mut body = record_of_another_call(requests);
            body["CancellationReasons"][1]["Item"]["fingerprint"] = json!({ "S": "0".repeat(64) });
            body
        });
        app.aws.responds("TransactWriteItems", [reused]);
        let reply = app.send(with_key()).await;
        reply.check(409, "idempotency_key_reused");
        assert_eq!(reply.body["error"]["type"], "idempotency_error");
    }

    #[tokio::test(start_paused = true)]
    async fn a_conflict_that_passes_is_a_201() {
        let conflict = json!({ "Code": "TransactionConflict" });
        for conflict in
            [cancelled(&json!({ "Code": "None" }), &conflict), cancelled(&conflict, &json!({ "Code": "None" }))]
        {
            let app = App::new();
            app.aws.responds("TransactWriteItems", [conflict.clone(), conflict, AwsResponse::Json(200, json!({}))]);
            app.send(with_key()).await.check(201, "new");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_that_is_still_under_way_after_the_sdks_retries_is_a_409_to_retry() {
        let app = App::new();
        app.aws.responds("TransactWriteItems", [dynamodb_error(400, "TransactionInProgressException", &json!({}))]);
        app.send(with_key()).await.check(409, "idempotency_request_in_progress");
        assert_eq!(app.aws.requests_of("TransactWriteItems").len(), 3);
    }

    #[tokio::test]
    async fn an_id_that_another_call_is_just_now_recording_is_replaced() {
        let app = App::new();
        let conflict = dynamodb_error(400, "TransactionConflictException", &json!({}));
        app.aws.responds("PutItem", [conflict, AwsResponse::Json(200, json!({}))]);
        let reply = app.send(without_key()).await;
        reply.check(201, "new");
        let puts = app.aws.requests_of("PutItem");
        assert_eq!(enquiry_of(&puts[1])["id"]["S"], reply.id());
        assert_ne!(enquiry_of(&puts[0])["id"], enquiry_of(&puts[1])["id"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_conflict_that_stays_through_three_tries_is_a_409_to_retry() {
        let app = App::new();
        let conflict = cancelled(&json!({ "Code": "None" }), &json!({ "Code": "TransactionConflict" }));
        app.aws.responds("TransactWriteItems", [conflict]);
        let reply = app.send(with_key()).await;
        reply.check(409, "idempotency_request_in_progress");
        assert_eq!(
            (&reply.headers["retry-after"], &reply.body["error"]["type"]),
            (&json!("1"), &json!("idempotency_error"))
        );
        assert_eq!(app.aws.requests_of("TransactWriteItems").len(), 3);
    }
}

mod faults {
    use super::*;

    /// Expects a 503 that only says how to retry.
    #[track_caller]
    fn check_unavailable(reply: &Reply) {
        reply.check(503, "service_unavailable");
        assert_eq!((&reply.headers["retry-after"], &reply.body["error"]["type"]), (&json!("1"), &json!("api_error")));
        assert_eq!(reply.headers["ratelimit-policy"], "\"public\";q=60;w=60");
        assert_eq!(reply.headers["access-control-allow-origin"], "*");
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_that_cannot_record_is_a_503_and_nothing_is_announced() {
        let throttled = json!({ "Code": "ThrottlingError", "Message": "Jordan Ellis" });
        for (event, operation, response) in [
            (without_key(), "PutItem", AwsResponse::Lost),
            (without_key(), "PutItem", AwsResponse::Hangs),
            (without_key(), "PutItem", AwsResponse::Json(500, json!({}))),
            (without_key(), "PutItem", dynamodb_error(400, "ThrottlingException", &json!({}))),
            (with_key(), "TransactWriteItems", AwsResponse::Lost),
            (with_key(), "TransactWriteItems", AwsResponse::Hangs),
            (with_key(), "TransactWriteItems", AwsResponse::Json(503, json!({}))),
            (with_key(), "TransactWriteItems", cancelled(&throttled, &json!({ "Code": "None" }))),
        ] {
            let app = App::new();
            app.aws.responds(operation, [response]);
            check_unavailable(&app.send(event).await);
            assert_eq!(app.aws.requests_of("SendMessage").len(), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_table_that_does_not_respond_is_tried_within_two_seconds() {
        let app = App::new();
        app.aws.responds("PutItem", [AwsResponse::Hangs]);
        let started = tokio::time::Instant::now();
        check_unavailable(&app.send(without_key()).await);
        assert_eq!(started.elapsed().as_secs(), 2);
        assert_eq!(app.aws.requests_of("PutItem").len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_takes_five_seconds_is_a_503() {
        let app = App::with(&[("ATTEMPT_TIMEOUT_MS", "60000"), ("OPERATION_TIMEOUT_MS", "60000")]);
        app.aws.responds("PutItem", [AwsResponse::Hangs]);
        let started = tokio::time::Instant::now();
        check_unavailable(&app.send(without_key()).await);
        assert_eq!(started.elapsed().as_secs(), 5);
    }

    #[tokio::test]
    async fn a_call_that_dynamodb_refuses_is_a_500_that_shows_nothing() {
        for (event, operation, response) in [
            (without_key(), "PutItem", dynamodb_error(400, "AccessDeniedException", &json!({}))),
            (without_key(), "PutItem", dynamodb_error(400, "ResourceNotFoundException", &json!({}))),
            (with_key(), "TransactWriteItems", dynamodb_error(400, "ValidationException", &json!({}))),
            (
                with_key(),
                "TransactWriteItems",
                cancelled(&json!({ "Code": "ValidationError" }), &json!({ "Code": "None" })),
            ),
            (with_key(), "TransactWriteItems", cancelled(&json!({ "Code": "None" }), &condition_failed(&json!({})))),
        ] {
            let app = App::new();
            app.aws.responds(operation, [response]);
            let reply = app.send(event).await;
            reply.check(500, "internal_error");
            let shown = reply.body.to_string();
            for inside in ["Exception", "Jordan", "DynamoDB", "PutItem", "Transact"] {
                assert!(!shown.contains(inside), "{shown}");
            }
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_500_in_the_envelope_and_the_next_request_is_accepted() {
        for operation in ["UpdateItem", "PutItem"] {
            let app = App::new();
            app.aws.responds(operation, [AwsResponse::Panics, default_response(operation)]);
            let reply = app.send(without_key()).await;
            reply.check(500, "internal_error");
            assert_eq!(reply.headers["x-credicorp-request-id"], reply.body["meta"]["request_id"]);
            assert_eq!(reply.headers["access-control-allow-origin"], "*");
            app.send(without_key()).await.check(201, "new");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_counter_that_cannot_count_admits_without_a_second_attempt() {
        let other_reason = json!({ "throttlingReasons": [{ "reason": "TableWriteAccountLimitExceeded" }] });
        for response in [
            AwsResponse::Lost,
            AwsResponse::Hangs,
            AwsResponse::Json(500, json!({})),
            dynamodb_error(400, "ThrottlingException", &other_reason),
            dynamodb_error(400, "ProvisionedThroughputExceededException", &json!({})),
            dynamodb_error(400, "AccessDeniedException", &json!({})),
            AwsResponse::Json(200, json!({})),
        ] {
            let app = App::new();
            app.aws.responds("UpdateItem", [response]);
            let reply = app.send(without_key()).await;
            reply.check(201, "new");
            assert_eq!((reply.headers.get("ratelimit"), reply.headers.get("ratelimit-policy")), (None, None));
            assert_eq!(app.aws.requests_of("UpdateItem").len(), 1, "an ADD that is retried counts twice");
        }
    }

    #[tokio::test]
    async fn a_counter_whose_own_key_range_is_throttled_refuses_this_request_and_asks_again_for_the_next() {
        let reason = json!([{ "reason": "TableWriteKeyRangeThroughputExceeded", "resource": "arn" }]);
        for (code, member) in [
            ("ThrottlingException", "throttlingReasons"),
            ("ProvisionedThroughputExceededException", "ThrottlingReasons"),
        ] {
            let app = App::new();
            let throttled = dynamodb_error(400, code, &json!({ member: reason }));
            app.aws.responds("UpdateItem", [throttled, default_response("UpdateItem")]);
            app.send(without_key()).await.check(429, "rate_limited");
            app.send(without_key()).await.check(201, "new");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_does_not_wait_for_the_queue() {
        let app = App::new();
        app.aws.responds(
            "SendMessage",
            [AwsResponse::Slow(Duration::from_millis(100), Box::new(default_response("SendMessage")))],
        );
        let started = tokio::time::Instant::now();
        let (reply, follow_up) = app.respond(without_key()).await;
        reply.check(201, "new");
        assert_eq!(app.aws.operations(), ["UpdateItem", "PutItem"]);
        assert_eq!(started.elapsed(), Duration::ZERO);
        follow_up.await;
        assert_eq!(app.aws.operations(), ["UpdateItem", "PutItem", "SendMessage"]);
        assert_eq!(started.elapsed(), Duration::from_millis(100), "and the environment lives until it is done");
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_fails_does_not_change_the_response() {
        let denied = AwsResponse::Json(403, json!({ "__type": "com.amazonaws.sqs#AccessDenied" }));
        for response in
            [AwsResponse::Lost, AwsResponse::Hangs, AwsResponse::Panics, AwsResponse::Json(500, json!({})), denied]
        {
            let app = App::new();
            app.aws.responds("SendMessage", [response]);
            let started = tokio::time::Instant::now();
            app.send(without_key()).await.check(201, "new");
            assert!(started.elapsed() <= Duration::from_millis(300), "{:?}", started.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_connection_to_the_queue_is_replaced_once() {
        for dead in [AwsResponse::Lost, AwsResponse::Hangs] {
            let app = App::new();
            app.aws.responds("SendMessage", [dead, default_response("SendMessage")]);
            app.send(without_key()).await.check(201, "new");
            assert_eq!(app.aws.requests_of("SendMessage").len(), 2);
            assert!(!app.log.text().contains("enqueue_failed"), "the second attempt succeeds");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_recorded_just_before_the_deadline_is_a_201_even_if_the_queue_hangs() {
        let app = App::with(&[("ATTEMPT_TIMEOUT_MS", "60000"), ("OPERATION_TIMEOUT_MS", "60000")]);
        let slow = AwsResponse::Slow(Duration::from_millis(4_900), Box::new(AwsResponse::Json(200, json!({}))));
        app.aws.responds("PutItem", [slow]);
        app.aws.responds("SendMessage", [AwsResponse::Hangs]);
        app.send(without_key()).await.check(201, "new");
    }
}

mod cors {
    use super::*;

    #[tokio::test]
    async fn every_response_reflects_an_origin_of_the_list_and_no_other() {
        for event in ["rest-v1-contact-us", "rest-v1-no-consent", "rest-v1-get", "rest-v1-preflight"] {
            let app = App::with(&[("ALLOWED_ORIGINS", "https://www.example.com,https://apply.example.com")]);
            for (origin, reflected) in [
                ("https://apply.example.com", Some(&json!("https://apply.example.com"))),
                ("https://www.example.com.example.net", None),
            ] {
                let mut event = sample(event);
                event["multiValueHeaders"]["Origin"] = json!([origin]);
                event["multiValueHeaders"].as_object_mut().unwrap().remove("origin");
                let reply = app.send(event).await;
                assert_eq!(reply.headers.get("access-control-allow-origin"), reflected);
                assert_eq!(reply.headers["vary"], "origin");
            }
        }
    }
}

mod logs {
    use super::*;

    /// The replies to these events, and the log lines written meanwhile, as JSON and as text.
    async fn lines_of(app: &App, events: impl IntoIterator<Item = Value>) -> (Vec<Reply>, Vec<Value>, String) {
        let mut replies = Vec::new();
        for event in events {
            replies.push(app.send(event).await);
        }
        let text = app.log.text();
        (replies, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), text)
    }

    #[tokio::test]
    async fn a_request_writes_one_line_with_what_finds_it_again() {
        let app = App::new();
        let (replies, lines, _) = lines_of(&app, [without_key(), without_key()]).await;
        assert_eq!(lines.len(), 2);
        let context = &without_key()["requestContext"];
        for (index, line) in lines.iter().enumerate() {
            assert_eq!(line["request_id"], replies[index].body["meta"]["request_id"]);
            assert_eq!(line["gateway_request_id"], context["requestId"]);
            assert_eq!(line["gateway_extended_request_id"], context["extendedRequestId"]);
            assert_eq!(line["enquiry_id"], replies[index].id());
            assert_eq!((&line["form"], &line["dept"]), (&json!("contact-us"), &json!("support")));
            assert_eq!((&line["outcome"], &line["cold"]), (&json!("created"), &json!(index == 0)));
            assert!(line["duration_ms"].is_u64() && line.get("code").is_none());
        }
    }

    #[tokio::test]
    async fn a_refusal_a_replay_a_preflight_and_a_failure_have_different_outcomes() {
        let app = App::new();
        app.aws.responds("TransactWriteItems", [AwsResponse::Made(400, record_of_another_call)]);
        app.aws.responds("PutItem", [dynamodb_error(400, "AccessDeniedException", &json!({}))]);
        let events = [sample("rest-v1-no-consent"), with_key(), sample("rest-v1-preflight"), without_key()];
        let (_, lines, _) = lines_of(&app, events).await;
        let outcomes: Vec<_> =
            lines.iter().map(|line| (line["outcome"].as_str().unwrap(), line["code"].as_str())).collect();
        let expected = [
            ("refused", Some("consent_required")),
            ("replayed", None),
            ("preflight", None),
            ("failed", Some("internal_error")),
        ];
        assert_eq!(outcomes, expected);
        assert_eq!(lines[3]["cause"], "PutItem enquiries failed: AccessDeniedException (AWS request id none)");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_message_and_an_uncounted_request_are_logged_as_events_to_count() {
        let app = App::new();
        app.aws.responds("SendMessage", [AwsResponse::Hangs]);
        app.aws.responds("UpdateItem", [AwsResponse::Lost]);
        let (replies, lines, _) = lines_of(&app, [without_key()]).await;
        let events: Vec<_> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
        assert_eq!(events, ["limiter_failed_open", "enqueue_failed"]);
        assert!(lines.iter().all(|line| line["request_id"] == replies[0].body["meta"]["request_id"]));
    }

    /// What no log line may contain: the fields' values, the source address and the key.
    fn personal_data_of(event: &Value) -> Vec<String> {
        let fields = body_of(event)["fields"].as_object().unwrap().clone();
        let values = fields.into_iter().filter(|(name, _)| name != "consent").map(|(_, value)| value);
        let headers = event["multiValueHeaders"].as_object().unwrap().iter();
        let keys = headers.filter(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"));
        let address = event["requestContext"]["identity"]["sourceIp"].clone();
        let all = values.chain(keys.map(|(_, values)| values[0].clone())).chain([address]);
        all.filter_map(|value| value.as_str().map(str::to_owned)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn no_log_line_holds_a_body_a_name_an_address_or_a_key() {
        let app = App::new();
        app.aws.responds(
            "PutItem",
            [AwsResponse::Panics, AwsResponse::Hangs, AwsResponse::Lost, AwsResponse::Json(200, json!({}))],
        );
        app.aws.responds(
            "TransactWriteItems",
            [dynamodb_error(400, "ValidationException", &json!({})), AwsResponse::Lost],
        );
        let ticket = sample("rest-v1-developer-support");
        let (refused, kept) = (sample("rest-v1-many-violations"), without_key());
        let events = [kept.clone(), kept.clone(), kept, with_key(), with_key(), refused, ticket];
        let secrets: Vec<_> = events.iter().flat_map(personal_data_of).collect();
        assert!(secrets.len() > 10);
        let (_, lines, text) = lines_of(&app, events).await;
        assert!(lines.len() >= 6);
        for secret in secrets {
            assert!(!text.contains(&secret), "{secret} in {text}");
        }
        assert!(!text.contains("Jordan") && !text.contains("4eC39HqLyjWDarjt"), "{text}");
    }

    #[test]
    fn it_is_logged_when_the_bank_holidays_end() {
        let app = App::new();
        create_enquiry::warn_of_ending_bank_holidays(Timestamp::UNIX_EPOCH);
        assert!(app.log.json().is_empty());
        create_enquiry::warn_of_ending_bank_holidays(Timestamp::MAX);
        let line = app.log.json().pop().unwrap();
        let last = domain::bank_holidays_ending(Timestamp::MAX).unwrap().to_string();
        assert_eq!((&line["event"], &line["last"]), (&json!("bank_holidays_ending"), &json!(last)));
    }
}

mod start_up {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_missing_or_bad_variable_stops_the_start_and_is_named() {
        let missing = VARIABLES.map(|(name, _)| (name, "")).into_iter().filter(|(name, _)| *name != "AWS_ENDPOINT_URL");
        let bad = [
            ("ENVIRONMENT", "production"),
            ("PEPPER", "short"),
            ("ALLOWED_ORIGINS", "example.com"),
            ("RATE_LIMIT", "0"),
            ("ENQUEUE_TIMEOUT_MS", "soon"),
            ("HANDLER_DEADLINE_MS", "0"),
        ];
        for (name, value) in missing.chain(bad) {
            let output = Command::new(env!("CARGO_BIN_EXE_create-enquiry"))
                .env_clear()
                .envs(VARIABLES)
                .env(name, value)
                .output()
                .unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && said.contains(name), "{name}: {said}");
        }
    }
}
