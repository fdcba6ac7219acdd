//! What a browser needs to see.

use end_to_end::{Answer, Call, Caller, ENQUIRIES, Stack};

use crate::{CONTACT_US, assert_body};

const ORIGIN: &str = "https://www.example.com";

/// A preflight as browsers send it.
fn preflight<'stack>(caller: &Caller<'stack>) -> Call<'stack> {
    let call = caller.call("OPTIONS", ENQUIRIES).header("origin", ORIGIN);
    call.header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type,idempotency-key")
}

/// Expects that a page of any origin may read the answer, its listed headers included, and never with credentials.
#[track_caller]
fn check_readable(answer: &Answer) {
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{answer}");
    assert_eq!(answer.header("access-control-allow-credentials"), None, "{answer}");
    assert_eq!(
        answer.header_list("access-control-expose-headers"),
        ["x-credicorp-request-id", "retry-after", "ratelimit", "ratelimit-policy", "idempotent-replayed"],
        "{answer}",
    );
}

#[tokio::test]
async fn a_preflight_is_answered_with_what_is_allowed_and_for_how_long() {
    let stack = Stack::from_environment();
    let caller = stack.caller();
    let answer = preflight(&caller).send().await;
    assert_eq!(answer.status, 200, "{answer}");
    check_readable(&answer);
    assert!(answer.header_list("access-control-allow-methods").contains(&"POST"), "{answer}");
    assert_eq!(answer.header_list("access-control-allow-headers"), ["content-type", "idempotency-key"], "{answer}");
    assert_eq!(answer.header("access-control-max-age"), Some("86400"), "{answer}");
    assert_body("preflight", &answer);
}

#[tokio::test]
async fn an_options_request_that_is_no_preflight_is_answered_alike() {
    let stack = Stack::from_environment();
    let caller = stack.caller();
    for call in [
        caller.call("OPTIONS", ENQUIRIES),
        caller.call("OPTIONS", ENQUIRIES).header("origin", "null").body("{"),
        caller.call("OPTIONS", ENQUIRIES).header("content-type", "text/plain").body("x".repeat(65_537)),
        preflight(&caller).header("idempotency-key", "bad key"),
    ] {
        let answer = call.send().await;
        assert_eq!(answer.status, 200, "{answer}");
        assert_body("preflight", &answer);
    }
}

#[tokio::test]
async fn every_answer_is_readable_success_error_and_the_gateways_own() {
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
        let answer = call.header("origin", ORIGIN).send().await;
        assert_eq!(answer.status, status, "{answer}");
        check_readable(&answer);
    }
}
