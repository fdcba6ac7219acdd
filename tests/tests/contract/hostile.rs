//! No body or header causes a 5xx.
//!
//! Some inputs are left out, because the local gateway itself responds to them and they never reach a function:
//! non-ASCII bytes in the request line, a request head over 16 KiB, and anything else that is not HTTP/1.1.

use end_to_end::{ENQUIRIES, Response, Stack, unique_ipv4_address};

use crate::{CONTACT_US, with_field, with_field_count};

/// Expects any status but a 5xx.
#[track_caller]
fn check_no_failure(case: &str, response: &Response) {
    assert!(response.status < 500, "{case}: {response}");
}

#[tokio::test]
async fn headers_that_mean_nothing_to_us_change_nothing() {
    let stack = Stack::from_environment();
    let huge = vec![b'x'; 8_000];
    let headers: [(&str, &[u8]); 24] = [
        ("x-empty", b""),
        ("x-latin-1", b"Zo\xeb M\xfcller"),
        ("x-utf-8", "Zoë 東京 👩‍👩‍👧‍👦".as_bytes()),
        ("x-high-bytes", b"\x80\xfe\xff"),
        ("x-tab", b"a\tb"),
        ("x-huge", &huge),
        ("x-forwarded-host", b"a b"),
        ("x-forwarded-proto", b"a b"),
        ("x-template", b"${jndi:ldap://example.com} {{7*7}} %s%n"),
        ("accept", b"text/html, application/xml;q=0.9, */*;q=0.1"),
        ("accept", b"nonsense"),
        ("accept", b"application/octet-stream"),
        ("accept-encoding", b"gzip, br, zstd"),
        ("accept-language", b"cy-GB;q=2, *"),
        ("cookie", b"a=b; session=\"; c"),
        ("origin", b"null"),
        ("origin", b"not an origin"),
        ("origin", b"\xff"),
        ("referer", b"not a url"),
        ("user-agent", b"\xf0\x9f\xa4\x96"),
        ("x-amzn-trace-id", b"Root=nonsense;Sampled=maybe"),
        ("x-http-method-override", b"DELETE"),
        ("if-none-match", b"*"),
        ("range", b"bytes=0-0"),
    ];
    for (name, value) in headers {
        let response = stack.caller().post(CONTACT_US).header(name, value).send().await;
        assert_eq!(response.status, 201, "{name}: {response}");
    }
}

#[tokio::test]
async fn headers_that_mean_something_to_us_never_break_us() {
    let stack = Stack::from_environment();
    for name in ["content-type", "content-encoding", "idempotency-key", "origin", "access-control-request-method"] {
        for value in [
            b"".as_slice(),
            b"\xff\xfe",
            "Zoë 🔑".as_bytes(),
            b"\t",
            b"\"",
            b"\"\\",
            b"\"\\\"",
            b";;;===",
            b"application/json; charset",
            b"application/json; charset=\"",
            b"application/json; =; x",
            b"a/b/c",
            b",",
            &[b'x'; 4_000],
        ] {
            let case = format!("{name}: {}", value.escape_ascii());
            let call = stack.caller().call("POST", ENQUIRIES).header(name, value).body(CONTACT_US);
            check_no_failure(&case, &call.send().await);
        }
    }
}

#[tokio::test]
async fn an_address_that_is_none_never_breaks_us() {
    let stack = Stack::from_environment();
    for address in [
        "",
        "unknown",
        "999.999.999.999",
        "192.0.2",
        "192.0.2.1:8080",
        "[2001:db8::1]",
        "2001:db8::1%eth0",
        "::",
        "0.0.0.0",
        "Zoë",
        &"1".repeat(4_000),
    ] {
        check_no_failure(address, &stack.caller_at(address).post("{}").send().await);
    }
    let chain = format!("{}, 192.0.2.1, nonsense", unique_ipv4_address());
    let _id = stack.caller_at(&chain).post(CONTACT_US).send().await.assert_accepted();
}

#[tokio::test]
async fn odd_queries_and_paths_never_break_us() {
    let stack = Stack::from_environment();
    for suffix in [
        "?",
        "?%zz&a=1",
        "?%",
        "?%00",
        "?%ff%fe",
        "?=",
        "?&&&",
        "?a=1&a=2&a",
        "?a[]=1&a[x]=2",
        "?q=%F0%9F%A4%96",
        "?q=a+b%20c",
        "/",
        "//",
        "%2F",
        "%00",
        "%ff",
        ";v=1",
        "/../enquiries",
        "/%2e%2e/enquiries",
    ] {
        let path = format!("{ENQUIRIES}{suffix}");
        let call = stack.caller().call("POST", &path).header("content-type", "application/json").body(CONTACT_US);
        check_no_failure(suffix, &call.send().await);
    }
    let long = format!("{ENQUIRIES}?{}", "a=1&".repeat(1_500));
    check_no_failure("a long query", &stack.caller().call("POST", &long).body(CONTACT_US).send().await);
}

#[tokio::test]
async fn odd_bodies_never_break_us() {
    let stack = Stack::from_environment();
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let bodies: Vec<Vec<u8>> = vec![
        every_byte.clone(),
        every_byte.repeat(256),
        vec![0; 65_536],
        vec![b'"'; 65_536],
        b"[".repeat(65_536),
        br#"{"a":"#.repeat(13_000),
        b"9".repeat(65_536),
        format!("{{\"form\":{}}}", "9".repeat(60_000)).into(),
        with_field(&format!(r#""number":{}"#, "9".repeat(16_000))).into(),
        with_field(&format!(r#""number":1e{}"#, "9".repeat(16_000))).into(),
        with_field(&format!(r#""text":"{}""#, r"\u0000".repeat(2_000))).into(),
        with_field(&format!(r#""text":"{}""#, "\u{10ffff}".repeat(4_000))).into(),
        with_field(&format!(r#""email":"{}@example.com""#, "a.".repeat(8_000))).into(),
        with_field(&format!(r#""email":"a@{}com""#, "é.".repeat(5_000))).into(),
        with_field(&format!(r#""email":"a@{}""#, "\u{202e}\u{200d}".repeat(2_000))).into(),
        with_field_count(3_000).into(),
    ];
    for (index, body) in bodies.into_iter().enumerate() {
        check_no_failure(&format!("body {index}"), &stack.caller().post(body).send().await);
    }
}

#[tokio::test]
async fn names_of_headers_and_methods_may_be_written_in_any_case() {
    let stack = Stack::from_environment();
    let length = CONTACT_US.len();
    for header_lines in [
        format!("content-type: application/json\r\ncontent-length: {length}\r\n"),
        format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"),
        format!("CONTENT-TYPE: application/json\r\nCONTENT-LENGTH: {length}\r\n"),
        format!("cOnTeNt-TyPe:application/json\r\nContent-Length:{length}\r\n"),
    ] {
        let response = stack.caller().send_raw("POST", &header_lines, CONTACT_US).await;
        assert_eq!(response.status, 201, "{header_lines}: {response}");
        check_no_failure("post", &stack.caller().send_raw("post", &header_lines, CONTACT_US).await);
    }
}

#[tokio::test]
async fn a_chunked_body_is_a_body() {
    let stack = Stack::from_environment();
    let (first, rest) = CONTACT_US.split_at(10);
    let chunked = format!("{:x}\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n", first.len(), rest.len());
    let header_lines = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let _id = stack.caller().send_raw("POST", header_lines, chunked).await.assert_accepted();
}

#[tokio::test]
async fn a_post_without_body_or_length_is_malformed_json() {
    let stack = Stack::from_environment();
    let response = stack.caller().send_raw("POST", "Content-Type: application/json\r\n", "").await;
    response.assert_refused("malformed_json", None);
}

#[tokio::test]
async fn two_idempotency_keys_are_seen_however_their_names_are_written() {
    let stack = Stack::from_environment();
    let length = CONTACT_US.len();
    let header_lines = format!(
        "Content-Type: application/json\r\nContent-Length: {length}\r\nIdempotency-Key: one\r\nidempotency-key: two\r\n",
    );
    let response = stack.caller().send_raw("POST", &header_lines, CONTACT_US).await;
    response.assert_refused("invalid_idempotency_key", None);
}
