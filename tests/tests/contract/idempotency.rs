//! `Idempotency-Key`: one key, one enquiry.

use end_to_end::{Caller, Response, Stack, Table, unique_text};
use futures_util::future::join_all;

use crate::{CONTACT_US, assert_body, with_field, with_fields};

async fn post_with_key(caller: &Caller<'_>, key: &str, body: impl Into<Vec<u8>>) -> Response {
    caller.post(body).header("idempotency-key", key).send().await
}

/// Expects a key's first response.
#[track_caller]
fn check_first(response: &Response) {
    let _id = response.assert_accepted();
    assert_eq!(response.header("idempotent-replayed"), None, "{response}");
}

/// Expects the first response again, with a new request id, and marked as a replay.
#[track_caller]
fn check_replay(first: &Response, again: &Response) {
    assert_eq!(first.assert_accepted(), again.assert_accepted());
    assert_eq!(again.text("/status").as_deref(), Some("new"), "{again}");
    assert_eq!(again.header("idempotent-replayed"), Some("true"), "{again}");
    assert_ne!(first.request_id(), again.request_id());
}

#[tokio::test]
async fn a_replay_is_the_first_201_with_a_request_id_of_its_own() {
    let stack = Stack::from_environment();
    let (caller, key) = (stack.caller(), unique_text());
    let first = post_with_key(&caller, &key, CONTACT_US).await;
    check_first(&first);
    for _ in 0..3 {
        let again = post_with_key(&caller, &key, CONTACT_US).await;
        check_replay(&first, &again);
        assert_body("replayed", &again);
    }
    let enquiry = stack.enquiry(&first.assert_accepted()).await;
    assert_eq!(enquiry.text("request_id"), Some(first.request_id().as_str()));
}

#[tokio::test]
async fn white_space_key_order_escapes_and_ignored_keys_make_no_difference() {
    let stack = Stack::from_environment();
    let (caller, key) = (stack.caller(), unique_text());
    let sent =
        r#"{"form":"contact-us","dept":"support","fields":{"name":"Zoë","amount":1.10,"ok":true,"consent":"yes"}}"#;
    let first = post_with_key(&caller, &key, sent).await;
    check_first(&first);
    for same in [
        r#"{"fields":{"consent":"yes","ok":true,"amount":1.10,"name":"Zoë"},"dept":"support","form":"contact-us"}"#,
        "\n{ \"form\":\"contact-us\",\t\"dept\":\"support\", \"fields\":{\"name\":\"Zoë\",\"amount\":1.10 ,\"ok\":true,\"consent\":\"yes\"} }\r\n",
        r#"{"form":"\u0063ontact-us","dept":"support","fields":{"n\u0061me":"Zo\u00eb","amount":1.10,"ok":true,"consent":"yes"}}"#,
        r#"{"form":"contact-us","dept":"support","fields":{"name":"Zoë","amount":1.10,"ok":true,"consent":"yes"},"id":"x","status":[]}"#,
    ] {
        check_replay(&first, &post_with_key(&caller, &key, same).await);
    }
}

#[tokio::test]
async fn the_same_key_with_another_submission_is_refused_and_not_stored() {
    let stack = Stack::from_environment();
    let (key, marker) = (unique_text(), unique_text());
    let sent = format!(r#"{{"form":"contact-us","fields":{{"text":"{marker}","amount":1.10,"consent":"yes"}}}}"#);
    let first = post_with_key(&stack.caller(), &key, sent.as_str()).await;
    check_first(&first);
    for (part, other) in [
        ("contact-us", "contact-me"),
        (r#""form""#, r#""dept":"support","form""#),
        ("1.10", "1.1"),
        ("1.10", "\"1.10\""),
        ("amount", "Amount"),
        ("unique", "Unique"),
        ("\"consent\"", r#""more":"","consent""#),
        (r#""amount":1.10,"#, ""),
    ] {
        let response = post_with_key(&stack.caller(), &key, sent.replacen(part, other, 1)).await;
        response.assert_refused("idempotency_key_reused", None);
        assert_body("idempotency_key_reused", &response);
    }
    assert_eq!(stack.count_mentions(Table::Enquiries, &marker).await, 1);
    check_replay(&first, &post_with_key(&stack.caller(), &key, sent).await);
}

#[tokio::test]
async fn a_key_is_the_same_bare_and_quoted() {
    let stack = Stack::from_environment();
    let (caller, key) = (stack.caller(), unique_text());
    let first = post_with_key(&caller, &key, CONTACT_US).await;
    check_first(&first);
    check_replay(&first, &post_with_key(&caller, &format!("\"{key}\""), CONTACT_US).await);
}

#[tokio::test]
async fn keys_that_differ_in_case_or_in_a_character_are_different() {
    let stack = Stack::from_environment();
    let (caller, key) = (stack.caller(), unique_text());
    for key in [key.clone(), key.to_uppercase(), format!("{key}."), format!("{key}\"")] {
        check_first(&post_with_key(&caller, &key, CONTACT_US).await);
    }
}

#[tokio::test]
async fn a_key_is_any_1_to_255_visible_ascii_characters() {
    let stack = Stack::from_environment();
    let unique = unique_text();
    let visible: String = ('!'..='~').collect();
    for key in [format!("{unique}{}", "k".repeat(255 - unique.len())), format!("{visible}{unique}")] {
        let first = post_with_key(&stack.caller(), &key, CONTACT_US).await;
        check_first(&first);
        check_replay(&first, &post_with_key(&stack.caller(), &key, CONTACT_US).await);
    }
    // There are too few one-character keys for a new one each time. An earlier run on the same stack may have used this
    // one.
    let _id = post_with_key(&stack.caller(), "k", CONTACT_US).await.assert_accepted();
}

#[tokio::test]
async fn a_key_from_another_address_is_the_same_key() {
    let stack = Stack::from_environment();
    let key = unique_text();
    let first = post_with_key(&stack.caller(), &key, CONTACT_US).await;
    check_first(&first);
    check_replay(&first, &post_with_key(&stack.caller(), &key, CONTACT_US).await);
}

#[tokio::test]
async fn only_a_201_is_kept_so_a_corrected_retry_may_reuse_its_key() {
    let stack = Stack::from_environment();
    let (caller, key) = (stack.caller(), unique_text());
    for refused in ["{", "[]", "{}", &with_fields(r#"{"consent":"no"}"#), &with_field(r#""email":"nope""#)] {
        let response = post_with_key(&caller, &key, refused).await;
        assert!(matches!(response.status, 400 | 422), "{response}");
    }
    let first = post_with_key(&caller, &key, CONTACT_US).await;
    check_first(&first);
    check_replay(&first, &post_with_key(&caller, &key, CONTACT_US).await);
    post_with_key(&caller, &key, "{}").await.assert_refused("form_required", Some("form"));
}

#[tokio::test]
async fn a_key_is_free_again_after_its_day() {
    let stack = Stack::from_environment();
    let (caller, key) = (stack.caller(), unique_text());
    let first = post_with_key(&caller, &key, CONTACT_US).await.assert_accepted();
    stack.expire_key_of(&first).await;
    let second = post_with_key(&caller, &key, with_field(r#""text":"something else""#)).await;
    check_first(&second);
    assert_ne!(second.assert_accepted(), first);
}

#[tokio::test]
async fn of_50_concurrent_posts_with_one_key_exactly_one_creates() {
    let stack = Stack::from_environment();
    let (caller, key, marker) = (stack.caller(), unique_text(), unique_text());
    let body = with_field(&format!(r#""text":"{marker}""#));
    let responses = join_all((0..50).map(|_| post_with_key(&caller, &key, body.as_str()))).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = responses.iter().partition(|response| response.status == 201);
    for response in refused {
        response.assert_refused("idempotency_request_in_progress", None);
        assert_eq!(response.header("retry-after"), Some("1"), "{response}");
    }
    let (replays, firsts): (Vec<_>, Vec<_>) =
        accepted.into_iter().partition(|response| response.header("idempotent-replayed").is_some());
    let [first] = firsts[..] else { panic!("{} of 50 created: {firsts:?}", firsts.len()) };
    for replay in replays {
        check_replay(first, replay);
    }
    assert_eq!(stack.count_mentions(Table::Enquiries, &marker).await, 1);
    check_replay(first, &post_with_key(&caller, &key, body).await);
}

#[tokio::test]
async fn of_concurrent_posts_with_one_key_and_different_submissions_exactly_one_is_stored() {
    let stack = Stack::from_environment();
    let (caller, key, marker) = (stack.caller(), unique_text(), unique_text());
    let bodies = (0..20).map(|index| with_field(&format!(r#""text":"{marker}","index":{index}"#)));
    let responses = join_all(bodies.map(|body| post_with_key(&caller, &key, body))).await;
    let accepted = responses.iter().filter(|response| response.status == 201).count();
    assert_eq!(accepted, 1, "{responses:?}");
    let mut codes: Vec<_> = responses.iter().filter_map(Response::code).collect();
    codes.retain(|code| code != "idempotency_key_reused" && code != "idempotency_request_in_progress");
    assert_eq!(codes, Vec::<String>::new());
    assert_eq!(stack.count_mentions(Table::Enquiries, &marker).await, 1);
}

#[tokio::test]
async fn a_key_is_not_stored_in_the_clear() {
    let stack = Stack::from_environment();
    let key = unique_text();
    let id = post_with_key(&stack.caller(), &key, CONTACT_US).await.assert_accepted();
    for table in [Table::Enquiries, Table::Idempotency, Table::RateCounters] {
        assert_eq!(stack.count_mentions(table, &key).await, 0, "{table:?}");
    }
    assert_eq!(stack.count_mentions(Table::Idempotency, &id).await, 1, "its record is there");
}
