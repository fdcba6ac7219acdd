//! Credentials that people paste into forms, and their removal (contract, Pasted credentials).
//!
//! A department must never be mailed a live key, so this runs over every text before it is stored, hashed, mailed or logged.
//! What it takes for a credential is decided by shape alone, in one pass and in linear time: no pattern can be made to
//! backtrack by what somebody sends. Where in doubt it removes: a lost word costs a question, a key that leaks costs more.

mod scanner;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use scanner::{Scanner, could_be_torn};

/// What kind of credential was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A secret API key: `sk_live_…`, `sk_test_…`.
    SecretKey,
    /// A restricted API key: `rk_live_…`, `rk_test_…`, `rk_…`.
    RestrictedKey,
    /// The secret that webhooks are signed with: `whsec_…`.
    WebhookSecret,
    /// A token after `Bearer` (RFC 6750 section 2.1).
    BearerToken,
    /// A JSON web token (RFC 7519), signed or encrypted.
    Jwt,
    /// Either half of an AWS access key: its id (IAM user guide, unique identifiers) or its secret.
    AwsAccessKey,
    /// A private key as PEM text (RFC 7468), or of PGP's or OpenSSH's armour.
    PrivateKey,
    /// The value of `client_secret` (RFC 6749 section 2.3.1).
    ClientSecret,
    /// The value of `access_token` (RFC 6749 section 5.1), such as that of a payment initiation service.
    AccessToken,
}

/// The text is no kind of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no kind of credential")]
pub struct UnknownCredentialKind;

/// Which credentials one field held.
#[derive(Clone, PartialEq, Eq)]
pub struct Redaction {
    /// The path of the field, such as `fields.message`, itself without credentials. Holds text of the sender's: never log it.
    pub param: String,
    /// What was found there.
    pub kind: CredentialKind,
    /// How many of them.
    pub count: u32,
}

impl CredentialKind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SecretKey,
        Self::RestrictedKey,
        Self::WebhookSecret,
        Self::BearerToken,
        Self::Jwt,
        Self::AwsAccessKey,
        Self::PrivateKey,
        Self::ClientSecret,
        Self::AccessToken,
    ];

    /// The word that stands in `[REDACTED:…]` and in the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SecretKey => "secret_key",
            Self::RestrictedKey => "restricted_key",
            Self::WebhookSecret => "webhook_secret",
            Self::BearerToken => "bearer_token",
            Self::Jwt => "jwt",
            Self::AwsAccessKey => "aws_access_key",
            Self::PrivateKey => "private_key",
            Self::ClientSecret => "client_secret",
            Self::AccessToken => "access_token",
        }
    }
}

impl FromStr for CredentialKind {
    type Err = UnknownCredentialKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(UnknownCredentialKind)
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Redaction {
    /// What one field held, each kind once.
    pub(crate) fn of_field(name: &str, kinds: &[CredentialKind]) -> Vec<Self> {
        let mut redactions: Vec<Self> = Vec::new();
        for &kind in kinds {
            match redactions.iter_mut().find(|redaction| redaction.kind == kind) {
                Some(redaction) => redaction.count += 1,
                None => redactions.push(Self { param: format!("fields.{name}"), kind, count: 1 }),
            }
        }
        redactions
    }
}

/// A param may hold what people wrote: it is never shown by accident.
impl fmt::Debug for Redaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Redaction({} × {})", self.count, self.kind)
    }
}

/// A text without its credentials, each replaced by `[REDACTED:<kind>]`.
pub(crate) struct Redacted {
    pub(crate) text: String,
    /// The kind of each, in the order of the text.
    pub(crate) kinds: Vec<CredentialKind>,
}

/// Removes the credentials from a text; nothing if it holds none.
pub(crate) fn redact(text: &str) -> Option<Redacted> {
    replaced(text, Scanner::of(text))
}

/// Removes the credentials from the value of the field `name`, which may be what makes it one: `client_secret` is.
pub(crate) fn redact_value(name: &str, value: &str) -> Option<Redacted> {
    replaced(value, Scanner::of_value(name, value))
}

/// The beginning of a text that may be of any length, at most `max_bytes` of it before credentials are removed. What the cut may
/// have torn goes as well, for nobody would recognise half a token.
pub(crate) fn redact_beginning(text: &str, max_bytes: usize) -> Cow<'_, str> {
    let mut beginning = &text[..text.floor_char_boundary(max_bytes)];
    if beginning.len() < text.len() {
        let before_last_run = beginning.trim_end_matches(|character: char| character.is_ascii_graphic());
        if could_be_torn(&beginning[before_last_run.len()..]) {
            beginning = before_last_run;
        }
    }
    redact(beginning).map_or(Cow::Borrowed(beginning), |redacted| Cow::Owned(redacted.text))
}

fn replaced(text: &str, scanner: Scanner<'_>) -> Option<Redacted> {
    let (mut kept, mut kinds, mut from) = (String::new(), Vec::new(), 0);
    for found in scanner {
        kept.push_str(&text[from..found.start]);
        kept.push_str("[REDACTED:");
        kept.push_str(found.kind.as_str());
        kept.push(']');
        kinds.push(found.kind);
        from = found.end;
    }
    kept.push_str(&text[from..]);
    (!kinds.is_empty()).then_some(Redacted { text: kept, kinds })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    /// A text that holds credentials, and each of them with its kind, in order.
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
        let positives = lines::<Positive>(include_str!("../tests/redaction/positives.jsonl"));
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
        let negatives = lines::<Negative>(include_str!("../tests/redaction/negatives.jsonl"));
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

    /// Each of these may well be harmless, and each could be a key.
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

    /// What the scanner looks for, whole and in pieces, so that its looks ahead meet each other.
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

    fn any_text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            9 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    /// Of each kind one, and what of it must not be left.
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

    /// What may stand directly before a credential.
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
}
