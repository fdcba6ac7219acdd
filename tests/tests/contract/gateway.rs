//! The gateway's own responses.

use std::collections::BTreeMap;

use end_to_end::{ENQUIRIES, Stack};
use serde_json::Value;

use crate::{CONTACT_US, assert_body};

#[tokio::test]
async fn route_not_found_is_any_path_but_the_enquiries() {
    let stack = Stack::from_environment();
    let caller = stack.caller();
    for path in [
        "/public/v1/nothing",
        "/",
        "/public",
        "/public/v1",
        "/public/v2/enquiries",
        "/public/v1/enquiries/enq_9F3K2P",
        "/public/v1/Enquiries",
        "/public/v1/enquiries.json",
        "/partner/v1/applications",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let response = caller.call(method, path).header("content-type", "application/json").body(CONTACT_US);
            let response = response.send().await;
            response.assert_refused("route_not_found", None);
            assert_body("route_not_found", &response);
        }
    }
}

/// The gateway on AWS takes this header for a signature. The local one ignores it. For AWS, see the gateway responses
/// below and the smoke test's output after a deployment.
#[tokio::test]
async fn route_not_found_is_a_wrong_path_with_an_authorization_header_too() {
    let stack = Stack::from_environment();
    let caller = stack.caller();
    for authorization in [
        "Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
        "Basic YWRhOnNlY3JldA==",
        "Digest username=\"ada\"",
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260629/eu-west-2/execute-api/aws4_request, SignedHeaders=host, Signature=0",
        "nonsense",
    ] {
        for method in ["GET", "POST"] {
            let response =
                caller.call(method, "/public/v1/nothing").header("authorization", authorization).send().await;
            response.assert_refused("route_not_found", None);
        }
    }
}

#[tokio::test]
async fn the_gateways_own_responses_have_its_request_id() {
    let stack = Stack::from_environment();
    let caller = stack.caller();
    let first = caller.call("GET", "/public/v1/nothing").send().await;
    let second = caller.call("GET", "/public/v1/nothing").send().await;
    for response in [&first, &second] {
        assert_eq!(response.header("x-amzn-requestid"), Some(response.request_id().as_str()), "{response}");
    }
    assert_ne!(first.request_id(), second.request_id());
}

#[tokio::test]
async fn a_query_does_not_change_the_route() {
    let stack = Stack::from_environment();
    let path = format!("{ENQUIRIES}?source=newsletter&form=other");
    let call = stack.caller().call("POST", &path).header("content-type", "application/json").body(CONTACT_US);
    let _id = call.send().await.assert_accepted();
}

/// The contract's gateway responses: type, status, code and `retry-after`.
const GATEWAY_RESPONSES: [(&str, &str, &str, Option<&str>); 16] = [
    ("MISSING_AUTHENTICATION_TOKEN", "404", "route_not_found", None),
    ("RESOURCE_NOT_FOUND", "404", "route_not_found", None),
    ("INVALID_SIGNATURE", "404", "route_not_found", None),
    ("ACCESS_DENIED", "404", "route_not_found", None),
    ("EXPIRED_TOKEN", "404", "route_not_found", None),
    ("UNAUTHORIZED", "404", "route_not_found", None),
    ("INVALID_API_KEY", "404", "route_not_found", None),
    ("THROTTLED", "429", "rate_limited", Some("'1'")),
    ("QUOTA_EXCEEDED", "429", "rate_limited", Some("'1'")),
    ("REQUEST_TOO_LARGE", "413", "payload_too_large", None),
    ("UNSUPPORTED_MEDIA_TYPE", "415", "unsupported_media_type", None),
    ("WAF_FILTERED", "403", "request_blocked", None),
    ("INTEGRATION_TIMEOUT", "503", "service_unavailable", Some("'1'")),
    ("INTEGRATION_FAILURE", "503", "service_unavailable", Some("'1'")),
    ("DEFAULT_4XX", "400", "bad_request", None),
    ("DEFAULT_5XX", "500", "internal_error", None),
];

/// Most of these need a broken function, a flood or a firewall. So this test reads the deployed configuration.
#[tokio::test]
async fn every_gateway_response_wears_the_envelope() {
    let stack = Stack::from_environment();
    let deployed: BTreeMap<_, _> = stack
        .gateway_responses()
        .await
        .into_iter()
        .filter_map(|response| Some((response["responseType"].as_str()?.to_owned(), response)))
        .collect();
    let mut bodies = BTreeMap::new();
    for (response_type, status, code, retry_after) in GATEWAY_RESPONSES {
        let response = &deployed[response_type];
        assert_eq!(response["statusCode"], status, "{response}");
        let parameter = |name: &str| response["responseParameters"][format!("gatewayresponse.header.{name}")].as_str();
        for (name, value) in [
            ("x-credicorp-request-id", Some("context.requestId")),
            ("cache-control", Some("'no-store'")),
            ("x-content-type-options", Some("'nosniff'")),
            ("access-control-allow-origin", Some("'*'")),
            ("retry-after", retry_after),
        ] {
            assert_eq!(parameter(name), value, "{response_type} {name}");
        }
        assert!(parameter("access-control-expose-headers").is_some(), "{response}");
        let template = response["responseTemplates"]["application/json"].as_str().unwrap_or_default();
        let body: Value = serde_json::from_str(template).unwrap_or_default();
        assert_eq!(body["error"]["code"], code, "{response}");
        bodies.insert(response_type, body);
    }
    insta::assert_json_snapshot!("gateway_responses", bodies);
}
