//! What is accepted, and how it is recorded.

use end_to_end::{AwsCall, ENQUIRIES, Item, Proxy, Stack, event_of_post, unique_text};
use serde_json::{Value, json};

use crate::{CONTACT_US, assert_body, nested_to, padded_to, with_field, with_field_count, with_fields, with_fields_of};

/// Sends this body from a new caller, and returns the record.
async fn record(stack: &Stack, body: impl Into<Vec<u8>>) -> Item {
    let id = stack.caller().post(body).send().await.assert_accepted();
    stack.enquiry(&id).await
}

#[tokio::test]
async fn an_accepted_enquiry_gets_a_201_with_its_id_and_status() {
    let stack = Stack::from_environment();
    let response = stack.caller().post(CONTACT_US).send().await;
    let id = response.assert_accepted();
    let random = id.strip_prefix("enq_").unwrap_or_default();
    assert!(
        random.len() == 6 && random.bytes().all(|byte| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&byte)),
        "{id}"
    );
    assert_eq!(response.header("idempotent-replayed"), None);
    assert_body("accepted", &response);
}

#[tokio::test]
async fn two_equal_submissions_without_a_key_are_two_enquiries() {
    let stack = Stack::from_environment();
    let caller = stack.caller();
    let first = caller.post(CONTACT_US).send().await.assert_accepted();
    let second = caller.post(CONTACT_US).send().await.assert_accepted();
    assert_ne!(first, second);
}

#[tokio::test]
async fn the_record_says_what_was_sent_when_and_by_which_call() {
    let stack = Stack::from_environment();
    let response = stack.caller().post(CONTACT_US).send().await;
    let enquiry = stack.enquiry(&response.assert_accepted()).await;
    assert_eq!(enquiry.text("id"), response.text("/id").as_deref());
    assert_eq!(enquiry.text("form"), Some("contact-us"));
    assert_eq!(enquiry.text("dept"), Some("support"));
    assert_eq!(enquiry.text("status"), Some("new"));
    assert_eq!(enquiry.text("request_id"), Some(response.request_id().as_str()));
    assert_eq!(enquiry.text("environment"), response.text("/meta/environment").as_deref());
    let created_at = enquiry.text("created_at").unwrap_or_default();
    let read_back = created_at.parse::<jiff::Timestamp>().map(|timestamp| format!("{timestamp:.3}"));
    assert_eq!(read_back.ok().as_deref(), Some(created_at), "RFC 3339 in UTC with milliseconds");
}

#[tokio::test]
async fn the_record_is_due_to_be_mailed_and_does_not_expire_before() {
    let stack = Stack::from_environment();
    // Without a notification, so that it is not emailed before we look.
    let enquiry = stack.enquiry(&stack.record_unannounced(CONTACT_US).await).await;
    assert_eq!(enquiry.text("mail_state"), Some("pending"));
    assert_eq!(enquiry.number("mail_attempts"), Some("0"));
    let shard = enquiry.text("mail_due_shard").and_then(|shard| shard.parse::<u8>().ok());
    assert!(shard.is_some_and(|shard| shard < 16), "{enquiry:?}");
    assert!(enquiry.has("mail_due_at"), "{enquiry:?}");
    assert!(!enquiry.has("expires_at"), "{enquiry:?}");
}

#[tokio::test]
async fn a_dept_is_one_of_four_or_left_out() {
    let stack = Stack::from_environment();
    for dept in ["support", "payments", "hardship", "complaints"] {
        let body = format!(r#"{{"form":"contact-us","dept":"{dept}","fields":{{"consent":"yes"}}}}"#);
        assert_eq!(record(&stack, body).await.text("dept"), Some(dept));
    }
    assert!(!record(&stack, with_fields(r#"{"consent":"yes"}"#)).await.has("dept"));
}

#[tokio::test]
async fn id_and_status_are_the_servers_and_ignored() {
    let stack = Stack::from_environment();
    let body = r#"{"id":"enq_000000","status":"closed","form":"contact-us","fields":{"consent":"yes"}}"#;
    let response = stack.caller().post(body).send().await;
    let id = response.assert_accepted();
    assert_ne!(id, "enq_000000");
    assert_eq!(response.text("/status").as_deref(), Some("new"));
    let enquiry = stack.enquiry(&id).await;
    assert_eq!(enquiry.text("status"), Some("new"));
    assert_eq!(enquiry.text("request_id"), Some(response.request_id().as_str()));
}

#[tokio::test]
async fn a_form_that_the_registry_does_not_know_is_accepted() {
    let stack = Stack::from_environment();
    for form in ["x".to_owned(), "0-_a".to_owned(), "never-heard-of".to_owned(), "a".repeat(64)] {
        let body = format!(r#"{{"form":"{form}","fields":{{"consent":"yes"}}}}"#);
        assert_eq!(record(&stack, body).await.text("form"), Some(form.as_str()));
    }
}

#[tokio::test]
async fn the_fields_are_kept_in_order_character_for_character_and_digit_for_digit() {
    let stack = Stack::from_environment();
    for fields in [
        r#"{"consent":"yes"}"#,
        r#"{"z":"1","consent":"yes","a":"2","m":"3","10":"4","9":"5"}"#,
        r#"{"text":"Zoë Ångström, 東京, עברית, ไทย, 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁳󠁣󠁴󠁿, é is not é","consent":"yes"}"#,
        r#"{"text":"  leading, trailing  ","empty":"","consent":"yes"}"#,
        r#"{"text":"\"quoted\" \\ back / slash, \b\f\n\r\t, \u0000\u0001\u001f","consent":"yes"}"#,
        "{\"text\":\"\u{7f}\u{80}\u{a0}\u{2028}\u{2029}\u{feff}\u{fffd}\u{ffff}\u{10ffff}\",\"consent\":\"yes\"}",
        r#"{"text":"<script>alert('x')</script> & {{template}} ${jndi} %s '; DROP TABLE","consent":"yes"}"#,
        r#"{"zero":0,"minus":-0,"float":1.10,"exponent":1e300,"upper":1E+2,"small":0.1e-7,"consent":"yes"}"#,
        r#"{"thirty":123456789012345678901234567890,"tiny":1.000000000000000000000000000001,"consent":"yes"}"#,
        r#"{"beyond":1e999,"below":-1e-999,"long":1e-000000000000000000000000000000000001,"consent":"yes"}"#,
        r#"{"true":true,"false":false,"consent":"yes"}"#,
        r#"{"$serde_json::private::Number":"1","__proto__":"x","constructor":1,"consent":"yes"}"#,
        r#"{"naïve ключ 🔑":"a name","with.dot":1,"with space":2,"with\"quote":3,"consent":"yes"}"#,
    ] {
        assert_eq!(record(&stack, with_fields(fields)).await.text("fields"), Some(fields));
    }
}

#[tokio::test]
async fn white_space_and_escapes_are_no_part_of_what_was_said() {
    let stack = Stack::from_environment();
    let sent = "\r\n\t {\"form\" : \"\\u0063ontact-us\" , \"fields\" : {\n \"b\" : \"caf\\u00e9 \\ud83d\\ude00 \\/ \\u0041\" ,\
                \t\"\\u0061\" : 1.10 ,\r\n \"consent\" : \"\\u0079es\" } } \n";
    let enquiry = record(&stack, sent).await;
    assert_eq!(enquiry.text("form"), Some("contact-us"));
    assert_eq!(enquiry.text("fields"), Some(r#"{"b":"café 😀 / A","a":1.10,"consent":"yes"}"#));
}

#[tokio::test]
async fn what_is_exactly_at_a_limit_passes() {
    let stack = Stack::from_environment();
    for (limit, body) in [
        ("fields of 16,384 bytes", with_fields_of(16_384)),
        ("fields of 16,384 bytes once white space and escapes are gone", {
            with_fields_of(16_384).replace(':', " : ").replacen("xx", r"\u0078\u0078", 1_000)
        }),
        ("60 fields", with_field_count(60)),
        ("a field's name of 128 bytes", with_field(&format!(r#""{}":1"#, "é".repeat(64)))),
        ("a body of 65,536 bytes", padded_to(65_536)),
        ("32 levels of nesting", nested_to(32)),
    ] {
        let response = stack.caller().post(body).send().await;
        assert_eq!(response.status, 201, "{limit}: {response}");
    }
}

#[tokio::test]
async fn an_email_is_any_address_that_mail_can_be_sent_to() {
    let stack = Stack::from_environment();
    for email in [
        "jordan.ellis@example.com".to_owned(),
        "j@e.co".to_owned(),
        "j.o'r+d_a-n=1@a-b.example.co.uk".to_owned(),
        "!#$%&'*+-/=?^_`{|}~@example.com".to_owned(),
        "JORDAN@EXAMPLE.COM".to_owned(),
        "1@1.example".to_owned(),
        "jordan@xn--mnchen-3ya.example".to_owned(),
        "jordan@münchen.example".to_owned(),
        "jordan@例え.テスト".to_owned(),
        format!("{}@example.com", "a".repeat(64)),
        format!("a@{}.example", "b".repeat(63)),
        email_of(254),
    ] {
        let sent = with_field(&format!(r#""email":"{email}""#));
        let fields: Value = json!({ "email": email, "consent": "yes" });
        let stored = record(&stack, sent).await.text("fields").map(serde_json::from_str::<Value>);
        assert!(matches!(stored, Some(Ok(stored)) if stored == fields), "{email}");
    }
}

#[tokio::test]
async fn a_blank_email_is_no_address_and_kept_as_it_was_sent() {
    let stack = Stack::from_environment();
    for blank in ["", " ", r"\t\r\n", "\u{a0}\u{2003}", "\u{200b}", "\u{feff}", "\u{ad}\u{2060} \u{3164}"] {
        let unescaped: String = serde_json::from_str(&format!("\"{blank}\"")).unwrap();
        let fields = record(&stack, with_field(&format!(r#""email":"{blank}""#))).await;
        let stored: Value = serde_json::from_str(fields.text("fields").unwrap_or_default()).unwrap();
        assert_eq!(stored, json!({ "email": unescaped, "consent": "yes" }));
    }
}

/// An address of this many bytes, with the longest local part.
pub(crate) fn email_of(bytes: usize) -> String {
    let local = "a".repeat(64);
    let labels = format!("{0}.{0}.{0}", "b".repeat(49));
    let last = "c".repeat(bytes - local.len() - "@".len() - labels.len() - ".".len());
    format!("{local}@{labels}.{last}")
}

#[tokio::test]
async fn json_may_have_any_parameters_but_another_charset() {
    let stack = Stack::from_environment();
    for content_type in [
        "application/json",
        "Application/JSON",
        "application/json;charset=utf-8",
        "application/json; charset=UTF-8",
        "application/json; charset=\"utf-8\"",
        "application/json; profile=x",
        "application/json; profile=\"a;b\"; charset=utf-8",
    ] {
        let call = stack.caller().call("POST", ENQUIRIES).header("content-type", content_type).body(CONTACT_US);
        let response = call.send().await;
        assert_eq!(response.status, 201, "{content_type}: {response}");
    }
}

#[tokio::test]
async fn an_accepted_enquirys_id_and_nothing_else_is_put_on_the_queue() {
    let stack = Stack::from_environment();
    // Read the message in the proxy, because it does not stay on the queue for long.
    let proxy = Proxy::start(&stack).await;
    let outcome = stack.drive("create-enquiry", &proxy, &event_of_post(CONTACT_US, Some(&unique_text()))).await;
    let messages: Vec<_> =
        proxy.bodies(AwsCall::Enqueue).iter().map(|message| message["MessageBody"].clone()).collect();
    assert_eq!(messages, [json!({ "enquiry_id": outcome.accepted_id() }).to_string()]);
}

#[tokio::test]
async fn an_enquiry_is_recorded_once() {
    let stack = Stack::from_environment();
    let marker = unique_text();
    record(&stack, with_field(&format!(r#""text":"{marker}""#))).await;
    assert_eq!(stack.count_mentions(end_to_end::Table::Enquiries, &marker).await, 1);
}
