//! Whatever stands around a secret, and whatever is put between its characters, it is removed, and the rest stays.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use redaction::{Redacted, redact};

/// How a text introduces a secret, the secret, and what ends it.
const SECRETS: [(&str, &str, &str); 12] = [
    ("", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", ""),
    ("", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ""),
    ("Authorization: Bearer ", "mF_9.B5f-4.1JqM8zT3xKq0v", ""),
    ("", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", ""),
    ("", "AKIAI44QH8DHBEXAMPLE", ""),
    ("client_secret=", "Zq3vN8tYw0pLx6Rb2Kd9", ""),
    ("\"access_token\": \"", "a1b2C3d4E5f6G7h8J9k0", "\""),
    ("", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", ""),
    ("postgres://app:", "s3cretPa55w0rd9x", "@db.example/loans"),
    ("password: ", "Tr0ub4dor3xQ9zW2", ""),
    ("card ", "4111111111111111", ""),
    ("JSESSIONID=", "0A1B2C3D4E5F60718293A4B5C6D7E8F9", ""),
];

const BETWEEN: [&str; 12] =
    ["", "\u{200b}", "\u{ad}", "\u{2060}", "&shy;", "&#8203;", "\\u200b", "%E2%80%8B", "<b>", "\n", "\r\n> ", "\n    "];

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    before: &'a str,
    secret: u8,
    between: u8,
    at: u8,
    after: &'a str,
}

fuzz_target!(|input: Input<'_>| {
    let (lead, secret, end) = SECRETS[usize::from(input.secret) % SECRETS.len()];
    let between = BETWEEN[usize::from(input.between) % BETWEEN.len()];
    let (head, tail) = secret.split_at(1 + usize::from(input.at) % (secret.len() - 1));
    let text = format!("{}\n{lead}{head}{between}{tail}{end}\n{}", input.before, input.after);
    let Some(Redacted { text: found, removed }) = redact(&text) else { panic!("nothing was removed from {text:?}") };
    let (mut from, mut kept) = (0, String::new());
    for secret in &removed {
        assert!(from <= secret.start && secret.start < secret.end, "{text:?}");
        kept.push_str(&text[from..secret.start]);
        from = secret.end;
    }
    kept.push_str(&text[from..]);
    assert!(kept.len() < text.len() && found.contains("[REDACTED:"), "{text:?}");
    let joined = |text: &str| if between.is_empty() { text.to_owned() } else { text.replace(between, "") };
    let around = [joined(input.before), joined(input.after)];
    let is_around = |part: &str| around.iter().any(|around| around.contains(part));
    let left = secret.as_bytes().windows(6).filter_map(|part| std::str::from_utf8(part).ok());
    let found = joined(&found);
    for part in left {
        assert!(!found.contains(part) || is_around(part), "{part:?} is left of {text:?}: {found:?}");
    }
});
