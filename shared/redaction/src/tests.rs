use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// A text with secrets, and each secret with its kind, in order.
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

fn wrong_positives(corpus: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for (line, Positive { text, secrets }) in lines::<Positive>(corpus) {
        let (mut expected, mut rest) = (String::new(), text.as_str());
        for (secret, kind) in &secrets {
            let (before, after) = rest.split_once(secret.as_str()).unwrap();
            let last = if kind == "card_number" { format!(" …{}", last_digits(secret)) } else { String::new() };
            expected = format!("{expected}{before}[REDACTED:{kind}{last}]");
            rest = after;
        }
        let (expected, found) = (expected + rest, redacted(&text));
        if found != expected {
            wrong.push(format!("positives.jsonl:{line}\n  expected {expected:?}\n  found    {found:?}"));
        }
    }
    wrong
}

fn wrong_negatives(corpus: &str) -> Vec<String> {
    let texts = lines::<Negative>(corpus);
    let wrong = texts.iter().filter_map(|(line, Negative { text })| {
        let found = redact(text)?.text;
        Some(format!("negatives.jsonl:{line}\n  sent  {text:?}\n  found {found:?}"))
    });
    wrong.collect()
}

#[test]
fn every_secret_of_the_corpus_is_removed_and_nothing_else() {
    let wrong = wrong_positives(include_str!("../tests/corpus/positives.jsonl"));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nothing_of_the_corpus_without_secrets_is_touched() {
    let wrong = wrong_negatives(include_str!("../tests/corpus/negatives.jsonl"));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The names and descriptions of the kinds, from the rules.
fn kinds() -> Vec<(String, String)> {
    let rules: toml::Table = toml::from_str(include_str!("../rules.toml")).unwrap();
    let text = |kind: &toml::Value, key: &str| kind[key].as_str().unwrap().to_owned();
    rules["kind"].as_array().unwrap().iter().map(|kind| (text(kind, "name"), text(kind, "what"))).collect()
}

#[test]
fn the_documentation_lists_the_kinds_of_the_rules() {
    let (tickets, errors) = (include_str!("../../../docs/tickets.md"), include_str!("../../../docs/errors.md"));
    let rows = kinds().iter().fold(String::new(), |rows, (name, what)| format!("{rows}| `{name}` | {what} |\n"));
    assert!(tickets.contains(&format!("| --- | --- |\n{rows}\n")), "docs/tickets.md should have\n{rows}");
    for (name, _) in kinds() {
        assert!(errors.contains(&format!("`{name}`")), "docs/errors.md does not have {name}");
    }
}

#[test]
fn each_kind_has_enough_texts() {
    let texts = lines::<Positive>(include_str!("../tests/corpus/positives.jsonl"));
    for (name, _) in kinds() {
        let count = texts.iter().filter(|(_, text)| text.secrets.iter().any(|(_, kind)| *kind == name)).count();
        assert!(count >= 30, "{name} has {count}");
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(redacted(text), expected);
}

#[track_caller]
fn check_value(name: &str, value: &str, expected: &str) {
    assert_eq!(redact_named(name, value).map_or_else(|| value.to_owned(), |redacted| redacted.text), expected);
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

/// A text with a secret of each kind, and the secret.
const SECRETS: [(&str, &str); 24] = [
    ("key: {}", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    ("key: {}", "rk_test_9sJ3kLm20PqRx7Vb4N1c"),
    ("hook {}", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ("Authorization: Bearer {}", "mF_9.B5f-4.1JqM8zT3xKq0v"),
    ("Authorization: Basic {}", "dXNlcjpwYXNzdzByZDE5"),
    ("token {} here", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"),
    ("id {}", "AKIAI44QH8DHBEXAMPLE"),
    ("client_secret={}", "Zq3vN8tYw0pLx6Rb2Kd9"),
    ("\"access_token\": \"{}\"", "a1b2C3d4E5f6G7h8J9k0"),
    ("refresh_token={}", "8xLOxBtZp8Qw2Er4Ty6U"),
    ("api key is {}", "4kQ2mN8pR5tV1wZ3bC6f"),
    ("it is {}", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    ("it is {}", "glpat-zY4xW8vU2tS6rQ0pO3nM"),
    ("it is {}", "xoxb-263594206564-FGqddMF8t08v8N7Oq4i57vs1"),
    ("it is {}", "AIzaSyD4x7kQ2mN8pR5tV1wZ3bC6fH9jL0sA2eG"),
    ("it is {}", "npm_4kQ2mN8pR5tV1wZ3bC6fH9jL0sA2eG4iK7mO"),
    ("it is {}", "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"),
    ("it is {}", "sk-ant-api03-4kQ2mN8pR5tV1wZ3bC6fH9jL0sA2eG4iK7mOq1rS3tU5vW7xY9zA-4kQ2mNAA"),
    ("it is {}", "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"),
    ("postgres://app:{}@db.example/loans", "s3cretPa55w0rd9x"),
    ("password: {}", "Tr0ub4dor3xQ9zW2"),
    ("my card is {}", "4111111111111111"),
    ("JSESSIONID={}", "0A1B2C3D4E5F60718293A4B5C6D7E8F9"),
    ("SecretAccessKey: {}", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
];

/// What programs and people put between two characters.
const BETWEEN: [&str; 22] = [
    "\u{200b}",
    "\u{ad}",
    "\u{2060}",
    "\u{feff}",
    "\u{200d}",
    "\u{fe0f}",
    "\u{e0041}",
    "&shy;",
    "&#8203;",
    "&ZeroWidthSpace;",
    "\\u200b",
    "%E2%80%8B",
    "%C2%AD",
    "<b>",
    "</b>",
    "<wbr>",
    "\n",
    "\r\n> ",
    "\n    ",
    "\\\n",
    "=\n",
    "\\n",
];

/// Whether six characters of the secret in a row are left.
fn is_left(secret: &str, found: &str) -> bool {
    const IN_A_ROW: usize = 6;
    secret.as_bytes().windows(IN_A_ROW).any(|window| found.contains(std::str::from_utf8(window).unwrap()))
}

#[test]
fn whatever_stands_between_the_characters_of_a_secret_it_is_removed() {
    let mut wrong = Vec::new();
    for (around, secret) in SECRETS {
        for between in BETWEEN {
            for at in 1..secret.len() {
                let torn = format!("{}{between}{}", &secret[..at], &secret[at..]);
                let text = format!("{}\nPlease roll it", around.replace("{}", &torn));
                let found = redacted(&text).replace(between, "");
                if is_left(secret, &found) || !found.ends_with("Please roll it") {
                    wrong.push(format!("{text:?}\n   {found:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// What `make fuzz` found.
#[test]
fn what_stands_on_other_lines_hides_no_secret() {
    for (text, secret) in [
        ("=4\ncard 411111111111111\n    1\n6z", "411111111111111"),
        ("\nclient_secret=Zq3vN8tYw\n    0pLx6Rb2Kd9\n'iA****", "Zq3vN8tYw"),
        ("Authorization: Bearer mF_9\r\n> .B5f-4.1JqM8zT3xKq0v\n.p.qG....n..", "B5f-4.1JqM8zT3xKq0v"),
        ("whsec_\nAKIAI44QH8D\r\n> HBEXAMPLE\np", "AKIAI44QH8D"),
        ("ghp_16C7e42F292c69<b>12E7710c838347Ae178B4a\nNiIXXX\nXXXIXXi", "16C7e42F292c69"),
        ("pw4\";\tpw4\";m'KA=)_\\\n\"access_token\": \"a1b2C3d4E5f6G7h8J9k0\"\n[#D]#[R;p", "a1b2C3d4E5f6G7h8J9k0"),
    ] {
        assert!(!redacted(text).contains(secret), "{text:?} became {:?}", redacted(text));
    }
}

/// A character as programs escape it.
fn escapes(character: char) -> Vec<String> {
    let code = u32::from(character);
    let mut escapes = vec![
        format!("%{code:02X}"),
        format!("%{code:02x}"),
        format!("%25{code:02X}"),
        format!("\\u{code:04x}"),
        format!("\\x{code:02x}"),
        format!("&#{code};"),
        format!("&#x{code:x};"),
        format!("&amp;#{code};"),
    ];
    // Fullwidth forms (U+FF01 to U+FF5E).
    escapes.extend(char::from_u32(code + 0xFEE0).map(String::from));
    if format!("{code:02X}").contains(|digit: char| digit.is_ascii_uppercase()) {
        escapes.push(format!("={code:02X}"));
    }
    escapes
}

#[test]
fn however_a_character_of_a_secret_is_escaped_it_is_removed() {
    let mut wrong = Vec::new();
    for (around, secret) in SECRETS {
        for (at, character) in secret.char_indices() {
            for escape in escapes(character) {
                let escaped = format!("{}{escape}{}", &secret[..at], &secret[at + 1..]);
                let text = around.replace("{}", &escaped);
                let found = redacted(&text);
                if is_left(secret, &found) {
                    wrong.push(format!("{text:?}\n   {found:?}"));
                }
            }
        }
        let all = secret.chars().fold(String::new(), |all, character| format!("{all}%{:02X}", u32::from(character)));
        if redacted(&around.replace("{}", &all)).contains(&all[..18]) {
            wrong.push(all);
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn no_text_around_a_secret_hides_it(
        text in any_text(),
        before in prop::sample::select(&BEFORE[..]),
        (credential, secret) in prop::sample::select(&CREDENTIALS[..]),
        after in any_text(),
    ) {
        let found = redacted(&format!("{text}{before}{credential}\n{after}"));
        prop_assert!(!found.contains(secret), "{:?}", found);
    }

    #[test]
    fn what_is_kept_is_the_text_between_the_secrets(text in any_text()) {
        let Some(Redacted { text: found, removed }) = redact(&text) else { return Ok(()) };
        let (mut expected, mut from) = (String::new(), 0);
        for Removed { kind, start, end } in removed {
            prop_assert!(from <= start && start < end);
            let last = if kind == Kind::CardNumber { format!(" …{}", last_digits(&text[start..end])) } else { String::new() };
            expected = format!("{expected}{}[REDACTED:{kind}{last}]", &text[from..start]);
            from = end;
        }
        prop_assert_eq!(found, expected + &text[from..]);
    }
}
