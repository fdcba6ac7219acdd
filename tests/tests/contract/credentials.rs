//! Pasted credentials are removed. They never cause a refusal.

use end_to_end::{ENQUIRIES, Stack, Table, unique_text};

use crate::assert_body;

/// A credential of each kind in the contract, with `marker` in its secret part, and the text that replaces it.
fn one_of_each(marker: &str) -> Vec<(String, &'static str)> {
    vec![
        (format!("sk_live_{marker}"), "[REDACTED:secret_key]"),
        (format!("sk_test_{marker}"), "[REDACTED:secret_key]"),
        (format!("rk_live_{marker}"), "[REDACTED:restricted_key]"),
        (format!("whsec_{marker}"), "[REDACTED:webhook_secret]"),
        (format!("Authorization: Bearer 1{marker}"), "Authorization: Bearer [REDACTED:bearer_token]"),
        (format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.{marker}"), "[REDACTED:jwt]"),
        ("AKIAI44QH8DHBEXAMPLE".to_owned(), "[REDACTED:aws_access_key]"),
        (
            format!("-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkq{marker}\\n-----END PRIVATE KEY-----"),
            "[REDACTED:private_key]",
        ),
        (format!("client_secret={marker}"), "client_secret=[REDACTED:client_secret]"),
        (format!("access_token={marker}"), "access_token=[REDACTED:access_token]"),
    ]
}

#[tokio::test]
async fn a_pasted_credential_is_replaced_by_its_kind_before_anything_is_stored() {
    let stack = Stack::from_environment();
    let marker = unique_text().replace(|character: char| !character.is_ascii_alphanumeric(), "x");
    for (credential, kept) in one_of_each(&marker) {
        let body =
            format!(r#"{{"form":"contact-us","fields":{{"message":"it is {credential}, or so","consent":"yes"}}}}"#);
        let id = stack.caller().post(body).send().await.assert_accepted();
        let enquiry = stack.enquiry(&id).await;
        let expected = format!(r#"{{"message":"it is {kept}, or so","consent":"yes"}}"#);
        assert_eq!(enquiry.text("fields"), Some(&*expected));
    }
    assert_eq!(stack.count_mentions(Table::Enquiries, &marker).await, 0);
}

#[tokio::test]
async fn the_record_keeps_which_kinds_were_found_where_and_how_many() {
    let stack = Stack::from_environment();
    let body = r#"{"form":"contact-us","fields":{"message":"sk_live_abc, sk_live_def, whsec_abc","rk_live_abc":"x","consent":"yes"}}"#;
    let enquiry = stack.enquiry(&stack.caller().post(body).send().await.assert_accepted()).await;
    let found: Vec<_> = enquiry
        .list("redactions")
        .iter()
        .map(|entry| {
            let text = |attribute| entry.text(attribute).unwrap_or_default().to_owned();
            (text("param"), text("kind"), entry.number("count").unwrap_or_default().to_owned())
        })
        .collect();
    let expected = [
        ("fields.message", "secret_key", "2"),
        ("fields.message", "webhook_secret", "1"),
        ("fields.[REDACTED:restricted_key]", "restricted_key", "1"),
    ];
    assert_eq!(found, expected.map(|(param, kind, count)| (param.to_owned(), kind.to_owned(), count.to_owned())));
    let without = stack.caller().post(r#"{"form":"contact-us","fields":{"consent":"yes"}}"#).send().await;
    assert!(!stack.enquiry(&without.assert_accepted()).await.has("redactions"));
}

#[tokio::test]
async fn publishable_keys_and_request_ids_are_no_secrets_and_stay() {
    let stack = Stack::from_environment();
    let fields =
        r#"{"message":"pk_live_51H8sKd0pQ2 got req_8Hn2Lp0Wd4Xc, key pay-2026-06-29-inv-5512","consent":"yes"}"#;
    let body = format!(r#"{{"form":"contact-us","fields":{fields}}}"#);
    let id = stack.caller().post(body).send().await.assert_accepted();
    assert_eq!(stack.enquiry(&id).await.text("fields"), Some(fields));
}

#[tokio::test]
async fn invalid_form_is_shaped_like_a_credential() {
    for form in ["sk_live_abc", "whsec_abc123"] {
        let body = format!(r#"{{"form":"{form}","fields":{{"consent":"yes"}}}}"#);
        let response = Stack::from_environment().caller().post(body).send().await;
        response.assert_violations(&[("invalid_form", "form")]);
    }
}

#[tokio::test]
async fn a_violation_does_not_repeat_a_credential_that_a_fields_name_holds() {
    let body = r#"{"form":"contact-us","fields":{"sk_live_abcdef":null,"consent":"yes"}}"#;
    let response = Stack::from_environment().caller().post(body).send().await;
    response.assert_violations(&[("invalid_field_value", "fields.[REDACTED:secret_key]")]);
    assert!(!response.to_string().contains("abcdef"), "{response}");
    assert_body("credential_in_a_name", &response);
}

#[tokio::test]
async fn a_key_compares_what_was_sent_and_not_what_is_left_of_it() {
    let stack = Stack::from_environment();
    for (one, other) in [
        ("sk_live_abc", "sk_live_def"),
        ("sk_live_abc", "[REDACTED:secret_key]"),
        ("Bearer mF_9.B5f-4.1JqM", "Bearer mF_9.B5f-4.1JqN"),
        ("client_secret=hunter22", "client_secret=hunter23"),
        ("whsec_abc123", "whsec_abc124"),
    ] {
        let key = unique_text();
        let post = |secret: &str| {
            let body =
                format!(r#"{{"form":"contact-us","fields":{{"message":"my key is {secret}","consent":"yes"}}}}"#);
            let call = stack.caller().call("POST", ENQUIRIES).header("content-type", "application/json");
            call.header("idempotency-key", &key).body(body).send()
        };
        let first = post(one).await;
        let retry = post(one).await;
        assert_eq!(first.assert_accepted(), retry.assert_accepted());
        assert_eq!(retry.header("idempotent-replayed"), Some("true"));
        post(other).await.assert_refused("idempotency_key_reused", None);
    }
}
