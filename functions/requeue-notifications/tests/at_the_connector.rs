//! Tests the sweeper against a scripted AWS.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::Range;
use std::time::Duration;

use connector::{Aws, AwsResponse, Lines, Request, default_response, dynamodb_error};
use jiff::{SignedDuration, Timestamp};
use requeue_notifications::{Config, State, Sweep, requeue_notifications};
use runtime::Variables;
use serde_json::{Value, json};
use tracing::subscriber::DefaultGuard;

const VARIABLES: [(&str, &str); 6] = [
    ("AWS_REGION", "eu-west-2"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
    ("ENQUIRIES_TABLE", "enquiries"),
    ("NOTIFICATIONS_QUEUE_URL", "http://127.0.0.1:1/000000000000/notifications"),
];
const SHARDS: usize = 16;

struct App {
    aws: Aws,
    state: State,
    log: Lines,
    _logging: DefaultGuard,
}

impl App {
    fn new() -> Self {
        Self::with(&[])
    }

    /// A sweeper with these additional environment variables.
    fn with(others: &[(&'static str, &'static str)]) -> Self {
        let aws = Aws::default();
        let variables: Variables = VARIABLES.iter().chain(others).copied().collect();
        let sdk = runtime::sdk_config(&variables).unwrap().into_builder().http_client(aws.http_client()).build();
        let log = Lines::default();
        let writer = log.clone();
        let logging = tracing::subscriber::set_default(runtime::json_lines("test", move || writer.clone()));
        Self { state: State::new(Config::from_variables(&variables).unwrap(), &sdk), aws, log, _logging: logging }
    }

    /// A sweeper that finds this many notifications, for enquiries of this age, in the first shard that it queries.
    fn finding(count: usize, age: SignedDuration) -> Self {
        Self::new().that_finds(count, age)
    }

    fn that_finds(self, count: usize, age: SignedDuration) -> Self {
        self.aws.responds("Query", [page(0..count), page(0..0)]);
        self.aws.responds("UpdateItem", [moved(age)]);
        self
    }

    async fn sweep(&self) -> Sweep {
        requeue_notifications(&self.state, now()).await
    }
}

fn now() -> Timestamp {
    "2026-06-29T13:42:08.500Z".parse().unwrap()
}

fn id(number: usize) -> String {
    format!("enq_{number:06}")
}

fn items(numbers: Range<usize>) -> Value {
    let due_at = "2026-06-29T13:42:07.123Z";
    let item =
        |number| json!({ "id": { "S": id(number) }, "mail_due_shard": { "S": "0" }, "mail_due_at": { "S": due_at } });
    json!({ "Count": numbers.len(), "Items": numbers.map(item).collect::<Vec<_>>() })
}

fn page(numbers: Range<usize>) -> AwsResponse {
    AwsResponse::Json(200, items(numbers))
}

fn moved(age: SignedDuration) -> AwsResponse {
    let created_at = (now() - age).to_string();
    AwsResponse::Json(200, json!({ "Attributes": { "created_at": { "S": created_at } } }))
}

#[tokio::test]
async fn nothing_due_is_a_query_for_each_shard_and_nothing_else() {
    let app = App::new();
    assert_eq!(app.sweep().await, Sweep::default());
    let mut shards: Vec<_> = app
        .aws
        .requests_of("Query")
        .iter()
        .map(|query| query["ExpressionAttributeValues"][":shard"]["S"].as_str().unwrap().parse::<usize>().unwrap())
        .collect();
    shards.sort_unstable();
    assert_eq!(shards, (0..SHARDS).collect::<Vec<_>>());
    assert_eq!(app.aws.requests().len(), SHARDS);
    let line = app.log.json().pop().unwrap();
    assert_eq!((&line["event"], &line["outcome"]), (&json!("sweep"), &json!("swept")));
    assert_eq!((&line["left"], &line["oldest_due_seconds"]), (&json!(0), &json!(0)));
}

#[tokio::test(start_paused = true)]
async fn four_shards_are_asked_at_once() {
    let app = App::new();
    let slow = AwsResponse::Slow(Duration::from_millis(5), Box::new(default_response("Query")));
    app.aws.responds("Query", [slow]);
    app.sweep().await;
    let most = app.aws.requests().iter().map(|request| request.others_under_way).max();
    assert_eq!(most, Some(3));
}

#[tokio::test]
async fn what_is_due_is_moved_by_two_minutes_first_and_put_on_the_queue_in_tens() {
    let app = App::finding(23, SignedDuration::from_mins(11));
    let sweep = app.sweep().await;
    assert_eq!(sweep, Sweep { requeued: 23, oldest_due_seconds: 660, ..Sweep::default() });
    let calls: Vec<_> = app.aws.operations().into_iter().filter(|operation| operation != "Query").collect();
    let tens = |count: usize| [vec!["UpdateItem"; count], vec!["SendMessageBatch"]].concat();
    assert_eq!(calls, [tens(10), tens(10), tens(3)].concat());
    let update = &app.aws.requests_of("UpdateItem")[0];
    assert_eq!(update["ConditionExpression"], "mail_due_at = :seen");
    assert_eq!(update["ExpressionAttributeValues"][":until"]["S"], "2026-06-29T13:44:08.500Z");
    let bodies: Vec<_> = app
        .aws
        .requests_of("SendMessageBatch")
        .iter()
        .flat_map(|batch| batch["Entries"].as_array().unwrap().clone())
        .map(|entry| entry["MessageBody"].clone())
        .collect();
    let expected: Vec<_> = (0..23).map(|number| format!(r#"{{"enquiry_id":"{}"}}"#, id(number))).collect();
    assert_eq!(bodies, expected);
}

#[tokio::test]
async fn a_shard_is_read_page_by_page_up_to_64_and_the_rest_is_counted_as_left() {
    /// A thousand notifications in the first shard, with up to forty per page.
    fn thousand(requests: &[Request]) -> Value {
        let query = &requests.last().unwrap().body;
        let start = query["ExclusiveStartKey"]["id"]["S"].as_str().map_or(0, |id| id[4..].parse().unwrap());
        if query["ExpressionAttributeValues"][":shard"]["S"] != "0" {
            items(0..0)
        } else if query["Select"] == "COUNT" {
            json!({ "Count": 1_000 - start, "ScannedCount": 1_000 - start })
        } else {
            let end = start + usize::try_from(query["Limit"].as_u64().unwrap()).unwrap().min(40);
            let mut page = items(start..end);
            page["LastEvaluatedKey"] = json!({ "id": { "S": id(end) } });
            page
        }
    }
    let app = App::finding(0, SignedDuration::ZERO);
    app.aws.responds("Query", [AwsResponse::Made(200, thousand)]);
    let sweep = app.sweep().await;
    assert_eq!((sweep.requeued, sweep.left), (64, 936));
    assert_eq!(app.aws.requests_of("Query").len(), SHARDS + 2);
    assert_eq!(app.log.json().pop().unwrap()["left"], 936);
}

#[tokio::test]
async fn what_was_found_is_swept_even_if_the_rest_cannot_be_counted() {
    let app = App::finding(0, SignedDuration::ZERO);
    let mut found = items(0..64);
    found["LastEvaluatedKey"] = json!({ "id": { "S": id(63) } });
    let refused = dynamodb_error(400, "ValidationException", &json!({}));
    app.aws.responds("Query", [AwsResponse::Json(200, found), refused]);
    let sweep = app.sweep().await;
    assert_eq!(app.aws.requests_of("Query").iter().filter(|query| query["Select"] == "COUNT").count(), 1);
    assert_eq!((sweep.requeued, sweep.left), (64, 1));
}

#[tokio::test]
async fn what_was_mailed_or_moved_meanwhile_is_let_alone() {
    let app = App::finding(3, SignedDuration::ZERO);
    app.aws.responds("UpdateItem", [dynamodb_error(400, "ConditionalCheckFailedException", &json!({}))]);
    assert_eq!(app.sweep().await, Sweep::default());
    assert_eq!(app.aws.requests_of("SendMessageBatch").len(), 0);
}

#[tokio::test]
async fn a_move_whose_response_was_lost_is_still_ours() {
    let app = App::finding(1, SignedDuration::ZERO);
    let item = json!({ "mail_due_at": { "S": "2026-06-29T13:44:08.500Z" }, "created_at": { "S": now().to_string() } });
    let ours = dynamodb_error(400, "ConditionalCheckFailedException", &json!({ "Item": item }));
    app.aws.responds("UpdateItem", [AwsResponse::Lost, ours]);
    assert_eq!(app.sweep().await.requeued, 1);
}

#[tokio::test]
async fn ses_down_for_four_days_is_given_up_after_three_and_rings() {
    for (age, given_up) in [(SignedDuration::from_hours(72), true), (SignedDuration::from_secs(259_199), false)] {
        let app = App::finding(1, age);
        let sweep = app.sweep().await;
        assert_eq!((sweep.given_up, sweep.requeued), (usize::from(given_up), usize::from(!given_up)));
        let failed = app.log.json().iter().any(|line| line["event"] == "mail_failed" && line["enquiry_id"] == id(0));
        assert_eq!(failed, given_up);
        if given_up {
            let update = app.aws.requests_of("UpdateItem").pop().unwrap();
            assert_eq!(update["ExpressionAttributeValues"][":failed"]["S"], "failed");
            // Only if nobody has claimed it since the move.
            assert_eq!(update["ConditionExpression"], "mail_due_at = :seen");
            assert_eq!(update["ExpressionAttributeValues"][":seen"]["S"], "2026-06-29T13:44:08.500Z");
        }
    }
}

#[tokio::test]
async fn neither_what_is_still_due_nor_what_is_given_up_ever_expires() {
    let app = App::with(&[("RETENTION_DAYS", "30")]).that_finds(1, SignedDuration::from_hours(72));
    assert_eq!(app.sweep().await.given_up, 1);
    let updates = app.aws.requests_of("UpdateItem");
    assert_eq!(updates[0]["UpdateExpression"], "SET mail_due_at = :until REMOVE expires_at");
    assert_eq!(updates[1]["ExpressionAttributeValues"][":failed"]["S"], "failed");
    assert!(!updates[1].to_string().contains("expires_at"), "{}", updates[1]);
}

#[tokio::test]
async fn an_enquiry_that_an_operator_made_due_again_has_three_days_more() {
    let app = App::finding(1, SignedDuration::from_hours(1_000));
    let item =
        json!({ "created_at": { "S": "2026-01-01T00:00:00.000Z" }, "mail_pending_since": { "S": now().to_string() } });
    app.aws.responds("UpdateItem", [AwsResponse::Json(200, json!({ "Attributes": item }))]);
    assert_eq!(app.sweep().await, Sweep { requeued: 1, ..Sweep::default() });
}

#[tokio::test]
async fn giving_up_rings_before_the_record_says_so_and_is_written_once() {
    let failed = json!({ "mail_state": { "S": "failed" } });
    let written = dynamodb_error(400, "ConditionalCheckFailedException", &json!({ "Item": failed }));
    for (responses, given_up) in [(vec![AwsResponse::Lost, written], 1), (vec![AwsResponse::Lost], 0)] {
        let app = App::finding(1, SignedDuration::from_hours(73));
        app.aws.responds("UpdateItem", [vec![moved(SignedDuration::from_hours(73))], responses].concat());
        assert_eq!(app.sweep().await.given_up, given_up);
        assert!(app.log.json().iter().any(|line| line["event"] == "mail_failed"));
    }
}

#[tokio::test]
async fn what_is_no_enquiry_in_the_index_is_noted_and_spares_its_shard() {
    let app = App::finding(0, SignedDuration::ZERO);
    let mut found = items(0..2);
    found["Items"][0]["id"]["S"] = "no id".into();
    app.aws.responds("Query", [AwsResponse::Json(200, found), page(0..0)]);
    let sweep = app.sweep().await;
    assert_eq!((sweep.requeued, sweep.left), (1, 0));
    assert_eq!(sweep.cause.as_deref(), Some("the index holds what is no enquiry"));
}

#[tokio::test]
async fn what_the_queue_does_not_take_is_counted_and_comes_due_again() {
    let app = App::finding(3, SignedDuration::ZERO);
    let failed = json!([{ "Id": "1", "SenderFault": false, "Code": "InternalError" }]);
    app.aws.responds("SendMessageBatch", [AwsResponse::Json(200, json!({ "Successful": [], "Failed": failed }))]);
    let sweep = app.sweep().await;
    assert_eq!((sweep.requeued, sweep.refused, sweep.cause), (2, 1, None));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_hangs_stops_the_shard_after_its_first_ten() {
    let app = App::finding(23, SignedDuration::ZERO);
    app.aws.responds("SendMessageBatch", [AwsResponse::Hangs]);
    let sweep = app.sweep().await;
    assert_eq!((sweep.requeued, sweep.refused, sweep.left), (0, 10, 13));
    assert_eq!(sweep.cause.as_deref(), Some("SendMessageBatch failed: timeout"));
}

#[tokio::test(start_paused = true)]
async fn a_table_that_hangs_ends_the_run_in_seconds_and_what_was_moved_is_enqueued() {
    let app = App::finding(23, SignedDuration::ZERO);
    app.aws.responds("UpdateItem", [moved(SignedDuration::ZERO), moved(SignedDuration::ZERO), AwsResponse::Hangs]);
    let started = tokio::time::Instant::now();
    let sweep = app.sweep().await;
    assert!(started.elapsed().as_secs() < 5);
    assert_eq!((sweep.requeued, sweep.left), (2, 21));
    assert_eq!(app.log.json().pop().unwrap()["outcome"], "failed");
}

#[tokio::test]
async fn a_shard_that_cannot_be_read_does_not_keep_the_others_from_being_swept() {
    let app = App::finding(0, SignedDuration::ZERO);
    let refused = dynamodb_error(400, "ValidationException", &json!({}));
    app.aws.responds("Query", [refused, page(0..1), page(0..0)]);
    let sweep = app.sweep().await;
    assert_eq!(sweep.requeued, 1);
    assert!(sweep.cause.unwrap().starts_with("Query enquiries mail-due failed: ValidationException"));
}

#[test]
fn each_variable_that_is_missing_is_named() {
    for (name, _) in &VARIABLES[4..] {
        let others = VARIABLES.iter().copied().filter(|(other, _)| other != name);
        let error = Config::from_variables(&others.collect()).unwrap_err();
        assert_eq!(error.to_string(), format!("the environment variable {name} is missing"));
    }
}
