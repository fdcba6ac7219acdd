use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// A text with credentials, and each credential with its kind, in order.
#[derive(Deserialize)]
struct Positive {
    text: String,
    secrets: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Negative {
    text: String,
}

fn lines<T: for<'de> Deserialize<'de>>(corpus: &str) -> Vec<(usize, T)> {
    let parse = |line| serde_json::from_str(line).unwrap();
    corpus.lines().enumerate().map(|(index, line)| (index + 1, parse(line))).collect()
}

fn redacted(text: &str) -> String {
    redact(text).map_or_else(|| text.to_owned(), |redacted| redacted.text)
}

#[test]
fn every_credential_of_the_corpus_is_removed_and_nothing_else() {
    let positives = lines::<Positive>(include_str!("../../tests/redaction/positives.jsonl"));
    assert!(positives.len() >= 300);
    let mut wrong = Vec::new();
    for (line, Positive { text, secrets }) in positives {
        let (mut expected, mut rest) = (String::new(), text.as_str());
        for (secret, kind) in &secrets {
            let (before, after) = rest.split_once(secret.as_str()).unwrap();
            expected = format!("{expected}{before}[REDACTED:{kind}]");
            rest = after;
        }
        let (expected, found) = (expected + rest, redacted(&text));
        if found != expected {
            wrong.push(format!("positives.jsonl:{line}\n  expected {expected:?}\n  found    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nothing_of_the_corpus_without_credentials_is_touched() {
    let negatives = lines::<Negative>(include_str!("../../tests/redaction/negatives.jsonl"));
    assert!(negatives.len() >= 300);
    let wrong: Vec<_> = negatives
        .iter()
        .filter_map(|(line, Negative { text })| {
            let found = redact(text)?.text;
            Some(format!("negatives.jsonl:{line}\n  sent  {text:?}\n  found {found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(redacted(text), expected);
}

#[track_caller]
fn check_value(name: &str, value: &str, expected: &str) {
    assert_eq!(redact_value(name, value).map_or_else(|| value.to_owned(), |redacted| redacted.text), expected);
}

#[test]
fn a_credential_in_prose_is_removed_without_what_stands_around_it() {
    check("sk_live_abc,", "[REDACTED:secret_key],");
    check("(sk_live_abc)", "([REDACTED:secret_key])");
    check("(sk_live_ab)", "(sk_live_ab)");
}

#[test]
fn what_is_all_credential_is_all_removed() {
    check("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "[REDACTED:secret_key]");
    check(&format!("sk_live_{}", "a".repeat(16_000)), "[REDACTED:secret_key]");
}

#[test]
fn where_matches_overlap_the_kind_that_says_more_is_named_and_nothing_is_left() {
    check("Authorization: Bearer sk_live_abc", "Authorization: Bearer [REDACTED:secret_key]");
    check("client_secret=sk_test_abc~def&x=1", "client_secret=[REDACTED:secret_key]&x=1");
    check("client_secret=whsec_abc", "client_secret=[REDACTED:webhook_secret]");
    check("access_token=AKIAIOSFODNN7EXAMPLE", "access_token=[REDACTED:aws_access_key]");
    check("sk_live_sk_live_abc", "[REDACTED:secret_key]");
    check("client_secret=client_secret=abc123", "client_secret=[REDACTED:client_secret]");
}

#[test]
fn publishable_keys_and_request_ids_stay_even_where_a_secret_would_stand() {
    for text in [
        "Authorization: Bearer pk_live_51H8sKd0pQ2",
        "client_secret=pk_test_51H8sKd0pQ2",
        "\"access_token\": \"req_8Hn2Lp0Wd4Xc\"",
    ] {
        check(text, text);
    }
}

#[test]
fn only_a_mark_of_ours_is_passed_over() {
    check("[REDACTED:client_secret]=x", "[REDACTED:client_secret]=x");
    check("[REDACTED:sk_live_abc]", "[REDACTED:[REDACTED:secret_key]]");
}

#[test]
fn what_is_written_without_spaces_ends_where_ascii_does() {
    check("鍵はsk_live_abcです", "鍵は[REDACTED:secret_key]です");
    check("client_secret=abc123、以上", "client_secret=[REDACTED:client_secret]、以上");
    check("Bearer mF_9.B5f-4.1JqM。", "Bearer [REDACTED:bearer_token]。");
}

/// Each of these may be harmless or a key.
#[test]
fn where_in_doubt_it_is_removed() {
    check("new Credicorp(\"sk_test_YOUR_KEY_HERE\")", "new Credicorp(\"[REDACTED:secret_key]\")");
    check("sk_live_51H...4242", "[REDACTED:secret_key]...4242");
    check("sk_test_/whsec_/OAuth", "sk_test_/[REDACTED:webhook_secret]");
    check("Bearer RFC-6750-style", "Bearer [REDACTED:bearer_token]");
    check("Bearer AuthenticationMiddleware", "Bearer [REDACTED:bearer_token]");
    check("access_token=token", "access_token=[REDACTED:access_token]");
}

#[test]
fn the_name_of_a_field_can_make_its_value_a_secret() {
    check_value("client_secret", "hunter22", "[REDACTED:client_secret]");
    check_value("oauth-client-secret", " hunter22\n", " [REDACTED:client_secret]\n");
    check_value("accessToken", "1234567", "[REDACTED:access_token]");
    check_value("AWS_SECRET_ACCESS_KEY", "abc", "[REDACTED:aws_access_key]");
    check_value("client_secret", "sk_live_abc", "[REDACTED:secret_key]");
    for (name, value) in [
        ("client_secret", ""),
        ("client_secret", "  "),
        ("client_secret", "null"),
        ("client_secret", "I have lost it"),
        ("client_secret_expires_at", "1782740527"),
        ("client_secrets", "hunter22"),
    ] {
        check_value(name, value, value);
    }
    check_value("client_secret", "I lost sk_live_abc", "I lost [REDACTED:secret_key]");
}

/// Whole and partial patterns of the scanner, so that its look-aheads overlap.
const PIECES: [&str; 42] = [
    "sk_live_",
    "rk_",
    "whsec_",
    "eyJ",
    "ewo",
    ".",
    "AKIA",
    "IOSFODNN7EXAMPLE",
    "Bearer",
    "bearer ",
    " ",
    "+",
    "%3D",
    "%26",
    "client_secret",
    "clientSecret",
    "access_token",
    "secret access key",
    "=",
    ":",
    "\"",
    "\\\"",
    "'",
    "&",
    "\n",
    "\\n",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "-----",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "é",
    "鍵",
    "abc",
    "x1",
    "null",
    "pk_",
    "$",
    "[REDACTED:jwt]",
    "-",
    "_",
    ">",
];

#[test]
fn a_private_key_that_begins_in_a_value_is_removed_with_it() {
    let key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIOHp4xO7\n-----END EC PRIVATE KEY-----";
    for value in [
        format!("client_secret=\"-----BEGIN PRIVATE KEY-----MIIEvQIBADANBgkqhkiG9w0BAQEFAASC {key}\n"),
        format!("client_secret=\"a1b2c3d4e5 {key}\n"),
        format!("access_token: \"sk_live_4eC39HqLyjWD {key}\n"),
        format!("client_secret='{key}\n"),
        format!("client_secret=“a1b2c3d4e5 {key} {key}\n"),
    ] {
        let found = redacted(&value);
        assert!(!found.contains("MHcCAQEEIOHp4xO7") && !found.contains("END EC"), "{found}");
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        9 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A credential of each kind, and its part that must be removed.
const CREDENTIALS: [(&str, &str); 9] = [
    ("sk_live_4eC39HqLyjWD", "4eC39HqLyjWD"),
    ("rk_test_9sJ3kLm20PqR", "9sJ3kLm20PqR"),
    ("whsec_MfKQ9r8GKYqrTwjU", "MfKQ9r8GKYqrTwjU"),
    ("Bearer mF_9.B5f-4.1JqM", "B5f-4.1JqM"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmN", "dozjgNryP4J3jVmN"),
    ("AKIAI44QH8DHBEXAMPLE", "I44QH8DHBEXAMPLE"),
    ("-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIOHp4xO7\n-----END EC PRIVATE KEY-----", "MHcCAQEEIOHp4xO7"),
    ("client_secret=Zq3vN8tYw0", "Zq3vN8tYw0"),
    ("\"access_token\": \"a1b2c3d4e5\"", "a1b2c3d4e5"),
];

/// What may come directly before a credential.
const BEFORE: [&str; 6] = ["\n", " ", "\\n", "\u{1b}[1;32m", "\\u000a", "%0A"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn no_text_around_a_credential_hides_it(
        text in any_text(),
        before in prop::sample::select(&BEFORE[..]),
        (credential, secret) in prop::sample::select(&CREDENTIALS[..]),
        after in any_text(),
    ) {
        let found = redacted(&format!("{text}{before}{credential}\n{after}"));
        prop_assert!(!found.contains(secret), "{:?}", found);
    }

    #[test]
    fn what_is_kept_is_the_text_between_the_credentials(text in any_text()) {
        let mut rest = text.as_str();
        for kept in redacted(&text).split("[REDACTED:").enumerate().map(|(index, part)| {
            if index == 0 { part } else { part.split_once(']').unwrap().1 }
        }) {
            let (_, after) = rest.split_once(kept).unwrap();
            rest = after;
        }
    }
}
