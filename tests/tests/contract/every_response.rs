//! "Every response": headers and `meta`. `Call::send` asserts them for every response in these tests.

use end_to_end::{ENQUIRIES, Stack};

use crate::CONTACT_US;

fn is_function_made(request_id: &str) -> bool {
    let random = request_id.strip_prefix("req_").unwrap_or_default();
    random.len() == 12 && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[tokio::test]
async fn the_functions_request_id_is_req_and_12_alphanumeric_characters_on_success_and_error() {
    let stack = Stack::from_environment();
    let caller = stack.caller();
    for call in [caller.post(CONTACT_US), caller.post("{"), caller.post("{}"), caller.call("GET", ENQUIRIES)] {
        let response = call.send().await;
        assert!(is_function_made(&response.request_id()), "{response}");
    }
}

#[tokio::test]
async fn each_call_has_a_request_id_of_its_own() {
    let stack = Stack::from_environment();
    let caller = stack.caller();
    let first = caller.post(CONTACT_US).send().await.request_id();
    let second = caller.post(CONTACT_US).send().await.request_id();
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_request_id_that_the_caller_sends_is_ignored() {
    let stack = Stack::from_environment();
    let chosen = "req_ChosenByMe00";
    for body in [CONTACT_US, "{"] {
        let response = stack.caller().post(body).header("x-credicorp-request-id", chosen).send().await;
        assert_ne!(response.request_id(), chosen);
        assert!(is_function_made(&response.request_id()), "{response}");
    }
}

#[tokio::test]
async fn every_counted_response_tells_the_quota_and_what_is_left_of_it() {
    let stack = Stack::from_environment();
    for (method, body) in [("POST", CONTACT_US), ("POST", "{"), ("POST", "{}"), ("GET", ""), ("HEAD", "")] {
        let call = stack.caller().call(method, ENQUIRIES).header("content-type", "application/json").body(body);
        let response = call.send().await;
        assert_eq!(response.header("ratelimit-policy"), Some(r#""public";q=60;w=60"#), "{response}");
        assert_eq!(response.requests_left(), 59, "{response}");
        assert!((1..=60).contains(&response.seconds_to_reset()), "{response}");
    }
}
