//! What a browser needs.

use end_to_end::{Call, Caller, ENQUIRIES, Response, Stack};

use crate::{CONTACT_US, assert_body};

const ORIGIN: &str = "https://www.example.com";

/// A preflight as sent by browsers.
fn preflight<'stack>(caller: &Caller<'stack>) -> Call<'stack> {
    let call = caller.call("OPTIONS", ENQUIRIES).header("origin", ORIGIN);
    call.header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,idempotency-key")
}

/// Expects that a page of any origin may read the response and its listed headers, but never with credentials.
#[track_caller]
fn check_readable(response: &Response) {
    assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{response}");
    assert_eq!(response.header("access-control-allow-credentials"), None, "{response}");
    assert_eq!(
        response.header_list("access-control-expose-headers"),
        ["x-credicorp-request-id", "retry-after", "ratelimit", "ratelimit-policy", "idempotent-replayed"],
        "{response}",
    );
}

#[tokio::test]
async fn a_preflight_response_says_what_is_allowed_and_for_how_long() {
    let stack = Stack::from_environment();
    let caller = stack.caller();
    let response = preflight(&caller).send().await;
    assert_eq!(response.status, 200, "{response}");
    check_readable(&response);
    assert!(response.header_list("access-control-allow-methods").contains(&"POST"), "{response}");
    assert_eq!(response.header_list("access-control-allow-headers"), ["content-type", "idempotency-key"], "{response}");
    assert_eq!(response.header("access-control-max-age"), Some("86400"), "{response}");
    assert_body("preflight", &response);
}

#[tokio::test]
async fn an_options_request_that_is_no_preflight_gets_the_same_response() {
    let stack = Stack::from_environment();
    let caller = stack.caller();
    for call in [
        caller.call("OPTIONS", ENQUIRIES),
        caller.call("OPTIONS", ENQUIRIES).header("origin", "null").body("{"),
        caller.call("OPTIONS", ENQUIRIES).header("content-type", "text/plain").body("x".repeat(65_537)),
        preflight(&caller).header("idempotency-key", "bad key"),
    ] {
        let response = call.send().await;
        assert_eq!(response.status, 200, "{response}");
        assert_body("preflight", &response);
    }
}

#[tokio::test]
async fn every_response_is_readable_success_error_and_the_gateways_own() {
    let stack = Stack::from_environment();
    let caller = stack.caller();
    for (status, call) in [
        (201, caller.post(CONTACT_US)),
        (400, caller.post("{")),
        (405, caller.call("GET", ENQUIRIES)),
        (415, caller.call("POST", ENQUIRIES).body(CONTACT_US)),
        (422, caller.post("{}")),
        (404, caller.call("POST", "/public/v1/nothing")),
        (404, caller.call("OPTIONS", "/public/v1/nothing")),
    ] {
        let response = call.header("origin", ORIGIN).send().await;
        assert_eq!(response.status, status, "{response}");
        check_readable(&response);
    }
}
