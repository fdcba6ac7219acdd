//! Every error of the function itself, by code. 429 and 409 have their own files. 500 and 503 need faults that a
//! working stack does not have, so the handler's own tests cause them.

use std::path::Path;

use end_to_end::{ENQUIRIES, Response, Stack, Table, codes, unique_text};

use crate::accepted::email_of;
use crate::{CONTACT_US, assert_body, nested_to, padded_to, with_field, with_field_count, with_fields, with_fields_of};

/// Sends each body from a new caller.
async fn post_all<Body: Into<Vec<u8>>>(bodies: impl IntoIterator<Item = Body>) -> Vec<Response> {
    let stack = Stack::from_environment();
    let mut responses = Vec::new();
    for body in bodies {
        responses.push(stack.caller().post(body).send().await);
    }
    responses
}

/// Expects this code without a param, and keeps the first body for review.
#[track_caller]
fn check_refused(responses: &[Response], code: &str) {
    for response in responses {
        response.assert_refused(code, None);
        assert!(response.json().pointer("/error/violations").is_none(), "{response}");
    }
    assert_body(code, &responses[0]);
}

/// Expects this one violation, and keeps the first body for review.
#[track_caller]
fn check_violation(responses: &[Response], code: &str, param: &str) {
    for response in responses {
        response.assert_violations(&[(code, param)]);
    }
    assert_body(code, &responses[0]);
}

#[tokio::test]
async fn malformed_json_is_whatever_rfc_8259_does_not_allow() {
    let not_json: [&[u8]; 35] = [
        b"{",
        b"",
        b" \r\n\t",
        b"\xef\xbb\xbf{}",
        b"\xef\xbb\xbf",
        b"\xff\xfe{\x00}\x00",
        b"{}{}",
        b"{} x",
        b"{},",
        b"{\"a\":1,}",
        b"{\"a\":[1,]}",
        b"{\"a\" 1}",
        b"{a:1}",
        b"{'a':1}",
        b"{\"a\":'x'}",
        b"{\"a\":NaN}",
        b"{\"a\":Infinity}",
        b"{\"a\":-Infinity}",
        b"{\"a\":undefined}",
        b"{\"a\":True}",
        b"{\"a\":01}",
        b"{\"a\":-01}",
        b"{\"a\":+1}",
        b"{\"a\":.5}",
        b"{\"a\":1.}",
        b"{\"a\":1e}",
        b"{\"a\":0x10}",
        b"{\"a\":\"x}",
        b"{\"a\":\"line\nbreak\"}",
        b"{\"a\":\"\x00\"}",
        br#"{"a":"\x41"}"#,
        br#"{"a":"\u00g0"}"#,
        b"{\"a\":1} // comment",
        b"\x0c{}",
        b"form=contact-us&consent=yes",
    ];
    check_refused(&post_all(not_json).await, "malformed_json");
}

#[tokio::test]
async fn malformed_json_is_whatever_is_not_utf_8() {
    let stack = Stack::from_environment();
    let not_utf8: [&[u8]; 8] = [
        b"\xff",
        b"\x80",
        b"Zo\xeb",
        b"\xc0\xaf",
        b"\xe2\x82",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
    ];
    for bytes in not_utf8 {
        let body = [br#"{"form":"contact-us","fields":{"text":""#, bytes, br#"","consent":"yes"}}"#].concat();
        stack.caller().post(body).send().await.assert_refused("malformed_json", None);
        let body = [br#"{"form":"contact-us","fields":{"consent":"yes"},"ignored":""#, bytes, br#""}"#].concat();
        stack.caller().post(body).send().await.assert_refused("malformed_json", None);
    }
}

#[tokio::test]
async fn malformed_json_is_an_unpaired_surrogate_escape_anywhere() {
    for escape in [r"\ud800", r"\uDBFF", r"\udc00", r"\uDFFF", r"\ud83d\u0041", r"\ude00\ud83d", r"\ud83dx"] {
        let bodies = [
            with_field(&format!(r#""text":"{escape}""#)),
            with_field(&format!(r#""{escape}":1"#)),
            format!(r#"{{"form":"contact-us","fields":{{"consent":"yes"}},"ignored":"{escape}"}}"#),
            format!(r#"{{"form":"contact-us","fields":{{"consent":"yes"}},"{escape}":1}}"#),
            format!(r#"{{"form":"contact-us","fields":{{"consent":"yes"}},"ignored":[{{"x":["{escape}"]}}]}}"#),
        ];
        for response in post_all(bodies).await {
            response.assert_refused("malformed_json", None);
        }
    }
}

#[tokio::test]
async fn malformed_json_is_a_duplicate_key_at_any_depth_and_after_unescaping() {
    let bodies = [
        r#"{"form":"contact-us","form":"contact-us","fields":{"consent":"yes"}}"#,
        r#"{"form":"contact-us","fields":{"consent":"yes"},"fields":{"consent":"yes"}}"#,
        r#"{"form":"contact-us","fields":{"consent":"no","consent":"yes"}}"#,
        r#"{"form":"contact-us","fields":{"name":"x","n\u0061me":"x","consent":"yes"}}"#,
        r#"{"form":"contact-us","fields":{"é":1,"\u00E9":1,"consent":"yes"}}"#,
        r#"{"form":"contact-us","fields":{"consent":"yes"},"ignored":1,"ignored":1}"#,
        r#"{"form":"contact-us","fields":{"consent":"yes"},"ignored":{"":1,"":1}}"#,
        r#"{"form":"contact-us","fields":{"consent":"yes"},"ignored":[[{"x":{"y":1,"\u0079":2}}]]}"#,
    ];
    for response in post_all(bodies).await {
        response.assert_refused("malformed_json", None);
    }
}

#[tokio::test]
async fn malformed_json_is_nested_deeper_than_32() {
    let objects = format!("{}1{}", r#"{"x":"#.repeat(33), "}".repeat(33));
    let bodies = [nested_to(33), "[".repeat(33) + &"]".repeat(33), objects, nested_to(20_000), "[".repeat(60_000)];
    for response in post_all(bodies).await {
        response.assert_refused("malformed_json", None);
    }
}

#[tokio::test]
async fn invalid_idempotency_key_is_empty_too_long_or_not_visible_ascii() {
    let stack = Stack::from_environment();
    let mut responses = Vec::new();
    for key in [
        b"two words".to_vec(),
        Vec::new(),
        b" ".to_vec(),
        b"\"\"".to_vec(),
        b"\"two words\"".to_vec(),
        b"tab\tbed".to_vec(),
        "clé".into(),
        b"cl\xe9".to_vec(),
        "🔑".into(),
        vec![b'k'; 256],
        [b"\"", [b'k'; 256].as_slice(), b"\""].concat(),
    ] {
        responses.push(stack.caller().post(CONTACT_US).header("idempotency-key", key).send().await);
    }
    check_refused(&responses, "invalid_idempotency_key");
}

#[tokio::test]
async fn invalid_idempotency_key_is_what_a_broken_page_sends() {
    let stack = Stack::from_environment();
    for placeholder in ["undefined", "null", "NaN", "true", "false", "[object Object]"] {
        for key in [placeholder.to_owned(), format!("\"{placeholder}\"")] {
            let response = stack.caller().post(CONTACT_US).header("idempotency-key", key).send().await;
            response.assert_refused("invalid_idempotency_key", None);
            let message = response.text("/error/message").unwrap_or_default();
            assert!(message.contains(&format!("\"{placeholder}\"")), "{response}");
            if placeholder == "undefined" {
                assert_body("placeholder_idempotency_key", &response);
            }
        }
    }
}

#[tokio::test]
async fn invalid_idempotency_key_is_sent_twice() {
    let stack = Stack::from_environment();
    for (first, second) in [("one", "two"), ("one", "one"), ("\"one\"", "\"two\""), ("one", ""), ("", "one")] {
        let call = stack.caller().post(CONTACT_US);
        let response = call.header("idempotency-key", first).header("idempotency-key", second).send().await;
        response.assert_refused("invalid_idempotency_key", None);
    }
}

#[tokio::test]
async fn method_not_allowed_is_anything_but_post_and_options() {
    let stack = Stack::from_environment();
    let mut responses = Vec::new();
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        for body in ["", CONTACT_US] {
            responses.push(stack.caller().call(method, ENQUIRIES).body(body).send().await);
        }
    }
    for response in &responses {
        assert_eq!(response.header("allow"), Some("OPTIONS, POST"), "{response}");
    }
    check_refused(&responses, "method_not_allowed");
}

#[tokio::test]
async fn method_not_allowed_is_head_which_has_no_body() {
    let stack = Stack::from_environment();
    let response = stack.caller().call("HEAD", ENQUIRIES).send().await;
    assert_eq!(response.status, 405, "{response}");
    assert_eq!(response.header("allow"), Some("OPTIONS, POST"), "{response}");
}

#[tokio::test]
async fn payload_too_large_is_over_64_kib_as_received() {
    let bodies = [padded_to(65_537), "x".repeat(65_537), padded_to(4_000_000)];
    check_refused(&post_all(bodies).await, "payload_too_large");
}

#[tokio::test]
async fn unsupported_media_type_is_anything_but_json_in_utf_8() {
    let stack = Stack::from_environment();
    let mut responses = vec![stack.caller().call("POST", ENQUIRIES).body(CONTACT_US).send().await];
    for content_type in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json5",
        "application/problem+json",
        "application/json, application/json",
        "application",
        "json",
        "*/*",
        ";",
        "application/json; charset=latin1",
        "application/json; charset=iso-8859-1",
        "application/json; charset=utf-16",
        "application/json; charset=",
        "application/json; charset=\"utf-16\"; profile=x",
    ] {
        let call = stack.caller().call("POST", ENQUIRIES).header("content-type", content_type).body(CONTACT_US);
        responses.push(call.send().await);
    }
    check_refused(&responses, "unsupported_media_type");
}

#[tokio::test]
async fn unsupported_media_type_is_any_content_encoding() {
    let stack = Stack::from_environment();
    for encoding in ["gzip", "GZIP", "br", "deflate", "gzip, br", "identity", "x"] {
        let response = stack.caller().post(CONTACT_US).header("content-encoding", encoding).send().await;
        response.assert_refused("unsupported_media_type", None);
    }
}

#[tokio::test]
async fn invalid_body_is_json_but_no_object() {
    check_refused(&post_all(["[]", "null", "true", "1", "\"x\"", &format!("[{CONTACT_US}]")]).await, "invalid_body");
}

#[tokio::test]
async fn form_required_is_no_form() {
    check_violation(&post_all([r#"{"fields":{"consent":"yes"}}"#]).await, "form_required", "form");
}

#[tokio::test]
async fn invalid_form_is_no_string_of_1_to_64_slug_characters() {
    let too_long = format!("\"{}\"", "x".repeat(65));
    let forms = ["\"Contact Us\"", "\"\"", "\"é\"", "\"a.b\"", "\"a\\n\"", "null", "1", "true", "{}", "[]", &too_long];
    let bodies = forms.map(|form| format!(r#"{{"form":{form},"fields":{{"consent":"yes"}}}}"#));
    check_violation(&post_all(bodies).await, "invalid_form", "form");
}

#[tokio::test]
async fn invalid_dept_is_present_and_none_of_the_four() {
    let depts = ["\"sales\"", "null", "\"\"", "\"Support\"", "\"general\"", "1", "{}", "[\"support\"]"];
    let bodies = depts.map(|dept| format!(r#"{{"form":"contact-us","dept":{dept},"fields":{{"consent":"yes"}}}}"#));
    check_violation(&post_all(bodies).await, "invalid_dept", "dept");
}

#[tokio::test]
async fn fields_required_is_no_fields_and_so_no_consent() {
    let responses = post_all([r#"{"form":"contact-us"}"#]).await;
    responses[0].assert_violations(&[("fields_required", "fields"), ("consent_required", "fields.consent")]);
    assert_body("fields_required", &responses[0]);
}

#[tokio::test]
async fn invalid_fields_is_no_object_and_so_no_consent() {
    let responses = post_all(["[]", "null", "\"yes\"", "1", "true"].map(with_fields)).await;
    for response in &responses {
        response.assert_violations(&[("invalid_fields", "fields"), ("consent_required", "fields.consent")]);
    }
    assert_body("invalid_fields", &responses[0]);
}

#[tokio::test]
async fn too_many_fields_is_over_60() {
    check_violation(&post_all([61, 500].map(with_field_count)).await, "too_many_fields", "fields");
}

#[tokio::test]
async fn of_too_many_fields_only_too_many_fields_is_said() {
    let bad = |count: usize, value: &str| {
        let fields: Vec<_> = (0..count).map(|index| format!(r#""{index}":{value}"#)).collect();
        format!(r#"{{"form":"smoke-test","fields":{{{}}}}}"#, fields.join(","))
    };
    let long = format!(r#"{{"form":"developer-support","fields":{{{}}}}}"#, {
        let fields: Vec<_> = (0..400).map(|index| format!(r#""{index}{}":[]"#, "é".repeat(64))).collect();
        fields.join(",")
    });
    for response in post_all([bad(61, "null"), bad(61, "{}"), bad(5_000, "[]"), bad(5_400, "null"), long]).await {
        response.assert_violations(&[("too_many_fields", "fields")]);
    }
}

#[tokio::test]
async fn no_response_is_over_16_kib_and_the_message_says_how_many_violations_are_not_listed() {
    let each = |count: usize, of: &dyn Fn(usize) -> String| (0..count).map(of).collect::<Vec<_>>().join(",");
    let unknown = |count, name: &str| {
        let keys = each(count, &|index| format!(r#""{name}{index}":1"#));
        format!(r#"{{{keys},"form":"contact-us","fields":{{"consent":"yes"}}}}"#)
    };
    let fields = |count, name: &str| {
        let fields = each(count, &|index| format!(r#""{name}{index}":null"#));
        format!(r#"{{"form":"smoke-test","fields":{{{fields},"consent":"yes"}}}}"#)
    };
    for (body, all) in [
        (unknown(150, "x"), 150),
        (unknown(5_000, "k"), 5_000),
        (unknown(400, &"é".repeat(60)), 400),
        (unknown(80, &r"\u0001".repeat(100)), 80),
        (fields(59, &r"\u0000".repeat(120)), 59 * 3 + 2),
        (fields(59, &"東".repeat(60)), 59 * 2 + 1),
    ] {
        let response = Stack::from_environment().caller().post(body).send().await;
        assert_eq!(response.status, 422, "{response}");
        let error = response.json()["error"].clone();
        let listed = error["violations"].as_array().map_or(0, Vec::len);
        assert!((10..=100).contains(&listed) && listed < all, "{response}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.ends_with(&format!(" {} more violations are not listed.", all - listed)), "{response}");
    }
}

#[tokio::test]
async fn unknown_key_is_content_in_the_wrong_place() {
    let body = r#"{"form":"contact-us","department":"complaints","email":"jordan.ellis@example.com","message":"Help","fields":{"consent":"yes"}}"#;
    let responses = post_all([body]).await;
    responses[0].assert_violations(&[
        ("unknown_key", "department"),
        ("unknown_key", "email"),
        ("unknown_key", "message"),
    ]);
    assert_body("unknown_key", &responses[0]);
    let long = "é".repeat(100);
    for (keys, param) in [
        (r#""Form":"contact-us""#, "Form"),
        (r#""DEPT":"support""#, "DEPT"),
        (r#""consent":"yes""#, "consent"),
        (r#""":null"#, ""),
        (r#""sk_live_4eC39HqLyjWD":[]"#, "[REDACTED:secret_key]"),
        (&format!(r#""{long}":{{"a":1}}"#), &long[..128]),
    ] {
        let body = format!(r#"{{"form":"contact-us",{keys},"fields":{{"consent":"yes"}}}}"#);
        let response = &post_all([body]).await[0];
        response.assert_violations(&[("unknown_key", param)]);
        assert!(!response.to_string().contains("4eC39HqLyjWD"), "{response}");
    }
}

#[tokio::test]
async fn fields_too_large_is_over_16384_bytes_of_compact_json() {
    check_violation(&post_all([16_385, 60_000].map(with_fields_of)).await, "fields_too_large", "fields");
}

#[tokio::test]
async fn invalid_field_name_is_empty_over_128_bytes_or_has_a_control_character() {
    let too_long = "é".repeat(64) + "x";
    for (name, param) in [
        ("", "fields."),
        (too_long.as_str(), &format!("fields.{}", "é".repeat(60))),
        (&"x".repeat(60_000), &format!("fields.{}", "x".repeat(121))),
        (r"line\nbreak", "fields.line\nbreak"),
        (r"\u0000", "fields.\0"),
        (r"\u007f", "fields.\u{7f}"),
        (r"\u0085", "fields.\u{85}"),
    ] {
        let responses = post_all([with_field(&format!(r#""{name}":1"#))]).await;
        let expected = [("fields_too_large", "fields"), ("invalid_field_name", param)];
        responses[0].assert_violations(&expected[usize::from(name.len() < 16_384)..]);
        if name.is_empty() {
            assert_body("invalid_field_name", &responses[0]);
        }
    }
}

#[tokio::test]
async fn invalid_field_value_is_null_an_array_or_an_object() {
    let bodies = ["null", "[]", "{}", "[1]", r#"{"x":"y"}"#].map(|value| with_field(&format!(r#""tags":{value}"#)));
    check_violation(&post_all(bodies).await, "invalid_field_value", "fields.tags");
    for value in ["null", "[]", r#"{"address":"jordan.ellis@example.com"}"#] {
        let responses = post_all([with_field(&format!(r#""email":{value}"#))]).await;
        responses[0].assert_violations(&[("invalid_field_value", "fields.email")]);
    }
}

#[tokio::test]
async fn invalid_email_is_no_address_that_mail_can_be_sent_to() {
    let too_long = [email_of(255), format!("{}@example.com", "a".repeat(65)), format!("a@{}.example", "b".repeat(64))];
    let addresses = [
        "jordan.ellis@example",
        ".",
        "jordan",
        "@",
        "jordan@",
        "@example.com",
        "jordan@localhost",
        "jordan@example.com.",
        "jordan@.example.com",
        "jordan@example..com",
        "jordan@@example.com",
        "jordan@ellis@example.com",
        ".jordan@example.com",
        "jordan.@example.com",
        "jordan..ellis@example.com",
        "jordan ellis@example.com",
        " jordan@example.com",
        "jordan@example.com ",
        r"jordan@example.com\n",
        r"jordan@example.com\r\nBcc: x@example.com",
        r#"\"jordan\"@example.com"#,
        r#"\"jordan ellis\"@example.com"#,
        "Jordan <jordan@example.com>",
        "<jordan@example.com>",
        "mailto:jordan@example.com,x@example.com",
        "jordan(comment)@example.com",
        "jördan@example.com",
        "email@123.123.123.123",
        "jordan@[192.0.2.1]",
        "jordan@[IPv6:2001:db8::1]",
        "jordan@2001:db8::1",
        "jordan@example.123",
        "a@dom_ain.com",
        "jordan@-example.com",
        "jordan@example-.com",
        "jordan@exam ple.com",
        "jordan@example.com:25",
        "jordan@xn--a.example",
        r"jordan@exa\u202emple.com",
    ];
    let quoted = addresses.into_iter().chain(too_long.iter().map(String::as_str)).map(|email| format!("\"{email}\""));
    let others = ["1", "true"].map(str::to_owned);
    let bodies = quoted.chain(others).map(|email| with_field(&format!(r#""email":{email}"#)));
    check_violation(&post_all(bodies).await, "invalid_email", "fields.email");
}

#[tokio::test]
async fn consent_required_is_anything_but_the_string_yes() {
    let fields = [
        r#"{"name":"Jordan Ellis"}"#,
        "{}",
        r#"{"consent":"Yes"}"#,
        r#"{"consent":"YES"}"#,
        r#"{"consent":"yes "}"#,
        r#"{"consent":""}"#,
        r#"{"consent":"no"}"#,
        r#"{"consent":true}"#,
        r#"{"consent":1}"#,
        r#"{"Consent":"yes"}"#,
    ];
    check_violation(&post_all(fields.map(with_fields)).await, "consent_required", "fields.consent");
}

#[tokio::test]
async fn everything_wrong_is_said_at_once_what_is_present_in_the_order_sent_and_then_what_is_absent() {
    let cases: [(&str, &[(&str, &str)]); 6] = [
        (
            r#"{"fields":{"email":"nope","":"x","tags":null},"dept":"sales","form":"Contact Us"}"#,
            &[
                ("invalid_email", "fields.email"),
                ("invalid_field_name", "fields."),
                ("invalid_field_value", "fields.tags"),
                ("invalid_dept", "dept"),
                ("invalid_form", "form"),
                ("consent_required", "fields.consent"),
            ],
        ),
        (
            r#"{"form":7,"dept":null,"fields":{"consent":"no","tags":[],"email":" x "}}"#,
            &[
                ("invalid_form", "form"),
                ("invalid_dept", "dept"),
                ("consent_required", "fields.consent"),
                ("invalid_field_value", "fields.tags"),
                ("invalid_email", "fields.email"),
            ],
        ),
        ("{}", &[("form_required", "form"), ("fields_required", "fields"), ("consent_required", "fields.consent")]),
        (
            r#"{"dept":"x"}"#,
            &[
                ("invalid_dept", "dept"),
                ("form_required", "form"),
                ("fields_required", "fields"),
                ("consent_required", "fields.consent"),
            ],
        ),
        (
            r#"{"fields":{"tags":{}}}"#,
            &[
                ("invalid_field_value", "fields.tags"),
                ("form_required", "form"),
                ("consent_required", "fields.consent"),
            ],
        ),
        (r#"{"fields":[],"form":"x"}"#, &[("invalid_fields", "fields"), ("consent_required", "fields.consent")]),
    ];
    let responses = post_all(cases.map(|(body, _)| body)).await;
    for (response, (_, expected)) in responses.iter().zip(cases) {
        response.assert_violations(expected);
    }
    assert_body("everything_wrong", &responses[0]);
}

#[tokio::test]
async fn of_several_errors_that_of_the_earliest_step_is_returned() {
    let stack = Stack::from_environment();
    let call = |method, content_type, key, body: String| {
        let call = stack.caller().call(method, ENQUIRIES).header("content-type", content_type).body(body);
        call.header("idempotency-key", key)
    };
    let (json, text) = ("application/json", "text/plain");
    for (call, code) in [
        (call("PUT", text, "bad key", padded_to(65_537)), "method_not_allowed"),
        (call("POST", text, "bad key", padded_to(65_537)), "payload_too_large"),
        (call("POST", text, "bad key", "{".into()), "unsupported_media_type"),
        (call("POST", json, "bad key", "{".into()), "invalid_idempotency_key"),
        (call("POST", json, "bad key", "{}".into()), "invalid_idempotency_key"),
        (call("POST", json, "key", r#"{"form":1,"form":2}"#.into()), "malformed_json"),
    ] {
        let response = call.send().await;
        assert_eq!(response.code().as_deref(), Some(code), "{response}");
    }
}

#[tokio::test]
async fn nothing_that_is_refused_is_stored() {
    let stack = Stack::from_environment();
    let marker = unique_text();
    let bodies = [
        format!(r#"{{"form":"Contact Us","fields":{{"text":"{marker}","consent":"yes"}}}}"#),
        format!(r#"{{"form":"contact-us","dept":null,"fields":{{"text":"{marker}","consent":"yes"}}}}"#),
        format!(r#"{{"fields":{{"text":"{marker}","consent":"yes"}}}}"#),
        format!(r#"{{"form":"contact-us","fields":["{marker}"]}}"#),
        with_fields(&format!(r#"{{"text":"{marker}"}}"#)),
        with_field(&format!(r#""text":"{marker}","email":"nope""#)),
        with_field(&format!(r#""text":"{marker}","tags":null"#)),
        with_field(&format!(r#""text":"{marker}","":1"#)),
        with_field(&format!(r#""text":"{marker}","text":"{marker}""#)),
        with_field(&format!(r#""text":"{marker}""#)) + "x",
        with_field(&format!(r#""text":"{marker}","more":"{}""#, "x".repeat(16_384))),
        with_field(&format!(r#""text":"{marker}""#)) + &" ".repeat(65_536),
    ];
    for response in post_all(bodies).await {
        assert!((400..500).contains(&response.status), "{response}");
    }
    let accepted = with_field(&format!(r#""text":"{marker}""#));
    for call in [
        stack.caller().call("PUT", ENQUIRIES).header("content-type", "application/json").body(accepted.clone()),
        stack.caller().call("POST", ENQUIRIES).header("content-type", "text/plain").body(accepted.clone()),
        stack.caller().post(accepted.clone()).header("idempotency-key", "bad key"),
    ] {
        let response = call.send().await;
        assert!((400..500).contains(&response.status), "{response}");
    }
    assert_eq!(stack.count_mentions(Table::Enquiries, &marker).await, 0);
    // The same text is found once it is accepted. So the check above looked in the right place.
    let id = stack.caller().post(accepted).send().await.assert_accepted();
    assert_eq!(stack.count_mentions(Table::Enquiries, &marker).await, 1, "{id}");
}

/// The functions' and the gateway's own tests compare their codes with the reference.
#[test]
fn every_code_of_the_error_reference_is_in_a_response_that_is_kept_for_review() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["tests/contract/snapshots", "../functions/create-enquiry/src/snapshots"];
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    let kept: String = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    for (code, ..) in codes() {
        let as_json =
            kept.contains(&format!("\"code\": \"{code}\"")) || kept.contains(&format!("\\\"code\\\":\\\"{code}\\\""));
        assert!(as_json || kept.contains(&format!("_error {code}\n")), "{code}");
    }
}
