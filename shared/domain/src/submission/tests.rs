use proptest::prelude::*;
use strum::VariantArray;

use super::*;
use crate::Fingerprint;

fn parse(sent: &str) -> Result<Submission, Invalid> {
    Submission::parse(&Json::parse(sent.as_bytes()).unwrap())
}

/// The fingerprint of a submission, which must be valid.
fn print(sent: &str) -> Fingerprint {
    parse(sent).unwrap();
    Fingerprint::of(&Json::parse(sent.as_bytes()).unwrap())
}

/// Expects these violations in this order, each written as `code param`.
#[track_caller]
fn check_violations(sent: &str, expected: &[&str]) {
    let Err(Invalid::Violations(violations)) = parse(sent) else { panic!("{sent} is a submission") };
    let found: Vec<_> = violations.listed().iter().map(|found| format!("{} {}", found.code, found.param)).collect();
    assert_eq!(found, expected, "{sent}");
}

/// Expects these violations when a valid submission gets one more field.
#[track_caller]
fn check_field(field: &str, expected: &[&str]) {
    check_violations(&format!(r#"{{"form":"f","fields":{{{field},"consent":"yes"}}}}"#), expected);
}

fn fields_of(bytes: usize) -> String {
    let frame = r#"{"consent":"yes","m":""}"#.len();
    format!(r#"{{"form":"f","fields":{{"consent":"yes","m":"{}"}}}}"#, "x".repeat(bytes - frame))
}

fn keys(count: usize) -> String {
    let others: Vec<_> = (1..count).map(|index| format!(r#""k{index}":{index}"#)).collect();
    format!(r#"{{"form":"f","fields":{{{},"consent":"yes"}}}}"#, others.join(","))
}

#[test]
fn a_document_that_is_no_object_is_no_submission() {
    for sent in ["[]", "null", "1", "\"x\"", "true"] {
        assert_eq!(parse(sent), Err(Invalid::NotAnObject), "{sent}");
    }
}

#[test]
fn everything_absent_is_said_in_the_contracts_order() {
    check_violations("{}", &["form_required form", "fields_required fields", "consent_required fields.consent"]);
    check_violations(r#"{"form":"f","fields":[]}"#, &["invalid_fields fields", "consent_required fields.consent"]);
}

#[test]
fn what_is_present_comes_first_in_the_order_sent_and_what_is_absent_last() {
    check_violations(
        r#"{"fields":{"":null,"email":"x"},"dept":null,"form":"No"}"#,
        &[
            "invalid_field_name fields.",
            "invalid_field_value fields.",
            "invalid_email fields.email",
            "invalid_dept dept",
            "invalid_form form",
            "consent_required fields.consent",
        ],
    );
    check_violations(
        r#"{"dept":"sales","fields":{"consent":"no"}}"#,
        &["invalid_dept dept", "consent_required fields.consent", "form_required form"],
    );
}

#[test]
fn a_form_is_1_to_64_of_the_slug_characters() {
    for form in ["a", "contact-us", "a_0-9", &"x".repeat(64)] {
        let sent = format!(r#"{{"form":"{form}","fields":{{"consent":"yes"}}}}"#);
        assert_eq!(parse(&sent).unwrap().form.as_str(), form);
    }
    for form in ["\"\"", "\"A\"", "\"a b\"", "\"é\"", "1", "null", "{}", &format!("\"{}\"", "x".repeat(65))] {
        check_violations(&format!(r#"{{"form":{form},"fields":{{"consent":"yes"}}}}"#), &["invalid_form form"]);
    }
}

#[test]
fn a_dept_is_one_of_four_or_absent() {
    for &dept in Dept::VARIANTS {
        let sent = format!(r#"{{"form":"f","dept":"{}","fields":{{"consent":"yes"}}}}"#, dept.as_str());
        assert_eq!(parse(&sent).unwrap().dept, Some(dept));
    }
    assert_eq!(parse(r#"{"form":"f","fields":{"consent":"yes"}}"#).unwrap().dept, None);
    for dept in ["null", "\"\"", "\"Support\"", "\"general\"", "1", "[\"support\"]"] {
        let sent = format!(r#"{{"form":"f","dept":{dept},"fields":{{"consent":"yes"}}}}"#);
        check_violations(&sent, &["invalid_dept dept"]);
    }
}

#[test]
fn a_fields_value_is_a_string_a_number_or_a_boolean() {
    for value in ["null", "[]", "{}", "[\"x\"]"] {
        check_field(&format!(r#""x":{value}"#), &["invalid_field_value fields.x"]);
    }
}

#[test]
fn a_fields_name_is_1_to_128_bytes_without_control_characters() {
    let bytes_128 = "é".repeat(64);
    assert!(parse(&format!(r#"{{"form":"f","fields":{{"{bytes_128}":1,"consent":"yes"}}}}"#)).is_ok());
    check_field(&format!(r#""{bytes_128}x":1"#), &[&format!("invalid_field_name fields.{}", "é".repeat(60))]);
    for (escaped, control) in [(r"\u0000", "\0"), (r"a\n", "a\n"), (r"\u007f", "\u{7f}"), (r"\u0085", "\u{85}")] {
        check_field(&format!(r#""{escaped}":1"#), &[&format!("invalid_field_name fields.{control}")]);
    }
}

#[test]
fn an_email_that_is_present_must_be_an_address() {
    for value in ["\"x\"", "1", "0", "true", "false", "\" x \"", "\"\u{200b}x\"", "\"\u{2800}\""] {
        check_field(&format!(r#""email":{value}"#), &["invalid_email fields.email"]);
    }
}

#[test]
fn a_blank_email_is_none_and_kept_as_it_was_sent() {
    for blank in ["", " ", "\\t\\r\\n", "\u{a0}\u{3000}", "\u{200b}", "\u{feff}\u{ad} \u{2060}", "\u{e0020}"] {
        let sent = format!(r#"{{"form":"f","fields":{{"email":"{blank}","consent":"yes"}}}}"#);
        let fields = parse(&sent).unwrap().fields;
        assert_eq!(fields.to_json(), format!(r#"{{"email":"{blank}","consent":"yes"}}"#));
        assert_eq!(fields.email(), None);
    }
}

#[test]
fn an_email_that_is_no_value_at_all_is_said_once() {
    for value in ["null", "[]", "{}", "[\"jordan@example.com\"]", "{\"address\":\"jordan@example.com\"}"] {
        check_field(&format!(r#""email":{value}"#), &["invalid_field_value fields.email"]);
    }
}

#[test]
fn consent_is_exactly_the_string_yes() {
    for value in ["\"Yes\"", "\"yes \"", "\"\"", "true", "1"] {
        let sent = format!(r#"{{"form":"f","fields":{{"consent":{value}}}}}"#);
        check_violations(&sent, &["consent_required fields.consent"]);
    }
}

#[test]
fn fields_of_16384_compact_bytes_pass_and_one_more_does_not() {
    assert!(parse(&fields_of(16_384)).is_ok());
    check_violations(&fields_of(16_385), &["fields_too_large fields"]);
}

#[test]
fn fields_are_measured_unescaped_and_without_white_space() {
    let sent = fields_of(16_384).replace(':', " \n: ").replace('x', r"\u0078");
    assert!(parse(&sent).is_ok());
}

#[test]
fn fields_are_measured_in_bytes_and_not_in_characters() {
    let frame = r#"{"consent":"yes","m":""}"#.len();
    let of_two_byte_characters =
        |count, rest| format!(r#"{{"form":"f","fields":{{"consent":"yes","m":"{}{rest}"}}}}"#, "é".repeat(count));
    let count = (16_384 - frame) / 2;
    assert_eq!(frame + 2 * count, 16_384);
    assert!(parse(&of_two_byte_characters(count, "")).is_ok());
    check_violations(&of_two_byte_characters(count, "x"), &["fields_too_large fields"]);
}

#[test]
fn sixty_keys_pass_and_one_more_does_not() {
    assert!(parse(&keys(60)).is_ok());
    check_violations(&keys(61), &["too_many_fields fields"]);
}

#[test]
fn fields_that_are_too_large_are_said_beside_all_else() {
    let fields: Vec<_> = (0..59).map(|index| format!(r#""k{index}":"{}""#, "x".repeat(300))).collect();
    check_violations(
        &format!(r#"{{"form":"f","fields":{{{},"x":null}}}}"#, fields.join(",")),
        &["fields_too_large fields", "invalid_field_value fields.x", "consent_required fields.consent"],
    );
}

#[test]
fn of_too_many_fields_nothing_else_is_said() {
    let bad = |count: usize, of: &dyn Fn(usize) -> String| (0..count).map(of).collect::<Vec<_>>().join(",");
    for fields in [
        bad(61, &|index| format!(r#""k{index}":null"#)),
        bad(62, &|index| format!(r#""k{index}":"{}""#, "x".repeat(300))),
        bad(300, &|index| format!(r#""{index}{}":[]"#, "é".repeat(64))),
        bad(5_000, &|index| format!(r#""{index}\u0000":{{}}"#)),
        format!(r#""email":"nope","consent":"no",{}"#, bad(60, &|index| format!(r#""{index}":1"#))),
    ] {
        check_violations(
            &format!(r#"{{"form":"developer-support","fields":{{{fields}}}}}"#),
            &["too_many_fields fields"],
        );
        check_violations(
            &format!(r#"{{"dept":"x","fields":{{{fields}}},"form":"No"}}"#),
            &["invalid_dept dept", "too_many_fields fields", "invalid_form form"],
        );
    }
}

#[test]
fn at_most_100_violations_are_listed_and_the_others_counted() {
    let count = |sent: &str| {
        let Err(Invalid::Violations(violations)) = parse(sent) else { panic!("{sent} is a submission") };
        (violations.listed().len(), violations.unlisted())
    };
    let unknown = |keys: usize| (0..keys).map(|index| format!(r#""x{index}":1"#)).collect::<Vec<_>>().join(",");
    let with = |keys| format!(r#"{{{},"form":"f","fields":{{"consent":"yes"}}}}"#, unknown(keys));
    assert_eq!(count(&with(1)), (1, 0));
    assert_eq!(count(&with(100)), (100, 0));
    assert_eq!(count(&with(101)), (100, 1));
    assert_eq!(count(&with(9_000)), (100, 8_900));
    assert_eq!(count(&format!("{{{}}}", unknown(100))), (100, 3), "what is absent is counted too");
    let fields = (0..59).map(|index| format!(r#""\u0000{index}":null"#)).collect::<Vec<_>>().join(",");
    let sent = format!(r#"{{"form":"smoke-test","fields":{{{fields}}}}}"#);
    assert_eq!(count(&sent), (100, 59 * 3 - 100 + 2), "three of each field");
}

#[test]
fn a_param_is_cut_at_128_bytes_between_two_characters() {
    let param = |name: &str| {
        let sent = format!(r#"{{"form":"f","fields":{{"{name}":null,"consent":"yes"}}}}"#);
        let Err(Invalid::Violations(violations)) = parse(&sent) else { panic!("{sent} is a submission") };
        violations.listed().last().unwrap().param.clone()
    };
    assert_eq!(param(&"x".repeat(121)), format!("fields.{}", "x".repeat(121)));
    for name in ["x".repeat(122), "x".repeat(128), "x".repeat(129), "x".repeat(60_000)] {
        assert_eq!(param(&name), format!("fields.{}", "x".repeat(121)), "{}", name.len());
    }
    assert_eq!(param(&"é".repeat(30_000)), format!("fields.{}", "é".repeat(60)));
    assert_eq!(param(&"東".repeat(20_000)), format!("fields.{}", "東".repeat(40)));
    assert_eq!(param(&"👍".repeat(15_000)), format!("fields.{}", "👍".repeat(30)));
    assert_eq!(param(&format!("{}é", "x".repeat(120))), format!("fields.{}", "x".repeat(120)));
}

#[test]
fn the_beginning_of_a_name_that_is_too_long_shows_no_credential() {
    let jwt = format!("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI{}.dozjgNryP4J3jVmN", "xMjM0NTY3ODkw".repeat(20));
    for (name, secret) in [
        (format!("{jwt} and so on"), "eyJhbGci"),
        (format!("token: {jwt}"), "eyJhbGci"),
        (format!("{} sk_live_4eC39HqLyjWDarjtT1zdp7dc", "x".repeat(100)), "4eC39"),
        (format!("sk_live_{}", "4eC39HqLyjWD".repeat(30)), "4eC39"),
        (format!("access_token={}", "a1B2c3D4".repeat(40)), "a1B2"),
        (format!("Bearer {}", "mF_9.B5f-4.1JqM".repeat(20)), "mF_9"),
        (format!("{}AKIAI44QH8DHBEXAMPLE", "x ".repeat(60)), "AKIAI44"),
        (format!("{} AKIAI44QH8DHBEXAMPLE", "x".repeat(108)), "I44QH8"),
        (format!("{} AKIAI44QH8DHBEXAMPLE", "x".repeat(112)), "AKIAI44Q"),
    ] {
        let sent = format!(r#"{{"form":"smoke-test","{name}":1,"fields":{{"{name}":null}}}}"#);
        let Err(Invalid::Violations(violations)) = parse(&sent) else { panic!("{sent} is a submission") };
        for Violation { param, message, .. } in violations.listed() {
            assert!(!param.contains(secret) && !message.contains(secret), "{param}: {message}");
        }
    }
}

#[test]
fn nothing_of_the_senders_is_shown_for_debugging() {
    let text = "jordan@example.com";
    let sent = format!(r#"{{"form":"f","fields":{{"consent":"yes","email":"{text}","{text}":"{text}"}}}}"#);
    let invalid = format!(r#"{{"form":"f","fields":{{"{text}":null}}}}"#);
    let shown = [
        format!("{:?}", Json::parse(sent.as_bytes())),
        format!("{:?}", parse(&sent)),
        format!("{:?}", parse(&invalid)),
        format!("{:?}", crate::EmailAddress::parse(text)),
        format!("{:?}", crate::IdempotencyKey::parse(text)),
    ];
    for shown in shown {
        assert!(!shown.contains("jordan") && shown.contains("Ok(") != shown.contains("Err("), "{shown}");
    }
}

/// The fields after redaction, and what was removed, each written as `param kind count`.
fn redacted(fields: &str) -> (String, Vec<String>) {
    let Submission { fields, redactions, .. } = parse(&format!(r#"{{"form":"f","fields":{{{fields}}}}}"#)).unwrap();
    let redactions = redactions.iter().map(|found| format!("{} {} {}", found.param, found.kind, found.count));
    (fields.to_json(), redactions.collect())
}

#[test]
fn a_pasted_credential_is_kept_neither_in_a_value_nor_in_a_name() {
    let (kept, removed) = redacted(
        r#""message":"sk_live_abc, sk_test_def and Bearer mF_9.B5f-4.1JqM","sk_live_ghi":1,"n":1.10,"consent":"yes""#,
    );
    assert_eq!(
        kept,
        r#"{"message":"[REDACTED:secret_key], [REDACTED:secret_key] and Bearer [REDACTED:bearer_token]","[REDACTED:secret_key]":1,"n":1.10,"consent":"yes"}"#
    );
    assert_eq!(
        removed,
        ["fields.message secret_key 2", "fields.message bearer_token 1", "fields.[REDACTED:secret_key] secret_key 1",]
    );
}

#[test]
fn names_that_differ_in_a_credential_alone_are_kept_apart() {
    let (kept, _) = redacted(
        r#""sk_live_abc":1,"[REDACTED:secret_key]":2,"sk_live_def":3,"[REDACTED:secret_key] (2)":4,"consent":"yes""#,
    );
    assert_eq!(
        kept,
        r#"{"[REDACTED:secret_key] (3)":1,"[REDACTED:secret_key]":2,"[REDACTED:secret_key] (4)":3,"[REDACTED:secret_key] (2)":4,"consent":"yes"}"#
    );
    assert!(Fields::from_json(&kept).is_ok());
}

#[test]
fn a_number_that_its_name_makes_a_secret_is_removed_too() {
    let (kept, removed) = redacted(r#""client_secret":12345678,"consent":"yes""#);
    assert_eq!(kept, r#"{"client_secret":"[REDACTED:client_secret]","consent":"yes"}"#);
    assert_eq!(removed, ["fields.client_secret client_secret 1"]);
}

#[test]
fn the_name_of_a_field_makes_its_value_a_secret() {
    for (name, value, kind) in [
        ("password", "letmein", "password"),
        ("api_key", "x7y", "api_key"),
        ("authorization", "Basic dXNlcjpwYXNz", "basic_credentials"),
        ("pin", "4821", "password"),
        ("cvv", "123", "card_security_code"),
    ] {
        let (kept, removed) = redacted(&format!(r#""{name}":"{value}","consent":"yes""#));
        assert!(!kept.contains(value.split(' ').next_back().unwrap()), "{kept}");
        assert_eq!(removed, [format!("fields.{name} {kind} 1")]);
    }
    let (kept, _) = redacted(r#""card_number":"4111 1111 1111 1112","consent":"yes""#);
    assert_eq!(kept, r#"{"card_number":"[REDACTED:card_number …1112]","consent":"yes"}"#);
    for fields in [
        r#""authorization":"I authorise my wife","consent":"yes""#,
        r#""password":"I cannot remember it","consent":"yes""#,
        r#""pin":"it is wrong","consent":"yes""#,
    ] {
        assert_eq!(redacted(fields), (format!("{{{fields}}}"), Vec::new()));
    }
}

#[test]
fn two_neighbouring_fields_can_be_a_name_and_its_value() {
    let (kept, removed) = redacted(r#""key":"client_secret","value":"x7y9","consent":"yes""#);
    assert_eq!(kept, r#"{"key":"client_secret","value":"[REDACTED:client_secret]","consent":"yes"}"#);
    assert_eq!(removed, ["fields.value client_secret 1"]);
    let (kept, _) = redacted(r#""header_1_name":"X-Api-Key","header_1_value":"x7y9","consent":"yes""#);
    assert_eq!(kept, r#"{"header_1_name":"X-Api-Key","header_1_value":"[REDACTED:api_key]","consent":"yes"}"#);
    let apart = r#"{"topic":"password","postcode":"SW1A1AA","consent":"yes"}"#;
    assert_eq!(redacted(&apart[1..apart.len() - 1]).0, apart);
}

#[test]
fn of_a_card_the_last_four_digits_stay() {
    let (kept, removed) = redacted(r#""message":"4111 1111 1111 1111, cvv 123","consent":"yes""#);
    assert_eq!(
        kept,
        r#"{"message":"[REDACTED:card_number …1111], cvv [REDACTED:card_security_code]","consent":"yes"}"#
    );
    assert_eq!(removed, ["fields.message card_number 1", "fields.message card_security_code 1"]);
    let (kept, removed) = redacted(r#""message":4111111111111111,"consent":"yes""#);
    assert_eq!(kept, r#"{"message":"[REDACTED:card_number …1111]","consent":"yes"}"#);
    assert_eq!(removed, ["fields.message card_number 1"]);
}

#[test]
fn a_submission_is_never_refused_for_a_credential() {
    let longest = format!(r#"{{"form":"f","fields":{{"m":"{}","consent":"yes"}}}}"#, "sk_live_abc ".repeat(1_361));
    let submission = parse(&longest).unwrap();
    assert_eq!(submission.redactions[0].count, 1_361);
    // Without the credential the local part is empty, but the address as sent was valid.
    assert!(parse(r#"{"form":"f","fields":{"email":"sk_live_abc@example.com","consent":"yes"}}"#).is_ok());
}

#[test]
fn the_fingerprint_is_taken_of_what_was_sent_and_not_of_what_is_kept() {
    let of = |fields: &str| print(&format!(r#"{{"form":"f","fields":{{{fields},"consent":"yes"}}}}"#));
    for (one, other) in [
        (r#""m":"my key is sk_live_abc""#, r#""m":"my key is sk_live_def""#),
        (r#""m":"my key is sk_live_abc""#, r#""m":"my key is [REDACTED:secret_key]""#),
        (r#""m":"Bearer mF_9.B5f-4.1JqM""#, r#""m":"Bearer mF_9.B5f-4.1JqN""#),
        (r#""sk_live_abc":1"#, r#""sk_live_def":1"#),
        (r#""client_secret":12345678"#, r#""client_secret":12345679"#),
    ] {
        assert_ne!(of(one), of(other), "{one}");
        assert_eq!(of(one), of(one), "{one}");
    }
    assert_eq!(of(r#""sk_live_abc":1,"sk_live_def":2"#), of(r#""sk_live_def":2,"sk_live_abc":1"#));
}

/// A fixed value, so that the test fails if a release would treat a retry as a different enquiry.
#[test]
fn the_fingerprint_is_the_same_in_every_release() {
    let of = |sent| print(sent).to_hex();
    assert_eq!(of(r#"{"form":"f","fields":{"consent":"yes"}}"#), hex_of("f\0\0{\"consent\":\"yes\"}"));
    assert_eq!(
        of(
            r#"{"fields":{"z":1.10,"consent":"yes","é":"sk_live_\u0061bc\n"},"dept":"support","form":"contact-us","id":7}"#
        ),
        hex_of("contact-us\0support\0{\"consent\":\"yes\",\"z\":1.10,\"é\":\"sk_live_abc\\n\"}"),
    );
}

fn hex_of(text: &str) -> String {
    hex::encode(<sha2::Sha256 as sha2::Digest>::digest(text))
}

#[test]
fn a_form_shaped_like_a_credential_is_invalid() {
    for form in ["sk_live_abc", "my-sk_test_abc", "rk_live_0123456789", "whsec_abc"] {
        check_violations(&format!(r#"{{"form":"{form}","fields":{{"consent":"yes"}}}}"#), &["invalid_form form"]);
    }
    for form in ["pk_live_abc", "req_8hn2lp0wd4xc", "desk_live_chat", "sk_live_"] {
        assert!(parse(&format!(r#"{{"form":"{form}","fields":{{"consent":"yes"}}}}"#)).is_ok(), "{form}");
    }
}

#[test]
fn id_and_status_are_the_servers_and_ignored() {
    for ignored in [r#""id":"enq_000000""#, r#""status":"done""#, r#""id":null,"status":[{"x":null}]"#] {
        let sent = format!(r#"{{{ignored},"form":"f","fields":{{"consent":"yes"}}}}"#);
        assert_eq!(parse(&sent), parse(r#"{"form":"f","fields":{"consent":"yes"}}"#));
    }
}

#[test]
fn any_other_top_level_key_is_unknown_in_the_order_sent() {
    check_violations(
        r#"{"form":"contact-us","department":"complaints","email":"jordan@example.com","message":"Help","fields":{"consent":"yes"}}"#,
        &["unknown_key department", "unknown_key email", "unknown_key message"],
    );
    check_violations(
        r#"{"":1,"Form":"f","sk_live_abc":{},"dept":null,"fields":{"x":null},"ID":1,"consent":"yes"}"#,
        &[
            "unknown_key ",
            "unknown_key Form",
            "unknown_key [REDACTED:secret_key]",
            "invalid_dept dept",
            "invalid_field_value fields.x",
            "unknown_key ID",
            "unknown_key consent",
            "form_required form",
            "consent_required fields.consent",
        ],
    );
    let long = "é".repeat(200);
    check_violations(
        &format!(r#"{{"form":"f","fields":{{"consent":"yes"}},"{long}":1}}"#),
        &[&format!("unknown_key {}", "é".repeat(64))],
    );
}

#[test]
fn a_form_that_the_registry_does_not_have_is_called_unregistered() {
    let key = |form: &str| form.parse::<Form>().unwrap().registered_key();
    for form in ["my-password-is-hunter2", "newsletter", "x", "contact-us-", "contact_us", "unregistered"] {
        assert_eq!(key(form), "unregistered", "{form}");
    }
    for form in ["contact-us", "complaint", "hardship", "payments", "developer-support", "smoke-test"] {
        assert_eq!(key(form), form);
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// JSON texts of valid field values.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::collection::vec(any::<char>(), 0..20).prop_map(|text| quoted(&text.into_iter().collect::<String>())),
        "-?(0|[1-9][0-9]{0,39})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?",
        any::<bool>().prop_map(|value| value.to_string()),
    ]
}

fn any_fields() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = "[^\\p{Cc}]{1,20}";
    prop::collection::btree_map(name, any_value(), 0..12).prop_map(|mut fields| {
        fields.remove("email");
        fields.insert("consent".into(), "\"yes\"".into());
        // Some random digits are a valid card number.
        fields.retain(|_, value| ::redaction::redact(value).is_none());
        fields.into_iter().collect::<Vec<_>>()
    })
}

/// Text with letters of both cases, white space and digits, to try changes to each of them.
fn any_text() -> impl Strategy<Value = String> {
    "[a-cA-C0-2 é]{1,8}"
}

/// The fields with one change to the last one, which is named `n` plus `name` and has this text.
fn any_change(
    mut fields: Vec<(String, String)>,
    name: &str,
    text: &str,
) -> impl Strategy<Value = Vec<(String, String)>> + use<> {
    fields.pop();
    let with = |name: String, value: String| {
        let mut changed = fields.clone();
        changed.retain(|(other, _)| *other != name);
        changed.push((name, value));
        Just(changed)
    };
    let named = format!("n{name}");
    let first = text.chars().next().unwrap_or_default();
    let other_case = if first.is_lowercase() { first.to_uppercase().next() } else { first.to_lowercase().next() };
    let other_case = other_case.filter(|other| *other != first).unwrap_or('!');
    prop_oneof![
        Just(fields.clone()),
        with(format!("N{name}"), quoted(text)),
        with(format!("{named} "), quoted(text)),
        with(named.clone(), quoted(&format!("{text} "))),
        with(named.clone(), quoted(&format!(" {text}"))),
        with(named.clone(), quoted(&format!("{other_case}{}", &text[first.len_utf8()..]))),
        with(named.clone(), quoted(&text[first.len_utf8()..])),
        with(named, "true".into()),
    ]
}

fn object(fields: &[(String, String)], space: &str) -> String {
    let members: Vec<_> =
        fields.iter().map(|(name, value)| format!("{}{space}:{space}{value}", quoted(name))).collect();
    format!("{{{space}{}{space}}}", members.join(&format!("{space},{space}")))
}

proptest! {
    #[test]
    fn what_goes_in_comes_out_identical(fields in any_fields().prop_shuffle(), space in "[ \\t\\r\\n]{0,3}") {
        let sent = format!(r#"{{"form":"f","fields":{}}}"#, object(&fields, &space));
        prop_assert_eq!(parse(&sent).unwrap().fields.to_json(), object(&fields, ""));
    }

    #[test]
    fn the_fingerprint_ignores_white_space_and_key_order(
        (fields, shuffled) in any_fields().prop_flat_map(|fields| (Just(fields.clone()), Just(fields).prop_shuffle())),
        space in "[ \\t\\r\\n]{0,3}",
    ) {
        let sent = format!(r#"{{"form":"f","dept":"support","fields":{}}}"#, object(&fields, ""));
        let again = format!(r#"{{{space}"fields":{},"dept":"support","form":"f"}}"#, object(&shuffled, &space));
        prop_assert_eq!(print(&sent), print(&again));
    }

    #[test]
    fn the_fingerprint_ignores_nothing_else(
        (fields, changed) in any_fields().prop_flat_map(|fields| (Just(fields), any_text(), any_text())).prop_flat_map(
            |(fields, name, value)| {
                let mut with_text = fields.clone();
                with_text.retain(|(other, _)| *other != format!("n{name}"));
                with_text.push((format!("n{name}"), quoted(&value)));
                (Just(with_text.clone()), any_change(with_text, &name, &value))
            },
        ),
    ) {
        let of = |fields: &[_]| print(&format!(r#"{{"form":"f","fields":{}}}"#, object(fields, "")));
        prop_assert_ne!(of(&fields), of(&changed));
    }
}

#[test]
fn the_fingerprint_sees_every_part_of_a_submission() {
    let submissions = [
        r#"{"form":"f","fields":{"consent":"yes","n":1.1}}"#,
        r#"{"form":"f","fields":{"consent":"yes","n":1.10}}"#,
        r#"{"form":"f","fields":{"consent":"yes","n":"1.1"}}"#,
        r#"{"form":"f","fields":{"consent":"yes","n":true}}"#,
        r#"{"form":"f","fields":{"consent":"yes","n":"true"}}"#,
        r#"{"form":"f","fields":{"consent":"yes"}}"#,
        r#"{"form":"g","fields":{"consent":"yes"}}"#,
        r#"{"form":"fsupport","fields":{"consent":"yes"}}"#,
        r#"{"form":"f","dept":"support","fields":{"consent":"yes"}}"#,
        r#"{"form":"f","dept":"payments","fields":{"consent":"yes"}}"#,
    ];
    let mut prints: Vec<_> = submissions.iter().map(|sent| print(sent).to_hex()).collect();
    prints.sort();
    prints.dedup();
    assert_eq!(prints.len(), submissions.len());
}
