//! The rate limit: 60 requests per client and window.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use end_to_end::{ENQUIRIES, Response, Stack, Table, unique_ipv4_address, unique_ipv6_network, unique_text};
use futures_util::future::join_all;

use crate::{CONTACT_US, assert_body};

const LIMIT: u64 = 60;

/// Expects a 429 that says when to retry.
#[track_caller]
fn check_limited(response: &Response) {
    response.assert_refused("rate_limited", None);
    let retry_after = response.header("retry-after").and_then(|seconds| seconds.parse().ok());
    assert_eq!(retry_after, Some(response.seconds_to_reset()), "{response}");
    assert!((1..=60).contains(&response.seconds_to_reset()), "{response}");
    let says_when = format!("Try again in {} second", response.seconds_to_reset());
    assert!(response.text("/error/message").is_some_and(|message| message.contains(&says_when)), "{response}");
    assert_eq!(response.requests_left(), 0, "{response}");
    assert_eq!(response.header("ratelimit-policy"), Some(r#""public";q=60;w=60"#), "{response}");
}

#[tokio::test]
async fn sixty_requests_pass_and_the_61st_is_refused_whatever_it_is() {
    let stack = Stack::from_environment();
    let (passed, refused) = stack
        .within_one_window(async |caller| {
            let mut passed = Vec::new();
            for _ in 0..LIMIT {
                passed.push(caller.post(CONTACT_US).send().await);
            }
            let mut refused = Vec::new();
            for call in [
                caller.post(CONTACT_US),
                caller.post(CONTACT_US),
                caller.post("{"),
                caller.call("GET", ENQUIRIES),
                caller.post("x".repeat(65_537)),
                caller.post(CONTACT_US).header("idempotency-key", unique_text()),
            ] {
                refused.push(call.send().await);
            }
            (passed, refused)
        })
        .await;
    for (response, left) in passed.iter().zip((0..LIMIT).rev()) {
        let _id = response.assert_accepted();
        assert_eq!(response.requests_left(), left, "{response}");
        assert_eq!(response.header("retry-after"), None, "{response}");
    }
    for response in &refused {
        check_limited(response);
    }
    assert_body("rate_limited", &refused[0]);
}

#[tokio::test]
async fn of_100_concurrent_requests_from_one_client_exactly_60_pass() {
    let stack = Stack::from_environment();
    let responses =
        stack.within_one_window(async |caller| join_all((0..100).map(|_| caller.post(CONTACT_US).send())).await).await;
    let (passed, refused): (Vec<_>, Vec<_>) = responses.iter().partition(|response| response.status == 201);
    assert_eq!((passed.len(), refused.len()), (60, 40));
    refused.into_iter().for_each(check_limited);
    let mut left: Vec<_> = passed.into_iter().map(Response::requests_left).collect();
    left.sort_unstable();
    assert_eq!(left, (0..LIMIT).collect::<Vec<_>>(), "each passing request has a count of its own");
}

#[tokio::test]
async fn invalid_requests_and_replays_count() {
    let stack = Stack::from_environment();
    let responses = stack
        .within_one_window(async |caller| {
            let key = unique_text();
            let mut responses = Vec::new();
            for call in [
                caller.post(CONTACT_US).header("idempotency-key", &key),
                caller.post(CONTACT_US).header("idempotency-key", &key),
                caller.post("{}").header("idempotency-key", &key),
                caller.post(CONTACT_US).header("idempotency-key", ""),
                caller.post("{"),
                caller.post("x".repeat(65_537)),
                caller.call("POST", ENQUIRIES),
                caller.call("GET", ENQUIRIES),
                caller.call("HEAD", ENQUIRIES),
            ] {
                responses.push(call.send().await);
            }
            responses
        })
        .await;
    let found: Vec<_> = responses.iter().map(|response| (response.status, response.requests_left())).collect();
    let statuses = [201, 201, 422, 400, 400, 413, 415, 405, 405];
    assert_eq!(found, statuses.into_iter().zip((0..LIMIT).rev()).collect::<Vec<_>>());
}

#[tokio::test]
async fn preflights_and_the_gateways_own_responses_do_not_count() {
    let stack = Stack::from_environment();
    let (uncounted, counted) = stack
        .within_one_window(async |caller| {
            let preflight = caller.call("OPTIONS", ENQUIRIES).send().await;
            let not_found = caller.call("POST", "/public/v1/nothing").send().await;
            ([preflight, not_found], caller.post("{}").send().await)
        })
        .await;
    for response in uncounted {
        assert_eq!((response.header("ratelimit"), response.header("ratelimit-policy")), (None, None), "{response}");
    }
    assert_eq!(counted.requests_left(), LIMIT - 1, "{counted}");
}

/// Sends a request from each address in turn, and expects the given number of requests left for its client. Each
/// attempt draws new addresses, so that each client starts with a full quota.
async fn check_quotas<const COUNT: usize>(draw: impl Fn() -> [(IpAddr, u64); COUNT]) {
    let stack = Stack::from_environment();
    let (left, expected) = stack
        .within_one_window(async |_| {
            let (mut left, mut expected) = (Vec::new(), Vec::new());
            for (address, expected_left) in draw() {
                left.push((address, stack.caller_at(&address.to_string()).post("{}").send().await.requests_left()));
                expected.push((address, expected_left));
            }
            (left, expected)
        })
        .await;
    assert_eq!(left, expected);
}

#[tokio::test]
async fn ipv6_clients_of_one_64_share_a_quota_and_those_of_the_next_do_not() {
    check_quotas(|| {
        let network = unique_ipv6_network().to_bits();
        let at = |bits| IpAddr::from(Ipv6Addr::from_bits(bits));
        let last_of_network = network | u128::from(u64::MAX);
        [(at(network | 1), 59), (at(network), 58), (at(last_of_network), 57), (at(last_of_network + 1), 59)]
    })
    .await;
}

#[tokio::test]
async fn ipv4_clients_are_counted_by_address_and_an_ipv4_mapped_client_is_its_ipv4_address() {
    check_quotas(|| {
        let address = unique_ipv4_address();
        let neighbour = Ipv4Addr::from_bits(address.to_bits() ^ 1);
        [(address.into(), 59), (neighbour.into(), 59), (address.to_ipv6_mapped().into(), 58), (address.into(), 57)]
    })
    .await;
}

#[tokio::test]
async fn no_address_is_stored() {
    let stack = Stack::from_environment();
    let (ipv4, ipv6) = (unique_ipv4_address(), unique_ipv6_network());
    let before = stack.scan(Table::RateCounters).await.len();
    for address in [ipv4.to_string(), ipv6.to_string()] {
        let _id = stack.caller_at(&address).post(CONTACT_US).send().await.assert_accepted();
    }
    assert!(stack.scan(Table::RateCounters).await.len() >= before + 2, "both were counted");
    let network = ipv6.to_string();
    for text in [ipv4.to_string(), network.trim_end_matches(':').to_owned()] {
        for table in [Table::RateCounters, Table::Enquiries, Table::Idempotency] {
            assert_eq!(stack.count_mentions(table, &text).await, 0, "{table:?}");
        }
    }
}
