//! Tests the SDK's retry quota. All calls of a process share it, so this test has its own process.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "the other tests need more of it")]
mod app;

use connector::AwsResponse;

use crate::app::{App, claimed, ok, record};

#[tokio::test(start_paused = true)]
async fn a_mark_is_tried_again_even_when_earlier_calls_have_used_up_all_retries() {
    let app = App::new();
    app.aws.responds("UpdateItem", [AwsResponse::Lost]);
    for _ in 0..100 {
        app.handle("sqs-notification").await;
    }
    let calls = app.aws.requests().len();
    app.handle("sqs-notification").await;
    assert_eq!(app.aws.requests().len(), calls + 1, "the retries are not used up yet");
    app.aws.responds("UpdateItem", [claimed(&record()), AwsResponse::Lost, AwsResponse::Lost, AwsResponse::Lost, ok()]);
    app.handle("sqs-notification").await;
    assert_eq!(app.log.json().pop().unwrap()["outcome"], "sent");
}
